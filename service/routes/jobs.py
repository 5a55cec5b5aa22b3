"""Files of letters and training runs: begun here, done by processes of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit, jobs
from service.access import Caller
from service.context import Service, ServiceNow
from service.db.tables import Job, Letter
from service.downloads import download, row_of, streamed
from service.filters import Filters, chosen
from service.idempotency import OnceNow
from service.paging import Cursor, Limit, Order, page
from service.problems import Problem
from service.schemas import Id, Page, Text
from service.security import CallerNow
from service.uploads import kept
from triage.batch import WRITERS

__all__ = ["ROUTERS"]

_files = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_runs = APIRouter(prefix="/v1/training-runs", tags=["models"])
ROUTERS = (_files, _runs)
_NEWEST = [Order(Job.id, falling=True)]
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}"
State = Literal["queued", "running", "done", "failed", "cancelled"]
Column = Annotated[Text, Form(max_length=200)]


class ErrorOut(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class WorkOut(BaseModel):
    """Work in the background and how far it is."""

    id: int
    state: State
    by: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    done: int
    total: int | None = Field(description="About how many there are; null where only reading them would tell.")
    error: ErrorOut | None


class JobOut(WorkOut):
    """A file of letters; ``done`` counts letters and rejects, ``rate`` is letters a second since it was last begun."""

    kind: Literal[jobs.FILES]  # type: ignore[valid-type]
    file: str = Field(description="Ending of the file's name; the name itself may be a person's and is not kept.")
    rejects: int
    rate: float


class RunOut(WorkOut):
    """A training run; ``done`` of ``total`` steps of what ``step`` names, and at its end the figures of its bundle."""

    name: str = Field(description="Name of the bundle.")
    step: str
    metrics: dict[str, Any] | None


def _common(job: Job) -> dict[str, Any]:
    code, _, detail = job.error.partition(": ")
    names = ("id", "state", "by", "created", "started", "ended", "done", "total")
    error = ErrorOut(code=code, detail=detail) if job.error else None
    return {name: getattr(job, name) for name in names} | {"error": error}


def _job_out(job: Job) -> JobOut:
    return JobOut(
        **_common(job), kind=job.kind, file=job.options["file"], rejects=job.rejects, rate=jobs.rate(job)
    )  # fmt: skip


def _run_out(job: Job) -> RunOut:
    return RunOut(**_common(job), name=job.options["name"], step=job.step, metrics=job.result.get("metrics"))


def _start(
    service: Service, caller: Caller, once: OnceNow, file: UploadFile, kind: str, options: dict[str, Any]
) -> Any:
    """Keep the file and queue its job; return what answers the request."""
    folder = jobs.draft(service.settings)
    told = {"file": Path(file.filename or "").suffix.lower()[:20]} | options

    def work(session: Session) -> tuple[BaseModel, dict[str, str]]:
        if kind == jobs.TRAIN:
            _free(session, service, options["name"])
        job = jobs.create(session, service.settings, caller, kind, path, told)
        shown = _run_out(job) if kind == jobs.TRAIN else _job_out(job)
        return shown, {"Location": f"/v1/{'training-runs' if kind == jobs.TRAIN else 'jobs'}/{job.id}"}

    try:
        path = kept(service, file, folder)
        return once.do(work)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # moved away if the job was made


def _free(session: Session, service: Service, name: str) -> None:
    running = select(Job).where(Job.kind == jobs.TRAIN, Job.state.in_(("queued", "running"))).with_for_update()
    names = {job.options["name"] for job in session.scalars(running)}
    if name in names or name in dict(service.bundles.known()):
        raise Problem("exists", what="bundle", name=name)


@_files.post("", status_code=201, response_model=JobOut)
def start_job(
    file: UploadFile,
    service: ServiceNow,
    caller: CallerNow,
    once: OnceNow,
    kind: Annotated[Literal[jobs.FILES], Form()] = "register",  # type: ignore[valid-type]
) -> Response:
    """Take a file of letters: ``register`` enters them, ``ledger`` only judges them and makes a ledger."""
    caller.need("jobs")
    if kind == "register":
        caller.need("letters:write")
    return once.earlier() or _start(service, caller, once, file, kind, {})


@_files.get("")
def list_jobs(service: ServiceNow, caller: CallerNow, cursor: Cursor = "", limit: Limit = 50) -> Page[JobOut]:
    """List the files that were sent, the newest first."""
    caller.need("jobs")
    with service.database.read() as session:
        found, after = page(session, jobs.of_caller(caller, jobs.FILES), _NEWEST, cursor, limit)
        return Page(items=[_job_out(job) for job in found], next=after)


@_files.get("/{job_id}")
def read_job(job_id: Id, service: ServiceNow, caller: CallerNow) -> JobOut:
    """Tell how far a file is."""
    caller.need("jobs")
    with service.database.read() as session:
        return _job_out(jobs.owned(session, caller, job_id, jobs.FILES))


@_files.post("/{job_id}/cancel")
def cancel_job(job_id: Id, service: ServiceNow, caller: CallerNow) -> JobOut:
    """Cancel a file: letters that were entered stay, no further one is."""
    caller.need("jobs")
    with service.database.write() as session:
        job = jobs.owned(session, caller, job_id, jobs.FILES, change=True)
        jobs.cancel(session, caller.name, job)
        return _job_out(job)


@_files.get("/{job_id}/result", response_class=FileResponse)
def job_result(
    job_id: Id,
    service: ServiceNow,
    caller: CallerNow,
    part: Literal["ledger", "rejects"] = "ledger",
    format: Literal["xlsx", "csv", "jsonl"] = "xlsx",
) -> FileResponse:
    """Give a file's ledger as XLSX, CSV or JSON lines, or what was refused as JSON lines.

    Personal data is masked. Accusations are in it only for those who may read them.
    """
    caller.need("jobs")
    format = "jsonl" if part == "rejects" else format

    def write(path: Path) -> None:
        with service.database.read() as session:
            job = jobs.owned(session, caller, job_id, jobs.FILES)
            WRITERS[path.suffix](path, _records(service, session, caller, job, part))

    def record(session: Session) -> None:
        audit.append(session, caller.name, "job.result", f"job:{job_id}", after={"part": part})

    return download(service, f"job-{job_id}-{part}.{format}", write, record)


def _records(service: Service, session: Session, caller: Caller, job: Job, part: str) -> Iterator[dict[str, Any]]:
    if part == "rejects":
        return jobs.rejects(session, service.settings, job)
    if job.state not in jobs.ENDED:
        raise Problem("job_state", found=job.state, allowed=", ".join(jobs.ENDED))
    if job.kind == "register":
        caller.need("letters:export")
        return _entered(session, caller, job)
    path = jobs.folder(service.settings, job.id) / jobs.LEDGER
    if not path.is_file():
        raise Problem("not_found", what=f"job {job.id}: ledger")
    return _judged(service, caller, path)


def _entered(session: Session, caller: Caller, job: Job) -> Iterator[dict[str, Any]]:
    for sealed in (False, True)[: 1 + caller.may("letters:sealed")]:
        rows = chosen(session, caller, Filters.model_validate({"job": job.id, "sealed": sealed})).order_by(
            Letter.job_row
        )
        yield from map(row_of, streamed(session, rows))


def _judged(service: Service, caller: Caller, path: Path) -> Iterator[dict[str, Any]]:
    natures, sees = service.triager.policy.taxonomy.natures, caller.may("letters:sealed")
    with open(path, encoding="utf-8") as file:
        for line in file:
            record: dict[str, Any] = json.loads(line)
            nature = natures.get(record["nature"])
            if sees or (nature and not nature.closed):
                yield record


@_runs.post("", status_code=201, response_model=RunOut)
def start_training(
    file: UploadFile,
    service: ServiceNow,
    caller: CallerNow,
    once: OnceNow,
    name: Annotated[str, Form(pattern=f"^{_NAME}$", description="Name of the bundle that comes out.")],
    label_column: Annotated[Text, Form(min_length=1, max_length=200)],
    text_column: Column = "",
    title_column: Column = "",
    group_column: Column = "",
    time_column: Column = "",
    nature_column: Annotated[
        Text, Form(max_length=200, description="Names accusations, which are left out.")
    ] = "nature",
) -> Response:
    """Train a bundle on a labelled table; it is in use only when it is promoted.

    Accusations are left out unless the caller may read them: rows whose nature says so, and where the table names no
    nature, letters that read so.
    """
    caller.need("train")
    columns = {"text": text_column, "title": title_column, "group": group_column, "time": time_column}
    options = {"name": name, "label": label_column, "nature": nature_column, "sealed": caller.may("letters:sealed")}
    options |= {part: column for part, column in columns.items() if column}
    return once.earlier() or _start(service, caller, once, file, jobs.TRAIN, options)


@_runs.get("")
def list_training(service: ServiceNow, caller: CallerNow, cursor: Cursor = "", limit: Limit = 50) -> Page[RunOut]:
    """List training runs, the newest first."""
    caller.need("train")
    with service.database.read() as session:
        found, after = page(session, jobs.of_caller(caller, [jobs.TRAIN]), _NEWEST, cursor, limit)
        return Page(items=[_run_out(job) for job in found], next=after)


@_runs.get("/{job_id}")
def read_training(job_id: Id, service: ServiceNow, caller: CallerNow) -> RunOut:
    """Tell how far a training run is, and at its end how good its bundle is."""
    caller.need("train")
    with service.database.read() as session:
        return _run_out(jobs.owned(session, caller, job_id, [jobs.TRAIN]))


@_runs.post("/{job_id}/cancel")
def cancel_training(job_id: Id, service: ServiceNow, caller: CallerNow) -> RunOut:
    """Cancel a training run: no bundle comes of it."""
    caller.need("train")
    with service.database.write() as session:
        job = jobs.owned(session, caller, job_id, [jobs.TRAIN], change=True)
        jobs.cancel(session, caller.name, job)
        return _run_out(job)
