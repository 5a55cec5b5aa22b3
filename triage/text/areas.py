"""Areas of land and floors as letters write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from triage.text.cues import PolicyTable, Spans
from triage.text.numerals import DIGITS, ENGLISH_COUNT, Number, parse

__all__ = ["Area", "AreaFinder", "any_of", "number_before"]

_NUMBER_CHARS = frozenset("0123456789.,几数上百十千万亿余来多好近约拾佰仟廿卅零" + "".join(DIGITS))
_LONGEST_NUMBER = 14
# How far before an English unit its number is read.
_WINDOW = 40
# "4.2 " before "mu"; a word needs the space.
_NUMBER_ENDING = re.compile(rf"(?<![a-z\d.,])(\d[\d,]{{0,8}}(?:\.\d{{1,4}})?(?= ?$)|{ENGLISH_COUNT}(?= $)) ?$")


class Area(NamedTuple):
    """An area and where it stands in the text.

    Attributes
    ----------
    start, end : int
        From its number to behind its unit.
    value : float
        Square metres.
    unit : str
        The unit as the text writes it.
    """

    start: int
    end: int
    value: float
    unit: str


class AreaFinder:
    """Read areas in the units of a policy file.

    Parameters
    ----------
    table : PolicyTable
        The table ``[area]``; faults are noted in it.
    names : Mapping
        What the file's patterns may use.
    """

    def __init__(self, table: PolicyTable, names: Mapping[str, str]) -> None:
        table.only("price_before", "price_after", "parts_before", "units", "parts")
        units, parts = (table.sub(key, optional=True) for key in ("units", "parts"))
        self._square_metres = {word: sub.number(word) for sub in (units, parts) for word in sub.table}
        for word, size in self._square_metres.items():
            if size <= 0:
                table.fault(f"units.{word}" if word in units.table else f"parts.{word}", "must be above 0")
        latin = [word for word in units.table if word[:1].isascii()]
        chinese = [word for word in units.table if word not in latin]
        self._unit, self._latin_unit = any_of(chinese), re.compile(f"(?:{any_of(latin).pattern})(?![a-z\\d])")
        self._part = re.compile(rf"([{''.join(DIGITS)}\d.]{{1,4}})({any_of(parts.table).pattern})")
        before = table.words("parts_before")
        self._part_alone = re.compile(rf"{self._part.pattern}(?={any_of(before).pattern})")
        self._unit_marks, self._latin_marks = _shortest(chinese), _shortest(latin)
        self._part_marks = tuple(part + word for part in parts.table for word in before)
        self._price_before = table.words("price_before")
        self._price_after = table.pattern("price_after", table.text("price_after", "(?!)"), names)

    def __call__(self, text: str, lowered: str) -> list[Area]:
        """Return the areas in order.

        Parameters
        ----------
        text : str
            Normalised text.
        lowered : str
            The same in lower case, every character at its place.
        """
        found: dict[int, Area] = {}
        if any(mark in text for mark in self._unit_marks):
            found.update((area.start, area) for area in self._chinese(text))
        if any(mark in lowered for mark in self._latin_marks):
            found.update((area.start, area) for area in self._latin(lowered))
        if any(mark in text for mark in self._part_marks):
            within = Spans([(start, found[start].end) for start in sorted(found)])
            found.update((area.start, area) for area in self._parts_alone(text, within))
        return [area._replace(value=round(area.value, 2)) for _, area in sorted(found.items()) if area.value]

    def _chinese(self, text: str) -> Iterator[Area]:
        for match in self._unit.finditer(text):
            area = self._around(text, match)
            if area:
                yield area

    def _latin(self, lowered: str) -> Iterator[Area]:
        for match in self._latin_unit.finditer(lowered):
            before = _NUMBER_ENDING.search(lowered, max(0, match.start() - _WINDOW), match.start())
            number = parse(before.group(1)) if before else None
            if before and number:
                value = number.value * self._square_metres[match.group()]
                yield Area(before.start(), match.end(), value, match.group())

    def _parts_alone(self, text: str, within: Spans) -> Iterator[Area]:
        """Yield "三分" of "三分地" where no other area holds it."""
        for match in self._part_alone.finditer(text):
            number = parse(match.group(1))
            # "十分" says very much.
            if number and number.value < 10 and within.around(match.start())[1] <= match.start():
                value = number.value * self._square_metres[match.group(2)]
                yield Area(match.start(), match.end(), value, match.group(2))

    def _around(self, text: str, match: re.Match[str]) -> Area | None:
        """Read one area around its unit: the number before, the half or the parts after."""
        unit = match.group()
        size = self._square_metres[unit]
        start, number = number_before(text, match.start())
        if number is None and text[match.start() - 1 : match.start()] == "半":
            start, number = match.start() - 1, Number(0.5)
        if number is None or text.endswith(self._price_before, 0, start):
            return None
        if number.value == 1 and self._price_after and self._price_after.match(text, match.end()):
            return None
        end, value = match.end(), number.value * size
        if text.startswith("半", end):
            return Area(start, end + 1, value + size / 2, unit)
        for part, part_size in self._parts(text, end):
            end, value = part.end(), value + part_size
        return Area(start, end, value, unit)

    def _parts(self, text: str, place: int) -> Iterator[tuple[re.Match[str], float]]:
        while part := self._part.match(text, place):
            number = parse(part.group(1))
            yield part, (number.value if number else 0) * self._square_metres[part.group(2)]
            place = part.end()


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Compile an expression for any of the words, the longest first.

    Examples
    --------
    >>> any_of(["平方", "平方米"]).pattern, any_of([]).pattern
    ('平方米|平方', '(?!)')
    """
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)")


def number_before(text: str, end: int) -> tuple[int, Number | None]:
    """Return where the number that ends at ``end`` starts, and the number.

    Examples
    --------
    >>> number_before("共23户", 3)
    (1, Number(value=23, approximate=False))
    """
    if end and text[end - 1] == " ":
        end -= 1
    start = end
    if start and text[start - 1] == "个":
        start -= 1
        end = start
    while start > 0 and end - start < _LONGEST_NUMBER and text[start - 1] in _NUMBER_CHARS:
        # A comma belongs to a number only between digits.
        if text[start - 1] == "," and not (text[start : start + 1].isdigit() and text[start - 2 : start - 1].isdigit()):
            break
        start -= 1
    while start < end and text[start] in ".,多余来万亿":
        start += 1
    return start, parse(text[start:end]) if start < end else None


def _shortest(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words that hold no other one: a text without them holds none."""
    words = tuple(words)
    return tuple(word for word in words if not any(other != word and other in word for other in words))
