"""The connection to the database and its transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: SQLite's own pauses do
    fcntl = None  # type: ignore[assignment]

from sqlalchemy import URL, create_engine, event, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

__all__ = ["Database"]

# A writer waits for the one before it; with transactions of some milliseconds nobody gets that far.
_PATIENCE = 20.0


class Database:
    """One database and its pool of connections.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
    """

    def __init__(self, url: str) -> None:
        self.url = _driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._turn = threading.Lock()
        self.engine = self._sqlite() if self.is_sqlite else self._postgresql()

    def _sqlite(self) -> Engine:
        engine = create_engine(self.url, pool_size=20, max_overflow=20, connect_args={"timeout": _PATIENCE})

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _: object) -> None:
            connection.isolation_level = None  # transactions are begun below, not by the driver
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")  # what was acknowledged outlives a power cut
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()

        @event.listens_for(engine, "begin")
        def began(connection: Any) -> None:
            # A reader that turns writer is refused at once if another wrote in between: a writer says so first.
            write = connection.get_execution_options().get("write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _postgresql(self) -> Engine:
        return create_engine(
            self.url, pool_size=20, max_overflow=20, pool_pre_ping=True, connect_args={"connect_timeout": 5}
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the database and changes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are all kept at its end, or none of them."""
        with (
            self._in_turn(),
            self.engine.connect().execution_options(write=True) as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Let writers to SQLite wait for one another here, in this process and in others.

        SQLite itself asks for a lock again after pauses that grow, and meanwhile nobody may hold it; the system wakes
        the next one at once, and lets go of what a killed process held.
        """
        if not self.is_sqlite or fcntl is None:
            yield
            return
        with self._turn, open(f"{self.url.database}.turn", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def ready(self) -> bool:
        """Tell whether the database answers."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception:
            return False
        return True

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def _driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url
