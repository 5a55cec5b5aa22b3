"""``triage data check``: every fault of the policy files; ``triage data routes``: where example letters go."""

from __future__ import annotations

import argparse
from pathlib import Path


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    text = (
        "check: validate every policy file; routes: route example letters",
        "check:校验全部政策文件;routes:核对示例来信的分流",
    )
    command.add_argument("action", choices=("check", "routes"), help=text[zh])
    text = (
        "with routes: letters and their departments, default samples/routing.csv of the policy folder",
        "用于 routes:来信及应到部门,默认政策目录的 samples/routing.csv",
    )
    command.add_argument("letters", nargs="?", metavar="FILE", help=text[zh])


def run(arguments: argparse.Namespace) -> int:
    """Check, or route; return 1 if a letter goes elsewhere than its row says."""
    return _routes(arguments) if arguments.action == "routes" else _check(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from triage.policy import load_policy

    policy = load_policy(arguments.data)
    taxonomy = policy.taxonomy
    text = (
        "{folder}: no fault; {categories} categories, {departments} departments, {rules} routing rows, {terms} terms",
        "{folder}:没有错误;{categories} 个类别,{departments} 个部门,{rules} 行分流规则,{terms} 个词语",
    )[arguments.lang == "zh"]
    print(
        text.format(
            folder=policy.folder,
            categories=len(taxonomy.categories),
            departments=len(taxonomy.departments),
            rules=len(taxonomy.rules),
            terms=policy.term_count,
        )
    )
    return 0


def _routes(arguments: argparse.Namespace) -> int:
    from triage.config import home, read_csv
    from triage.engine import Triager
    from triage.routing import EXAMPLE_COLUMNS, EXAMPLE_VERSION
    from triage.schema import Petition

    zh = arguments.lang == "zh"
    path = Path(arguments.letters or home(arguments.data) / "samples" / "routing.csv")
    rows = read_csv(path, EXAMPLE_COLUMNS, EXAMPLE_VERSION)
    triager = Triager.load(None, arguments.data, arguments.lang)
    letters = [Petition(row["text"], row["title"], row["id"]) for row in rows]
    wrong = 0
    for row, decision in zip(rows, triager.triage_many(letters), strict=True):
        allowed = {row["department"], *row["also"].split(";")} - {""}
        if decision.department in allowed:
            continue
        wrong += 1
        tried = [item for item in decision.evidence if item.field == "department"]
        trace = " > ".join(item.id + (f"({item.note})" if item.status != "active" else "") for item in tried)
        expected = ("expected {}, got {}", "应到 {},实到 {}")[zh].format(row["department"], decision.department)
        print(f"{row['id']}  {decision.category}  {expected}  {trace}")
    text = ("{} letters, {} as expected, {} elsewhere", "{} 封来信,{} 封相符,{} 封不符")[zh]
    print(text.format(len(rows), len(rows) - wrong, wrong))
    return int(wrong > 0)
