"""Work in the background: files of letters and training runs, each done by one process at a time."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from service import audit
from service.access import Caller
from service.db import Database
from service.db.tables import Job, JobReject, now
from service.problems import Problem
from service.settings import Settings

__all__ = [
    "ENDED", "FILES", "GIVEN_UP", "LEDGER", "TRAIN", "Lost", "beat", "cancel", "claim", "create", "draft", "end",
    "folder", "held", "hold", "of_caller", "owned", "place", "rate", "rejects", "requeue", "slots", "waiting",
]  # fmt: skip

FILES = ("register", "ledger")
TRAIN = "train"
ENDED = ("done", "failed", "cancelled")
LEDGER = "ledger.jsonl"
GIVEN_UP = 5  # times that a job is begun without getting on before it counts as failed
_LOOK = 0.05  # seconds
_WHILE = 1.0  # seconds that it takes at most to see whether a lock is held
_SILENT = timedelta(seconds=20)  # without a beat the process is gone, on whichever host it ran


class Lost(Exception):
    """The job was cancelled, or another process works on it."""


def folder(settings: Settings, job: int) -> Path:
    """Return where the files of a job lie."""
    return settings.folder("jobs") / str(job)


def draft(settings: Settings) -> Path:
    """Return a new folder for the files of a job that has no number yet."""
    return Path(tempfile.mkdtemp(prefix=".new-", dir=settings.folder("jobs")))


def create(
    session: Session, settings: Settings, caller: Caller, kind: str, file: Path, options: Mapping[str, Any]
) -> Job:
    """Queue a job whose file lies in a `draft`; the draft becomes the job's folder."""
    job = Job(kind=kind, file=file.name, options=dict(options), by=caller.name, owner=caller.id, result={})
    session.add(job)
    session.flush()
    place = folder(settings, job.id)
    shutil.rmtree(place, ignore_errors=True)  # of a creation that was not kept
    os.replace(file.parent, place)
    audit.append(session, caller.name, "job.create", f"job:{job.id}", after={"kind": kind} | dict(options))
    return job


def of_caller(caller: Caller, kinds: Iterable[str]) -> Select[Job]:
    """Return the jobs that a caller may know of: only their own, where they see only a part of the letters."""
    rows = select(Job).where(Job.kind.in_(tuple(kinds)))
    whole = caller.department is None and not caller.belonging
    return rows if whole else rows.where(Job.owner == caller.id)


def owned(session: Session, caller: Caller, number: int, kinds: Iterable[str], change: bool = False) -> Job:
    """Return one job.

    Raises
    ------
    Problem
        ``not_found``, also where it is not the caller's to know of.
    """
    rows = of_caller(caller, kinds).where(Job.id == number)
    job = session.scalars(rows.with_for_update() if change else rows).one_or_none()
    if job is None:
        raise Problem("not_found", what=f"job {number}")
    return job


def cancel(session: Session, actor: str, job: Job) -> None:
    """Cancel a job: nothing of it is kept any more from this transaction on.

    Raises
    ------
    Problem
        ``job_state`` if it has ended.
    """
    if job.state in ENDED:
        raise Problem("job_state", found=job.state, allowed="queued, running")
    audit.append(session, actor, "job.cancel", f"job:{job.id}", {"state": job.state}, {"done": job.done})
    job.state, job.ended = "cancelled", now()


@contextmanager
def place(settings: Settings, patience: float = 0.0) -> Iterator[bool]:
    """Hold one of the host's places to work, if one is free; the system frees it when the process ends."""
    until = time.monotonic() + patience
    while True:
        slot = next((lock for lock in _slots(settings) if _taken(lock)), None)
        if slot or time.monotonic() >= until:
            break
        time.sleep(_LOOK)  # who only looks whether one is free holds it for a moment too
    try:
        yield slot is not None
    finally:
        if slot:
            slot.release()


@contextmanager
def hold(settings: Settings, job: int) -> Iterator[bool]:
    """Hold a job's files, if they lie here and are free; the system frees them when the process ends."""
    if not folder(settings, job).is_dir():
        yield False
        return
    lock = FileLock(folder(settings, job) / "lock", mode=0o600)
    try:
        lock.acquire(timeout=_WHILE)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def waiting(settings: Settings, database: Database) -> int | None:
    """Return the first queued job whose files lie on this host."""
    with database.read() as session:
        queued = session.scalars(select(Job.id).where(Job.state == "queued").order_by(Job.id)).all()
    return next((number for number in queued if folder(settings, number).is_dir()), None)


def held(settings: Settings, job: int) -> bool:
    """Tell whether a process of this host works on a job."""
    lock = FileLock(folder(settings, job) / "lock", mode=0o600)
    if _taken(lock):
        lock.release()
        return False
    return True


def slots(settings: Settings) -> int:
    """Return how many places to work are free on this host."""
    free = [lock for lock in _slots(settings) if _taken(lock)]
    for lock in free:
        lock.release()
    return len(free)


def _slots(settings: Settings) -> list[FileLock]:
    root = settings.folder("jobs")
    return [FileLock(root / f".slot-{number}", mode=0o600) for number in range(settings.jobs)]


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def claim(database: Database, number: int, runner: str) -> Job | None:
    """Begin a queued job, or one whose process is gone; None if it is another's or has ended."""
    with database.write() as session:
        job = session.get(Job, number, with_for_update=True)
        if job is None or not (job.state == "queued" or (job.state == "running" and _silent(job))):
            return None
        if job.attempts >= GIVEN_UP:
            job.state, job.error, job.ended = "failed", "job_lost", now()
            return None
        job.state, job.runner, job.attempts, job.beat = "running", runner, job.attempts + 1, now()
        job.started = job.started or now()
        job.result = dict(job.result) | {"from": job.done, "since": now().isoformat()}
        return job


def _silent(job: Job) -> bool:
    return job.beat is None or job.beat + _SILENT < now()


def requeue(database: Database, number: int, runner: str) -> None:
    """Put a job back whose process is known to be gone."""
    mine = (Job.id == number, Job.state == "running", Job.runner == runner)
    with database.write() as session:
        session.execute(update(Job).where(*mine).values(state="queued"))


def beat(session: Session, number: int, runner: str, **told: Any) -> bool:
    """Note that the process lives and how far it is; tell whether the job is still its own."""
    mine = (Job.id == number, Job.state == "running", Job.runner == runner)
    done = session.execute(update(Job).where(*mine).values(beat=now(), **told))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def end(
    session: Session,
    job: Job,
    state: str,
    error: str = "",
    result: Mapping[str, Any] | None = None,
) -> None:
    """End a job that is this process's.

    Raises
    ------
    Lost
        If it is not, or no more.
    """
    row = session.get(Job, job.id, with_for_update=True, populate_existing=True)
    if row is None or row.runner != job.runner or row.state != "running":
        raise Lost
    row.state, row.error, row.ended, row.beat = state, error, now(), now()
    row.result = dict(row.result) | dict(result or {})
    told = {"state": state, "done": row.done, "rejects": row.rejects}
    audit.append(session, row.by, "job.end", f"job:{row.id}", after=told)


def rejects(session: Session, settings: Settings, job: Job) -> Iterator[dict[str, Any]]:
    """Yield the letters of a file that were refused, each with its code and the reason, in the file's order."""
    if job.kind == "ledger":
        path = folder(settings, job.id) / f"{LEDGER}.rejects.jsonl"
        if path.is_file():
            with open(path, encoding="utf-8") as file:
                yield from map(json.loads, file)
        return
    rows = select(JobReject).where(JobReject.job_id == job.id).order_by(JobReject.place)
    for row in session.scalars(rows.execution_options(yield_per=500)):
        yield {"place": row.place, "id": row.name, "code": row.code, "reason": row.reason}


def rate(job: Job) -> float:
    """Return letters a second since the job was last begun."""
    since = job.result.get("since")
    if not since:
        return 0.0
    seconds = ((job.ended or now()) - datetime.fromisoformat(since)).total_seconds()
    return round((job.done - job.result.get("from", 0)) / seconds, 1) if seconds > 0 else 0.0
