"""Files of a run: one run at a time, faults of the disk in one line, each file whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from triage.errors import InputError

__all__ = ["only_run", "whole_file", "writing"]


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Tell what the disk refused as a fault of the output.

    Raises
    ------
    InputError
        In place of an OSError, which is its cause.
    """
    try:
        yield
    except OSError as error:
        raise InputError("cannot_write", path=output, fault=error.strerror or type(error).__name__) from error


@contextmanager
def only_run(output: Path) -> Iterator[None]:
    """Keep other runs away from an output; the system frees the lock of a process that was killed.

    Raises
    ------
    InputError
        If another run has it.
    """
    lock = FileLock(f"{output}.lock", timeout=0)
    try:
        with writing(output):
            try:
                lock.acquire()
            except Timeout:
                raise InputError("output_busy", path=output) from None
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows removes it after the release
                Path(lock.lock_file).unlink()
            lock.release()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a path, and move the file or folder there when all is written.

    The name is always the same, so that what a kill left behind is gone with the next run.
    """
    draft, old = (path.with_name(f".{path.name}.{kind}") for kind in ("draft", "old"))
    _remove(draft)
    try:
        yield draft
        for file in sorted(draft.iterdir()) if draft.is_dir() else [draft]:
            with open(file, "r+b") as written:
                os.fsync(written)
        if draft.is_dir() and path.is_dir():  # a folder cannot take the place of one that is not empty
            _remove(old)
            os.replace(path, old)
        os.replace(draft, path)
        _sync_folder(path.parent)
    finally:
        _remove(draft)
        _remove(old)


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # Windows does not open folders
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
