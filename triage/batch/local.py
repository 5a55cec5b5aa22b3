"""Engines on one machine: this process, or several."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain
from typing import Any, Protocol

from triage.batch.work import Chunk, Recipe, judge_chunk, judge_lines
from triage.engine import Triager
from triage.errors import InputError

__all__ = ["Engine", "Judged", "Lines", "Local", "alone", "deaf", "in_order"]

Lines = list[str]
Judged = Generator[Lines, None, None]
Engine = Callable[[Triager, Iterator[Chunk]], Judged]
_START = 1.5  # seconds that a worker needs before its first letter
_AHEAD = 2  # chunks for each worker that are read before the first is back
_PULSE = 0.5  # seconds


class Pending(Protocol):
    """A chunk that is being judged elsewhere."""

    def result(self) -> Lines:
        """Wait for its lines."""

    def cancel(self) -> object:
        """Have it not judged, if that has not begun."""


def alone(triager: Triager, chunks: Iterator[Chunk]) -> Judged:
    """Judge in this process."""
    for chunk in chunks:
        yield judge_lines(triager, chunk)


def in_order(submit: Callable[[Chunk], Pending], chunks: Iterator[Chunk], ahead: Callable[[], int]) -> Judged:
    """Yield the lines of chunks judged elsewhere, in the order of the chunks, few of them at a time in memory.

    Parameters
    ----------
    submit : callable
        Sends a chunk away.
    chunks : iterator
    ahead : callable
        Tells how many may be away at once.
    """
    away: deque[Pending] = deque()
    fault = None
    try:
        while True:
            try:
                chunk = next(chunks, None)
            except InputError as error:  # what was read before is judged and kept
                fault, chunk = error, None
            if chunk is None:
                break
            away.append(submit(chunk))
            while len(away) >= ahead():
                yield away.popleft().result()
        while away:
            yield away.popleft().result()
    finally:
        with suppress(OSError):  # a cluster that is gone
            for pending in away:
                pending.cancel()
    if fault:
        raise fault


class Local:
    """Judges in several processes, each with a bundle of its own, loaded once; a short run stays in this one.

    Parameters
    ----------
    workers : int or None
        Processes; as many as there are cores if None.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers

    def __call__(self, triager: Triager, chunks: Iterator[Chunk]) -> Judged:
        """Yield the lines of each chunk in order."""
        spent = 0.0
        for chunk in chunks:
            if spent >= _START and (workers := self.workers or _cores()) > 1:
                yield from _several(Recipe.of(triager), chain([chunk], chunks), workers)
                return
            began = time.monotonic()
            lines = judge_lines(triager, chunk)
            spent += time.monotonic() - began
            yield lines


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _several(recipe: Recipe, chunks: Iterator[Chunk], workers: int) -> Judged:
    from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
    from joblib.externals.loky.backend import resource_tracker

    # Each worker has a core; more threads in one would only be in the way of the others.
    quiet = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(os.getpid(),), env=quiet)

    def submit(chunk: Chunk) -> Pending:
        with deaf(resource_tracker):
            away: Pending = pool.submit(judge_chunk, recipe, chunk)
        return away

    try:
        with closing(in_order(submit, chunks, lambda: _AHEAD * workers)) as judged:
            yield from judged
    except BrokenProcessPool:
        raise InputError("worker_lost") from None
    finally:
        pool.shutdown()  # what has begun is finished; workers of loky that are killed instead leave tracebacks


@contextmanager
def deaf(tracker: Any) -> Iterator[None]:
    """Let processes that are started here not hear Ctrl-C: who started them ends them.

    Parameters
    ----------
    tracker : module
        The resource tracker of who starts them. It takes the block away when it starts, so it starts before.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(parent: int) -> None:
    """Prepare a worker: it ends with its parent, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PULSE)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
