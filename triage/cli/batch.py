"""``triage batch``: a file of letters to a ledger."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from triage.cli.common import column_options, columns, console, load, model_option, progress

_SHOWN = 8


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument(
        "source",
        metavar="IN",
        type=Path,
        help=("table, document, mail, scan, archive or folder", "表格、文档、邮件、扫描件、压缩包或文件夹")[zh],
    )
    command.add_argument(
        "output",
        metavar="OUT",
        type=Path,
        help=(".csv, .xlsx, .jsonl or .parquet", ".csv、.xlsx、.jsonl 或 .parquet")[zh],
    )
    command.add_argument("--resume", action="store_true", help=("go on where a killed run stopped", "从中断处继续")[zh])
    model_option(command, zh)
    column_options(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Judge the file and say what came out."""
    from triage import batch

    headings = columns(arguments)
    with progress(None, ("letters", "封")[arguments.lang == "zh"]) as bar:
        summary = batch.run(arguments.source, arguments.output, load(arguments), headings, arguments.resume, bar)
    screen = console(stderr=True)
    screen.print(_summary(summary, arguments))


def _summary(summary: Any, arguments: argparse.Namespace) -> Any:
    from rich.markup import escape
    from rich.table import Table

    zh = arguments.lang == "zh"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    rate = summary.letters / summary.seconds if summary.seconds else 0
    output = escape(str(arguments.output))
    table.add_row(("letters", "来信")[zh], f"{summary.letters:,} -> {output} ({summary.seconds:.1f} s, {rate:,.0f}/s)")
    if summary.rejects:
        table.add_row(("rejects", "未处理")[zh], f"{summary.rejects:,} -> {output}.rejects.jsonl")
    table.add_row(("review", "需复核")[zh], f"{summary.review:,}  {_counts(summary.reason)}")
    table.add_row(
        ("urgency", "紧急程度")[zh], _counts(Counter(dict(sorted(summary.urgency.items(), reverse=True))), ranked=False)
    )
    table.add_row(("category", "类别")[zh], escape(_counts(summary.category)))
    table.add_row(("department", "部门")[zh], escape(_counts(summary.department)))
    return table


def _counts(counter: Counter[Any], ranked: bool = True) -> str:
    pairs = counter.most_common(_SHOWN) if ranked else list(counter.items())
    rest = len(counter) - len(pairs)
    return "  ".join(f"{code} {count:,}" for code, count in pairs) + (f"  … +{rest}" if rest else "")
