"""The names of places in a text, one by one: by what they end in, by the country's list and by the office's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from triage.place.divisions import Unit
from triage.place.gazetteer import Entry, Gazetteer
from triage.place.policy import LEVELS, PlacePolicy

__all__ = ["PARTS", "RANK", "NameReader", "PlaceName"]

PARTS = (*LEVELS, "detail")
RANK = {part: rank for rank, part in enumerate(PARTS)}
_LATIN = re.compile("[A-Z]")
_SHORT_LENGTHS = (4, 3, 2)
_HIDDEN_LENGTH = 4
_PEELED = ("county", "town", "village")


class PlaceName(NamedTuple):
    """One name in a text.

    Attributes
    ----------
    start, end : int
        Where it stands.
    part : str
        A level, or ``"detail"``.
    name : str
        In full, also where the text has it short.
    weak : bool
        Counts only beside another name.
    hidden : bool
        Made unreadable on purpose, as "A市".
    entries : tuple of Entry
        The gazetteer's places of this name.
    """

    start: int
    end: int
    part: str
    name: str
    weak: bool = False
    hidden: bool = False
    entries: tuple[Entry, ...] = ()


class NameReader:
    """Read the names of places in texts.

    Parameters
    ----------
    policy : PlacePolicy
        What names look like.
    gazetteer : Gazetteer or None
        Names that are known whatever they look like.
    """

    def __init__(self, policy: PlacePolicy, gazetteer: Gazetteer | None) -> None:
        self._policy = policy
        self._divisions = policy.divisions
        self._gazetteer = gazetteer

    def __call__(self, text: str) -> list[PlaceName]:
        """Return the names left to right, without overlaps."""
        listed = self._listed(text)
        found = [*self._chinese(text, listed), *(self._english(text) if _LATIN.search(text) else ())]
        if not listed:
            return sorted(found)
        by_end = {name.end: name for name in listed}
        found = [_listed_as(name, by_end.get(name.end)) for name in found]
        # A listed name inside a longer name is part of that.
        taken = {place for name in found for place in range(name.start, name.end)}
        return sorted([*found, *(name for name in listed if name.start not in taken)])

    def _listed(self, text: str) -> list[PlaceName]:
        found = self._gazetteer.find(text) if self._gazetteer else ()
        return [
            PlaceName(start, end, entries[0].part, entries[0].name, entries=tuple(entries))
            for (start, end), entries in found
        ]

    def _chinese(self, text: str, listed: list[PlaceName]) -> Iterator[PlaceName]:
        ahead = iter(listed)
        following, near, last = next(ahead, None), (0, 0), 0
        for match in self._policy.ending.finditer(text):
            while following and following.start <= match.start():
                near = (following.start, following.end)
                following = next(ahead, None)
            if match.start() < max(last, near[1]):
                continue
            # "新河" is listed, "新河村" is another place.
            grown = near[1] == match.start() > last and match.group() not in self._policy.weak
            lowest = near[0] if grown else max(last, near[1])
            name = self._named(text, match, lowest)
            if name:
                yield from self._with_shorts(text, name, lowest)
                last = match.end()

    def _named(self, text: str, match: re.Match[str], lowest: int) -> PlaceName | None:
        """Return the name that ends with an ending, no part of it before ``lowest``."""
        policy, (start, end) = self._policy, match.span()
        known = self._divisions.ending_at(text, end, lowest)
        if known:
            level = self._divisions.names[known][0].level
            return PlaceName(end - len(known), end, level, known, len(known) <= 2 or known in policy.never)
        part = policy.endings[match.group()]
        mark = policy.hidden.search(text, max(lowest, start - _HIDDEN_LENGTH), start)
        if mark:
            return PlaceName(mark.start(), end, part, text[mark.start() : end], hidden=True)
        name = self._unknown(text, match, lowest)
        if not name:
            return None
        generic = policy.generic_after.match(text, end) is not None
        weak = part in ("province", "city") or match.group() in policy.weak or generic
        return PlaceName(end - len(name), end, part, name, weak)

    def _unknown(self, text: str, match: re.Match[str], lowest: int) -> str:
        """Return the name that no list knows before an ending; ``""`` where what stands there is none."""
        policy, (start, end) = self._policy, match.span()
        found = policy.name.search(text, max(lowest, start - policy.window), start)
        if not found or text[start - 1] in policy.never_before:
            return ""
        first = max((cut.end() for cut in policy.cut.finditer(text, found.start(), start)), default=found.start())
        shortest, longest = 1 if first == lowest > 0 else 2, 3 if match.group() in policy.short else policy.longest
        name, length = text[first:end], start - first
        fits = shortest <= length <= longest or (length > longest and self._begins_short(name))
        return name if fits and not name.endswith(policy.never) else ""

    def _with_shorts(self, text: str, name: PlaceName, lowest: int) -> Iterator[PlaceName]:
        """Yield a name behind the short ones that it is joined to: "湖北随州" + "曾都区", "湖北随州" + "洛阳镇"."""
        units = self._divisions.names.get(name.name)
        if units:
            yield from reversed(list(self._shorts_before(text, name, units, lowest)))
            yield name
        elif name.part in _PEELED and not name.hidden:
            yield from self._peeled(name)
        else:
            yield name

    def _begins_short(self, name: str) -> bool:
        return any(name[:length] in self._divisions.shorts for length in _SHORT_LENGTHS)

    def _shorts_before(self, text: str, name: PlaceName, units: list[Unit], lowest: int) -> Iterator[PlaceName]:
        start, rank = name.start, RANK[name.part]
        while rank:
            for length in _SHORT_LENGTHS:
                first = start - length
                above = self._divisions.shorts.get(text[first:start], ()) if first >= lowest else ()
                holding = [own for own in above if RANK[own.level] < rank and any(own.holds(unit) for unit in units)]
                if holding:
                    yield PlaceName(first, start, holding[0].level, holding[0].name)
                    start, rank = first, RANK[holding[0].level]
                    break
            else:
                return

    def _peeled(self, name: PlaceName) -> Iterator[PlaceName]:
        """Yield the short names that an unknown name begins with, then the rest of it."""
        start, known, rank = name.start, dict[str, str](), -1
        while rank < RANK["county"]:
            for length in _SHORT_LENGTHS:
                first = start - name.start
                piece = name.name[first : first + length]
                if piece not in self._divisions.shorts or len(name.name) - first - length < 3:
                    continue
                units = [
                    unit
                    for unit in self._divisions.units(piece, known)
                    if rank < RANK[unit.level] < RANK[name.part] and (known or unit.level != "county")
                ]
                if units:
                    yield PlaceName(start, start + length, units[0].level, units[0].name)
                    known[units[0].level], rank = units[0].name, RANK[units[0].level]
                    start += length
                    break
            else:
                break
        yield name._replace(start=start, name=name.name[start - name.start :])

    def _english(self, text: str) -> Iterator[PlaceName]:
        policy = self._policy
        for match in policy.english.finditer(text):
            start, words = match.start(), match.group(1).split()
            while words and words[0] in policy.english_stop:
                start += len(words.pop(0)) + 1
            if not words:
                continue
            ending = match.group(2)
            part, name = policy.english_endings[ending.lower()], " ".join([*words, ending.title()])
            before = policy.building_before.search(text, max(0, start - 20), start) if part == "detail" else None
            if before:
                start, name = before.start(), before.group() + name
            yield PlaceName(start, match.end(), part, name)


def _listed_as(name: PlaceName, listed: PlaceName | None) -> PlaceName:
    """Return a name with what the gazetteer knows of it; the detail as the letter has it, with the building."""
    if listed is None or listed.part != name.part:
        return name
    return name._replace(entries=listed.entries, name=name.name if name.start < listed.start else listed.name)
