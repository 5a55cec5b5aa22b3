"""What kind of file this is, by its first bytes where its name may be wrong."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, ZipFile

from triage.intake.parts import refused

__all__ = ["kind_of"]

# Text kinds have no signature: they are read as they are named, and binary data in them is refused there.
_SIGNED = frozenset({
    ".xlsx", ".xls", ".ods", ".parquet", ".docx", ".doc", ".wps", ".msg", ".pdf", ".zip",
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp",
})  # fmt: skip
_SIGNATURES = {
    b"%PDF-": ".pdf",
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n": ".png",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"PAR1": ".parquet",
    b"{\\rtf": ".rtf",
    b"<!DOCTYPE html": ".html",
    b"<html": ".html",
}
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIPPED = {"word/document.xml": ".docx", "xl/workbook.xml": ".xlsx", "xl/workbook.bin": ".xlsx", "content.xml": ".ods"}
_ENCRYPTED = "EncryptedPackage"
_STREAMS = {"WordDocument": ".doc", "Workbook": ".xls", "Book": ".xls", "__properties_version1.0": ".msg"}


def kind_of(path: Path) -> str:
    """Return the ending that a file should have.

    Raises
    ------
    InputError
        If it is an encrypted office document.
    """
    suffix = path.suffix.lower()
    if suffix not in _SIGNED:
        return suffix
    with open(path, "rb") as file:
        start = file.read(1024)
    if start.startswith(_ZIP):
        return _zipped(path) or suffix
    if start.startswith(_OLE):
        return _compound(path) or suffix
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    # A web page under a spreadsheet's name holds a table, not a letter: the spreadsheet reader refuses it.
    found = next((kind for mark, kind in _SIGNATURES.items() if text.startswith(mark.lower())), suffix)
    return suffix if found == ".html" and suffix not in (".doc", ".wps") else found


def _zipped(path: Path) -> str:
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist())
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return ""
    return next((kind for name, kind in _ZIPPED.items() if name in names), ".zip")


def _compound(path: Path) -> str:
    import olefile

    try:
        with olefile.OleFileIO(path) as file:
            found = {name for name in (_ENCRYPTED, *_STREAMS) if file.exists(name)}
    except (OSError, ValueError, IndexError):
        return ""
    if _ENCRYPTED in found:
        raise refused("file_encrypted", path)
    return next((kind for name, kind in _STREAMS.items() if name in found), "")
