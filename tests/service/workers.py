"""Processes of the service, as they run at an office."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from service import Settings
from service.db import Database, upgrade
from service.db.tables import Account, Key
from service.security import digest


def children(parent: int) -> list[int]:
    """Return the processes that a process started to work on jobs."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if words[2:3] == [b"service.worker"] and above == parent:
                found.append(int(folder.name))
    return found


class Workers:
    """Two processes that serve one register, each on a port of its own."""

    def __init__(self, settings: Settings) -> None:
        self.key = "tk_" + "k" * 40
        database = Database(settings.url)
        upgrade(database)
        with database.write() as session:
            account = Account(name="machine", role="clerk")
            session.add(account)
            session.flush()
            scopes = ["letters:read", "letters:write", "jobs"]
            session.add(Key(name="m", hash=digest(self.key), account_id=account.id, scopes=scopes))
            other = Account(name="analyst", role="analyst")
            session.add(other)
            session.flush()
            session.add(
                Key(name="a", hash=digest(self.key + "a"), account_id=other.id, scopes=["models:read", "models:write"])
            )
        database.close()
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")}
        self.ports = [_free_port() for _ in range(2)]
        self.processes = [
            subprocess.Popen(
                [
                    sys.executable, "-m", "uvicorn", "service.app:create_app", "--factory", "--no-access-log",
                    "--port", str(port),
                ],
                env=own | settings.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for port in self.ports
        ]  # fmt: skip
        for port in self.ports:
            self._wait(port)

    def _wait(self, port: int) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            assert time.monotonic() < end, "a worker did not start"
            time.sleep(0.1)

    def client(self, worker: int, key: str = "") -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.key}{key}"}
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.ports[worker]}", headers=headers, timeout=60)

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
