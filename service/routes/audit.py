"""The audit: what was changed by whom, and whether it still stands as it was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service import audit
from service.access import Caller, readable, within_reach
from service.context import ServiceNow
from service.db.tables import AuditRow, Letter
from service.paging import Order, page
from service.schemas import Page
from service.security import CallerNow

__all__ = ["router"]

router = APIRouter(prefix="/v1/audit", tags=["audit"])
_LETTER = "letter:"


class AuditFilters(BaseModel):
    """Which rows; all that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    object: str = Field("", max_length=200, description="Such as `letter:12`.")
    action: str = Field("", max_length=60, description="Such as `letter.decide`, or `letter` for all of its kind.")
    actor: str = Field("", max_length=200, description="Such as `user:7`.")
    since: datetime | None = None
    before: datetime | None = None
    cursor: str = Field("", max_length=500)
    limit: int = Field(100, ge=1, le=500)


class AuditOut(BaseModel):
    """One change; ``withheld`` where its details tell of an accusation that the caller may not read."""

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    withheld: bool
    hash: str


class FaultOut(BaseModel):
    """The first row that does not stand as it was written."""

    seq: int
    reason: str
    detail: str


class VerifiedOut(BaseModel):
    """How many rows stand as they were written, and the hash of the last: noted elsewhere, it cannot be redone."""

    rows: int
    hash: str
    fault: FaultOut | None


@router.get("")
def list_audit(filters: Annotated[AuditFilters, Query()], service: ServiceNow, caller: CallerNow) -> Page[AuditOut]:
    """List changes, the newest first."""
    caller.need("audit")
    with service.database.read() as session:
        order = [Order(AuditRow.seq, falling=True)]
        found, after = page(session, _chosen(filters), order, filters.cursor, filters.limit)
        return Page(items=_shown(session, caller, found), next=after)


def _chosen(filters: AuditFilters) -> Select[AuditRow]:
    rows = select(AuditRow)
    if filters.object:
        rows = rows.where(AuditRow.object == filters.object)
    if filters.action:
        rows = rows.where(_begins(AuditRow.action, filters.action, "."))
    if filters.actor:
        rows = rows.where(_begins(AuditRow.actor, filters.actor, " "))
    if filters.since:
        rows = rows.where(AuditRow.at >= audit.stamp(filters.since))
    if filters.before:
        rows = rows.where(AuditRow.at < audit.stamp(filters.before))
    return rows


def _begins(column: InstrumentedAttribute[str], word: str, stop: str) -> Any:
    return (column == word) | column.startswith(word + stop, autoescape=True)


def _shown(session: Session, caller: Caller, rows: Sequence[AuditRow]) -> list[AuditOut]:
    """Return rows without what the caller must not learn of letters: those that complain of the caller's unit are left
    out, and of accusations stands only that something was done.
    """  # noqa: D205
    numbers = {int(row.object[len(_LETTER) :]) for row in rows if row.object.startswith(_LETTER)}
    named = select(Letter.id).where(Letter.id.in_(numbers))
    known = set(session.scalars(named.where(within_reach(caller))))
    open_ = set(session.scalars(named.where(readable(caller))))
    told = []
    for row in rows:
        number = int(row.object[len(_LETTER) :]) if row.object.startswith(_LETTER) else None
        if number is None or number in known:
            told.append(_out(row, withheld=number is not None and number not in open_))
    return told


def _out(row: AuditRow, withheld: bool) -> AuditOut:
    return AuditOut(
        seq=row.seq,
        at=datetime.fromisoformat(row.at),
        actor=row.actor,
        action=row.action,
        object=row.object,
        before=None if withheld else _json(row.before),
        after=None if withheld else _json(row.after),
        withheld=withheld,
        hash=row.hash,
    )


def _json(cell: str) -> dict[str, Any] | None:
    return dict(json.loads(cell)) if cell else None


@router.get("/verify")
def verify(service: ServiceNow, caller: CallerNow) -> VerifiedOut:
    """Walk the whole chain of rows."""
    caller.need("audit")
    with service.database.read() as session:
        chain = audit.walk(session)
    return VerifiedOut(rows=chain.rows, hash=chain.hash, fault=_fault(chain.fault, service.settings.lang))


def _fault(fault: audit.Fault | None, lang: str) -> FaultOut | None:
    return FaultOut(seq=fault.seq, reason=fault.reason, detail=fault.problem().text(lang)) if fault else None
