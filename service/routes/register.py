"""The register as a whole: queue, statistics, ledger, similar letters, codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service import audit
from service.access import readable, within_reach
from service.context import ServiceNow
from service.db.tables import Letter
from service.downloads import download, row_of, streamed
from service.filters import QUEUE, Filters, FiltersNow, chosen
from service.letters import CORRECTABLE, REASONS, SOURCES
from service.paging import page
from service.schemas import Id, LetterOut, Page, StubOut
from service.security import CallerNow
from service.sight import out, seen
from triage.batch import WRITERS

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["register"])


class PassageOut(BaseModel):
    """A wording that two letters hold: its start and end in the text of this one and of the other."""

    here: list[int]
    there: list[int]


class SimilarOut(BaseModel):
    """An earlier letter, what it is to this one, and the wordings that both hold: here, there."""

    id: int
    number: str
    received: date
    title: str
    score: float
    relation: str
    passages: list[PassageOut]


class StatisticsOut(BaseModel):
    """Counts of the letters a caller may see; of accusations only how many there are."""

    letters: int
    sealed: int
    open: int
    overdue: int
    review: int
    collective: int
    repeat: int
    category: dict[str, int]
    nature: dict[str, int]
    urgency: dict[int, int]
    department: dict[str, int]
    status: dict[str, int]
    day: dict[date, int]


@router.get("/queue", response_model=Page[LetterOut | StubOut])
def queue(filters: FiltersNow, service: ServiceNow, caller: CallerNow) -> Page[LetterOut | StubOut]:
    """List open letters, the most urgent and the next due first."""
    caller.need("letters:read")
    filters = filters.model_copy(update={"status": filters.status or ["open"]})
    with service.database.read() as session:
        found, after = page(session, chosen(session, caller, filters), QUEUE, filters.cursor, filters.limit)
        return Page(items=[out(caller, one) for one in found], next=after)


@router.get("/letters/{letter_id}/similar")
def similar(
    letter_id: Id, service: ServiceNow, caller: CallerNow, limit: Annotated[int, Query(ge=1, le=50)] = 5
) -> list[SimilarOut]:
    """Name earlier letters about the same matter; accusations are left out, and nothing is merged."""
    caller.need("letters:read")
    with service.database.read() as session:
        letter = seen(session, caller, letter_id)
        if letter.sealed:
            return []
        found = service.earlier.query(service.triager, letter, limit * 4)
        rows = select(Letter).where(Letter.id.in_([int(one.id) for one in found]), readable(caller), ~Letter.sealed)
        letters = {row.id: row for row in session.scalars(rows)}
    return [
        SimilarOut(
            id=row.id,
            number=row.number,
            received=row.received,
            title=row.title_masked,
            score=round(one.score, 4),
            relation=one.relation,
            passages=[PassageOut(here=list(here), there=list(there)) for here, there in one.passages],
        )
        for one in found
        if int(one.id) != letter_id and (row := letters.get(int(one.id)))
    ][:limit]


@router.get("/statistics")
def statistics(
    service: ServiceNow, caller: CallerNow, received_from: date | None = None, received_to: date | None = None
) -> StatisticsOut:
    """Count letters."""
    caller.need("statistics")
    with service.database.read() as session:

        def rows(*columns: Any) -> Select[Any]:
            chosen = select(*columns).where(readable(caller), Letter.sealed.is_(False))
            return _between(chosen, received_from, received_to)

        def count(*conditions: Any) -> int:
            return session.scalar(rows(func.count()).where(*conditions)) or 0

        def by(column: Any) -> dict[Any, int]:
            return {row[0]: row[1] for row in session.execute(rows(column, func.count()).group_by(column))}

        sealed = _between(select(func.count()).where(within_reach(caller), Letter.sealed), received_from, received_to)
        today = date.today().isoformat()
        return StatisticsOut(
            letters=count(),
            sealed=session.scalar(sealed) or 0,
            open=count(Letter.status == "open"),
            overdue=count(Letter.due_next < today, Letter.status != "answered"),
            review=count(Letter.needs_review),
            collective=count(Letter.collective),
            repeat=count(Letter.repeat),
            category=by(Letter.category),
            nature=by(Letter.nature),
            urgency=by(Letter.urgency),
            department=by(Letter.department),
            status=by(Letter.status),
            day=dict(sorted(by(Letter.received).items())),
        )


def _between(rows: Select[Any], first: date | None, last: date | None) -> Select[Any]:
    rows = rows.where(Letter.received >= first) if first else rows
    return rows.where(Letter.received <= last) if last else rows


class LedgerFilters(Filters):
    """Which letters, in which kind of file."""

    format: Literal["xlsx", "csv"] = "xlsx"


@router.get("/ledger", response_class=FileResponse)
def ledger(filters: Annotated[LedgerFilters, Query()], service: ServiceNow, caller: CallerNow) -> FileResponse:
    """Export the letters chosen by the filters as a ledger, masked; accusations are left out."""
    caller.need("letters:export")
    filters, format = filters.model_copy(update={"sealed": False}), filters.format
    taken: Counter[str] = Counter()

    def write(path: Path) -> None:
        with service.database.read() as session:
            WRITERS[path.suffix](path, _records(session, chosen(session, caller, filters), taken))

    def record(session: Session) -> None:
        told = filters.model_dump(exclude_defaults=True, exclude={"q"}, mode="json")
        after = {"letters": taken["letters"], "filters": told}
        audit.append(session, caller.name, "ledger.export", "ledger", after=after)

    return download(service, f"ledger-{date.today().isoformat()}.{format}", write, record)


def _records(session: Session, rows: Select[Letter], taken: Counter[str]) -> Iterator[dict[str, Any]]:
    for letter in streamed(session, rows.order_by(Letter.id)):
        taken["letters"] += 1
        answered = letter.answered.date().isoformat() if letter.answered else ""
        yield row_of(letter, status=letter.status, source=letter.source, answered=answered)


@router.get("/taxonomy")
def taxonomy(service: ServiceNow, caller: CallerNow) -> dict[str, Any]:
    """Give the codes of this office: categories, natures, departments, clocks, and the reasons of corrections."""
    caller.need("letters:read", "models:read", "statistics")
    known = service.triager.policy.taxonomy
    return {
        "fingerprint": known.fingerprint,
        "categories": [one.model_dump() for one in known.categories.values()],
        "natures": [one.model_dump() for one in known.natures.values()],
        "clocks": [one.model_dump() for one in known.clocks.values()],
        "urgency": [1, 2, 3, 4],
        "sources": SOURCES,
        "correctable": CORRECTABLE,
        "reasons": REASONS,
    }


@router.get("/departments")
def departments(service: ServiceNow, caller: CallerNow) -> list[dict[str, Any]]:
    """Give the departments that answer."""
    caller.need("letters:read", "models:read", "statistics")
    return [one.model_dump() for one in service.triager.policy.taxonomy.departments.values()]
