"""The process that works on jobs: ``python -m service.worker JOB``; started by the service, and it may outlive it."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import DBAPIError, OperationalError

from service import jobs
from service.bundles import Bundles
from service.context import Service
from service.db import Database
from service.db.tables import Job
from service.intake import Intake
from service.logs import LOG, configure
from service.settings import Settings
from service.trainer import train
from triage import InputError, TriageError
from triage.batch import expected_letters, run
from triage.config import home
from triage.intake import Columns

__all__ = ["Beat", "main", "work"]

_BEAT = 1.0  # seconds
_LINGER = 5.0  # seconds
_LOOK = 0.2  # seconds
_NICE = 10  # letters that a person waits for come first
AGAIN = 75  # exit status: the database is gone, try again later


class Beat(threading.Thread):
    """Tells the database how far the process is, and ends it when the job is no longer its own.

    A cancelled job ends within a second or two, whatever it was doing: it keeps whole transactions, and files that are
    moved into place when they are finished.
    """

    def __init__(self, database: Database, job: Job) -> None:
        super().__init__(name="beat", daemon=True)
        self._database, self._job = database, job
        self._ended = threading.Event()
        self._done = 0
        self.told: dict[str, Any] = {}

    def run(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                with self._database.write() as session:
                    told = dict(self.told)
                    if told.get("done", 0) != self._done:  # it got on
                        self._done = told["done"]
                        told["attempts"] = 0
                    ours = jobs.beat(session, self._job.id, self._job.runner, **told)
            except DBAPIError as error:
                LOG.warning("beat", extra={"fault": type(error).__name__, "job": self._job.id})
                continue
            if not ours and not self._ended.is_set():
                LOG.info("job_left", extra={"job": self._job.id})
                os._exit(0)

    def stop(self) -> None:
        """End the beats."""
        self._ended.set()
        self.join()


def work(service: Service, job: Job, beat: Beat) -> dict[str, Any]:
    """Do a job; return what is kept of it."""
    path = jobs.folder(service.settings, job.id) / job.file
    if job.kind == jobs.TRAIN:

        def step(name: str, done: int, total: int) -> None:
            beat.told = {"step": name, "done": done, "total": total or None}

        return train(service, job, path, step)
    beat.told = {"total": expected_letters(path)}
    if job.kind == "register":
        Intake(service, job).run(path)
    else:
        _ledger(service, path, beat)
    return {}


def _ledger(service: Service, path: Path, beat: Beat) -> None:
    output, total = path.with_name(jobs.LEDGER), beat.told["total"]

    def report(letters: int, rejects: int) -> None:
        beat.told = {"total": total, "done": letters, "rejects": rejects}

    def judge() -> None:
        run(path, output, service.triager, Columns.load(home(service.settings.home)), resume=True, report=report)

    try:
        judge()
    except InputError as error:
        if error.code != "output_other":
            raise
        # Another bundle is in use than when the run was broken off: one ledger is of one bundle.
        output.with_name(f"{output.name}.part").unlink(missing_ok=True)
        judge()


def main(first: int) -> int:
    """Work on a job if it is free, then on those that wait; return the exit status.

    A bundle takes seconds to load, so the process waits a little for the next file before it ends.
    """
    os.nice(_NICE)
    settings = Settings.load()
    configure(settings.log_level)
    database = Database(settings.url)
    try:
        with jobs.place(settings, patience=2.0) as free:
            if free:
                _work_off(settings, database, first)
        return 0
    except OperationalError as error:
        LOG.error("job_database", extra={"fault": type(error.orig).__name__})
        return AGAIN
    finally:
        database.close()


def _work_off(settings: Settings, database: Database, first: int) -> None:
    service: Service | None = None
    parent, waited = os.getppid(), time.monotonic()
    number: int | None = first
    try:
        while number or (time.monotonic() - waited < _LINGER and os.getppid() == parent):
            if number is None:
                time.sleep(_LOOK)
            else:
                with jobs.hold(settings, number) as free:
                    job = jobs.claim(database, number, uuid4().hex) if free else None
                    if job:
                        service = _run(settings, database, service, job)
                        waited = time.monotonic()
            number = jobs.waiting(settings, database)
    finally:
        if service:
            service.bundles.stop()


def _run(settings: Settings, database: Database, service: Service | None, job: Job) -> Service | None:
    """Do one job to its end; return what the next one works with."""
    beat = Beat(database, job)
    beat.start()
    state, error, result = "done", "", {}
    try:
        service = service or _service(settings, database)
        result = work(service, job, beat)
    except (OperationalError, jobs.Lost):
        beat.stop()
        raise
    except TriageError as fault:
        # Files of ours have names that say nothing and lie in a folder that is nobody's to know.
        text = fault.text(settings.lang).replace(f"{jobs.folder(settings, job.id)}/", "")
        state, error = "failed", f"{fault.code}: {text}"
    except Exception as fault:
        LOG.error("job", extra={"job": job.id}, exc_info=fault)
        state, error = "failed", f"internal: {type(fault).__name__}"
    beat.stop()
    with database.write() as session:
        if beat.told:
            jobs.beat(session, job.id, job.runner, **beat.told)
        jobs.end(session, job, state, error, result)
    for path in jobs.folder(settings, job.id).glob(f"{job.file}*"):
        path.unlink(missing_ok=True)  # letters as they came in are kept no longer than they are needed
    return service


def _service(settings: Settings, database: Database) -> Service:
    bundles = Bundles(settings, database)
    bundles.start()
    return Service(settings, database, bundles)


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1])))
    except jobs.Lost:
        sys.exit(0)
