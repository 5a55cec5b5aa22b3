"""Dates as letters write them."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta

from triage.schema import Span
from triage.text.cues import Spans
from triage.text.lunar import RELATIVE_YEARS, find_lunar
from triage.text.numerals import parse, pure

__all__ = ["day_of", "days_of", "find_dates", "later"]

_DAY = re.compile(r"\s*((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?!\d)")

# Every date with a year holds this.
_YEAR = re.compile(r"[\d零一二三四五六七八九](?:年|[./-]\d)")
_DATE = re.compile(
    r"(?<![\d.])(?P<year>(?:19|20)\d\d|[零一二三四五六七八九]{4}(?=年)|\d\d(?=年))(?:年|[./-](?=\d))(?:份)?"
    r"(?:(?P<month>\d{1,2}|[一二三四五六七八九十]{1,2})(?:月份?|[./-](?=\d))"
    r"(?:(?P<day>\d{1,2}|[一二三四五六七八九十廿]{1,3})(?:[日号](?!楼)|(?![\d元月]|\.\d)))?)?"
)
_MONTH_DAY = re.compile(
    r"(?:(?P<rel>今年|去年|大前年|前年|本年|明年)的?|(?<![\d.年/-]))(?P<month>\d{1,2}|[一二三四五六七八九十]{1,2})月"
    r"(?:(?P<day>\d{1,2}|[一二三四五六七八九十廿]{1,3})[日号](?!楼))?"
)
_RELATIVE_DAYS = {"大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "昨晚": -1, "今天": 0, "今日": 0, "今早": 0,
                  "今晚": 0, "明天": 1, "明日": 1, "明早": 1, "后天": 2, "大后天": 3}  # fmt: skip
_RELATIVE_DAY = re.compile("|".join(sorted(_RELATIVE_DAYS, key=len, reverse=True)))


def find_dates(text: str, given: date | None = None) -> list[tuple[Span, str]]:
    """Return the dates of a normalised text in order, each with its place.

    Parameters
    ----------
    text : str
        Normalised text.
    given : datetime.date or None
        The day the letter was written: "3月8日", "昨天" and "正月初八" are resolved by it and left out without it.

    Returns
    -------
    list of (Span, str)
        ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``, as far as the text says.

    Examples
    --------
    >>> find_dates("2018年3月5日签的,二零二零年起没给")
    [((0, 9), '2018-03-05'), ((12, 17), '2020')]
    >>> find_dates("昨天,去年3月8日", date(2024, 3, 1))
    [((0, 2), '2024-02-29'), ((3, 9), '2023-03-08')]
    """
    spans: dict[Span, str] = {}
    for match in _DATE.finditer(text) if _YEAR.search(text) else ():
        iso = _full_date(match)
        if iso:
            spans[match.span()] = iso
    if given:
        taken = Spans(sorted(spans))
        for match in _MONTH_DAY.finditer(text) if "月" in text else ():
            iso = _month_day(match, given)
            index = taken.index(match.start())
            if iso and (index < 0 or taken.spans[index][1] <= match.start()):
                spans[match.span()] = iso
        for match in _RELATIVE_DAY.finditer(text):
            spans[match.span()] = (given + timedelta(days=_RELATIVE_DAYS[match.group()])).isoformat()
    lunar = find_lunar(text, given)
    if lunar:
        # What reads as a solar month or year may be part of a lunar date.
        own = Spans(sorted(lunar))
        spans = {span: iso for span, iso in spans.items() if not _meets(own, span)} | lunar
    return sorted(spans.items())


def later(day: date, days: int = 0, months: int = 0) -> date:
    """Return the last day of a period that an event starts, whose own day does not count.

    Notes
    -----
    Source: Civil Code, articles 201 and 202: months end on the day of the same number, or on the month's last.

    Examples
    --------
    >>> later(date(2024, 1, 31), months=1), later(date(2024, 3, 1), days=60)
    (datetime.date(2024, 2, 29), datetime.date(2024, 4, 30))
    """
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])) + timedelta(days=days)


def days_of(iso: str) -> tuple[date, date] | None:
    """Return the first and the last day that a date leaves open; None where it gives a year only.

    Examples
    --------
    >>> days_of("2024-02"), days_of("2024")
    ((datetime.date(2024, 2, 1), datetime.date(2024, 2, 29)), None)
    """
    if len(iso) == 10:
        return date.fromisoformat(iso), date.fromisoformat(iso)
    if len(iso) != 7:
        return None
    first = date.fromisoformat(f"{iso}-01")
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def day_of(cell: str) -> date | None:
    """Return the day that a form or a table gives, or None where it gives none.

    Examples
    --------
    >>> day_of("2026/3/2 10:15"), day_of("2026年3月2日"), day_of("last week")
    (datetime.date(2026, 3, 2), datetime.date(2026, 3, 2), None)
    """
    match = _DAY.match(cell)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _meets(spans: Spans, span: Span) -> bool:
    """Say whether one of the pieces shares a place with ``span``."""
    index = spans.index(span[1] - 1)
    return index >= 0 and spans.spans[index][1] > span[0]


def _part(text: str | None) -> int | None:
    if not text:
        return None
    number = parse(text)
    return int(number.value) if number else None


def _full_date(match: re.Match[str]) -> str:
    year = pure(match["year"])
    if year is None:
        return ""
    if year < 100:
        year += 2000 if year < 50 else 1900
    return _compose(year, _part(match["month"]), _part(match["day"])) if 1900 <= year < 2100 else ""


def _month_day(match: re.Match[str], given: date) -> str:
    """Resolve "3月8日" to the year the letter was written in."""
    year = given.year + RELATIVE_YEARS.get(match["rel"] or "", 0)
    return _compose(year, _part(match["month"]), _part(match["day"]))


def _compose(year: int, month: int | None, day: int | None) -> str:
    if month is None:
        return f"{year:04d}"
    if day is None:
        return f"{year:04d}-{month:02d}" if 1 <= month <= 12 else f"{year:04d}"
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return f"{year:04d}"
