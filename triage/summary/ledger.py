"""Ledgers row by row: CSV, XLSX, JSON lines, Parquet or a folder of it; none is ever held whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from triage.errors import InputError
from triage.summary.rows import NEEDED, OPTIONAL, Row
from triage.taxonomy import Taxonomy

__all__ = ["Ledger", "read_ledger"]

_WANTED = (*NEEDED, *OPTIONAL)
_Records = Iterator[Mapping[str, Any]]
_YES = frozenset({"yes", "true", "1", "是"})
_EPOCH, _SERIAL_LENGTH = date(1899, 12, 30), 5  # how spreadsheets count the days of this century
_CELL = 1 << 24  # characters of a cell; evidence can be long


class Ledger:
    """The rows of a ledger, and which of the columns it has.

    Attributes
    ----------
    columns : frozenset of str
        Of what a summary can use.
    counted_back : bool
        There is no day of receipt; it is counted back from a date that runs from it.
    """

    def __init__(self, columns: Iterable[str], rows: Iterator[Row], counted_back: bool) -> None:
        self.columns, self.counted_back = frozenset(columns) & frozenset(_WANTED), counted_back
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return self._rows


def read_ledger(path: str | Path, taxonomy: Taxonomy) -> Ledger:
    """Open a ledger that ``triage batch`` or the service wrote.

    Parameters
    ----------
    path : path
        ``.csv``, ``.xlsx``, ``.jsonl``, ``.parquet``, or a folder of Parquet files.
    taxonomy : Taxonomy
        Says which natures are closed, and how far a date lies behind the day of receipt.

    Raises
    ------
    InputError
        If there is no such file, its kind is not read, or it lacks a column that every ledger has.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("no_file", path=path)
    kind = ".parquet" if path.is_dir() else path.suffix.lower()
    if kind not in _READERS:
        raise InputError("file_kind", path=path, found=path.suffix, allowed=" ".join(_READERS))
    records = _guarded(_READERS[kind](path), path, kind)
    first = next(records, None)
    if first is None:
        raise InputError("file_empty", path=path)
    missing = [name for name in NEEDED if name not in first]
    if missing:
        raise InputError("summary_ledger", path=path, missing=", ".join(missing))
    back = None if "received" in first else _clock_back(taxonomy)
    closed = frozenset(code for code, nature in taxonomy.natures.items() if nature.closed)
    rows = (_row(record, back, closed) for record in chain([first], records))
    counted = back is not None and "due" in first
    return Ledger([*first, *(["received"] if counted else [])], rows, counted)


def _guarded(records: _Records, path: Path, kind: str) -> _Records:
    try:
        yield from records
    except InputError:
        raise
    except (OSError, ValueError, KeyError, csv.Error, ArithmeticError) as error:
        raise InputError("file_broken", path=path, kind=kind[1:].upper(), fault=type(error).__name__) from None


def _clock_back(taxonomy: Taxonomy) -> tuple[str, timedelta] | None:
    """Return a clock that always runs the same days from receipt."""
    if taxonomy.roll_over:
        return None
    clocks = (one for one in taxonomy.clocks.values() if one.start == "received" and one.kind == "calendar")
    return next(((one.code, timedelta(days=one.days)) for one in clocks), None)


def _row(record: Mapping[str, Any], back: tuple[str, timedelta] | None, closed: frozenset[str]) -> Row:
    due = _due(record.get("due"))
    received = _day(record.get("received"))
    if back and received is None and back[0] in due:
        received = due[back[0]] - back[1]
    nature = _text(record["nature"])
    corrected = record.get("corrected")
    return Row(
        received=received,
        category=_text(record["category"]),
        nature=nature,
        urgency=int(float(record["urgency"] or 0)),
        department=_text(record["department"]),
        collective=_flag(record["collective"]),
        repeat=_flag(record["repeat"]),
        needs_review=_flag(record["needs_review"]),
        place=_text(record.get("place")).lstrip("'"),
        persons=_number(record.get("persons")),
        source=_text(record.get("source")),
        status=_text(record.get("status")),
        answered=_day(record.get("answered")),
        due=due,
        corrected=None if corrected in (None, "") else _flag(corrected),
        sealed=nature in closed,
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _text(value).lower() in _YES


def _number(value: Any) -> int | None:
    if value is None or value == "" or value != value:
        return None
    return int(float(value))


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return _day_of(str(value)[:10]) if value else None


@lru_cache(maxsize=20_000)
def _day_of(text: str) -> date | None:
    if len(text) == _SERIAL_LENGTH and text.isdecimal():  # a spreadsheet made a date of the text
        return _EPOCH + timedelta(days=int(text))
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _due(value: Any) -> dict[str, date]:
    """Return the dates by clock: from an object, from JSON text, or from "notice 2026-03-17; close 2026-05-01"."""
    if not value:
        return {}
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("{") else dict(_pairs(value))
    return {name: day for name, text in value.items() if (day := _day(text))}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        name, _, day = part.strip().rpartition(" ")
        if name:
            yield name, day


def _csv(path: Path) -> _Records:
    from triage.intake.encoding import encoding_of

    before = csv.field_size_limit(_CELL)
    try:
        with open(path, encoding=encoding_of(path), newline="") as file:
            yield from _picked(csv.reader(file))
    finally:
        csv.field_size_limit(before)


def _xlsx(path: Path) -> _Records:
    from triage.summary.sheets import read_rows

    for number, rows in enumerate(read_rows(path)):
        # A ledger that one sheet cannot hold goes on in the next; a sheet of notes is none.
        headings = [_text(cell) for cell in next(rows, ())]
        if not number or set(NEEDED) <= set(headings):
            yield from _picked(chain([headings], rows))


def _picked(rows: Iterator[Sequence[Any]]) -> _Records:
    """Yield the wanted columns of a table whose first row holds the headings."""
    headings = [_text(cell) for cell in next(rows, ())]
    places = [(name, headings.index(name)) for name in _WANTED if name in headings]
    last = max((place for _, place in places), default=0)
    for row in rows:
        if len(row) > last:
            yield {name: row[place] for name, place in places}
        elif any(cell not in (None, "") for cell in row):
            padded = [*row, *[""] * (last + 1 - len(row))]
            yield {name: padded[place] for name, place in places}


def _jsonl(path: Path) -> _Records:
    from triage.intake.encoding import encoding_of

    with open(path, encoding=encoding_of(path)) as file:
        for line in file:
            if line.strip():
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("no object")
                yield record


def _parquet(path: Path) -> _Records:
    from pyarrow.parquet import ParquetFile

    for part in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
        with ParquetFile(part) as file:
            columns = [name for name in file.schema_arrow.names if name in _WANTED]
            for batch in file.iter_batches(4096, columns=columns):
                yield from batch.to_pylist()


_READERS: dict[str, Callable[[Path], _Records]] = {
    ".csv": _csv, ".xlsx": _xlsx, ".jsonl": _jsonl, ".parquet": _parquet,
}  # fmt: skip
