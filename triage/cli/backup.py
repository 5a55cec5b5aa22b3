"""``triage backup``: a copy of the register while the service runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from triage.cli.common import progress


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument("file", metavar="FILE", type=Path, help=("the copy, a .zip", "备份文件(.zip)")[zh])


def run(arguments: argparse.Namespace) -> None:
    """Write the copy and say what is in it."""
    from service.db import opened
    from service.settings import Settings
    from service.upkeep import backup

    zh = arguments.lang == "zh"
    settings = Settings.load()
    with opened(settings.url) as database, progress(None, ("rows", "行")[zh]) as bar:
        rows = backup(settings, database, arguments.file, lambda done, total: bar(done))
    told = (
        f"{rows['letters']:,} letters, {rows['audit']:,} rows of audit",
        f"信件 {rows['letters']:,} 封,审计 {rows['audit']:,} 条",
    )
    print(f"{arguments.file}: {told[zh]}")
