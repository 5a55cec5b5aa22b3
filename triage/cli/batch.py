"""``triage batch``: a file of letters, or a folder that is watched, to a ledger."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from triage.cli.common import column_options, columns, console, load, model_option, progress
from triage.errors import InputError

_SHOWN = 8


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument(
        "source",
        metavar="IN",
        type=Path,
        help=("table, document, mail, scan, archive or folder", "表格、文档、邮件、扫描件、压缩包或文件夹")[zh],
    )
    text = (
        ".csv, .xlsx, .jsonl or .parquet; FOLDER/ for a folder of Parquet files",
        ".csv、.xlsx、.jsonl 或 .parquet;以 / 结尾则写成 Parquet 文件夹",
    )
    command.add_argument("output", metavar="OUT", help=text[zh])
    command.add_argument("--resume", action="store_true", help=("go on where a killed run stopped", "从中断处继续")[zh])
    text = ("processes; default: one for each core", "进程数;默认每核一个")
    command.add_argument("--workers", metavar="N", type=_positive(int), help=text[zh])
    text = ("where letters are judged; default: local", "在何处处理;默认 local(本机)")
    command.add_argument("--engine", choices=("local", "dask"), default="local", help=text[zh])
    text = ("address or file of a Dask scheduler", "Dask 调度器的地址或文件")
    command.add_argument("--scheduler", metavar="ADDRESS", help=text[zh])
    text = ("IN is a folder; take files as they arrive", "IN 为文件夹,文件到达即处理")
    command.add_argument("--watch", action="store_true", help=text[zh])
    text = ("with --watch: take what is there, then end", "用于 --watch:处理现有文件后结束")
    command.add_argument("--once", action="store_true", help=text[zh])
    text = ("with --watch: seconds between two looks; 5", "用于 --watch:两次查看的间隔秒数;5")
    command.add_argument("--interval", metavar="SECONDS", type=_positive(float), default=5.0, help=text[zh])
    model_option(command, zh)
    column_options(command, zh)


def _positive(kind: type) -> Any:
    def number(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise ValueError
        return value

    number.__name__ = "positive number"
    return number


def run(arguments: argparse.Namespace) -> None:
    """Judge the file or watch the folder, and say what came out."""
    from triage import batch

    elsewhere = arguments.engine == "dask" or arguments.scheduler is not None
    if arguments.watch and (elsewhere or arguments.workers or arguments.resume):
        raise InputError("watch_options")
    source, output, headings, triager = arguments.source, arguments.output, columns(arguments), load(arguments)
    unit = ("letters", "封")[arguments.lang == "zh"]
    if arguments.watch:
        with progress(None, unit) as bar:
            summary = batch.watch(
                source, output, triager, headings, bar, once=arguments.once, interval=arguments.interval
            )
    else:
        engine = batch.Dask(arguments.scheduler, arguments.workers) if elsewhere else batch.Local(arguments.workers)
        unknown = ("time left unknown", "剩余时间未知")[arguments.lang == "zh"]
        with progress(batch.expected_letters(source), unit, unknown) as bar:
            summary = batch.run(source, output, triager, headings, arguments.resume, bar, engine=engine)
    console(stderr=True).print(_summary(summary, arguments))


def _summary(summary: Any, arguments: argparse.Namespace) -> Any:
    from rich.markup import escape
    from rich.table import Table

    zh = arguments.lang == "zh"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    done = summary.letters + summary.rejects - summary.earlier
    speed = f" ({summary.seconds:.1f} s, {done / summary.seconds:,.0f}/s)" if summary.seconds else ""
    output = escape(str(arguments.output))
    table.add_row(("letters", "来信")[zh], f"{summary.letters:,} -> {output}{speed}")
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
