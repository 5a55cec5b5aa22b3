"""Dates: solar and lunar ones in letters, and the ends of periods."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.text.dates import day_of, days_of, find_dates, later
from triage.text.lunar import find_lunar, solar

MARCH = date(2024, 3, 1)  # the lunar year began on 10 February


def found(text, day=MARCH):
    return [(text[start:end], iso) for (start, end), iso in find_dates(text, day)]


@pytest.mark.parametrize(
    ("text", "piece", "iso"),
    [
        ("去年腊月廿三停的水", "去年腊月廿三", "2024-02-02"),
        ("腊月二十那天", "腊月二十", "2024-01-30"),
        ("正月初八去过", "正月初八", "2024-02-17"),
        ("今年正月十五", "今年正月十五", "2024-02-24"),
        ("明年正月初一", "明年正月初一", "2025-01-29"),
        ("前年冬月初二", "前年冬月初二", "2022-11-25"),
        ("大前年腊月初八", "大前年腊月初八", "2022-01-10"),
        ("三月初八签的", "三月初八", "2023-04-27"),
        ("农历八月十五", "农历八月十五", "2023-09-29"),
        ("旧历8月15日", "旧历8月15日", "2023-09-29"),
        ("2018年腊月初八", "2018年腊月初八", "2019-01-13"),
        ("农历二零一八年三月十五", "农历二零一八年三月十五", "2018-04-30"),
        ("18年农历三月十五", "18年农历三月十五", "2018-04-30"),
        ("闰二月初一", "闰二月初一", "2023-03-22"),
        ("闰四月初一", "闰四月初一", "2020-05-23"),
        ("除夕夜停电", "除夕", "2024-02-09"),
        ("大年三十停电", "大年三十", "2024-02-09"),
        ("大年初三", "大年初三", "2024-02-12"),
        ("初八那天", "初八", "2024-02-17"),
        ("腊月三十", "腊月三十", "2024-02-09"),
        ("去年冬月", "去年冬月", "2023-12"),
        ("正月里没人管", "正月", "2024-02"),
    ],
)  # fmt: skip
def test_a_lunar_date_is_resolved(text, piece, iso):
    assert found(text) == [(piece, iso)]


@pytest.mark.parametrize(
    "text",
    [
        "我儿子初三", "当初五户", "月初五天没来", "年初八十户", "廿三里街道", "今年三十户", "今年初一起火", "戊戌年正月初八", "春节前说给钱", "年前来过",
        "真正月收入", "阅历丰富",
    ],
)  # fmt: skip
def test_what_is_no_decidable_lunar_date_is_left_out(text):
    assert found(text) == []


@pytest.mark.parametrize("text", ["三月初一直没人管", "3月初五个人来", "十二月二十来人"])
def test_a_solar_month_is_no_lunar_one(text):
    assert find_lunar(text, MARCH) == {}


def test_a_number_after_a_lunar_month_is_no_day():
    assert found("腊月二十三个人来") == [("腊月", "2024-01")]


def test_a_day_alone_belongs_to_the_month_before():
    assert found("腊月廿三来过，廿五又来") == [("腊月廿三", "2024-02-02"), ("廿五", "2024-02-04")]


def test_without_the_letters_date_only_years_in_figures_are_resolved():
    assert found("去年腊月廿三和正月初八，初八那天", None) == []
    assert found("2018年正月初八", None) == [("2018年正月初八", "2018-02-23")]


def test_a_day_of_the_letter_itself_counts():
    assert found("正月初八", date(2024, 2, 17)) == [("正月初八", "2024-02-17")]
    assert found("正月初八", date(2024, 2, 16)) == [("正月初八", "2023-01-29")]


def test_the_lunar_year_is_that_of_the_letter():
    assert found("去年腊月廿三", date(2024, 2, 9)) == [("去年腊月廿三", "2023-01-14")]


@pytest.mark.parametrize(
    ("lunar", "day"),
    [
        ((1990, 1, 1), date(1990, 1, 27)), ((2000, 1, 1), date(2000, 2, 5)), ((2018, 1, 1), date(2018, 2, 16)),
        ((2020, 4, 1, True), date(2020, 5, 23)), ((2033, 11, 1, True), date(2033, 12, 22)), ((2050, 1, 1), date(2050, 1, 23)),
        ((2023, 12, 30), date(2024, 2, 9)), ((2021, 12, 30), date(2022, 1, 31)), ((2021, 13, 1), None), ((1500, 1, 1), None),
        ((2024, 2, 1, True), None),
    ],
)  # fmt: skip
def test_the_calendar_is_right(lunar, day):
    assert solar(*lunar) == day


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        (date(2024, 1, 10), {"days": 60}, date(2024, 3, 10)),
        (date(2023, 8, 31), {"months": 6}, date(2024, 2, 29)),
        (date(2024, 2, 29), {"months": 12}, date(2025, 2, 28)),
        (date(2023, 12, 31), {"months": 36}, date(2026, 12, 31)),
    ],
)
def test_a_period_ends(start, period, end):
    assert later(start, **period) == end


@pytest.mark.parametrize("cell", ["9999-12-31", "0001-01-01", "2024-13-01", "202-01-01", ""])
def test_a_cell_without_a_likely_day_gives_none(cell):
    assert day_of(cell) is None


def test_a_full_stop_ends_a_date():
    assert found("on 2023-04-10. Then", None) == [("2023-04-10", "2023-04-10")]


def test_a_date_leaves_days_open():
    assert days_of("2024-02-05") == (date(2024, 2, 5), date(2024, 2, 5))
    assert days_of("2024-02") == (date(2024, 2, 1), date(2024, 2, 29))
    assert days_of("2024") is None


PIECES = st.sampled_from(
    [
        "农历",
        "去年",
        "2018年",
        "闰",
        "正月",
        "腊月",
        "三月",
        "3月",
        "初八",
        "廿三",
        "二十",
        "15日",
        "除夕",
        "大年初一",
        "那天",
        "人",
        "，",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join),
    st.dates(date(1901, 1, 1), date(2099, 12, 31)),
)
def test_any_row_of_pieces_gives_days_in_order_and_without_overlap(text, day):
    lunar = sorted(find_lunar(text, day))
    assert all(start < end <= len(text) for start, end in lunar)
    assert all(first[1] <= second[0] for first, second in pairwise(lunar))
    assert all(days_of(iso) for iso in find_lunar(text, day).values())


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1991, 1, 1), date(2049, 12, 31)), st.integers(1, 12), st.integers(1, 29))
def test_a_lunar_day_without_a_year_is_the_last_one(day, month, number):
    text = f"农历{month}月{number}"
    [iso] = find_lunar(text, day).values()
    assert timedelta(0) <= day - date.fromisoformat(iso) < timedelta(days=400)
