"""What is done beside requests by one process of a host: jobs, webhooks, the index of earlier letters, old rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import delete, select

from service import jobs
from service.context import Service
from service.db.tables import Delivery, Idempotent, Job, Link, LoginSession, WrongLogin, now
from service.logs import LOG
from service.settings import Settings
from service.webhooks import Sender

__all__ = ["Housekeeper", "Jobs", "drop_old"]

_EVERY = 0.5  # seconds
_OLD_EVERY = 300.0  # seconds
_LONGEST_PAUSE = 60.0  # seconds
_DAY = timedelta(days=1)
_MONTH = timedelta(days=30)
_UPLOAD_HOURS = 24


class Jobs:
    """Starts processes for queued jobs and queues those again whose process is gone."""

    def __init__(self, service: Service) -> None:
        self._service, self._settings = service, service.settings
        self._children: list[subprocess.Popen[bytes]] = []
        self._failures, self._not_before = 0, 0.0

    def tick(self) -> None:
        """Look once."""
        self._reap()
        with self._service.database.read() as session:
            running = session.execute(select(Job.id, Job.runner).where(Job.state == "running")).all()
        for row in running:
            here = jobs.folder(self._settings, row.id).is_dir()  # several hosts may share a database
            if here and not jobs.held(self._settings, row.id):
                LOG.warning("job_again", extra={"job": row.id})
                jobs.requeue(self._service.database, row.id, row.runner)
        # A process that was started works off what waits: another is needed only where places are free.
        if len(self._children) < self._settings.jobs and time.monotonic() >= self._not_before:
            first = jobs.waiting(self._settings, self._service.database)
            if first is not None and jobs.slots(self._settings):
                self._children.append(self._start(first))

    def stop(self) -> None:
        """End the processes; what they do goes on at the next start."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()

    def _reap(self) -> None:
        for child in list(self._children):
            status = child.poll()
            if status is None:
                continue
            self._children.remove(child)
            self._failures = self._failures + 1 if status > 0 else 0
            if status > 0:  # by itself, so it may be of use to wait
                pause = min(_LONGEST_PAUSE, 0.5 * 2**self._failures)
                self._not_before = time.monotonic() + pause
                LOG.warning("job_process", extra={"status": status})

    def _start(self, job: int) -> subprocess.Popen[bytes]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")}
        return subprocess.Popen(
            [sys.executable, "-m", "service.worker", str(job)],
            env=own | self._settings.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


def drop_old(service: Service) -> None:
    """Drop what nobody needs any more: rows, uploads that were broken off, files of ended jobs."""
    settings, moment = service.settings, now()
    last_seen = moment - timedelta(hours=settings.session_hours)
    with service.database.write() as session:
        session.execute(delete(Idempotent).where(Idempotent.at < moment - _DAY))
        session.execute(delete(LoginSession).where(LoginSession.seen < last_seen))
        session.execute(delete(Link).where(Link.expires < moment))
        session.execute(delete(WrongLogin).where(WrongLogin.at < moment - _DAY))
        session.execute(delete(Delivery).where(Delivery.state != "due", Delivery.created < moment - _MONTH))
        old = select(Job.id).where(Job.ended < moment - timedelta(days=settings.job_days))
        ended = set(session.scalars(old))
    for path in settings.folder("jobs").iterdir():
        if path.name.isdigit() and int(path.name) in ended:
            shutil.rmtree(path, ignore_errors=True)
    for path in (*settings.folder("uploads").iterdir(), *settings.folder("jobs").glob(".new-*")):
        if path.stat().st_mtime < time.time() - _UPLOAD_HOURS * 3600:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class Housekeeper:
    """One thread of each process; the one that holds the lock works.

    The system frees the lock when the process ends, however it ends, and another process takes it within a second.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ended = threading.Event()
        self._lock = _lock(service.settings)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to wait for the lock."""
        self._run("housekeeping", self._keep)

    def stop(self) -> None:
        """End what was begun and free the lock."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _keep(self) -> None:
        while not self._ended.is_set():
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                self._ended.wait(_EVERY)
                continue
            try:
                self._work()
            finally:
                self._lock.release()

    def _work(self) -> None:
        service, children = self._service, Jobs(self._service)
        sender = Sender(service.settings, service.database)
        sending = self._run("webhooks", lambda: self._repeat({"webhooks": lambda: sender.send_due() > 0}))
        feeding = self._run(
            "earlier", lambda: self._repeat({"earlier": lambda: service.earlier.feed(service.triager) > 0})
        )
        last = -_OLD_EVERY

        def old() -> bool:
            nonlocal last
            if time.monotonic() - last >= _OLD_EVERY:
                drop_old(service)
                last = time.monotonic()
            return False

        def begin() -> bool:
            children.tick()
            return False

        try:
            self._repeat({"jobs": begin, "old": old})
        finally:
            children.stop()
            sending.join()
            feeding.join()

    def _repeat(self, duties: dict[str, Callable[[], bool]]) -> None:
        """Do duties again and again until the end; one that tells of more work is not kept waiting."""
        while not self._ended.is_set():
            more = False
            for name, duty in duties.items():
                try:
                    more = duty() or more
                except Exception as error:  # the database may be gone for a while
                    LOG.warning("housekeeping", extra={"duty": name, "fault": type(error).__name__})
                    self._ended.wait(2.0)
            if not more:
                self._ended.wait(_EVERY)


def _lock(settings: Settings) -> FileLock:
    return FileLock(settings.folder() / "housekeeper.lock", mode=0o600)
