"""Counting letters while they pass: flat memory however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta

from triage.summary.periods import Period
from triage.summary.rows import Row
from triage.taxonomy import Taxonomy

__all__ = ["GROUPS", "Counts", "Share", "Tally"]

GROUPS = ("category", "nature", "urgency", "department", "source", "place")
_SOON = timedelta(days=7)


@dataclass(slots=True)
class Share:
    """So many of so many."""

    part: int = 0
    whole: int = 0

    def add(self, counts: bool) -> None:
        """Count one more of the whole, and of the part if it counts."""
        self.whole += 1
        self.part += counts


@dataclass
class Counts:
    """The counts of one period.

    ``items`` and ``sealed`` count letters; every other count leaves accusations out.

    Attributes
    ----------
    persons : int
        Person-times: petitioners of the letters that tell how many; ``persons_of`` counts these letters.
    largest : int
        Petitioners of the letter with most.
    items_by, persons_by : dict
        By group, code to letters and to petitioners.
    groups : Counter
        Letters by category and place.
    completion, timely : Share
        Answered of those that should be, and answered in time of them.
    days : list of int
        Days to the answer in all, and over how many letters.
    """

    items: int = 0
    sealed: int = 0
    persons: int = 0
    persons_of: int = 0
    largest: int = 0
    joint_persons: int = 0
    overdue: int = 0
    soon: int = 0
    repeat: Share = field(default_factory=Share)
    joint: Share = field(default_factory=Share)
    review: Share = field(default_factory=Share)
    answered: Share = field(default_factory=Share)
    completion: Share = field(default_factory=Share)
    timely: Share = field(default_factory=Share)
    accepted: Share = field(default_factory=Share)
    days: list[int] = field(default_factory=lambda: [0, 0])
    by_day: Counter[date] = field(default_factory=Counter)
    items_by: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in GROUPS})
    persons_by: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in GROUPS})
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def plain(self) -> int:
        """Letters that are no accusations."""
        return self.items - self.sealed


class Tally:
    """Counts letters into a period, the one before and the same one a year before.

    Parameters
    ----------
    period : Period or None
        None counts every letter into one span and compares with nothing.
    taxonomy : Taxonomy
        Its clocks say which dates run from acceptance.
    village : callable
        Cuts a place down to its village.
    today : date
        What is overdue is so on this day.
    """

    def __init__(
        self, period: Period | None, taxonomy: Taxonomy, village: Callable[[str], str], today: date
    ) -> None:
        self.period, self.today = period, today
        self.now = Counts()
        self.before: Counts | None = Counts() if period else None
        self.year_before = Counts() if period and period.kind != "year" else self.before
        self.first: date | None = None
        self.last: date | None = None
        self.undated = 0
        self._village = village
        self._closing = frozenset(code for code, one in taxonomy.clocks.items() if one.start == "accepted")
        self._early = frozenset(code for code, one in taxonomy.clocks.items() if one.start == "received")

    def reaches(self, day: date | None) -> None:
        """Note a day on which a letter came: what lies before the first one is unknown, not nothing."""
        if day is not None:
            self.first = day if self.first is None else min(self.first, day)
            self.last = day if self.last is None else max(self.last, day)

    def add(self, row: Row) -> None:
        """Count one letter."""
        day = row.received
        self.undated += day is None
        self.reaches(day)
        if self.period is None:
            self._count(self.now, row)
        elif day is not None:
            period = self.period
            if period.holds(day):
                self._count(self.now, row)
            elif self.before is not None and period.before.holds(day):
                self._count(self.before, row)
            elif self.year_before is not None and period.year_before.holds(day):
                self._count(self.year_before, row)

    def _count(self, counts: Counts, row: Row) -> None:
        counts.items += 1
        counts.items_by["nature"][row.nature] += 1
        if row.sealed:
            counts.sealed += 1
            return
        place = self._village(row.place) if row.place else ""
        if row.received:
            counts.by_day[row.received] += 1
        # A place that is known, though not which village it lies in, is not one that nobody named.
        values = {
            "category": row.category, "urgency": str(row.urgency), "department": row.department, "source": row.source,
            "place": place or ("" if not row.place else "-"), "nature": row.nature,
        }  # fmt: skip
        for name, value in values.items():
            if name != "nature":
                counts.items_by[name][value] += 1
            if row.persons:
                counts.persons_by[name][value] += row.persons
        if row.persons:
            counts.persons += row.persons
            counts.persons_of += 1
            counts.largest = max(counts.largest, row.persons)
            counts.joint_persons += row.persons if row.collective else 0
        if place:
            counts.groups[row.category, place] += 1
        counts.repeat.add(row.repeat)
        counts.joint.add(row.collective)
        counts.review.add(row.needs_review)
        self._count_handling(counts, row)

    def _count_handling(self, counts: Counts, row: Row) -> None:
        done = row.status == "answered"
        counts.answered.add(done)
        if row.corrected is not None:
            counts.accepted.add(not row.corrected)
        if done and row.answered and row.received:
            counts.days[0] += (row.answered - row.received).days
            counts.days[1] += 1
        if not done:
            following = self._next(row)
            counts.overdue += following is not None and following < self.today
            counts.soon += following is not None and self.today <= following <= self.today + _SOON
        close = _earliest(row, self._closing)
        if close is not None and (done or close < self.today):
            counts.completion.add(done)
            counts.timely.add(bool(done and row.answered and row.answered <= close))

    def _next(self, row: Row) -> date | None:
        """Return the next date that must not pass: of all clocks, once decided of those from acceptance on."""
        if row.status != "decided":
            return min(row.due.values(), default=None)
        late = [day for name, day in row.due.items() if name not in self._early and name != "target"]
        return min(late, default=None)


def _earliest(row: Row, clocks: Collection[str]) -> date | None:
    return min((day for name, day in row.due.items() if name in clocks), default=None)
