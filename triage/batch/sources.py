"""The letters of a run, and how many there may be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from triage.batch.work import Item
from triage.errors import InputError
from triage.intake import Columns, Limits, Reading, read_all
from triage.intake.parts import idle

__all__ = ["expected_letters", "letters_of"]

_BLOCK = 1 << 20
_HEAD = 1 << 16
_UNKNOWN = frozenset({".xls", ".ods", ".zip", ".eml", ".msg"})  # how many are inside shows when they are read
_EXTENT = re.compile(rb'<dimension ref="[A-Z]+([0-9]+):[A-Z]+([0-9]+)"')


def letters_of(source: Path, columns: Columns, limits: Limits | None = None) -> Iterator[Item]:
    """Yield letters and the faults of files inside, as `read_all` does; a folder of Parquet files is one table."""
    parts = _parts(source)
    if parts is None:
        yield from read_all(source, columns, limits)
        return
    empty = True
    for name, path in parts:
        known = "id" in columns.match(_headings(path))
        for item in read_all(path, columns, limits, name):
            if isinstance(item, InputError) and item.code == "file_empty":
                continue  # as other programs write where a part has nothing left
            empty = False
            if known and isinstance(item, Reading):
                number = item.petition.id.removeprefix(f"{name}/")
                item = replace(item, petition=replace(item.petition, id=number))
            yield item
    if empty:
        raise InputError("file_empty", path=source)


def _parts(source: Path) -> list[tuple[str, Path]] | None:
    """Return the files of a folder that holds nothing but Parquet, as Spark, Dask and others write tables."""
    files = _files(source) if source.is_dir() else []
    if not files or any(path.suffix != ".parquet" or path.is_symlink() for path in files):
        return None
    return [(path.relative_to(source).as_posix(), path) for path in files]


def _files(folder: Path) -> list[Path]:
    names = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return sorted(path for name, path in names if not idle(name) and not path.name.startswith("_"))


def _headings(path: Path) -> list[str]:
    from pyarrow.parquet import read_schema

    try:
        return list(read_schema(path).names)
    except (OSError, ValueError):  # the reader will say what is wrong with it
        return []


def expected_letters(source: Path) -> int | None:
    """Return about how many letters there are, None where only reading them would tell."""
    counts = [_count(path) for path in (_files(source) if source.is_dir() else [source])]
    return None if None in counts else sum(count or 0 for count in counts)


def _count(path: Path) -> int | None:
    kind = path.suffix.lower()
    if not path.is_file():
        return None
    try:
        if kind == ".parquet":
            from pyarrow.parquet import read_metadata

            return int(read_metadata(path).num_rows)
        if kind == ".xlsx":
            return _extent(path)
        if kind in (".csv", ".tsv", ".jsonl"):
            return _lines(path, quoted=kind != ".jsonl") - (kind != ".jsonl")
    except (OSError, ValueError, BadZipFile):
        return None
    return None if kind in _UNKNOWN else 1


def _extent(path: Path) -> int | None:
    """Return the rows that a workbook says its first sheet has."""
    with ZipFile(path) as archive:
        sheets = sorted(name for name in archive.namelist() if name.startswith("xl/worksheets/sheet"))
        with archive.open(sheets[0]) as sheet:
            found = _EXTENT.search(sheet.read(_HEAD))
    return int(found[2]) - int(found[1]) if found else None


def _lines(path: Path, quoted: bool) -> int:
    """Count lines; those inside quotes belong to one cell."""
    count, inside, last = 0, False, b"\n"
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            for number, piece in enumerate(block.split(b'"') if quoted else [block]):
                inside ^= number > 0
                count += 0 if inside else piece.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")
