"""Mails saved by Outlook, MSG.

Source
------
[MS-OXMSG]: properties are streams named by tag and type, attachments are storages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from triage.intake.encoding import decoded_anyhow
from triage.intake.limits import Limits
from triage.intake.parts import Document, Part, attached, broken
from triage.intake.web import text_of_html

__all__ = ["read_msg"]

_SUBJECT, _BODY, _HTML = "0037", "1000", "1013"
_LONG_NAME, _SHORT_NAME, _DATA = "3707", "3704", "3701"
_DELIVERED, _SUBMITTED = 0x0E060040, 0x00390040
_CODE_PAGES = (0x3FDE0003, 0x3FFD0003)  # of the HTML, of the other texts
_PROPERTIES = "__properties_version1.0"
_HEADER, _EMBEDDED_HEADER, _ENTRY = 32, 24, 16  # bytes
_LOW = 0xFFFFFFFF  # the half of a property in which a number of four bytes stands
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_CHINA = timezone(timedelta(hours=8))  # the file holds no zone, and due dates are counted in Chinese days
_Storage = list[str]


def read_msg(path: Path, limits: Limits) -> Iterator[Document | Part]:
    """Yield the body, then the attachments in order; a mail in the mail comes as its text and its attachments."""
    import olefile

    try:
        with olefile.OleFileIO(path) as file, TemporaryDirectory() as folder:
            if not file.exists(_PROPERTIES):
                raise OSError("no mail in it")
            subject, text = _texts(file, [], path)
            yield Document(id=path.stem, title=subject, text=text, date=_date(file, []))
            yield from _attachments(file, [], Path(folder), path, limits.depth)
    except (OSError, ValueError, IndexError, struct.error, OverflowError) as error:
        raise broken(path, "MSG", error) from None


def _attachments(file: Any, within: _Storage, folder: Path, path: Path, depth: int) -> Iterator[Part]:
    for storage in _storages(file, within):
        name = _property(file, storage, _LONG_NAME, path) or _property(file, storage, _SHORT_NAME, path)
        inner = [*storage, f"__substg1.0_{_DATA}000D"]
        if file.exists([*storage, f"__substg1.0_{_DATA}0102"]):
            yield from attached(folder, name, file.openstream([*storage, f"__substg1.0_{_DATA}0102"]).read())
        elif file.exists(inner) and depth > 1:
            subject, text = _texts(file, inner, path)
            yield from attached(folder, f"{name or subject}.txt", f"{subject}\n{text}".strip().encode())
            yield from _attachments(file, inner, folder, path, depth - 1)


def _storages(file: Any, within: _Storage) -> list[_Storage]:
    depth = len(within)
    entries = file.listdir(streams=False, storages=True)
    return [
        entry
        for entry in entries
        if len(entry) == depth + 1 and entry[:depth] == within and entry[depth].startswith("__attach_version1.0_")
    ]


def _texts(file: Any, within: _Storage, path: Path) -> tuple[str, str]:
    """Return subject and body."""
    text = _property(file, within, _BODY, path).replace("\r\n", "\n")
    if not text.strip():
        text = text_of_html(_property(file, within, _HTML, path), path)[1]
    return " ".join(_property(file, within, _SUBJECT, path).split()), text


def _property(file: Any, within: _Storage, tag: str, path: Path) -> str:
    """Return a text property: Unicode, or bytes in the code page that the mail names."""
    for kind in ("001F", "001E", "0102"):
        stream = [*within, f"__substg1.0_{tag}{kind}"]
        if file.exists(stream):
            data = file.openstream(stream).read()
            if kind == "001F":
                return str(data.decode("utf-16-le", errors="replace")).rstrip("\x00")
            numbers = _numbers(file, within)
            page = next(filter(None, map(numbers.get, _CODE_PAGES)), None)
            return decoded_anyhow(data.rstrip(b"\x00"), path, f"cp{page & _LOW}" if page else "")
    return ""


def _date(file: Any, within: _Storage) -> str:
    """Return the day on which the mail was delivered, else sent."""
    numbers = _numbers(file, within)
    ticks = numbers.get(_DELIVERED) or numbers.get(_SUBMITTED)
    return (_EPOCH + timedelta(microseconds=ticks // 10)).astimezone(_CHINA).date().isoformat() if ticks else ""


def _numbers(file: Any, within: _Storage) -> dict[int, int]:
    """Return the properties of a fixed size, by tag and type."""
    stream = [*within, _PROPERTIES]
    data = file.openstream(stream).read() if file.exists(stream) else b""
    places = range(_EMBEDDED_HEADER if within else _HEADER, len(data) - _ENTRY + 1, _ENTRY)
    return {tag: value for tag, _, value in (struct.unpack_from("<IIQ", data, place) for place in places)}
