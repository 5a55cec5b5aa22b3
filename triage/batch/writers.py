"""Writing decisions: one writer a kind, one registry; each file appears whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["WRITERS", "Writer", "whole_file", "write_csv", "write_jsonl", "write_parquet", "write_xlsx"]

Record = Mapping[str, Any]
Writer = Callable[[Path, Iterable[Record]], None]
_ROWS = 1000
_LEVEL_COLOURS = {2: "FFF2CC", 3: "F8CBAD", 4: "FF9999"}
_WIDTHS = {
    "title": 36, "category_name": 22, "department_name": 24, "handler": 26, "channel": 40, "channel_tell": 60,
    "due": 34, "evidence": 60,
}  # fmt: skip


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a path, and move it there when all is written."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _flat(value: Any) -> Any:
    """Return a cell for a value that a table cannot hold as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, dict):
        return "; ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_evidence(item) if isinstance(item, dict) else str(item) for item in value)
    return value


def _evidence(item: Record) -> str:
    note = f" {item['note']}" if item["note"] else ""
    status = "" if item["status"] == "active" else f" ({item['status']})"
    return f"{item['field']}: {item['id']}{note}{status}"


def _safe(cell: Any) -> Any:
    """Keep a spreadsheet from running what a letter says."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def write_jsonl(path: Path, records: Iterable[Record]) -> None:
    """Write one JSON object a line."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def write_csv(path: Path, records: Iterable[Record]) -> None:
    """Write a CSV that Excel opens as UTF-8."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for number, record in enumerate(records):
            if not number:
                writer.writerow(record)
            writer.writerow(_safe(_flat(value)) for value in record.values())


def write_xlsx(path: Path, records: Iterable[Record]) -> None:
    """Write a ledger: frozen header, filters, colours by urgency; cells are text, never formulas."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet("ledger")
    sheet.freeze_panes = "C2"
    fills = {level: PatternFill("solid", fgColor=colour) for level, colour in _LEVEL_COLOURS.items()}
    rows = 1
    try:
        for record in records:
            if rows == 1:
                for column, name in enumerate(record, 1):
                    sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS.get(name, max(10, len(name) + 2))
                head = [WriteOnlyCell(sheet, name) for name in record]
                for cell in head:
                    cell.font = Font(bold=True)
                sheet.append(head)
            cells = []
            for value in record.values():
                flat = _flat(value)
                text = isinstance(flat, str)
                cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", flat)[:32767] if text else flat)
                if text:
                    cell.data_type = "s"  # without it openpyxl takes a leading "=" for a formula
                cell.alignment = Alignment(vertical="top")
                if record["urgency"] in fills:
                    cell.fill = fills[record["urgency"]]
                cells.append(cell)
            sheet.append(cells)
            rows += 1
    except BaseException:
        sheet.close()  # a sheet that is still open complains when it is collected
        raise
    if rows > 1:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(cells))}{rows}"
    book.save(path)


def write_parquet(path: Path, records: Iterable[Record]) -> None:
    """Write Parquet; lists stay lists, evidence and due dates are JSON text."""
    import pyarrow as arrow
    from pyarrow.parquet import ParquetWriter

    texts, lists = arrow.string(), arrow.list_(arrow.string())
    kinds: dict[str, Any] = {
        "confidence": arrow.float64(), "scores": arrow.list_(arrow.float64()), "urgency": arrow.int8(),
        "persons": arrow.int64(), "collective": arrow.bool_(), "repeat": arrow.bool_(), "needs_review": arrow.bool_(),
        "candidates": lists, "candidate_set": lists, "secondary": lists, "urgency_rules": lists, "assisting": lists,
        "review_reason": lists, "due_provisional": lists,
    }  # fmt: skip
    writer = None
    try:
        for rows in _by(_ROWS, records):
            rows = [
                {
                    key: json.dumps(value, ensure_ascii=False) if key in ("evidence", "due") else value
                    for key, value in row.items()
                }
                for row in rows
            ]
            schema = arrow.schema([(key, kinds.get(key, texts)) for key in rows[0]])
            writer = writer or ParquetWriter(path, schema)
            writer.write_table(arrow.Table.from_pylist(rows, schema))
        writer = writer or ParquetWriter(path, arrow.schema([]))  # no letter: a table, though an empty one
    finally:
        if writer is not None:
            writer.close()


def _by(count: int, records: Iterable[Record]) -> Iterator[list[Record]]:
    rows: list[Record] = []
    for record in records:
        rows.append(record)
        if len(rows) == count:
            yield rows
            rows = []
    if rows:
        yield rows


WRITERS: dict[str, Writer] = {
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".xlsx": write_xlsx,
    ".parquet": write_parquet,
}
