"""``triage similar``: earlier letters about the same matter, from an index that grows letter by letter."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from triage.cli.common import column_options, columns, console, format_option, load, model_option, wants_table


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument("index", metavar="INDEX", type=Path, help=("file of earlier letters", "既往来信索引文件")[zh])
    command.add_argument("source", metavar="IN", type=Path, help=("letters, as for batch", "来信文件,同 batch")[zh])
    command.add_argument(
        "--add", action="store_true", help=("keep each letter in the index afterwards", "查完后把来信存入索引")[zh]
    )
    command.add_argument(
        "--limit", type=int, default=5, metavar="N", help=("earlier letters shown at most", "最多显示条数")[zh]
    )
    format_option(command, zh)
    model_option(command, zh)
    column_options(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Show the earlier letters of each letter; nothing is ever merged."""
    from triage.intake import read_letters
    from triage.similar import SimilarIndex

    triager = load(arguments)
    policy = triager.policy.similar
    rows: list[dict[str, Any]] = []
    with SimilarIndex.open(arguments.index, policy) as index:
        for petition in read_letters(arguments.source, columns(arguments)):
            decision = triager.triage(petition)
            entry = triager.entry(petition, decision)
            earlier = index.query(entry, arguments.limit)
            rows.append(
                {
                    "id": decision.id,
                    "earlier": [
                        {
                            "id": item.id,
                            "score": round(item.score, 4),
                            "relation": item.relation,
                            "relation_name": policy.name(item.relation, arguments.lang),
                            "passages": [[list(span) for span in pair] for pair in item.passages],
                        }
                        for item in earlier
                    ],
                }
            )
            if arguments.add:
                index.add(entry)
    if wants_table(arguments):
        console().print(_table(rows, arguments.lang == "zh"))
    else:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))


def _table(rows: list[dict[str, Any]], zh: bool) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold", pad_edge=False)
    table.add_column(("letter", "来信")[zh])
    table.add_column(("earlier", "既往来信")[zh])
    table.add_column(("score", "相似度")[zh], justify="right")
    table.add_column(("relation", "关系")[zh])
    for row in rows:
        for item in row["earlier"]:
            table.add_row(escape(row["id"]), escape(item["id"]), f"{item['score']:.2f}", item["relation_name"])
    return table
