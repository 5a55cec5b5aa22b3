"""``triage explain``: the evidence of one letter, marked and counted."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from triage.cli.common import columns, console, format_option, is_file, load, model_option, wants_table
from triage.schema import Petition

_TOP = 12
_COLOURS = {
    "category": "black on bright_yellow",
    "urgency": "white on red",
    "collective": "black on cyan",
    "repeat": "black on green",
}


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument("letter", metavar="TEXT", help=("a letter, a text file, or -", "来信文字、文本文件或 -")[zh])
    command.add_argument("--title", default="", help=("the letter's title", "来信标题")[zh])
    format_option(command, zh)
    model_option(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Print every score's parts and every rule seen."""
    path = is_file(arguments.letter)
    petition = Petition(body=arguments.letter, title=arguments.title)
    if arguments.letter == "-":
        petition = replace(petition, body=sys.stdin.buffer.read().decode("utf-8", errors="replace"))
    elif path is not None:
        from triage.intake import read_letters

        petition = next(read_letters(path, columns(arguments)))
        petition = replace(petition, title=arguments.title or petition.title)
    triager = load(arguments)
    explanation = triager.explain(petition)
    if not wants_table(arguments):
        print(json.dumps(explanation, ensure_ascii=False, indent=1))
        return
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    zh = arguments.lang == "zh"
    screen = console()
    marked = Text(petition.text)
    for item in explanation["evidence"]:
        if item["span"] and item["field"] in _COLOURS:
            style = _COLOURS[item["field"]] if item["status"] == "active" else "strike"
            marked.stylize(style, *item["span"])
    screen.print(marked, "")
    for score in explanation["scores"]:
        table = Table(
            title=f"{escape(score['code'])}  {score['probability']:.1%}  margin {score['margin']:+.3f}",
            title_justify="left",
        )
        table.add_column(("word", "词")[zh])
        table.add_column(("block", "特征块")[zh])
        table.add_column(("adds", "贡献")[zh], justify="right")
        for part in score["parts"][:_TOP]:
            table.add_row(escape(part["word"]), part["block"], f"{part['weight']:+.4f}")
        rest = sum(part["weight"] for part in score["parts"][_TOP:])
        table.add_row(("all others", "其余")[zh], "", f"{rest:+.4f}")
        table.add_row(("intercept", "截距")[zh], "", f"{score['intercept']:+.4f}")
        screen.print(table)
    rules = Table(title=("rules", "规则")[zh], title_justify="left")
    for name in (("rule", "规则"), ("status", "状态"), ("found", "原文"), ("meaning", "含义")):
        rules.add_column(name[zh])
    for item in explanation["evidence"]:
        if item["source"] == "rule":
            found = petition.text[slice(*item["span"])] if item["span"] else ""
            rules.add_row(item["id"], item["status"], escape(found), escape(item["note"]))
    screen.print(rules)
