"""A plain text file: one letter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from triage.errors import InputError
from triage.intake.encoding import encoding_of
from triage.intake.limits import Limits
from triage.intake.parts import Document

__all__ = ["read_plain"]


def read_plain(path: Path, limits: Limits) -> Iterator[Document]:
    """Yield the file as one letter; the file's name is its id."""
    try:
        text = path.read_text(encoding=encoding_of(path))
    except UnicodeDecodeError:
        raise InputError("file_encoding", path=path) from None
    yield Document(id=path.stem, text=text)
