"""Many at once, and a service killed in the middle."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from service import Settings, audit
from service.db import Database, upgrade
from service.db.tables import Account, Key, Letter, LetterDepartment, Suggestion
from service.security import digest
from tests.service.conftest import LETTER, NewDatabase, Office

ROOT = Path(__file__).parents[2]
TOKEN = {"Authorization": "Bearer tk_stress"}


def _key(database: Database) -> None:
    upgrade(database)
    with database.write() as session:
        account = Account(name="stress", role="clerk")
        session.add(account)
        session.flush()
        scopes = ["letters:read", "letters:write", "letters:decide", "statistics", "models:read", "models:write"]
        session.add(Key(name="stress", hash=digest("tk_stress"), account_id=account.id, scopes=scopes))


@contextmanager
def running(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a real service in processes of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, **settings.environment(), "TRIAGE_PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "triage", "serve", "--lang", "en"]
    with open(settings.folder() / "log", "ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx2.get(f"{address}/ready", timeout=2).status_code == 200:
                    break
            except httpx2.TransportError:
                pass
            assert process.poll() is None, (settings.folder() / "log").read_text(encoding="utf-8")
            time.sleep(0.1)
        yield process, address
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _check(database: Database, acknowledged: set[int]) -> None:
    """Hold the register to what must always be so."""
    with database.read() as session:
        letters = {letter.id: letter for letter in session.scalars(select(Letter))}
        assert acknowledged <= set(letters)
        suggested = Counter(session.scalars(select(Suggestion.letter_id)))
        assert suggested == Counter(list(letters))
        leads = Counter(session.scalars(select(LetterDepartment.letter_id).where(LetterDepartment.leads)))
        assert leads == Counter(number for number, letter in letters.items() if letter.department)
        rows, fault = audit.verify(session)
        assert fault is None
        assert rows >= len(letters)
        for letter in letters.values():
            assert letter.decision["id"] == letter.number
            assert letter.decision["category"] == letter.category


def test_five_hundred_mixed_requests_at_once_leave_a_sound_register(office: Office) -> None:
    clerk = office.key(role="clerk")
    first = [office.enter(clerk)["id"] for _ in range(10)]
    counts: Counter[int] = Counter()
    made: list[int] = []
    lock = threading.Lock()

    def one(number: int) -> None:
        chance = random.Random(number)
        kind = chance.choice(["enter", "enter", "read", "list", "decide", "decide", "queue", "search", "count"])
        letter = chance.choice(first)
        client = office.client
        if kind == "enter":
            answer = client.post("/v1/letters", json=LETTER | {"title": f"第{number}封"}, headers=clerk)
        elif kind == "decide":
            tag = client.get(f"/v1/letters/{letter}", headers=clerk).headers["etag"]
            value = chance.choice(["education", "wages", "housing"])
            sent = {"corrections": {"category": {"value": value, "reason": "misread"}}}
            answer = client.post(f"/v1/letters/{letter}/decision", json=sent, headers=clerk | {"If-Match": tag})
        else:
            path = {
                "read": f"letters/{letter}",
                "list": "letters",
                "queue": "queue",
                "search": "letters",
                "count": "statistics",
            }
            query = {"q": "承包地"} if kind == "search" else {}
            answer = client.get(f"/v1/{path[kind]}", params=query, headers=clerk)
        with lock:
            counts[answer.status_code] += 1
            if answer.status_code == 201:
                made.append(answer.json()["id"])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(500)))
    assert set(counts) <= {200, 201, 409}
    assert counts[409] < 200
    assert len(set(made)) == len(made)
    _check(office.service.database, set(first) | set(made))
    with office.service.database.read() as session:
        changed = {letter.id: letter.version for letter in session.scalars(select(Letter).where(Letter.id.in_(first)))}
        told = session.execute(
            select(func.count()).select_from(Letter).where(Letter.id.in_(first), Letter.version > 1)
        ).scalar()
    assert told == sum(version > 1 for version in changed.values()) > 0


@pytest.mark.slow
def test_killed_during_two_thousand_writes_it_keeps_every_letter_it_acknowledged_once(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    settings = Settings(state=tmp_path, database=new_database(), rate=0, waiting=200)
    database = Database(settings.url)
    _key(database)
    acknowledged: dict[str, int] = {}
    todo = iter(range(2000))
    lock = threading.Lock()
    enough = threading.Event()

    def post(address: str) -> None:
        with httpx2.Client(base_url=address, timeout=30) as client:
            while not enough.is_set():
                with lock:
                    number = next(todo, None)
                if number is None:
                    return
                sent = LETTER | {"number": f"S{number}"}
                key = {"Idempotency-Key": f"stress-{number}"}
                try:
                    answer = client.post("/v1/letters", json=sent, headers=TOKEN | key)
                except httpx2.TransportError:
                    return
                if answer.status_code == 201:
                    with lock:
                        acknowledged[f"S{number}"] = answer.json()["id"]
                else:
                    assert answer.status_code in (429, 503), answer.text

    with running(settings) as (process, address):
        with ThreadPoolExecutor(16) as pool:
            clients = [pool.submit(post, address) for _ in range(16)]
            while len(acknowledged) < 700 and not all(client.done() for client in clients):
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGKILL)
            enough.set()
            for client in clients:
                client.result()
        process.wait(10)
    assert len(acknowledged) >= 700
    with running(settings) as (_, address), httpx2.Client(base_url=address, timeout=30) as client:
        for number in random.Random(1).sample(sorted(acknowledged), 50):
            key = {"Idempotency-Key": f"stress-{number[1:]}"}
            again = client.post("/v1/letters", json=LETTER | {"number": number}, headers=TOKEN | key)
            assert (again.status_code, again.json()["id"]) == (201, acknowledged[number])
    _check(database, set(acknowledged.values()))
    with database.read() as session:
        stored = {row[0]: row[1] for row in session.execute(select(Letter.number, Letter.id))}
    assert {number: stored[number] for number in acknowledged} == acknowledged
    database.close()
