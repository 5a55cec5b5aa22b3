"""What the cells of a table say as text, and what a spreadsheet did to them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

__all__ = ["date_text", "lost_digits", "text_of"]

_EXACT = 1e15  # a spreadsheet keeps fifteen digits of a number
_POWER = re.compile(r"\d(?:\.\d+)?[eE]\+?\d{2}")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_EPOCH = date(1899, 12, 30)
_SERIALS = range(20_000, 80_000)  # from 1954 to 2119


def text_of(cell: Any) -> str:
    """Return a cell as text; whole numbers without a decimal point."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def lost_digits(cell: Any) -> bool:
    """Say whether a spreadsheet took a long number for a quantity and dropped its last digits.

    Source
    ------
    domain.md 5.2: ID numbers in scientific notation.

    Examples
    --------
    >>> lost_digits(1.1e17), lost_digits("1.10105E+17"), lost_digits("110105194912310021")
    (True, True, False)
    """
    if isinstance(cell, float):
        return abs(cell) >= _EXACT
    return isinstance(cell, str) and _POWER.fullmatch(cell.strip()) is not None


def date_text(cell: Any) -> str:
    """Return the cell of a date; a spreadsheet's day number becomes an ISO date.

    Examples
    --------
    >>> date_text(46083.0), date_text("2026年3月2日")
    ('2026-03-02', '2026年3月2日')
    """
    if isinstance(cell, datetime) and cell.time() == datetime.min.time():
        return cell.date().isoformat()
    text = text_of(cell).strip()
    if _SERIAL.fullmatch(text) and int(float(text)) in _SERIALS:
        return (_EPOCH + timedelta(days=int(float(text)))).isoformat()
    return text_of(cell)
