"""``triage summary``: the figures of a month, a quarter or a year."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from triage.cli.common import console, format_option, progress, wants_table


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    text = ("ledger of triage batch or of the service", "triage batch 或服务导出的台账")
    command.add_argument("ledger", metavar="LEDGER", type=Path, help=text[zh])
    text = ("2026, 2026-Q1 or 2026-03; default: all of it", "2026、2026-Q1 或 2026-03;默认全部")
    command.add_argument("--period", metavar="PERIOD", help=text[zh])
    text = (".xlsx, .docx, .html or .json; default: the screen", ".xlsx、.docx、.html 或 .json;默认显示在屏幕上")
    command.add_argument("--out", metavar="FILE", type=Path, help=text[zh])
    format_option(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Count, then print or write."""
    from triage.errors import InputError
    from triage.summary import WRITERS, Period, summarise, write

    out = arguments.out
    if out is not None and out.suffix.lower() not in WRITERS:  # before a million letters are read
        raise InputError("output_kind", path=out, found=out.suffix, allowed=" ".join(WRITERS))
    if out is not None and out.exists() and arguments.ledger.exists() and out.samefile(arguments.ledger):
        raise InputError("output_is_input", path=out)
    period = Period.parse(arguments.period) if arguments.period else None
    with progress(None, ("letters", "封")[arguments.lang == "zh"]) as bar:
        summary = summarise(arguments.ledger, period, arguments.data, arguments.lang, report=bar)
    if out is not None:
        note = write(summary, out)
        told = console(stderr=True)
        told.print(f"{out}: {summary.title}", markup=False)
        if note:
            told.print(note, markup=False)
    elif wants_table(arguments):
        _show(summary)
    else:
        print(json.dumps(summary.to_dict(), ensure_ascii=False))


def _show(summary: Any) -> None:
    from rich.table import Table
    from rich.text import Text

    from triage.summary.tables import shown

    screen = console()
    screen.print(Text(summary.title, "bold"))
    for line in (summary.about, *summary.overview):
        screen.print(Text(line))
    for table in (*summary.tables, summary.hot):
        if not table.rows:
            continue
        drawn = Table(title=Text(table.title, "bold"), title_justify="left", header_style="bold", pad_edge=False)
        for column in table.columns:
            drawn.add_column(Text(column.title), justify="left" if column.kind == "text" else "right")
        for row in table.rows:
            pairs = zip(row.cells, table.columns, strict=True)
            drawn.add_row(*(Text(shown(cell, column.kind)) for cell, column in pairs))
        screen.print()
        screen.print(drawn)
    fill = {"zh": "台账中没有：", "en": "Not in this ledger:"}[summary.lang]
    screen.print()
    screen.print(Text(f"{fill}{'' if summary.lang == 'zh' else ' '}" + "; ".join(
        f"{row.cells[0]} ({row.cells[1]})" for row in summary.missing.rows
    )))  # fmt: skip
    for line in summary.notes:
        screen.print(Text(line))
