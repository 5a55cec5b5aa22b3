"""Tables whose cells keep what they are: numbers as numbers, rates as numerator and denominator, None for unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from triage.summary.counts import Counts, Share

__all__ = ["Column", "Rate", "Row", "Table", "Versus", "percent", "shown"]


class Rate(NamedTuple):
    """A part of a whole; ``value`` is None where the whole is nothing."""

    part: float
    whole: float

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @classmethod
    def of(cls, share: Share) -> Rate:
        """Return a share that was counted."""
        return cls(share.part, share.whole)

    @classmethod
    def change(cls, now: float | None, then: float | None) -> Rate | None:
        """Return by how much a figure grew, of what it was."""
        return None if now is None or then is None else cls(now - then, then)


class Column(NamedTuple):
    """A heading; ``kind`` is ``text``, ``number``, ``rate`` (shown whole), ``share``, ``change`` or ``fill``."""

    key: str
    title: str
    kind: str


class Row(NamedTuple):
    """The cells of a row, and the code that it is about."""

    code: str
    cells: tuple[Any, ...]


class Versus(NamedTuple):
    """A period to compare with; ``counts`` is None where the ledger does not reach back so far."""

    key: str
    name: str
    counts: Counts | None


@dataclass(frozen=True)
class Table:
    """A table with a heading."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def column(self, key: str) -> list[Any]:
        """Return the cells below one heading; none where there is no such heading."""
        place = next((place for place, one in enumerate(self.columns) if one.key == key), None)
        return [] if place is None else [row.cells[place] for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        heads = [{"key": one.key, "title": one.title} for one in self.columns]
        rows = [
            {"code": row.code}
            | {one.key: _plain(cell) for one, cell in zip(self.columns, row.cells, strict=True)}
            for row in self.rows
        ]
        return {"title": self.title, "columns": heads, "rows": rows}


def _plain(cell: Any) -> Any:
    if isinstance(cell, Rate):
        value = cell.value
        return {"numerator": cell.part, "denominator": cell.whole, "value": None if value is None else round(value, 6)}
    if isinstance(cell, float):
        return round(cell, 2)
    return cell.isoformat() if isinstance(cell, date) else cell


def percent(value: float, signed: bool = False) -> str:
    """Return a share in words.

    Examples
    --------
    >>> percent(0.125), percent(0.038, signed=True)
    ('12.5 %', '+3.8 %')
    """
    return f"{round(100 * value, 1) + 0.0:{'+' if signed else ''},.1f} %"  # + 0.0: no "-0.0"


def shown(cell: Any, kind: str) -> str:
    """Return a cell as people read it; what is unknown is blank."""
    if cell is None:
        return ""
    if isinstance(cell, Rate):
        if cell.value is None:
            return f"– ({cell.part:,}/{cell.whole:,})" if kind == "rate" else "–"
        told = percent(cell.value, kind == "change")
        return f"{told} ({cell.part:,}/{cell.whole:,})" if kind == "rate" else told
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
