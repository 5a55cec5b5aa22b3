"""Writing decisions: one writer a kind, one registry; none holds more than a few records at a time."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from triage.errors import InputError

__all__ = ["WRITERS", "Writer", "write_csv", "write_jsonl", "write_parquet", "write_parts", "write_xlsx", "writer_of"]

Record = Mapping[str, Any]
Writer = Callable[[Path, Iterable[Record]], None]
_ROWS = 1000  # made into columns at a time
_GROUP = 16  # times as many are a row group
_PART = 100_000  # records of one file in a folder
_SHEET = 1_048_575  # records that a sheet holds below its header
_LEVEL_COLOURS = {2: "FFF2CC", 3: "F8CBAD", 4: "FF9999"}
_WIDTHS = {
    "title": 36, "category_name": 22, "department_name": 24, "handler": 26, "channel": 40, "channel_tell": 60,
    "due": 34, "evidence": 60,
}  # fmt: skip


def writer_of(output: str | Path) -> Writer:
    """Return the writer for an output: by its ending, or of a folder of Parquet files.

    A folder is what ends in a slash, and a folder that is there, unless its name ends as another table's does.

    Raises
    ------
    InputError
        If the kind is not written, or the folder holds other files, which would be lost.
    """
    path = Path(output)
    kind = path.suffix.lower()
    if str(output).endswith(("/", os.sep)) or (path.is_dir() and kind not in WRITERS.keys() - {".parquet"}):
        if path.is_dir() and any(not file.match("part-*.parquet") for file in path.iterdir()):
            raise InputError("output_folder", path=path)
        return write_parts
    if kind not in WRITERS:
        raise InputError("output_kind", path=path, found=path.suffix, allowed=" ".join(WRITERS))
    return WRITERS[kind]


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


class _Undated(ZipFile):
    """An archive that does not record the hour: the same letters give the same bytes."""

    def open(self, name: Any, mode: Any = "r", *rest: Any, **more: Any) -> Any:
        if mode == "w" and isinstance(name, ZipInfo):
            name.date_time = (1980, 1, 1, 0, 0, 0)
        return super().open(name, mode, *rest, **more)


def write_xlsx(path: Path, records: Iterable[Record]) -> None:
    """Write a ledger: frozen header, filters, colours by urgency; cells are text, never formulas.

    What one sheet cannot hold goes on in further ones: ``ledger``, ``ledger 2`` and so on.
    """
    from datetime import datetime

    from openpyxl import Workbook
    from openpyxl.writer.excel import ExcelWriter

    book = Workbook(write_only=True)
    book.properties.created = book.properties.modified = datetime(1980, 1, 1)
    rest = iter(records)
    for number, first in enumerate(chain(islice(rest, 1), rest), 1):
        _fill(
            book.create_sheet("ledger" if number == 1 else f"ledger {number}"), chain([first], islice(rest, _SHEET - 1))
        )
    if not book.worksheets:
        book.create_sheet("ledger")
    ExcelWriter(book, _Undated(path, "w", ZIP_DEFLATED)).save()


def _fill(sheet: Any, records: Iterable[Record]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet.freeze_panes = "C2"
    fills = {level: PatternFill("solid", fgColor=colour) for level, colour in _LEVEL_COLOURS.items()}
    top, bold = Alignment(vertical="top"), Font(bold=True)
    rows = 1
    try:
        for record in records:
            if rows == 1:
                for column, name in enumerate(record, 1):
                    sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS.get(name, max(10, len(name) + 2))
                head = [WriteOnlyCell(sheet, name) for name in record]
                for cell in head:
                    cell.font = bold
                sheet.append(head)
            cells = []
            for value in record.values():
                flat = _flat(value)
                text = isinstance(flat, str)
                cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", flat)[:32767] if text else flat)
                if text:
                    cell.data_type = "s"  # without it openpyxl takes a leading "=" for a formula
                cell.alignment = top
                if record["urgency"] in fills:
                    cell.fill = fills[record["urgency"]]
                cells.append(cell)
            sheet.append(cells)
            rows += 1
    except BaseException:
        sheet.close()  # a sheet that is still open complains when it is collected
        raise
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(cells))}{rows}"


def write_parts(path: Path, records: Iterable[Record]) -> None:
    """Write a folder of Parquet files, ``part-00000.parquet`` and so on, 100,000 records each."""
    path.mkdir()
    rest = iter(records)
    number = 0
    while (first := list(islice(rest, 1))) or not number:  # no letter: one file, though an empty one
        write_parquet(path / f"part-{number:05}.parquet", chain(first, islice(rest, _PART - 1)))
        number += 1


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

    def tables() -> Iterator[Any]:
        for rows in _by(_ROWS, records):
            schema = arrow.schema([(key, kinds.get(key, texts)) for key in rows[0]])
            yield arrow.Table.from_pylist([_columnar(row) for row in rows], schema)

    writer = None
    try:
        for group in _by(_GROUP, tables()):
            table = arrow.concat_tables(group)
            writer = writer or ParquetWriter(path, table.schema)
            writer.write_table(table, len(table))
        writer = writer or ParquetWriter(path, arrow.schema([]))  # no letter: a table, though an empty one
    finally:
        if writer is not None:
            writer.close()


def _columnar(row: Record) -> dict[str, Any]:
    texts = {key: json.dumps(row[key], ensure_ascii=False) for key in ("evidence", "due")}
    return {**row, **texts}


def _by(count: int, items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, count)):
        yield some


WRITERS: dict[str, Writer] = {
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".xlsx": write_xlsx,
    ".parquet": write_parquet,
}
