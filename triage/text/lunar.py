"""Dates of the lunar calendar as letters write them, resolved to those of the solar one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from triage.schema import Span
from triage.text.numerals import parse, pure

__all__ = ["RELATIVE_YEARS", "find_lunar", "solar"]

#: How far from the letter's year a year lies that is named by a word.
RELATIVE_YEARS = {"今年": 0, "本年": 0, "去年": -1, "大前年": -3, "前年": -2, "明年": 1}

# Every lunar date holds one of them; texts without are left at once.
_MARKS = ("正月", "腊月", "冬月", "月初", "月廿", "农历", "阴历", "旧历", "除夕", "年三十", "大年初")
_DAY_MARKS = ("廿", "初四", "初五", "初六", "初七", "初八", "初九", "初十")
_MONTHS = {"正": 1, "冬": 11, "腊": 12}
# "三月初一直", "腊月二十三个人": no day, or not this one.
_NO_DAY_BEFORE = r"(?![零一二三四五六七八九十百千万亿\d个户人名位家块元亩级年岁里批次直些多])"
_LUNAR = re.compile(
    rf"(?P<eve>除夕|大年三十|(?<![今去前明每全半几多年\d零一二三四五六七八九十])年三十{_NO_DAY_BEFORE})|"
    rf"大年(?P<first>初[一二三四五六七八九十]){_NO_DAY_BEFORE}|"
    r"(?P<month>[正冬腊]|十[一二]?|[一二三四五六七八九]|\d{1,2})月份?"
    r"(?:(?P<day>初[一二三四五六七八九十]|廿[一二三四五六七八九]?|二?十[一二三四五六七八九]?|三十|\d{1,2})"
    rf"[日号]?{_NO_DAY_BEFORE})?"
)
# What may stand before it: the year, and the word for the calendar before or after the year.
_HEAD = re.compile(
    r"(?P<mark>农历|阴历|旧历)?(?:(?P<rel>大前年|前年|去年|今年|本年|明年)的?|"
    r"(?P<year>(?<!\d)(?:19|20)\d\d|(?<!\d)\d\d|[零一二三四五六七八九]{4})年的?)?"
    r"(?P<mark2>农历|阴历|旧历)?(?P<leap>闰)?$"
)
# "真正月入三千", and years by stem and branch, are left alone.
_NEVER_AFTER = re.compile(r"(?:[真十\d]|[子丑寅卯辰巳午未申酉戌亥]年)$")
_LONGEST_HEAD = 12
# A day alone: "初一" to "初三" are school years, "当初五人" and "月初五天" are no days.
_DAY_ALONE = re.compile(
    rf"(?<![当起最年月之])(?P<day>初[四五六七八九十]|廿[一二三四五六七八九]?){_NO_DAY_BEFORE}"
    r"(?P<sure>[日号]|(?=[那这当]天|上午|下午|早|晚|夜))?"
)
# How far back the month of a day alone is looked for, and how many years back a leap month.
_NEAR, _YEARS_BACK = 40, 40


def find_lunar(text: str, given: date | None = None) -> dict[Span, str]:
    """Return the lunar dates of a normalised text: place and solar date.

    Parameters
    ----------
    text : str
        Normalised text.
    given : datetime.date or None
        The day the letter was written. A date without a year is the last such day up to it; "去年" is the lunar year
        before its own. Without it only dates with a year in figures are resolved.

    Returns
    -------
    dict of Span to str
        ``YYYY-MM-DD``; for a month alone the ``YYYY-MM`` that its fifteenth day lies in.

    Notes
    -----
    Source: the project's study of letters, 5.3. "春节前", "年前" and years by stem and branch are left unresolved.

    Examples
    --------
    >>> find_lunar("去年腊月廿三停的水,正月初八才来", date(2024, 3, 1))
    {(0, 6): '2024-02-02', (10, 14): '2024-02-17'}
    >>> find_lunar("2018年农历三月十五")
    {(0, 11): '2018-04-30'}
    """
    found: dict[Span, str] = {}
    months: list[tuple[int, int, int | None]] = []
    if any(mark in text for mark in _MARKS):
        for match in _LUNAR.finditer(text):
            head = _head(text, match)
            if not head:
                continue
            month, day = _month_and_day(match)
            year = _year(head, given)
            months.append((match.end(), month, year))
            iso = _resolve(month, day, bool(head["leap"]), year, given)
            if iso:
                found[match.start() - len(head.group()), match.end()] = iso
    if given and any(mark in text for mark in _DAY_MARKS):
        # One that belongs to a month has been read with it: its "初" follows "月".
        taken = {place for start, end in found for place in range(start, end)}
        found.update(item for item in _days_alone(text, given, months) if item[0][0] not in taken)
    return found


@lru_cache(maxsize=4096)
def solar(year: int, month: int, day: int, leap: bool = False) -> date | None:
    """Return the solar day of a lunar one; None where that year has no such day.

    The last day of the year is called its thirtieth even where it is the twenty-ninth.

    Examples
    --------
    >>> solar(2023, 12, 8), solar(2023, 2, 1, leap=True), solar(2024, 2, 1, leap=True)
    (datetime.date(2024, 1, 18), datetime.date(2023, 3, 22), None)
    """
    from borax.calendars.lunardate import InvalidLunarDateError, LunarDate

    for day_there in (day, 29) if (month, day) == (12, 30) else (day,):
        try:
            solar_day: date = LunarDate(year, month, day_there, int(leap)).to_solar_date()
            return solar_day
        except (InvalidLunarDateError, ValueError):
            continue
    return None


def _lunar_year(given: date) -> int:
    """Return the lunar year a solar day lies in."""
    first = solar(given.year, 1, 1)
    return given.year - 1 if first and given < first else given.year


def _head(text: str, match: re.Match[str]) -> re.Match[str] | None:
    """Return what stands before a lunar date; None where it is no lunar one.

    A month is lunar by its own name, by the word before it, and by "初" or "廿" after a month in characters.
    """
    before = text[max(0, match.start() - _LONGEST_HEAD) : match.start()]
    head = _HEAD.search(before)
    if not head or _NEVER_AFTER.search(before):
        return None
    month, day = match["month"], match["day"] or ""
    marked = month is None or month in _MONTHS or head["mark"] or head["mark2"] or head["leap"]
    return head if marked or (day[:1] in ("初", "廿") and not month.isascii()) else None


def _month_and_day(match: re.Match[str]) -> tuple[int, int]:
    if match["eve"]:
        return 12, 30
    if match["first"]:
        return 1, _number(match["first"][1:])
    return _MONTHS.get(match["month"]) or _number(match["month"]), _number((match["day"] or "").removeprefix("初"))


def _number(text: str) -> int:
    number = parse(text) if text else None
    return int(number.value) if number else 0


def _year(match: re.Match[str], given: date | None) -> int | None:
    """Return the lunar year that the date names; None if none."""
    if match["year"]:
        year = pure(match["year"])
        return year + (2000 if year < 50 else 1900) if year is not None and year < 100 else year
    return _lunar_year(given) + RELATIVE_YEARS[match["rel"]] if given and match["rel"] else None


def _resolve(month: int, day: int, leap: bool, year: int | None, given: date | None) -> str:
    if year is not None:
        found = solar(year, month, day or 15, leap)
    elif given:
        found = next(_before(month, day or 1, leap, given), None)
        if found and not day:
            found = solar(_lunar_year(found), month, 15, leap)
    else:
        found = None
    if not found:
        return ""
    return found.isoformat() if day else f"{found:%Y-%m}"


def _before(month: int, day: int, leap: bool, given: date) -> Iterator[date]:
    """Yield such days up to a day, the last first."""
    for year in range(given.year, given.year - _YEARS_BACK, -1):
        found = solar(year, month, day, leap)
        if found and found <= given:
            yield found


def _days_alone(text: str, given: date, months: list[tuple[int, int, int | None]]) -> Iterator[tuple[Span, str]]:
    """Yield the days without a month: in the month named shortly before, else the last such day."""
    ends = [end for end, _, _ in months]
    for match in _DAY_ALONE.finditer(text):
        index = bisect_right(ends, match.start()) - 1
        near = index >= 0 and match.start() - ends[index] <= _NEAR
        if not near and match["sure"] is None:
            continue
        day = _number(match["day"].removeprefix("初"))
        if near:
            _, month, year = months[index]
            iso = _resolve(month, day, False, year, given)
        else:
            last = [next(_before(month, day, False, given), None) for month in range(1, 13)]
            iso = max((found.isoformat() for found in last if found), default="")
        if iso:
            yield match.span(), iso
