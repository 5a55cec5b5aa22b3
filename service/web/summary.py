"""The summary of a month, a quarter or a year, from the register: as a page, as XLSX and as a DOCX report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from service import audit
from service.access import Caller, readable, within_reach
from service.context import Service
from service.db.tables import ClerkDecision, Letter
from service.downloads import download
from service.web.figures import villages
from service.web.pages import PageNow, pages
from triage.summary import COLUMNS, Period, Row, Summary, Tally, Words, build, shown, write

__all__ = ["router", "summary_of"]

router = pages()
_SHOWN = ("totals", "rates", "category", "nature", "urgency", "department", "source", "place", "month")
_MONTHS, _QUARTERS, _YEARS = 24, 8, 5
Asked = Annotated[str, Query(max_length=20)]


def summary_of(service: Service, caller: Caller, period: Period, lang: str, today: date) -> Summary:
    """Return the summary of the letters that a caller may read; accusations are counted and nothing else."""
    policy = service.triager.policy
    tally = Tally(period, policy.taxonomy, villages(policy.folder), today)
    spans = [period, period.before, period.year_before]
    wanted = or_(*(and_(Letter.received >= one.first, Letter.received <= one.last) for one in dict.fromkeys(spans)))
    plain = and_(readable(caller), Letter.sealed.is_(False))
    with service.database.read() as session:
        tally.reaches(session.scalar(select(func.min(Letter.received)).where(plain)))
        for row in _rows(session, and_(plain, wanted)):
            tally.add(row)
        closed = select(Letter.received, Letter.nature).where(within_reach(caller), Letter.sealed, wanted)
        for received, nature in session.execute(closed):
            tally.add(Row(received, "", nature, 0, "", False, False, False, sealed=True))
    words = Words(lang)
    notes = []
    if caller.department:
        found = policy.taxonomy.departments.get(caller.department)
        notes.append(words("note_department", department=found.name(lang) if found else caller.department))
    office = policy.office
    name = (office.name if lang == "zh" else office.name_en or office.name) if office else ""
    return build(tally, policy.taxonomy, COLUMNS, lang, words("register"), office=name, notes=notes)


def _rows(session: Session, wanted: Any) -> Iterator[Row]:
    corrected: dict[int, bool] = {}
    decided = select(ClerkDecision.letter_id, ClerkDecision.changes).join(Letter, Letter.id == ClerkDecision.letter_id)
    for letter, changes in session.execute(decided.where(wanted)):
        corrected[letter] = corrected.get(letter, False) or bool(changes)
    query = (
        select(
            Letter.id, Letter.received, Letter.category, Letter.nature, Letter.urgency, Letter.department,
            Letter.collective, Letter.repeat, Letter.needs_review, Letter.place, Letter.source, Letter.status,
            Letter.answered,
            Letter.decision["persons"].label("persons"), Letter.decision["due"].label("due"),
        )
        .where(wanted)
        .execution_options(yield_per=2000)
    )  # fmt: skip
    for one in session.execute(query):
        yield Row(
            received=one.received,
            category=one.category,
            nature=one.nature,
            urgency=one.urgency,
            department=one.department,
            collective=one.collective,
            repeat=one.repeat,
            needs_review=one.needs_review,
            place=one.place,
            persons=one.persons,
            source=one.source,
            status=one.status,
            answered=one.answered.date() if one.answered else None,
            due={name: date.fromisoformat(day) for name, day in (one.due or {}).items()},
            corrected=corrected.get(one.id) if one.status != "open" else None,
        )


def _choices(today: date) -> dict[str, list[Period]]:
    """Return the periods that a page offers, the present one first."""
    found: dict[str, list[Period]] = {"year": [], "quarter": [], "month": []}
    for kind, count in (("year", _YEARS), ("quarter", _QUARTERS), ("month", _MONTHS)):
        period = _holding(kind, today)
        for _ in range(count):
            found[kind].append(period)
            period = period.before
    return found


def _holding(kind: str, day: date) -> Period:
    if kind == "year":
        return Period.parse(f"{day.year}")
    return Period.parse(f"{day.year}-Q{(day.month + 2) // 3}" if kind == "quarter" else f"{day:%Y-%m}")


def _asked(period: str, today: date) -> Period:
    """Return the period asked for; the last month that has ended where none is."""
    return Period.parse(period) if period else _holding("month", today.replace(day=1) - timedelta(days=1))


@router.get("/summary")
def summary_page(page: PageNow, period: Asked = "") -> Response:
    """Show the figures of a period."""
    page.caller.need("statistics")
    today = date.today()
    chosen = _asked(period, today)
    summary = summary_of(page.service, page.caller, chosen, page.lang, today)
    return page.answer(
        "summary.html", summary=summary, chosen=chosen, choices=_choices(today), shown=shown, tables=_tables(summary)
    )


def _tables(summary: Summary) -> list[Any]:
    return [table for key in _SHOWN if (table := summary.table(key)) and table.rows]


@router.get("/summary.{kind}")
def summary_file(kind: Literal["xlsx", "docx"], page: PageNow, period: Asked = "") -> Response:
    """Give the figures of a period as a workbook or as a report."""
    page.caller.need("statistics")
    today = date.today()
    chosen = _asked(period, today)
    summary = summary_of(page.service, page.caller, chosen, page.lang, today)

    def record(session: Session) -> None:
        told = {"period": str(chosen), "kind": kind, "items": summary.counts.items}
        audit.append(session, page.caller.name, "summary.export", "summary", after=told)

    return download(page.service, f"summary-{chosen}.{kind}", partial(write, summary), record)
