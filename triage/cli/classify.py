"""``triage classify``: one letter, or a file of letters, on the screen."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from triage.cli.common import (
    column_options,
    columns,
    console,
    format_option,
    is_file,
    load,
    model_option,
    progress,
    wants_table,
)
from triage.errors import message
from triage.schema import Petition

if TYPE_CHECKING:
    from triage.taxonomy import Taxonomy

_LEVELS = {1: "", 2: "yellow", 3: "dark_orange", 4: "bold red"}


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument(
        "letter",
        metavar="TEXT|FILE|-",
        help=("a letter, a file, or - for standard input", "来信文字、文件,或 - 表示标准输入")[zh],
    )
    command.add_argument("--title", default="", help=("the letter's title", "来信标题")[zh])
    format_option(command, zh)
    model_option(command, zh)
    column_options(command, zh)


def petitions(arguments: argparse.Namespace) -> Iterator[Petition]:
    """Yield the letters that the argument names."""
    path = is_file(arguments.letter)
    if arguments.letter == "-":
        yield Petition(body=sys.stdin.buffer.read().decode("utf-8", errors="replace"), title=arguments.title)
    elif path is not None:
        from triage.intake import read_letters

        yield from read_letters(path, columns(arguments))
    else:
        yield Petition(body=arguments.letter, title=arguments.title)


def run(arguments: argparse.Namespace) -> None:
    """Judge and print."""
    letters = list(petitions(arguments))
    triager = load(arguments)
    records = []
    with progress(len(letters), ("letters", "封")[arguments.lang == "zh"]) as bar:
        for decision in triager.triage_many(letters):
            records.append(decision.to_dict())
            bar(len(records))
    if not wants_table(arguments):
        for record in records:
            print(json.dumps(record, ensure_ascii=False))
    elif len(records) == 1:
        console().print(_one(records[0], triager.policy.taxonomy, arguments.lang))
    else:
        console().print(_many(letters, records, arguments.lang))


def _reasons(record: dict[str, Any], lang: str) -> str:
    return ", ".join(message(f"reason_{code}", lang) for code in record["review_reason"])


def _one(record: dict[str, Any], taxonomy: Taxonomy, lang: str) -> Any:
    from rich.markup import escape
    from rich.table import Table

    zh = lang == "zh"

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    names = {
        "category": ("category", "类别"), "candidates": ("candidates", "候选"), "nature": ("nature", "目的"),
        "secondary": ("also about", "另涉"), "urgency": ("urgency", "紧急程度"), "department": ("department", "承办部门"),
        "handler": ("led by", "主办单位"), "forward": ("forward to", "转送"), "channel": ("channel", "办理途径"),
        "tell": ("tell them", "告知"), "due": ("due", "期限"), "place": ("place", "地点"), "persons": ("persons", "人数"), "flags": ("signs", "标记"),
        "review": ("review", "人工复核"), "evidence": ("evidence", "依据"), "model": ("model", "模型"),
    }  # fmt: skip
    yes = [
        text
        for key, text in (("collective", ("collective", "集体")[zh]), ("repeat", ("repeat", "重复")[zh]))
        if record[key]
    ]

    def name_of(code: str) -> str:
        return taxonomy.categories[code].name(lang) if code in taxonomy.categories else code

    pairs = zip(record["candidates"], record["scores"], strict=True)
    words = [f"{item['note']} ({item['weight']:+.2f})" for item in record["evidence"] if item["field"] == "category"]
    rules = [
        f"{item['id']} {item['note']}"
        for item in record["evidence"]
        if item["field"] == "urgency" and item["status"] == "active"
    ]
    values = {
        "category": f"{escape(record['category_name'])} [dim]{escape(record['category'])}[/] {record['confidence']:.0%}",
        "candidates": escape("  ".join(f"{name_of(code)} {score:.0%}" for code, score in pairs)),
        "secondary": escape("  ".join(map(name_of, record["secondary"]))),
        "nature": taxonomy.natures[record["nature"]].name(lang),
        "urgency": " ".join(
            [f"[{_LEVELS[record['urgency']] or 'default'}]{record['urgency']}[/]", record["urgency_advice"]]
        ),
        "department": " + ".join(
            [record["department_name"], *(taxonomy.departments[code].name(lang) for code in record["assisting"])]
        ),
        "channel": f"{record['channel']} ({record['channel_article']})",
        "handler": " · ".join(filter(None, [escape(record["handler"]), record["principle"]])),
        "forward": escape(record["forward"]),
        "tell": record["channel_tell"],
        "due": "  ".join(
            f"{name} {day}{'?' if name in record['due_provisional'] else ''}" for name, day in record["due"].items()
        ),
        "place": escape(record["place"]),
        "persons": str(record["persons"] or ""),
        "flags": ", ".join(yes),
        "review": _reasons(record, lang),
        "evidence": escape("\n".join([", ".join(words), *rules])),
        "model": escape(record["model"]),
    }
    for key, value in values.items():
        if value:
            table.add_row(names[key][zh], value)
    return table


def _many(letters: list[Petition], records: list[dict[str, Any]], lang: str) -> Any:
    from rich.table import Table
    from rich.text import Text

    zh = lang == "zh"

    table = Table(header_style="bold", pad_edge=False)
    heads = (
        ("id", "编号"),
        ("letter", "来信"),
        ("category", "类别"),
        ("conf.", "把握"),
        ("lvl", "级"),
        ("department", "部门"),
        ("look", "复核"),
    )
    for pair in heads:
        # Where there is no room, the long columns are cut, never the short ones.
        table.add_column(
            pair[zh],
            no_wrap=pair[0] in ("id", "conf.", "lvl"),
            justify="right" if pair[0] in ("conf.", "lvl") else "left",
        )

    def cell(text: str) -> Text:
        return Text(text, no_wrap=True, overflow="ellipsis")

    for letter, record in zip(letters, records, strict=True):
        table.add_row(
            cell(record["id"]),
            cell((letter.title or letter.body).replace("\n", " ")[:20]),
            cell(record["category_name"]),
            f"{record['confidence']:.0%}",
            f"[{_LEVELS[record['urgency']] or 'default'}]{record['urgency']}[/]",
            cell(record["department_name"]),
            cell(_reasons(record, lang)),
        )
    return table
