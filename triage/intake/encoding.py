"""Text files in whatever encoding they come."""

from __future__ import annotations

from pathlib import Path

from triage.errors import InputError

__all__ = ["encoding_of"]

_SAMPLE = 1 << 20  # bytes
_LEGACY = ("gb18030", "big5")


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: UTF-8 if it can be, else the likelier of GB18030 and Big5.

    Raises
    ------
    InputError
        If it is none of them, or no text at all.
    """
    with open(path, "rb") as file:
        sample = file.read(_SAMPLE)
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
