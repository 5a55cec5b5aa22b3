"""ZIP archives: one member at a time, under a name of our own, never under the one in the archive."""

from __future__ import annotations

import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

from triage.errors import InputError
from triage.intake.limits import Limits
from triage.intake.parts import Part, broken, idle, refused, suffix_of

__all__ = ["FAULTS", "check_packed", "read_zip"]

_BLOCK = 1 << 20  # bytes; what unpacks to less is never called a bomb
_ENCRYPTED, _UTF8 = 0x1, 0x800
_TRICK = re.compile(r"^[/~]|^[A-Za-z]:|\x00|(?:^|/)\.\.(?:/|$)")
FAULTS = (BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def read_zip(path: Path, limits: Limits) -> Iterator[Part | InputError]:
    """Yield the members in the archive's order; what is encrypted, too large or oddly named is refused by name."""
    try:
        archive = ZipFile(path)
    except FAULTS as error:
        raise broken(path, "ZIP", error) from None
    with archive, TemporaryDirectory() as folder:
        members = [(info, _name(info)) for info in archive.infolist() if not info.is_dir()]
        if len(members) > limits.members:
            raise refused("many_members", path, allowed=limits.members)
        for info, name in members:
            if idle(name) and not _TRICK.search(name):
                continue
            file = Path(folder) / f"member{suffix_of(name)}"
            try:
                _unpack(archive, info, name, file, limits)
            except InputError as error:
                yield error
            else:
                yield Part(name, file)
            file.unlink(missing_ok=True)


def check_packed(path: Path, limits: Limits) -> None:
    """Refuse an office document, itself a ZIP archive, that would unpack to too much.

    Raises
    ------
    InputError
        If it would.
    """
    try:
        with ZipFile(path) as archive:
            infos = archive.infolist()
    except FAULTS:
        return  # the document's reader says what is wrong with it
    size = sum(info.file_size for info in infos)
    if size > limits.file_bytes or any(_is_bomb(info, info.file_size, limits) for info in infos):
        raise refused("unpacks_large", path, allowed=limits.file_bytes)


def _name(info: ZipInfo) -> str:
    """Return the member's name; old Chinese programs write GB18030 and backslashes and do not say so."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        raw = name.encode("cp437", errors="replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/")


def _unpack(archive: ZipFile, info: ZipInfo, name: str, file: Path, limits: Limits) -> None:
    if _TRICK.search(name) or stat.S_ISLNK(info.external_attr >> 16):
        raise refused("member_path", name.replace("\x00", "?"))
    if info.flag_bits & _ENCRYPTED:
        raise refused("file_encrypted", name)
    size = 0
    try:
        with archive.open(info) as source, open(file, "wb") as target:
            while block := source.read(_BLOCK):
                size += len(block)
                if size > limits.file_bytes:
                    raise refused("file_large", name, found=max(size, info.file_size), allowed=limits.file_bytes)
                if _is_bomb(info, size, limits):
                    raise refused("unpacks_large", name, allowed=limits.file_bytes)
                target.write(block)
    except InputError:
        raise
    except FAULTS as error:
        raise broken(Path(name), "ZIP", error) from None


def _is_bomb(info: ZipInfo, size: int, limits: Limits) -> bool:
    return size > _BLOCK and size > limits.ratio * max(info.compress_size, 1)
