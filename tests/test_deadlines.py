from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.deadlines import Calendar, due_dates
from triage.errors import DataError
from triage.taxonomy import Clock, load_taxonomy

WORKS = Calendar().works
SHIPPED = Path(__file__).parents[1] / "data"
DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))
KINDS = st.sampled_from(["calendar", "working"])


def clock(days: int, kind: str = "calendar", start: str = "received", code: str = "own") -> Clock:
    return Clock.model_validate({"code": code, "zh": "期", "en": "Clock", "start": start, "days": days, "kind": kind})


def _days(clocks: list[Clock], starts: dict[str, date], roll_over: bool = False) -> dict[str, date]:
    return {code: due.day for code, due in due_dates(clocks, starts, roll_over).items()}


def last_day(start: date, days: int, kind: str = "calendar", roll_over: bool = False) -> date:
    return due_dates([clock(days, kind)], {"received": start}, roll_over)["own"].day


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
    assert WORKS(date(2035, 10, 1))  # a Monday
    assert not WORKS(date(2035, 10, 6))
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
    assert _days(clocks, {"received": date(2026, 3, 2)}) == {"notice": date(2026, 3, 17)}
    both = _days(clocks, {"received": date(2026, 3, 2), "accepted": date(2026, 3, 10)})
    assert both == {"notice": date(2026, 3, 17), "close": date(2026, 5, 9)}


def test_an_office_can_bring_its_own_working_days() -> None:
    own = Calendar({date(2026, 3, day): day % 2 == 0 for day in range(1, 32)})
    due = due_dates([clock(3, "working")], {"received": date(2026, 3, 2)}, calendar=own)
    assert due["own"].day == date(2026, 3, 8)


@pytest.mark.parametrize(
    ("start", "days", "kind", "roll_over", "provisional"),
    [
        (date(2026, 3, 2), 5, "working", False, False),
        (date(2035, 3, 2), 5, "working", False, True),
        (date(2026, 12, 28), 5, "working", False, True),  # runs into a year that is not published
        (date(2035, 3, 2), 15, "calendar", False, False),  # calendar days need no calendar of holidays
        (date(2035, 3, 2), 15, "calendar", True, True),
    ],
)
def test_a_date_that_hangs_on_unpublished_holidays_is_provisional(
    start: date, days: int, kind: str, roll_over: bool, provisional: bool
) -> None:
    assert due_dates([clock(days, kind)], {"received": start}, roll_over)["own"].provisional is provisional


def test_an_office_can_add_a_year() -> None:
    own = Calendar({date(2035, 10, 1): False, date(2035, 10, 6): True})
    due = due_dates([clock(5, "working")], {"received": date(2035, 9, 28)}, calendar=own)["own"]
    assert (due.day, due.provisional) == (date(2035, 10, 6), False)


@pytest.mark.parametrize(
    ("received", "last"), [(date(2026, 3, 2), date(2026, 3, 2)), (date(2026, 3, 7), date(2026, 3, 9))]
)
def test_the_same_working_day_is_the_next_one_for_a_letter_of_a_weekend(received: date, last: date) -> None:
    assert last_day(received, 0, "working") == last


@pytest.mark.parametrize("kind", ["calendar", "working"])
@pytest.mark.parametrize("roll_over", [False, True])
def test_a_date_at_the_end_of_time_gives_no_due_date(kind: str, roll_over: bool) -> None:
    # Registers write 9999-12-31 for "open"; such a letter must not stop a run.
    clocks = [clock(5, kind), clock(5, start="accepted", code="close")]
    due = _days(clocks, {"received": date(9999, 12, 31), "accepted": date(2026, 3, 2)}, roll_over)
    assert due == {"close": date(2026, 3, 9) if roll_over else date(2026, 3, 7)}


@given(DAYS, st.integers(0, 120), KINDS, st.booleans())
def test_never_before_the_start(start: date, days: int, kind: str, roll_over: bool) -> None:
    last = last_day(start, days, kind, roll_over)
    assert last >= start + timedelta(days=days if days else 0)
    if days and (roll_over or kind == "working"):
        assert WORKS(last)


@given(DAYS, st.integers(0, 40), st.integers(0, 90), st.integers(0, 30), KINDS, st.booleans())
def test_later_starts_and_longer_periods_end_no_earlier(
    start: date, later: int, days: int, more: int, kind: str, roll_over: bool
) -> None:
    first = last_day(start, days, kind, roll_over)
    assert first <= last_day(start + timedelta(days=later), days, kind, roll_over)
    assert first <= last_day(start, days + more, kind, roll_over)
    assert first <= last_day(start, days, kind, True)


# Regulations on Petition Work (2022) Art. 35-36: review and re-review.
def test_review_and_re_review_run_from_their_own_starts() -> None:
    taxonomy = load_taxonomy(SHIPPED)
    starts = {
        "replied": date(2026, 4, 1), "review_asked": date(2026, 4, 20),
        "reviewed": date(2026, 5, 15), "rereview_asked": date(2026, 6, 1),
    }  # fmt: skip
    due = _days(list(taxonomy.clocks.values()), starts)
    assert due == {
        "review": date(2026, 5, 1), "review_decision": date(2026, 5, 20),
        "rereview": date(2026, 6, 14), "rereview_decision": date(2026, 7, 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "notice", "close"),
    [
        ("", date(2026, 3, 17), date(2026, 5, 1)),
        ("zhejiang", date(2026, 3, 9), date(2026, 4, 1)),
        ("henan", date(2026, 3, 7), date(2026, 4, 1)),
    ],
)
def test_a_province_has_periods_of_its_own(tmp_path: Path, variant: str, notice: date, close: date) -> None:
    shutil.copytree(SHIPPED / "taxonomy", tmp_path / "taxonomy")
    path = tmp_path / "taxonomy" / "deadlines.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('variant = ""', f'variant = "{variant}"'), encoding="utf-8"
    )
    taxonomy = load_taxonomy(tmp_path)
    clocks = [taxonomy.clocks["notice"], taxonomy.clocks["close"]]
    due = _days(clocks, {"received": date(2026, 3, 2), "accepted": date(2026, 3, 2)})
    assert due == {"notice": notice, "close": close}


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("deadlines.toml", 'variant = ""', 'variant = "moon"', "variant 'moon' does not exist"),
        ("deadlines.toml", "notice = { days = 5", "noon = { days = 5", "clock 'noon' does not exist"),
        ("deadlines.toml", "urgency = 4", "urgency = 9", "less than or equal to 4"),
        ("holidays.csv", "date,kind,name\n", "date,kind,name\n2027-02-30,holiday,\n", "is not like 2027-01-01"),
        ("holidays.csv", "date,kind,name\n", "date,kind,name\n2027-02-03,feast,\n", "allowed are holiday, workday"),
    ],
)
def test_faults_of_the_files_are_told(tmp_path: Path, name: str, old: str, new: str, fault: str) -> None:
    shutil.copytree(SHIPPED / "taxonomy", tmp_path / "taxonomy")
    path = tmp_path / "taxonomy" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_taxonomy(tmp_path)
    assert any(fault in found for found in caught.value.faults), caught.value.faults
