"""What several commands share: options, progress, tables."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triage.engine import Triager
    from triage.intake import Columns

__all__ = ["Progress", "column_options", "columns", "console", "format_option", "load", "progress", "wants_table"]

_PATIENCE = 2.0  # seconds of work that need no bar
_PARTS = ("id", "title", "text", "date")


def column_options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Add ``--text-column`` and its like."""
    for part in _PARTS:
        text = (f"column that holds the {part}", f"{part} 所在列")[zh]
        command.add_argument(f"--{part}-column", metavar="NAME", help=text)


def format_option(command: argparse.ArgumentParser, zh: bool) -> None:
    """Add ``--format``."""
    text = ("default: table on a terminal, json when piped", "默认:终端用表格,管道用 json")[zh]
    command.add_argument("--format", choices=("table", "json"), help=text)


def model_option(command: argparse.ArgumentParser, zh: bool) -> None:
    """Add ``--model``."""
    command.add_argument("--model", metavar="DIR", help=("bundle folder or shipped name", "模型包目录或随附名称")[zh])


def wants_table(arguments: argparse.Namespace) -> bool:
    """Tell whether output is for a person."""
    return bool(arguments.format == "table" or (arguments.format is None and sys.stdout.isatty()))


def load(arguments: argparse.Namespace) -> Triager:
    """Load the triager that the options name."""
    from triage.engine import Triager

    triager = Triager.load(arguments.model, arguments.data, arguments.lang)
    gc.freeze()  # it stays to the end: no collection of rubbish need walk its words again
    return triager


def columns(arguments: argparse.Namespace) -> Columns:
    """Return the columns that the options name."""
    from triage.config import home
    from triage.intake import Columns

    given = {part: getattr(arguments, f"{part}_column", None) for part in _PARTS}
    return Columns.load(home(arguments.data), **given)


def console(stderr: bool = False) -> Any:
    """Return a rich console; 120 columns where it is no terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120, highlight=False)


class Progress:
    """A bar on standard error with rate and time left, drawn once the work takes longer than two seconds."""

    def __init__(self, total: int | None, unit: str, unknown: str = "") -> None:
        self._total, self._unit, self._unknown = total, unit, unknown
        self._started = time.monotonic()
        self._before: int | None = None
        self._bar: Any = None

    def __call__(self, done: int, rejects: int = 0) -> None:
        """Show how far the work is; what the first call tells is not counted in the rate."""
        if self._before is None:
            self._before, self._started = done, time.monotonic()
        if self._bar is None:
            # Where nobody watches, in a log or a pipe, a bar is only noise.
            if time.monotonic() - self._started < _PATIENCE or not sys.stderr.isatty():
                return
            self._draw()
        rate = (done - self._before) / max(time.monotonic() - self._started, 0.001)
        # A total that was too low tells no time left, rather than none.
        total = self._total if self._total and done <= self._total else None
        parts = [f"{rate:,.0f} {self._unit}/s", f"rejects {rejects}" if rejects else "", "" if total else self._unknown]
        self._bar.update(self._task, total=total, completed=done, note=", ".join(filter(None, parts)))

    def _draw(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn(),
            TimeRemainingColumn(), console=console(stderr=True), transient=True,
        )  # fmt: skip
        self._bar.start()
        self._task = self._bar.add_task("", total=self._total, note="")

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(total: int | None, unit: str, unknown: str = "") -> Iterator[Progress]:
    """Give a progress bar and remove it at the end; ``unknown`` says that nobody knows the time left."""
    bar = Progress(total, unit, unknown)
    try:
        yield bar
    finally:
        bar.close()


def is_file(text: str) -> Path | None:
    """Return the path that an argument names, or None where it is a letter's text.

    A name that looks like a file of a kind we read is one, so that a typing error is not judged as a letter.
    """
    from triage.intake import READERS

    try:
        path = Path(text)
        if path.is_file() or path.is_dir():
            return path
        looks = len(text) < 200 and "\n" not in text and " " not in text and path.suffix.lower() in READERS
        return path if looks else None
    except (OSError, ValueError):
        return None
