"""Due dates: a pure function from dates to dates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

from triage.taxonomy import Clock

__all__ = ["Calendar", "DueDate", "due_dates"]

_NONE: Mapping[date, bool] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DueDate:
    """The last day of a period.

    Attributes
    ----------
    day : date
    provisional : bool
        It was counted over a year whose holidays are not published yet, so it may move.
    """

    day: date
    provisional: bool = False


@dataclass(frozen=True)
class Calendar:
    """Which days offices in China work, make-up days included.

    Attributes
    ----------
    own : Mapping[date, bool]
        Days of the office's own file, True for a working day. A year that has any is a published year.
    """

    own: Mapping[date, bool] = field(default_factory=lambda: _NONE)

    def works(self, day: date) -> bool:
        """Tell whether a day is worked; Monday to Friday where the year is not published."""
        import chinese_calendar

        if day in self.own:
            return self.own[day]
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:
            return day.weekday() < 5

    def published(self, year: int) -> bool:
        """Tell whether the State Council's holidays of a year are known here."""
        return year in _published_years() or any(day.year == year for day in self.own)


@cache
def _published_years() -> frozenset[int]:
    from chinese_calendar.constants import holidays

    return frozenset(day.year for day in holidays)


def _last_day(start: date, clock: Clock, roll_over: bool, calendar: Calendar) -> DueDate:
    """Return the last day of a period; its first day is the one after the start (Civil Code Art. 201)."""
    looked = False
    day = start
    if clock.kind == "calendar":
        day = start + timedelta(days=clock.days)
    else:
        left = clock.days
        while left:
            day += timedelta(days=1)
            left -= calendar.works(day)
    looked = roll_over or clock.kind == "working"
    while looked and not calendar.works(day):
        day += timedelta(days=1)
    years = range(start.year, day.year + 1) if clock.kind == "working" else (day.year,)
    return DueDate(day, looked and not all(calendar.published(year) for year in years))


def due_dates(
    clocks: Iterable[Clock], starts: Mapping[str, date], roll_over: bool = False, calendar: Calendar | None = None
) -> dict[str, DueDate]:
    """Return the last day of every clock whose start is known.

    Parameters
    ----------
    clocks : iterable of Clock
        The periods.
    starts : Mapping[str, date]
        Day of each start a clock may have: ``received``, ``accepted``, ``replied`` ...
    roll_over : bool
        Move a last day on a holiday to the next working day (Civil Code Art. 203).
    calendar : Calendar or None
        Tells a working day from a holiday; the published one if None.

    Returns
    -------
    dict of str to DueDate
        Clock code to last day.

    Source
    ------
    Regulations on Petition Work (2022) Art. 22-23, 34-36.

    Examples
    --------
    >>> notice = Clock(code="notice", zh="受理告知", en="Notice", start="received", days=15, kind="calendar")
    >>> due_dates([notice], {"received": date(2026, 3, 2)})["notice"].day
    datetime.date(2026, 3, 17)
    """
    due = {}
    for clock in clocks:
        if clock.start in starts:
            try:
                due[clock.code] = _last_day(starts[clock.start], clock, roll_over, calendar or Calendar())
            except OverflowError:  # registers write 9999-12-31 for "open"
                continue
    return due
