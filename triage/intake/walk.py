"""From a file or folder to the rows of every letter in it; a member that fails is named and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from triage.errors import InputError
from triage.intake.folder import read_folder
from triage.intake.kinds import kind_of
from triage.intake.limits import Limits
from triage.intake.parts import Part, Reader, Row, refused

__all__ = ["STREAMED", "Walk"]

STREAMED = frozenset({".csv", ".tsv", ".jsonl", ".parquet"})


@dataclass
class _Spent:
    """What has been unpacked from one archive or mail so far."""

    bytes: int = 0
    files: int = 0


class Walk:
    """Readers and limits for one run.

    Parameters
    ----------
    readers : Mapping[str, Reader]
        Ending to reader.
    limits : Limits
    """

    def __init__(self, readers: Mapping[str, Reader], limits: Limits) -> None:
        self.readers = readers
        self.limits = limits

    def __call__(self, path: Path, name: str = "") -> Iterator[tuple[str, Row | InputError]]:
        """Yield rows and faults, each with the name of the member it is from, such as ``a.zip/b.docx``.

        The name of the file itself is the one given: a fault under it means that the rest of the file was not read.
        """
        return self._walk(path, name, 0, _Spent())

    def _walk(self, path: Path, name: str, depth: int, spent: _Spent) -> Iterator[tuple[str, Row | InputError]]:
        inside = name or path.absolute().name
        found = False
        try:
            for item in self._reader(path)(path, self.limits):
                found = True
                if isinstance(item, InputError):
                    member = f"{inside}/{item.values['path']}"
                    yield member, _renamed(item, member)
                elif isinstance(item, Part):
                    member = f"{inside}/{item.name}"
                    if item.unpacked:
                        self._count(path, item, depth, spent)
                        yield from self._walk(item.path, member, depth + 1, spent)
                    else:
                        yield from self._walk(item.path, member, depth, _Spent())
                else:
                    yield name, item
            if not found:
                raise InputError("file_empty", path=path)
        except InputError as error:
            yield name, _renamed(error, name or path)

    def _reader(self, path: Path) -> Reader:
        if path.is_dir():
            return read_folder
        if not path.is_file():
            raise InputError("no_file", path=path)
        reader = self.readers.get(kind_of(path))
        if reader is None:
            raise InputError("file_kind", path=path, found=path.suffix, allowed=" ".join(self.readers))
        size = path.stat().st_size
        if size > self.limits.file_bytes and path.suffix.lower() not in STREAMED:
            raise refused("file_large", path, found=size, allowed=self.limits.file_bytes)
        return reader

    def _count(self, path: Path, part: Part, depth: int, spent: _Spent) -> None:
        spent.files += 1
        spent.bytes += part.path.stat().st_size
        if depth >= self.limits.depth:
            raise refused("nested_deep", path, allowed=self.limits.depth)
        if spent.files > self.limits.members:
            raise refused("many_members", path, allowed=self.limits.members)
        if spent.bytes > self.limits.unpacked_bytes:
            raise refused("unpacks_large", path, allowed=self.limits.unpacked_bytes)


def _renamed(error: InputError, name: object) -> InputError:
    """Return the error with the name that the user knows, not that of an unpacked copy."""
    return InputError(error.code, **{**error.values, "path": name})
