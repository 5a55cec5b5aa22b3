"""A running desk and a real browser; without one, each test says so in a line."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from service import Settings, accounts, create_app
from service.db.tables import Account, Letter

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "一句只有自己知道的话"
_NUMBERS = count(1)


class Desk:
    """A service that listens, and the people who work with it."""

    def __init__(self, service: Any, address: str) -> None:
        self.service, self.address = service, address

    def link(self, role: str) -> tuple[str, str]:
        """Return the name of a new user, and the path of the link that sets the password."""
        name = f"{role}{next(_NUMBERS)}"
        with self.service.database.write() as session:
            return name, f"/setup/{accounts.create(session, 'tests', Account(name=name, role=role))}"

    def sure(self, *bodies: str) -> list[int]:
        """Enter letters that stand without reasons for review."""
        from datetime import date

        from service.letters import Entry, enter, judge, ready
        from triage import Petition

        entries = [Entry(Petition(body, title), date.today()) for title, body in (one.split("|") for one in bodies)]
        decisions = judge(self.service, self.service.triager, [one.letter for one in entries])
        letters = ready(self.service.triager, entries, decisions)
        with self.service.database.write() as session:
            made = enter(self.service, session, self.service.triager, "tests", entries, letters)
            for letter in made:
                letter.needs_review = False
            return [letter.id for letter in made]

    def letter(self, number: int) -> Letter:
        """Return a letter as it stands."""
        with self.service.database.read() as session:
            return session.get_one(Letter, number)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Give a service on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(Settings(state=tmp_path_factory.mktemp("state"), port=port, log_level="error", jobs=0))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield Desk(app.state.service, f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Give a browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests: pip install playwright")
    if not CHROMIUM.exists():
        pytest.skip("no browser tests: apt-get install chromium")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """One browser of one person; at its end nothing may have gone wrong in it."""

    def __init__(self, browser: Any, address: str, **given: Any) -> None:
        self.context = browser.new_context(base_url=address, **given)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda one: self.said.append(one.text) if one.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda one: self.said.append(str(one)))
        self.page.on("request", lambda one: self.asked.append(one.url))

    def enter(self, link: str) -> Any:
        """Set a password by a link."""
        self.page.goto(link)
        self.page.fill("[name=password]", PASSWORD)
        self.page.fill("[name=again]", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: "/setup" not in url)
        return self.page

    def close(self, address: str) -> None:
        """Close it, and hold that nothing was said on the console and no other host was asked."""
        self.context.close()
        assert not self.said
        assert not [url for url in self.asked if not url.startswith((f"{address}/", "data:"))]


@pytest.fixture
def tab(chromium: Any, desk: Desk) -> Iterator[Tab]:
    """Give a browser's tab."""
    made = Tab(chromium, desk.address, viewport={"width": 1280, "height": 860})
    yield made
    made.close(desk.address)


@pytest.fixture(scope="session")
def axe() -> str:
    """Give the program that looks for barriers."""
    return Path(__file__).with_name("vendor").joinpath("axe.min.js").read_text(encoding="utf-8")


def barriers(page: Any, axe: str) -> list[str]:
    """Return what is a serious barrier on a page, in a line each."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {json.dumps([node['html'][:160] for node in one['nodes'][:4]], ensure_ascii=False)}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
