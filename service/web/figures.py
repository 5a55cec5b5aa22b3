"""The figures of the dashboard: counted by the database, of the letters that a caller may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from service.access import Caller, readable
from service.db.tables import NEVER, Letter
from triage.summary import Villages

__all__ = ["Figures", "Hot", "figures", "villages"]

SOON = timedelta(days=7)
WEEK = timedelta(days=7)
_WEEKS = 4  # before the week that is looked at
_LEAST = 2  # letters that make a topic
_HOTTEST = 10


class Hot(NamedTuple):
    """Letters of one category and place in a week, and the mean of the weeks before."""

    category: str
    place: str
    letters: int
    before: float

    @property
    def rise(self) -> float:
        return self.letters - self.before


@dataclass(frozen=True)
class Figures:
    """What the charts are drawn from; accusations are in none of it.

    Attributes
    ----------
    received, answered : Mapping of date to int
        By day, within the range.
    backlog : int
        Letters that were not answered before the range began.
    departments : Mapping of str to (int, int)
        Letters, and overdue ones.
    places : Counter
        By village; ``""`` where no village is named.
    due : Mapping of str to int
        Letters without an answer: ``late``, ``soon``, ``later``, ``none``.
    hot : list of Hot
        Of the seven days up to the end of the range.
    """

    received: Mapping[date, int]
    answered: Mapping[date, int]
    backlog: int
    departments: Mapping[str, tuple[int, int]]
    places: Counter[str]
    due: Mapping[str, int]
    hot: list[Hot]


@lru_cache(maxsize=4)
def villages(folder: Path) -> Villages:
    """Return what cuts places down to their village."""
    return Villages(folder)


def figures(
    session: Session, caller: Caller, first: date, last: date, today: date, village: Callable[[str], str]
) -> Figures:
    """Count the letters received from ``first`` to ``last``."""
    mine = and_(readable(caller), Letter.sealed.is_(False))
    within = and_(mine, Letter.received >= first, Letter.received <= last)
    late = and_(Letter.due_next < today.isoformat(), Letter.status != "answered")
    by_department = (
        select(Letter.department, func.count(), func.sum(case((late, 1), else_=0)))
        .where(within)
        .group_by(Letter.department)
    )
    places: Counter[str] = Counter()
    for place, count in session.execute(select(Letter.place, func.count()).where(within).group_by(Letter.place)):
        places[village(place)] += count
    return Figures(
        received=_by(session, Letter.received, within),
        answered=_answered(session, mine, first, last),
        backlog=_backlog(session, mine, first),
        departments={row[0]: (row[1], int(row[2])) for row in session.execute(by_department)},
        places=places,
        due=_due(session, within, today),
        hot=_hot(session, mine, last, village),
    )


def _by(session: Session, column: Any, *conditions: ColumnElement[bool]) -> dict[Any, int]:
    rows = select(column, func.count()).where(*conditions).group_by(column)
    return {row[0]: row[1] for row in session.execute(rows)}


def _answered(session: Session, mine: ColumnElement[bool], first: date, last: date) -> dict[date, int]:
    day = func.date(Letter.answered)  # text in SQLite, a date in PostgreSQL
    found = _by(session, day, mine, Letter.answered.is_not(None))
    days = {date.fromisoformat(str(text)[:10]): count for text, count in found.items()}
    return {one: count for one, count in days.items() if first <= one <= last}


def _backlog(session: Session, mine: ColumnElement[bool], first: date) -> int:
    """Return the letters that came before a day and were not answered before it."""
    came = session.scalar(select(func.count()).select_from(Letter).where(mine, Letter.received < first)) or 0
    gone = select(func.count()).select_from(Letter).where(mine, func.date(Letter.answered) < _day(session, first))
    return came - (session.scalar(gone) or 0)


def _day(session: Session, day: date) -> Any:
    return day.isoformat() if session.get_bind().dialect.name == "sqlite" else day


def _due(session: Session, within: ColumnElement[bool], today: date) -> dict[str, int]:
    state = case(
        (Letter.due_next == NEVER, "none"),
        (Letter.due_next < today.isoformat(), "late"),
        (Letter.due_next <= (today + SOON).isoformat(), "soon"),
        else_="later",
    )
    found = _by(session, state, within, Letter.status != "answered")
    return {name: found.get(name, 0) for name in ("late", "soon", "later", "none")}


def _hot(session: Session, mine: ColumnElement[bool], last: date, village: Callable[[str], str]) -> list[Hot]:
    """Return the topics that rose most in the week up to ``last``, against the mean of the four weeks before."""
    begun = last - WEEK
    now, before = (
        _topics(session, mine, village, after, until)
        for after, until in ((begun, last), (begun - _WEEKS * WEEK, begun))
    )
    found = [Hot(*key, count, before[key] / _WEEKS) for key, count in now.items() if count >= _LEAST]
    rising = [one for one in found if one.rise > 0]
    return sorted(rising, key=lambda one: (-one.rise, -one.letters, one.category, one.place))[:_HOTTEST]


def _topics(
    session: Session, mine: ColumnElement[bool], village: Callable[[str], str], after: date, until: date
) -> Counter[tuple[str, str]]:
    rows = (
        select(Letter.category, Letter.place, func.count())
        .where(mine, Letter.received > after, Letter.received <= until, Letter.place != "")
        .group_by(Letter.category, Letter.place)
    )
    found: Counter[tuple[str, str]] = Counter()
    for category, place, count in session.execute(rows):
        if name := village(place):
            found[category, name] += count
    return found
