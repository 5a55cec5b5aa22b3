"""Files that are made for one answer, and the rows of letters that go into them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi.responses import FileResponse
from sqlalchemy import Select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from service.context import Service
from service.db.tables import Letter

__all__ = ["download", "row_of", "streamed"]

_MEDIA = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".jsonl": "application/x-ndjson",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_AT_ONCE = 500  # letters in memory


def download(
    service: Service, name: str, write: Callable[[Path], object], record: Callable[[Session], object]
) -> FileResponse:
    """Return an answer with a file that is gone afterwards.

    Parameters
    ----------
    name : str
        What the file is called where it arrives; its ending says of which kind it is.
    write : callable
        Fills the file.
    record : callable
        Notes in the audit that it was taken out; without that it is not given.
    """
    ending = Path(name).suffix
    handle, made = tempfile.mkstemp(ending, dir=service.settings.folder("uploads"))
    os.close(handle)
    path = Path(made)
    try:
        write(path)
        with service.database.write() as session:
            record(session)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return FileResponse(path, media_type=_MEDIA[ending], filename=name, background=BackgroundTask(path.unlink, True))


def streamed(session: Session, rows: Select[Letter]) -> Iterator[Letter]:
    """Yield letters, few of them at a time in memory."""
    for letter in session.scalars(rows.execution_options(yield_per=_AT_ONCE)):
        yield letter
        session.expunge(letter)


def row_of(letter: Letter, **more: str) -> dict[str, Any]:
    """Return a letter as a ledger holds it, masked; ``more`` stands before its decision."""
    head = {"id": letter.number, "title": letter.title_masked, "received": letter.received.isoformat()}
    return head | more | {name: value for name, value in letter.decision.items() if name != "id"}
