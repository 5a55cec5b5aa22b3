"""``triage train``: labelled letters to a bundle."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from triage.cli.common import column_options, columns, console, progress
from triage.errors import message

if TYPE_CHECKING:
    from triage.training import Spread


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument(
        "source", metavar="DATA", type=Path, help=("table of labelled letters", "已标注来信的表格")[zh]
    )
    command.add_argument(
        "--label-column", metavar="NAME", required=True, help=("column that holds the label", "标签所在列")[zh]
    )
    command.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help=("the bundle's folder", "模型包目录")[zh]
    )
    command.add_argument(
        "--group-column",
        metavar="NAME",
        help=("letters of one group stay on one side of a split", "同组来信不拆分")[zh],
    )
    command.add_argument("--time-column", metavar="NAME", help=("for a split in order of time", "按时间先后验证")[zh])
    command.add_argument(
        "--own-labels",
        action="store_true",
        help=("the labels are not the taxonomy's categories", "标签不在分类表中")[zh],
    )
    text = ("try several settings and take the best", "试用多组参数并取最好的")
    command.add_argument("--search", action="store_true", help=text[zh])
    text = ("address or file of a Dask scheduler that shares the work", "分担训练的 Dask 调度器地址或文件")
    command.add_argument("--scheduler", metavar="ADDRESS", help=text[zh])
    command.add_argument("--seed", type=int, default=0)
    column_options(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Read, train, print the figures."""
    from triage.bundle import SIGNALS
    from triage.policy import load_policy
    from triage.training import Plan, read_corpus, train

    plan = Plan(seed=arguments.seed)
    policy = load_policy(arguments.data)
    corpus = read_corpus(
        [arguments.source],
        columns(arguments),
        arguments.label_column,
        arguments.group_column,
        arguments.time_column,
        least=plan.fold_count,
    )
    own = arguments.own_labels or not set(corpus.labels) & {*policy.taxonomy.categories, *policy.taxonomy.retired_to}
    with progress(None, ("steps", "步")[arguments.lang == "zh"]) as bar, _spread(arguments.scheduler) as spread:
        metrics = train(
            corpus, policy, arguments.out, plan, own, arguments.source, lambda step, done, total: bar(done),
            arguments.search, spread,
        )  # fmt: skip
    show(metrics, arguments.out, arguments.lang == "zh")
    if not (arguments.out / SIGNALS).is_file():
        print(f"triage: {message('note_no_signals', arguments.lang)}", file=sys.stderr)


@contextmanager
def _spread(scheduler: str | None) -> Iterator[Spread]:
    """Give a context for joblib: this process, or a cluster that is sent what all tasks read only once."""
    from triage.training import here

    if scheduler is None:
        yield here
        return
    from joblib import parallel_config

    from triage.batch import cluster

    with cluster(scheduler) as client:
        yield lambda *shared: parallel_config("dask", client=client, scatter=list(shared))


def show(metrics: dict[str, dict[str, object]], out: Path, zh: bool) -> None:
    """Print the main figures of a bundle as a table."""
    from rich.markup import escape
    from rich.table import Table

    names = {
        "letters": ("letters", "来信"),
        "accuracy": ("accuracy", "正确率"),
        "macro_f1": ("macro-F1", "宏平均 F1"),
        "top3": ("right code among first three", "前三命中"),
        "expected_calibration_error": ("expected calibration error", "校准误差"),
        "coverage_at_95_accuracy": ("share sent at 95 % accuracy", "95% 正确率下可直送比例"),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for key, text in names.items():
        table.add_row(text[zh], str(metrics["category"][key]))
    for key, value in metrics.get("decision", {}).items():
        table.add_row(key.replace("_", " "), str(value))
    table.add_row(("written to", "已写入")[zh], escape(str(out)))
    console().print(table)
