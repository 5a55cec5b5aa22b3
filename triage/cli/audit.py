"""``triage audit verify``: whether the register's audit still stands as it was written."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.audit import Chain


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options."""
    text = ("verify: find any altered or removed row", "verify:查找被改动或删除的记录")[zh]
    command.add_argument("action", choices=("verify",), help=text)
    text = ("the register's database (TRIAGE_DATABASE)", "登记簿数据库(TRIAGE_DATABASE)")[zh]
    command.add_argument("--database", metavar="URL", help=text)


def run(arguments: argparse.Namespace) -> None:
    """Say how many rows stand and the last hash; a row that does not stand is an error that names it."""
    from service.settings import Settings

    given = {"database": arguments.database} if arguments.database else {}
    chain = _walk(Settings.load(**given).url)
    if chain.fault:
        raise chain.fault.problem()
    text = ("{rows:,} rows stand as they were written; last hash {hash}", "审计记录 {rows:,} 条完整;末条哈希 {hash}")
    print(text[arguments.lang == "zh"].format(rows=chain.rows, hash=chain.hash))


def _walk(url: str) -> Chain:
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from service import audit
    from service.db import Database
    from service.problems import Problem

    try:
        database = Database(url)
    except ArgumentError:  # the text of the URL may hold a password
        raise Problem("no_register", url="--database") from None
    shown = database.url.render_as_string(hide_password=True)
    try:
        # SQLite would make the file that is looked for.
        if database.is_sqlite and not Path(database.url.database or "").is_file():
            raise Problem("no_register", url=shown)
        with database.read() as session:
            return audit.walk(session)
    except DBAPIError:
        raise Problem("no_register", url=shown) from None
    finally:
        database.close()
