"""``triage data check``: every fault of the policy files at once."""

from __future__ import annotations

import argparse


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument("action", choices=("check",), help=("validate every policy file", "校验全部政策文件")[zh])


def run(arguments: argparse.Namespace) -> None:
    """Check and say what is there."""
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
