"""``triage restore``: a copy of the register back into an empty one, in either database."""

from __future__ import annotations

import argparse
from pathlib import Path

from triage.cli.common import progress


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument(
        "file", metavar="FILE", type=Path, help=("a copy made by triage backup", "triage backup 生成的备份")[zh]
    )


def run(arguments: argparse.Namespace) -> None:
    """Put the copy back and say what came."""
    from service.db import Database
    from service.settings import Settings
    from service.upkeep import restore

    zh = arguments.lang == "zh"
    settings = Settings.load()
    with progress(None, ("rows", "行")[zh]) as bar:
        rows = restore(settings, Database(settings.url), arguments.file, lambda done, total: bar(done))
    told = (
        f"{rows['letters']:,} letters, audit whole ({rows['audit']:,} rows)",
        f"信件 {rows['letters']:,} 封,审计完整({rows['audit']:,} 条)",
    )
    print(f"{arguments.file}: {told[zh]}")
