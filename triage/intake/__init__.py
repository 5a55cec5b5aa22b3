"""Reading letters from files: one reader a kind, one registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from triage.errors import InputError
from triage.intake.columns import Columns
from triage.intake.jsonl import read_jsonl
from triage.intake.parquet import read_parquet
from triage.intake.plain import read_plain
from triage.intake.sheets import read_sheet
from triage.intake.tables import read_delimited
from triage.schema import Petition

__all__ = ["READERS", "Columns", "read_letters", "read_rows"]

Row = Mapping[str, Any]
READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_plain,
    ".jsonl": read_jsonl,
    ".parquet": read_parquet,
    ".xlsx": read_sheet,
    ".xls": read_sheet,
    ".ods": read_sheet,
}


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table or the letters of a text file, as column name to cell.

    Raises
    ------
    InputError
        If the file is missing, of an unknown kind, broken or empty.
    """
    if not path.is_file():
        raise InputError("no_file", path=path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError("file_kind", path=path, found=path.suffix, allowed=" ".join(READERS))
    found = False
    for row in reader(path):
        found = True
        yield row
    if not found:
        raise InputError("file_empty", path=path)


def read_letters(path: Path, columns: Columns) -> Iterator[Petition]:
    """Yield a file's letters; ids that are missing are the rows' numbers.

    Raises
    ------
    InputError
        As `read_rows`, and if no column holds the text.
    """
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for number, row in enumerate(read_rows(path), 1):
        headings = tuple(row)
        if headings not in known:
            # Lines of JSONL need not have the same names: the first must hold a text, a later one may lack it.
            known[headings] = columns.find(path, headings) if not known else columns.match(headings)
        parts = known[headings]
        cells = {part: _text(row.get(name)) for part, name in parts.items()}
        yield Petition(
            body=cells.pop("text", ""),
            title=cells.pop("title", "").strip(),
            id=cells.pop("id", "") or str(number),
            fields=cells,
        )


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
