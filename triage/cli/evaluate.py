"""``triage evaluate``: a bundle's figures on labelled letters."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from triage.cli.common import column_options, columns, format_option, progress, wants_table
from triage.cli.train import show


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument("model", metavar="BUNDLE", help=("bundle folder or shipped name", "模型包目录或随附名称")[zh])
    command.add_argument(
        "source", metavar="DATA", type=Path, help=("table of labelled letters", "已标注来信的表格")[zh]
    )
    command.add_argument(
        "--label-column", metavar="NAME", default="category", help=("column that holds the label", "标签所在列")[zh]
    )
    format_option(command, zh)
    column_options(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Judge the letters and compare."""
    from triage.engine import Triager
    from triage.training import evaluate_bundle, read_corpus

    corpus = read_corpus([arguments.source], columns(arguments), arguments.label_column, least=1)
    triager = Triager.load(arguments.model, arguments.data, arguments.lang)
    with progress(len(corpus), ("letters", "封")[arguments.lang == "zh"]) as bar:
        metrics = evaluate_bundle(triager, corpus, bar)
    if wants_table(arguments):
        show(metrics, triager.bundle.path, arguments.lang == "zh")
    else:
        print(json.dumps(metrics, ensure_ascii=False, indent=1))
