"""``triage retain``: anonymise letters that were answered long ago."""

from __future__ import annotations

import argparse

from triage.errors import InputError


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    text = ("days since the answer; TRIAGE_KEEP_DAYS by default", "答复后的天数;默认取 TRIAGE_KEEP_DAYS")[zh]
    command.add_argument("--days", type=int, help=text)


def run(arguments: argparse.Namespace) -> None:
    """Anonymise and say how many."""
    from service.db import opened
    from service.settings import Settings
    from service.upkeep import retain

    settings = Settings.load()
    days = settings.keep_days if arguments.days is None else arguments.days
    if days < 1:
        raise InputError("retain_days", found=days)
    with opened(settings.url) as database:
        count = retain(database, days)
    print((f"{count:,} letters anonymised", f"已匿名化 {count:,} 封")[arguments.lang == "zh"])
