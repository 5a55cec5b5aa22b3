"""A folder that a scanner or a mail gateway drops files into: each is judged once, when it is whole."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from triage.batch.files import only_run
from triage.batch.journal import Journal, is_reject, line
from triage.batch.local import alone
from triage.batch.runner import Report, beside, digest, write_ledger
from triage.batch.summary import Summary
from triage.batch.work import Item, chunks
from triage.batch.writers import Writer, writer_of
from triage.engine import Triager
from triage.errors import InputError
from triage.intake import Columns, Limits, read_all
from triage.intake.folder import read_folder

__all__ = ["watch"]

_FILE = "file"
_HELD = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart")
_PATIENCE = 60.0  # seconds that a file which cannot be read is given to become whole


class _Stamp(NamedTuple):
    """What changes while a file is being written."""

    size: int
    modified: int


@dataclass
class _Waiting:
    """A file that was not judged yet.

    Attributes
    ----------
    stamp : _Stamp
    since : float
        When it was first seen with this stamp.
    """

    stamp: _Stamp
    since: float


def watch(
    folder: Path,
    output: str | Path,
    triager: Triager,
    columns: Columns,
    report: Report = lambda letters, rejects: None,
    limits: Limits | None = None,
    once: bool = False,
    interval: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Judge the files of a folder as they arrive, each once, and keep the ledger of all of them up to date.

    A file is taken when it has not changed between two looks. What was judged stands in ``OUTPUT.watch``; the output is
    written anew from it, whole, whenever files were added. Ctrl-C ends the watch.

    Parameters
    ----------
    folder : Path
    output : str or Path
        As of `run`.
    triager : Triager
    columns : Columns
    report : callable
        Told the numbers of letters and rejects so far.
    limits : Limits or None
    once : bool
        Take what is whole now, and end.
    interval : float
        Seconds between two looks.
    sleep : callable
        Waits.

    Returns
    -------
    Summary
        Of everything in the ledger.

    Raises
    ------
    InputError
        If there is no such folder, the output lies in it, is not of this watch, is in use, or the disk is full.
    """
    writer, output = writer_of(output), Path(output)
    if not folder.is_dir():
        raise InputError("no_folder", path=folder)
    if output.resolve().is_relative_to(folder.resolve()):
        raise InputError("output_is_input", path=output)
    with only_run(output):
        journal = Journal(beside(output, "watch"), {"watch": digest(folder.absolute().name)}, output)
        if output.exists() and not journal.path.exists():
            raise InputError("watch_output", path=output, journal=journal.path)
        watcher = _Watcher(folder, output, writer, triager, columns, limits or Limits(), journal, report)
        watcher.open()
        try:
            watcher.look(patient=not once)
            while True:
                sleep(interval)
                watcher.look(patient=not once)
                if once:
                    break
        except KeyboardInterrupt:  # the only way to end a watch; a file that was begun is done again
            watcher.write(patient=False)
        finally:
            journal.close()
        return watcher.summary


@dataclass
class _Watcher:
    folder: Path
    output: Path
    writer: Writer
    triager: Triager
    columns: Columns
    limits: Limits
    journal: Journal
    report: Report

    def open(self) -> None:
        """Go on behind the last file that was judged whole."""
        self.done = self.journal.open(resume=True, closed_by=_FILE)
        self.rejects = self.journal.rejects
        self.seen = {entry[_FILE] for entry in self.journal.entries(_FILE)}
        self.waiting: dict[str, _Waiting] = {}
        self.summary = Summary()
        self.stale = bool(self.seen)  # the last ledger may not hold the last file
        self.report(self.done, self.rejects)

    def look(self, patient: bool) -> None:
        """Take the files that have not changed since the look before, then write the ledger if there were any."""
        waiting: dict[str, _Waiting] = {}
        for name, part in self._files():
            stamp = self._stamp(name, part)
            if stamp is None or self._token(name, stamp) in self.seen:
                continue
            before = self.waiting.get(name)
            if before is None or before.stamp != stamp:
                waiting[name] = _Waiting(stamp, time.monotonic())
            elif not self._take(name, part, stamp, patient and time.monotonic() - before.since < _PATIENCE):
                waiting[name] = before
        self.waiting = waiting
        self.write(patient)

    def write(self, patient: bool) -> None:
        """Write the ledger if it lacks a file; one that is open in a spreadsheet program may wait for the next look."""
        if not self.stale:
            return
        try:
            self.summary = write_ledger(self.journal, self.output, self.writer)
            self.stale = False
        except InputError as error:
            if not (patient and isinstance(error.__cause__, PermissionError)):
                raise

    def _files(self) -> Iterator[tuple[str, Path | InputError]]:
        for item in read_folder(self.folder, self.limits):
            if isinstance(item, InputError):
                yield str(item.values["path"]), item
            elif not item.name.lower().endswith(_HELD):
                yield item.name, item.path

    def _take(self, name: str, part: Path | InputError, stamp: _Stamp, patient: bool) -> bool:
        """Judge a file and keep it as done; return false where it may yet become whole."""
        begun, done, rejects = self.journal.size(), self.done, self.rejects
        items = _Letters(f"{self.folder.absolute().name}/{name}", part)
        try:
            for lines in alone(self.triager, chunks(items.read(self.columns, self.limits))):
                self.journal.append(lines)
                done += len(lines)
                rejects += sum(map(is_reject, lines))
                self.report(done, rejects)
            if items.faulty and patient:
                self.journal.cut(begun)
                return False
            token = self._token(name, stamp)
            self.journal.append([line(_FILE, token)])
        except BaseException:
            self.journal.cut(begun)
            raise
        self.done, self.rejects, self.stale = done, rejects, True
        self.seen.add(token)
        return True

    def _token(self, name: str, stamp: _Stamp) -> str:
        return digest(f"{name}\0{stamp.size}\0{stamp.modified}")

    def _stamp(self, name: str, part: Path | InputError) -> _Stamp | None:
        """Return what a file looks like now; None where it is empty, gone, or kept from us by who writes it."""
        try:
            found = (self.folder / name).lstat()
            if isinstance(part, Path):
                if not stat.S_ISREG(found.st_mode) or not found.st_size:
                    return None
                with open(part, "rb"):
                    pass
        except OSError:
            return None
        return _Stamp(found.st_size, found.st_mtime_ns)


class _Letters:
    """The letters of one file, and whether the file itself could not be read."""

    def __init__(self, inside: str, part: Path | InputError) -> None:
        self.inside, self.part, self.faulty = inside, part, False

    def read(self, columns: Columns, limits: Limits) -> Iterator[Item]:
        """Yield letters and faults."""
        if isinstance(self.part, InputError):
            yield InputError(self.part.code, **{**self.part.values, "path": self.inside})
            return
        try:
            for item in read_all(self.part, columns, limits, self.inside):
                self.faulty = self.faulty or (isinstance(item, InputError) and str(item.values["path"]) == self.inside)
                yield item
        except OSError as error:
            self.faulty, fault = True, error.strerror or type(error).__name__
            yield InputError("file_broken", path=self.inside, kind=self.part.suffix, fault=fault)
