"""Legal periods that an event starts, and those running out on the day of a letter."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from triage.schema import Span
from triage.text.areas import any_of
from triage.text.cues import PolicyTable, Spans
from triage.text.dates import days_of, later

__all__ = ["Limit", "LimitFinder", "LimitRule", "RunningOut"]

_LONGEST_PERIOD = {"days": 3650, "months": 600, "years": 50}


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A legal period that an event starts.

    Attributes
    ----------
    code, zh, en, article : str
        What it is called, and the law's article.
    months, days : int
        How long it is; one of them is 0.
    """

    code: str
    zh: str
    en: str
    article: str
    months: int
    days: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A legal period that is running out, or just over, on the day of the letter.

    Attributes
    ----------
    code : str
        As in the policy file; `FactFinder.limits` has its names.
    span : tuple of int
        Where the event stands in ``Petition.text``.
    last : str
        Its last day, holidays not reckoned with; ``""`` where the letter gives the event's month only.
    days_left : int or None
        From the letter's date to the last day, below 0 if it is over; None where there is no last day.
    """

    code: str
    span: Span
    last: str
    days_left: int | None


class RunningOut(NamedTuple):
    """A period found in normalised text; `Limit` has its place in the raw one.

    Attributes
    ----------
    event : tuple of int
        Where the event stands.
    rule : LimitRule
        The period.
    last : str
        As in `Limit`.
    days_left : int or None
        As in `Limit`.
    """

    event: Span
    rule: LimitRule
    last: str
    days_left: int | None


class _Event(NamedTuple):
    """What starts a legal period."""

    rule: LimitRule
    when: tuple[str, ...]
    find: re.Pattern[str] | None


class LimitFinder:
    """Find the legal periods of a policy file that are running out.

    Parameters
    ----------
    root : PolicyTable
        The file with ``[[limits]]`` and ``[limit_window]``; faults are noted in it.
    names : Mapping
        What the file's patterns may use.

    Attributes
    ----------
    rules : dict of str to LimitRule
        The periods by code.
    words : frozenset of str
        What a text is searched for beforehand: every event holds one of them.
    """

    def __init__(self, root: PolicyTable, names: Mapping[str, str]) -> None:
        self._events = tuple(_read_event(sub, names) for sub in root.subs("limits"))
        self.rules = {event.rule.code: event.rule for event in self._events}
        self.words = frozenset(word for event in self._events for word in event.when)
        if len(self.rules) < len(self._events):
            root.fault("limits", "a code is listed twice")
        window = root.sub("limit_window", optional=True)
        window.only("over", "ahead")
        self._over, self._ahead = -window.integer("over", 0, 3650, 30), window.integer("ahead", 0, 3650, 90)

    def __call__(
        self, lowered: str, sentences: Spans, seen: Set[str], dates: Sequence[tuple[Span, str]], given: date
    ) -> list[RunningOut]:
        """Return the periods that begin with an event whose date stands in its sentence, each once, in order.

        Parameters
        ----------
        lowered : str
            Normalised text in lower case.
        sentences : Spans
            Its sentences.
        seen : set of str
            Those of `words` that it holds.
        dates : sequence of (Span, str)
            Its dates in order.
        given : datetime.date
            The day it was written.
        """
        past = [(span, days) for span, iso in dates if (days := days_of(iso)) and days[0] <= given]
        if not past:
            return []
        starts = [span[0] for span, _ in past]
        found: dict[tuple[str, str], RunningOut] = {}
        for rule, event in self._places(lowered, seen):
            first, last = sentences.around(event[0])
            index = bisect_left(starts, event[0])
            near = [
                (_gap(event, span), days)
                for span, days in past[max(0, index - 1) : index + 1]
                if first <= span[0] < last
            ]
            ends = self._last_days(rule, min(near)[1], given) if near else None
            if ends:
                found.setdefault((rule.code, ends[0]), RunningOut(event, rule, *ends))
        return sorted(found.values(), key=lambda item: item.event)

    def _places(self, lowered: str, seen: Set[str]) -> Iterator[tuple[LimitRule, Span]]:
        """Yield where each event stands."""
        for event in self._events:
            if event.find and not seen.isdisjoint(event.when):
                for match in event.find.finditer(lowered):
                    yield event.rule, match.span()

    def _last_days(self, rule: LimitRule, days: tuple[date, date], given: date) -> tuple[str, int | None] | None:
        """Return a period's last day and how many are left; None where it is not running out."""
        early, late = (later(day, rule.days, rule.months) for day in days)
        if (late - given).days < self._over or (early - given).days > self._ahead:
            return None
        return (early.isoformat(), (early - given).days) if early == late else ("", None)


def _read_event(sub: PolicyTable, names: Mapping[str, str]) -> _Event:
    sub.only("code", "zh", "en", "article", "days", "months", "years", "when", "find")
    if len(_LONGEST_PERIOD.keys() & sub.table.keys()) != 1:
        sub.fault("", f"needs one of {', '.join(_LONGEST_PERIOD)}")
    code, zh, en, article = (sub.text(key) for key in ("code", "zh", "en", "article"))
    days, months, years = (
        sub.integer(key, 1, most, 1) if key in sub.table else 0 for key, most in _LONGEST_PERIOD.items()
    )
    rule = LimitRule(code, zh, en, article, months + 12 * years, days)
    when = sub.words("when", shortest=2)
    if not when:
        sub.fault("when", "needs words of which every match holds one")
    return _Event(rule, when, sub.pattern("find", sub.text("find", any_of(when).pattern), names))


def _gap(event: Span, span: Span) -> int:
    """Return how far a date stands from an event; 0 inside it."""
    return max(0, span[0] - event[1], event[0] - span[1])
