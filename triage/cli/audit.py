"""``triage audit verify``: whether the register's audit still stands as it was written."""

from __future__ import annotations

import argparse


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    text = ("verify: find any altered or removed row", "verify:查找被改动或删除的记录")[zh]
    command.add_argument("action", choices=("verify",), help=text)
    text = ("the register's database (TRIAGE_DATABASE)", "登记簿数据库(TRIAGE_DATABASE)")[zh]
    command.add_argument("--database", metavar="URL", help=text)


def run(arguments: argparse.Namespace) -> None:
    """Say how many rows stand and the last hash; a row that does not stand is an error that names it."""
    from service import audit
    from service.db import Database
    from service.settings import Settings

    given = {"database": arguments.database} if arguments.database else {}
    database = Database(Settings.load(**given).url)
    try:
        with database.read() as session:
            chain = audit.walk(session)
    finally:
        database.close()
    if chain.fault:
        raise chain.fault.problem()
    text = ("{rows:,} rows stand as they were written; last hash {hash}", "审计记录 {rows:,} 条完整;末条哈希 {hash}")
    print(text[arguments.lang == "zh"].format(rows=chain.rows, hash=chain.hash))
