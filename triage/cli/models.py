"""``triage models``: which bundles there are, and whether they are whole."""

from __future__ import annotations

import argparse
import json

from triage.cli.common import console, format_option, wants_table


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    command.add_argument("action", choices=("list", "show", "verify"))
    command.add_argument("bundle", nargs="?", help=("bundle folder or shipped name", "模型包目录或随附名称")[zh])
    format_option(command, zh)


def run(arguments: argparse.Namespace) -> None:
    """Print manifests; ``verify`` checks every file's hash, ``show`` adds the figures."""
    from triage.bundle import resolve, verify
    from triage.config import models_home

    if arguments.action == "list" and arguments.bundle is None:
        paths = sorted(path.parent for path in models_home().glob("*/manifest.json"))
    else:
        paths = [resolve(arguments.bundle)]
    records = []
    for path in paths:
        record = {"path": str(path), **verify(path)}
        if arguments.action == "show" and (path / "metrics.json").is_file():
            record["metrics"] = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
        records.append(record)
    if not wants_table(arguments):
        print(json.dumps(records if arguments.action == "list" else records[0], ensure_ascii=False, indent=1))
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold")
    for name in ("name", "version", "letters", "format", "taxonomy", "path"):
        table.add_column(name)
    for record in records:
        table.add_row(
            *(
                escape(str(record.get(name, "")))
                for name in ("name", "version", "letters", "format", "taxonomy", "path")
            )
        )
    screen = console()
    screen.print(table)
    if arguments.action == "verify":
        screen.print("whole" if arguments.lang == "en" else "完好")
    if arguments.action == "show":
        screen.print_json(json.dumps(records[0].get("metrics", {}), ensure_ascii=False))
