"""Text files in whatever encoding they come."""

from __future__ import annotations

import codecs
from pathlib import Path

from triage.errors import InputError

__all__ = ["decoded", "decoded_anyhow", "encoding_of"]

_SAMPLE = 1 << 20  # bytes
_LEGACY = ("gb18030", "big5")
# Chinese programs say GB2312 and write the characters that only its successors have.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "ascii": "utf-8", "utf-8": "utf-8-sig"}


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: UTF-8 if it can be, else the likelier of GB18030 and Big5.

    Raises
    ------
    InputError
        If it is none of them, or no text at all.
    """
    with open(path, "rb") as file:
        return _encoding(file.read(_SAMPLE), path)


def decoded(data: bytes, path: Path, declared: str = "") -> str:
    """Return bytes as text, in the encoding they declare where that fits.

    Raises
    ------
    InputError
        As `encoding_of`.
    """
    try:
        name = codecs.lookup(declared).name if declared else ""
        if name:
            return data.decode(_WIDER.get(name, name))
    except (LookupError, UnicodeError):
        pass
    try:
        return data.decode(_encoding(data[:_SAMPLE], path))
    except UnicodeError:
        raise InputError("file_encoding", path=path) from None


def decoded_anyhow(data: bytes, path: Path, declared: str = "") -> str:
    """Return bytes as text as well as can be; what is garbled is refused where the letter is judged."""
    try:
        return decoded(data, path, declared)
    except InputError:
        return data.decode("utf-8", errors="replace")


def _encoding(sample: bytes, path: Path) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in sample:
        raise InputError("file_broken", path=path, kind="text", fault="binary data")
    cut = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        cut.decode("utf-8")
        return "utf-8-sig"
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    best = from_bytes(cut, cp_isolation=list(_LEGACY)).best()
    if best is None:
        raise InputError("file_encoding", path=path)
    return best.encoding
