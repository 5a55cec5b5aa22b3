"""Spreadsheets: XLSX, XLS, ODS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage.errors import InputError

__all__ = ["read_sheet"]


def read_sheet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield rows of the first sheet; its first row that is not empty holds the headings."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheet = book.get_sheet_by_index(0)
            headings: list[str] = []
            for cells in sheet.iter_rows():
                if not headings:
                    if any(str(cell).strip() for cell in cells):
                        headings = [str(cell).strip() for cell in cells]
                elif any(cell != "" for cell in cells):
                    yield {name: cell for name, cell in zip(headings, cells, strict=False) if name}
    except (CalamineError, OSError, IndexError) as error:
        raise InputError("file_broken", path=path, kind="a spreadsheet", fault=type(error).__name__) from None
