"""Bring a database to a version of the tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from service.db.base import Database

__all__ = ["downgrade", "opened", "upgrade"]

_LOCK = 7_746_187  # any number of ours: processes that start together migrate one after the other


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, version: str = "head") -> None:
    """Bring the database up to a version, the newest by default."""
    _move(database, version, up=True)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Give a database whose tables are the newest, and let go of it at the end."""
    database = Database(url)
    try:
        upgrade(database)
        yield database
    finally:
        database.close()


def downgrade(database: Database, version: str = "base") -> None:
    """Bring the database down to a version; ``base`` removes every table."""
    _move(database, version, up=False)


def _move(database: Database, version: str, up: bool) -> None:
    with database.engine.connect().execution_options(write=True) as connection, connection.begin():
        if not database.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        (command.upgrade if up else command.downgrade)(_config(connection), version)
