"""Letters over HTTP: how long one takes at a steady rate, and how many two workers take at most.

    python tests/bench/bench_service.py [--seconds 20] [--database URL] [--json]

Prints a table, or JSON with ``--json``. The load comes from a process of its own, one connection a thread.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOKEN = "tk_bench"
_CONNECTION = 5  # about one letter in so many comes over a new connection, as from many clients


def letters(count: int) -> list[bytes]:
    """Return bodies of letters from the corpora, as they are sent."""
    found: list[bytes] = []
    for path in sorted((ROOT / "data" / "corpora").glob("city_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.append(json.dumps({"title": row["title"], "body": row["text"]}).encode())
    return [found[(place * 7919) % len(found)] for place in range(count)]


@contextmanager
def service(workers: int, database: str = "") -> Iterator[int]:
    """Run a service with a key of ours and give its port."""
    sys.path.insert(0, str(ROOT))
    from service import Settings
    from service.db import Database, upgrade
    from service.db.tables import Account, Key
    from service.security import digest

    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = Settings(
            state=Path(folder), database=database, workers=workers, port=port, rate=0, log_level="warning", waiting=256
        )
        register = Database(settings.url)
        upgrade(register)
        with register.write() as session:
            account = Account(name=f"bench-{time.time_ns()}", role="clerk")
            session.add(account)
            session.flush()
            session.query(Key).filter_by(hash=digest(TOKEN)).delete()
            session.add(Key(name="bench", hash=digest(TOKEN), account_id=account.id, scopes=["letters:write"]))
        register.close()
        environment = {**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "triage", "serve"],
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the service did not start")


def load(port: int, rate: float, seconds: float, threads: int, out: Any) -> None:
    """Send letters: at a rate, each at its own time, or with rate 0 as fast as they are taken."""
    bodies = letters(4000)
    times: list[float] = []
    codes: list[int] = []
    lock = threading.Lock()
    started = time.perf_counter() + 0.5
    places = iter(range(10**9))

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        while True:
            with lock:
                place = next(places)
            due = started + place / rate if rate else max(started, time.perf_counter())
            if due > started + seconds or (not rate and time.perf_counter() > started + seconds):
                return
            if (pause := due - time.perf_counter()) > 0:
                time.sleep(pause)
            if not place % _CONNECTION:
                connection.close()  # the next request opens a new one, which the worker that has time takes
            sent = time.perf_counter()
            connection.request("POST", "/v1/letters", bodies[place % len(bodies)], headers)
            answer = connection.getresponse()
            answer.read()
            with lock:
                # A letter that had to wait for a free connection waited for the service.
                times.append(time.perf_counter() - (due if rate else sent))
                codes.append(answer.status)

    pool = [threading.Thread(target=send) for _ in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    out.put((times, codes, time.perf_counter() - started))


def measure(port: int, rate: float, seconds: float, threads: int) -> dict[str, float]:
    """Run the load in a process of its own and return milliseconds and letters a second."""
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    process = context.Process(target=load, args=(port, rate, seconds, threads, out))
    process.start()
    times, codes, took = out.get()
    process.join()
    if set(codes) != {201}:
        raise SystemExit(f"answers other than 201: {sorted(set(codes))}")
    cuts = statistics.quantiles(times, n=1000)
    return {
        "letters": len(times), "per_second": len(times) / took, "p50_ms": cuts[499] * 1e3, "p95_ms": cuts[949] * 1e3,
        "p99_ms": cuts[989] * 1e3,
    }  # fmt: skip


def everything(seconds: float, database: str) -> dict[str, Any]:
    """Return the figures of one worker at a steady rate and of two at full speed."""
    found: dict[str, Any] = {"database": "PostgreSQL" if database else "SQLite"}
    with service(1, database) as port:
        measure(port, 20, 3, 4)  # warm
        found["steady"] = measure(port, 50, seconds, 8)
    with service(2, database) as port:
        measure(port, 20, 3, 4)
        found["full"] = measure(port, 0, seconds, 8)
    return found


def show(found: dict[str, Any]) -> None:
    """Print one aligned table."""
    print(
        f"{'letters over HTTP, ' + found['database']:34}{'letters':>9}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}"
    )
    for name, key in (("one worker, 50 letters/s", "steady"), ("two workers, as fast as taken", "full")):
        row = found[key]
        cells = "".join(f"{row[figure]:9.1f}" for figure in ("per_second", "p50_ms", "p95_ms", "p99_ms"))
        print(f"{name:34}{row['letters']:9,.0f}{cells}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--database", default="", help="URL; SQLite in a temporary folder by default")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    result = everything(given.seconds, given.database)
    if given.json:
        print(json.dumps(result))
    else:
        show(result)
