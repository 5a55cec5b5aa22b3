"""Due dates: a pure function from dates to dates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

from triage.taxonomy import Clock

__all__ = ["due_dates", "is_working_day"]


def is_working_day(day: date) -> bool:
    """Tell whether offices in China work on a day, make-up days included.

    A year whose holidays the State Council has not published yet counts Monday to Friday.
    """
    import chinese_calendar

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def _after(start: date, clock: Clock, working: Callable[[date], bool]) -> date:
    """Return the last day of a period; its first day is the one after the start (Civil Code Art. 201)."""
    if clock.kind == "calendar":
        return start + timedelta(days=clock.days)
    day, left = start, clock.days
    while left:
        day += timedelta(days=1)
        left -= working(day)
    return day


def due_dates(
    clocks: Iterable[Clock],
    starts: Mapping[str, date],
    roll_over: bool = False,
    working: Callable[[date], bool] = is_working_day,
) -> dict[str, date]:
    """Return the last day of every clock whose start is known.

    Parameters
    ----------
    clocks : iterable of Clock
        The periods.
    starts : Mapping[str, date]
        Day of ``received`` and of ``accepted``.
    roll_over : bool
        Move a last day on a holiday to the next working day (Civil Code Art. 203).
    working : callable
        Tells a working day from a holiday.

    Returns
    -------
    dict of str to date
        Clock code to last day.

    Source
    ------
    Regulations on Petition Work (2022) Art. 22-23, 34-36.

    Examples
    --------
    >>> notice = Clock(code="notice", zh="受理告知", en="Notice", start="received", days=15, kind="calendar")
    >>> due_dates([notice], {"received": date(2026, 3, 2)})
    {'notice': datetime.date(2026, 3, 17)}
    """
    due = {}
    for clock in clocks:
        if clock.start in starts:
            try:
                last = _after(starts[clock.start], clock, working)
                while roll_over and not working(last):
                    last += timedelta(days=1)
            except OverflowError:  # registers write 9999-12-31 for "open"
                continue
            due[clock.code] = last
    return due
