"""Files that are sent: kept under a name of ours, read as letters."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO

from fastapi import UploadFile

from service.context import Service
from service.letters import Entry
from service.problems import Problem
from service.schemas import keepable
from triage import InputError, Petition
from triage.config import home
from triage.intake import READERS, Columns, Reading, read_all

__all__ = ["MOST", "day_of", "entry_of", "few", "kept", "readings", "temporary"]

MOST = 1000  # letters of a file that is answered at once; larger files are jobs
_SLICE = 1 << 20
_NUMBER = 200  # characters of a letter's number


def kept(service: Service, upload: UploadFile, folder: Path) -> Path:
    """Write an upload into a folder under a new name with its own ending.

    Raises
    ------
    InputError
        If files of its kind are not read.
    Problem
        ``too_large`` if it is larger than the settings allow.
    """
    ending = Path(upload.filename or "").suffix.lower()
    if ending not in READERS:
        raise InputError("file_kind", path=f"*{ending}", found=ending, allowed=" ".join(READERS))
    handle, name = tempfile.mkstemp(suffix=ending, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            _copy(upload.file, file, service.settings.max_upload)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _copy(source: BinaryIO, target: BinaryIO, most: int) -> None:
    size = 0
    while part := source.read(_SLICE):
        size += len(part)
        if size > most:
            raise Problem("too_large", found=f"> {most:,}", allowed=f"{most:,}")
        target.write(part)


@contextmanager
def temporary(service: Service, upload: UploadFile) -> Iterator[Path]:
    """Give an upload as a file that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=service.settings.folder("uploads")))
    try:
        yield kept(service, upload, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def readings(service: Service, path: Path) -> Iterator[Reading | InputError]:
    """Read the letters of a file."""
    return read_all(path, Columns.load(home(service.settings.home)))


def few(service: Service, path: Path) -> Iterator[Reading | InputError]:
    """Read the letters of a file that is answered at once.

    Raises
    ------
    Problem
        ``too_many`` if it holds more than `MOST`.
    """
    for number, item in enumerate(readings(service, path)):
        if number == MOST:
            raise Problem("too_many", allowed=MOST)
        yield item


def day_of(reading: Reading) -> date:
    """Return the day a letter was received: its own where the file gives one, else today."""
    given = reading.petition.fields.get("date", "")
    try:
        return date.fromisoformat(given[:10])
    except ValueError:
        return date.today()


def entry_of(reading: Reading, job: int | None = None, place: int | None = None) -> Entry | Problem:
    """Return a letter of a file as the register takes it, or why it does not.

    Its number is what the table gives as one. The place of a row says nothing in the register, and a file's name may
    hold a person's: such letters get a number of the register's own.
    """
    petition, number = reading.petition, reading.number.strip()
    if not keepable("".join((petition.text, number, *petition.fields.values()))):
        return Problem("letter_kept", found="NUL", allowed="Unicode")
    if len(number) > _NUMBER:
        return Problem("letter_kept", found=len(number), allowed=_NUMBER)
    return Entry(Petition(petition.body, petition.title, number, petition.fields), day_of(reading), "other", job, place)
