from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.deadlines import due_dates, is_working_day
from triage.taxonomy import Clock

DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))
KINDS = st.sampled_from(["calendar", "working"])


def clock(days: int, kind: str = "calendar", start: str = "received", code: str = "own") -> Clock:
    return Clock.model_validate({"code": code, "zh": "期", "en": "Clock", "start": start, "days": days, "kind": kind})


def last_day(start: date, days: int, kind: str = "calendar", roll_over: bool = False) -> date:
    return due_dates([clock(days, kind)], {"received": start}, roll_over)["own"]


@pytest.mark.parametrize(
    ("start", "days", "kind", "last"),
    [
        (date(2026, 3, 2), 15, "calendar", date(2026, 3, 17)),
        (date(2026, 3, 2), 60, "calendar", date(2026, 5, 1)),
        (date(2024, 2, 28), 2, "calendar", date(2024, 3, 1)),  # leap year
        (date(2026, 3, 2), 5, "working", date(2026, 3, 9)),
        (date(2026, 3, 7), 1, "working", date(2026, 3, 9)),  # received on a Saturday
        # National Day 2026: 1 to 7 October are holidays; Sunday 20 September and Saturday 10 October are worked.
        (date(2026, 9, 30), 5, "working", date(2026, 10, 13)),
        (date(2026, 9, 28), 5, "working", date(2026, 10, 10)),
        (date(2026, 9, 18), 2, "working", date(2026, 9, 21)),
    ],
)
def test_last_days(start: date, days: int, kind: str, last: date) -> None:
    assert last_day(start, days, kind) == last


def test_a_year_without_published_holidays_counts_monday_to_friday() -> None:
    assert is_working_day(date(2035, 10, 1))  # a Monday
    assert not is_working_day(date(2035, 10, 6))
    assert last_day(date(2035, 9, 28), 5, "working") == date(2035, 10, 5)


def test_a_period_may_run_into_a_year_without_published_holidays() -> None:
    assert last_day(date(2026, 12, 31), 400, "working") > date(2028, 1, 1)


@pytest.mark.parametrize(
    ("start", "last"),
    [
        (date(2026, 9, 17), date(2026, 10, 8)),  # 2 October
        (date(2026, 9, 5), date(2026, 9, 20)),  # a Sunday that is worked stays
        (date(2026, 3, 6), date(2026, 3, 23)),  # a Saturday
    ],
)
def test_a_last_day_on_a_holiday_moves_if_the_office_wants_it(start: date, last: date) -> None:
    assert last_day(start, 15) == start + timedelta(days=15)
    assert last_day(start, 15, roll_over=True) == last


def test_only_clocks_whose_start_is_known_run() -> None:
    clocks = [clock(15, code="notice"), clock(60, start="accepted", code="close")]
    assert due_dates(clocks, {}) == {}
    assert due_dates(clocks, {"received": date(2026, 3, 2)}) == {"notice": date(2026, 3, 17)}
    both = due_dates(clocks, {"received": date(2026, 3, 2), "accepted": date(2026, 3, 10)})
    assert both == {"notice": date(2026, 3, 17), "close": date(2026, 5, 9)}


def test_an_office_can_bring_its_own_working_days() -> None:
    due = due_dates([clock(3, "working")], {"received": date(2026, 3, 2)}, working=lambda day: day.day % 2 == 0)
    assert due == {"own": date(2026, 3, 8)}


@pytest.mark.parametrize("kind", ["calendar", "working"])
@pytest.mark.parametrize("roll_over", [False, True])
def test_a_date_at_the_end_of_time_gives_no_due_date(kind: str, roll_over: bool) -> None:
    # Registers write 9999-12-31 for "open"; such a letter must not stop a run.
    clocks = [clock(5, kind), clock(5, start="accepted", code="close")]
    due = due_dates(clocks, {"received": date(9999, 12, 31), "accepted": date(2026, 3, 2)}, roll_over)
    assert due == {"close": date(2026, 3, 9) if roll_over else date(2026, 3, 7)}


@given(DAYS, st.integers(0, 120), KINDS, st.booleans())
def test_never_before_the_start(start: date, days: int, kind: str, roll_over: bool) -> None:
    last = last_day(start, days, kind, roll_over)
    assert last >= start + timedelta(days=days if days else 0)
    if days and (roll_over or kind == "working"):
        assert is_working_day(last)


@given(DAYS, st.integers(0, 40), st.integers(0, 90), st.integers(0, 30), KINDS, st.booleans())
def test_later_starts_and_longer_periods_end_no_earlier(
    start: date, later: int, days: int, more: int, kind: str, roll_over: bool
) -> None:
    first = last_day(start, days, kind, roll_over)
    assert first <= last_day(start + timedelta(days=later), days, kind, roll_over)
    assert first <= last_day(start, days + more, kind, roll_over)
    assert first <= last_day(start, days, kind, True)
