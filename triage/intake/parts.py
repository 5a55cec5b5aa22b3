"""What a reader yields: rows, files inside the file, and the faults of those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from triage.errors import InputError
from triage.intake.limits import Limits

__all__ = ["Document", "Item", "Part", "Reader", "Row", "attached", "broken", "idle", "refused", "suffix_of"]

Row = Mapping[str, Any]
_SUFFIX_LENGTH = 12
_IDLE_NAMES = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside a folder, an archive or a mail.

    Attributes
    ----------
    name : str
        What it is called there, with ``/`` between folders.
    path : Path
        Where it can be read until the next part is asked for.
    unpacked : bool
        Whether it was unpacked for this, and counts against the limits of what is unpacked.
    """

    name: str
    path: Path
    unpacked: bool = True


class Document(dict[str, Any]):
    """A row that is a whole letter: ``id``, ``title``, ``text``, ``date``, ``layout``, whatever a table calls them.

    ``layout`` is a `triage.intake.layout.Layout` where the letter was read from pages; ``uncertain`` is true where
    its characters are a guess.
    """


Item = Row | Part | InputError
Reader = Callable[[Path, Limits], Iterator[Item]]


def refused(code: str, path: object, **values: object) -> InputError:
    """Return the error that refuses a file by name."""
    return InputError(code, path=path, **values)


def broken(path: Path, kind: str, error: Exception | str) -> InputError:
    """Return the error for a file that is not what it should be; the text of the cause may quote a letter."""
    fault = error if isinstance(error, str) else type(error).__name__
    return InputError("file_broken", path=path, kind=kind, fault=fault)


def attached(folder: Path, name: str, data: bytes) -> Iterator[Part]:
    """Lay an attachment into a folder of our own, yield it and remove it."""
    plain = PurePosixPath(name.replace("\\", "/").replace("\x00", "")).name or "attachment"
    file = folder / f"attachment{suffix_of(plain)}"
    file.write_bytes(data)
    yield Part(plain, file)
    file.unlink(missing_ok=True)


def idle(name: str) -> bool:
    """Say whether a file is a leftover of an operating system or an office program and never a letter."""
    return any(part in _IDLE_NAMES or part.startswith((".", "~$")) for part in PurePosixPath(name).parts)


def suffix_of(name: str) -> str:
    """Return the ending of a name as far as it is safe in a file name."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= _SUFFIX_LENGTH else ""
