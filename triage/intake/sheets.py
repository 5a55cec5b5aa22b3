"""Spreadsheets: XLSX, XLS, ODS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from triage.intake.limits import Limits
from triage.intake.parts import broken, refused
from triage.intake.zips import FAULTS, check_packed

__all__ = ["read_sheet"]

_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_CELL = re.compile(rb"<(?:\w+:)?c [^>]{0,60}?\br=\"([A-Z]{1,3})([0-9]{1,7})\"[^>]{0,100}(?<!/)>")  # not an empty one
_BLOCK, _TAG = 1 << 20, 200  # bytes
_Cells = list[Any]
_Rows = Iterator[tuple[int, _Cells]]
_Range = tuple[tuple[int, int], tuple[int, int]]
_HEADINGS = 3  # cells; a lone cell above a row with as many is the table's title


def read_sheet(path: Path, limits: Limits) -> Iterator[dict[str, Any]]:
    """Yield rows of the first sheet; a title above the headings is passed over.

    Cells merged downwards count for every row they cover.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    check_packed(path, limits)
    _check_extent(path, limits)
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheet = book.get_sheet_by_index(0)
            merged = sheet.merged_cell_ranges or []
            rows: _Rows = ((row, cells) for row, cells in enumerate(sheet.iter_rows()) if _filled(cells))
            headings, rows = _headings(rows)
            for cells in _unmerged(rows, merged):
                yield {name: cell for name, cell in zip(headings, cells, strict=False) if name}
    except PasswordError:
        raise refused("file_encrypted", path) from None
    except (CalamineError, OSError, IndexError) as error:
        raise broken(path, "a spreadsheet", error) from None


def _check_extent(path: Path, limits: Limits) -> None:
    """Refuse a workbook with a cell so far out that laying the sheet out would end the program."""
    try:
        with ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _SHEET.fullmatch(name)]
            largest = max((_extent(archive, name) for name in names), default=0)
    except FAULTS:
        return  # not a ZIP archive: old workbooks cannot be as large; or broken, as the reader will say
    if largest > limits.cells:
        raise refused("many_cells", path, allowed=limits.cells)


def _extent(archive: ZipFile, name: str) -> int:
    """Return rows times columns of the rectangle that holds every filled cell."""
    rows: list[int] = []
    columns: set[int] = set()
    rest = b""
    with archive.open(name) as sheet:
        while block := sheet.read(_BLOCK):
            cells = _CELL.findall(rest + block)
            columns |= {_column(letters) for letters in {letters for letters, _ in cells}}
            numbers = [int(number) for number in {number for _, number in cells}]
            rows = [min([*rows, *numbers]), max([*rows, *numbers])] if rows or numbers else []
            rest = block[-_TAG:]
    return (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) if rows else 0


def _column(letters: bytes) -> int:
    return reduce(lambda number, letter: 26 * number + letter - 64, letters, 0)


def _filled(cells: Sequence[Any]) -> int:
    return sum(bool(str(cell).strip()) for cell in cells)


def _headings(rows: _Rows) -> tuple[list[str], _Rows]:
    """Return the headings and the rows below them."""
    first, second = next(rows, (0, [])), next(rows, None)
    if second and _filled(first[1]) == 1 and _filled(second[1]) >= _HEADINGS:
        first, second = second, None
    return [str(cell).strip() for cell in first[1]], chain([second] if second else [], rows)


def _unmerged(rows: _Rows, merged: Sequence[_Range]) -> Iterator[_Cells]:
    """Yield rows, each with the cells that were merged from above into it."""
    tall = sorted((start[0], end[0], start[1]) for start, end in merged if end[0] > start[0])
    values: dict[int, tuple[int, Any]] = {}
    following = iter(tall)
    coming = next(following, None)
    for row, cells in rows:
        while coming and coming[0] <= row:
            first, last, column = coming
            if first == row and column < len(cells):
                values[column] = (last, cells[column])
            coming = next(following, None)
        for column, (last, value) in values.items():
            if row <= last and cells[column] == "":
                cells[column] = value
        yield cells
