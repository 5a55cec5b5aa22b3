"""Workbooks row by row: nothing but the row that is looked at is in memory, and no cell is read unless asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

__all__ = ["read_rows"]

_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET = re.compile(r"xl/worksheets/sheet(\d+)\.xml")
_LETTERS = re.compile(r"[A-Z]+")
_STRINGS = "xl/sharedStrings.xml"


def read_rows(path: Path) -> Iterator[Iterator[Sequence[Any]]]:
    """Yield the rows of each sheet; a cell is read when it is asked for, as text.

    Raises
    ------
    ValueError
        If it is no workbook.
    """
    try:
        archive = ZipFile(path)
    except BadZipFile as error:
        raise ValueError(str(error)) from None
    with archive:
        sheets = sorted((int(match.group(1)), name) for name in archive.namelist() if (match := _SHEET.fullmatch(name)))
        if not sheets:
            raise ValueError("no sheet")
        strings = list(_shared(archive)) if _STRINGS in archive.namelist() else []
        for _, name in sheets:
            yield _rows(archive, name, strings)


def _elements(archive: ZipFile, name: str, tag: str) -> Iterator[Any]:
    from lxml import etree

    try:
        with archive.open(name) as file:
            for _, element in etree.iterparse(file, tag=f"{_SPACE}{tag}", resolve_entities=False, huge_tree=True):
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except (etree.XMLSyntaxError, BadZipFile) as error:
        raise ValueError(type(error).__name__) from None


def _shared(archive: ZipFile) -> Iterator[str]:
    for element in _elements(archive, _STRINGS, "si"):
        yield _text(element)


def _text(element: Any) -> str:
    return "".join(part.text or "" for part in element.iter(f"{_SPACE}t"))


def _rows(archive: ZipFile, name: str, strings: Sequence[str]) -> Iterator[Sequence[Any]]:
    for row in _elements(archive, name, "row"):
        yield _Cells(row, strings)


class _Cells(Sequence[Any]):
    """The cells of a row by their column; one that is left out of the file is empty."""

    def __init__(self, row: Any, strings: Sequence[str]) -> None:
        self._cells, self._strings = list(row), strings
        self._length = len(self._cells)
        self._dense = True
        if self._cells and (last := self._cells[-1].get("r")):
            self._length = _column(last) + 1
            self._dense = self._length == len(self._cells)
        if not self._dense:
            self._by_column = {_column(cell.get("r")): cell for cell in self._cells}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: Any) -> Any:
        if self._dense:
            return self._value(self._cells[place])
        if place >= self._length:
            raise IndexError
        cell = self._by_column.get(place)
        return "" if cell is None else self._value(cell)

    def _value(self, cell: Any) -> str:
        kind = cell.get("t")
        if kind == "inlineStr":
            return _text(cell)
        value = cell.findtext(f"{_SPACE}v") or ""
        return self._strings[int(value)] if kind == "s" and value else value


def _column(reference: str) -> int:
    """Return a column by its letters, from 0."""
    number = 0
    for letter in _LETTERS.match(reference).group():  # type: ignore[union-attr]
        number = 26 * number + ord(letter) - 64
    return number - 1
