"""The filters of lists, queue and ledger."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, and_, exists, false, select
from sqlalchemy.orm import Session

from service.access import Caller, readable, within_reach
from service.db import search
from service.db.tables import Letter, LetterDepartment
from service.paging import Order
from service.schemas import Text

__all__ = ["QUEUE", "Filters", "FiltersNow", "chosen"]

# The most urgent and the next due first.
QUEUE = (Order(Letter.urgency, falling=True), Order(Letter.due_next), Order(Letter.id))

Code = Annotated[Text, Field(max_length=80)]
Level = Annotated[int, Field(ge=1, le=4)]


class Filters(BaseModel):
    """Which letters; all that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    q: Text = Field("", max_length=200, description="Words or runs of characters that the letter holds.")
    status: list[Literal["open", "decided", "answered"]] = []
    category: list[Code] = Field([], max_length=100)
    nature: list[Code] = Field([], max_length=100)
    urgency: list[Level] = Field([], max_length=4)
    department: list[Code] = Field([], max_length=100, description="Leading or assisting.")
    place: Text = Field("", max_length=300, description="Part of the place's name.")
    received_from: date | None = None
    received_to: date | None = None
    overdue_on: date | None = Field(None, description="Letters whose next date lies before this day.")
    needs_review: bool | None = None
    collective: bool | None = None
    repeat: bool | None = None
    sealed: bool = Field(False, description="Accusations alone; who may not read them sees number, date and class.")
    job: int | None = Field(None, ge=1, lt=2**31)
    cursor: str = Field("", max_length=500)
    limit: int = Field(50, ge=1, le=500)


FiltersNow = Annotated[Filters, Query()]


def chosen(session: Session, caller: Caller, filters: Filters, stubs: bool = False) -> Select[Letter]:
    """Return the selection of the letters that a caller asks for and may have.

    Parameters
    ----------
    stubs : bool
        Sealed letters that the caller may not read are named too, where ``sealed`` alone is asked for: a filter by
        content would tell of them.
    """
    plain = filters.model_dump(
        exclude={"cursor", "limit", "sealed", "received_from", "received_to"}, exclude_defaults=True
    )
    may_read = caller.may("letters:sealed")
    reach = within_reach(caller) if stubs and filters.sealed and not plain else readable(caller)
    rows = select(Letter).where(reach, Letter.sealed.is_(filters.sealed))
    if filters.sealed and not may_read and not stubs:
        return rows.where(false())
    wanted: list[Any] = []
    for name in ("status", "category", "nature", "urgency"):
        if values := getattr(filters, name):
            wanted.append(getattr(Letter, name).in_(values))
    for name in ("needs_review", "collective", "repeat"):
        if (value := getattr(filters, name)) is not None:
            wanted.append(getattr(Letter, name).is_(value))
    if filters.department:
        part = exists().where(
            LetterDepartment.letter_id == Letter.id, LetterDepartment.department.in_(filters.department)
        )
        wanted.append(part)
    if filters.place:
        wanted.append(Letter.place.contains(filters.place, autoescape=True))
    if filters.received_from:
        wanted.append(Letter.received >= filters.received_from)
    if filters.received_to:
        wanted.append(Letter.received <= filters.received_to)
    if filters.overdue_on:
        wanted.append(and_(Letter.due_next < filters.overdue_on.isoformat(), Letter.status != "answered"))
    if filters.job:
        wanted.append(Letter.job_id == filters.job)
    if filters.q.strip():
        found = search.matching(session, filters.q)
        wanted.append(false() if found is None else Letter.id.in_(found))
    return rows.where(*wanted)
