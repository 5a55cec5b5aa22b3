"""Whom a letter accuses: the village, the township office or the department that must not get the letter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from triage.config import read_toml
from triage.schema import Span
from triage.text.cues import Hit, PolicyTable, WordScanner
from triage.text.normalise import lower_keep_length

__all__ = ["Accused", "AccusedFinder"]

SCHEMA_VERSION = 1
_FILE = "accused.toml"
_LEVELS = ("village", "township", "county")
_CLAUSE_END = re.compile(r"[,，。;；!！?？、\n:：]|\.(?=\s|$)")
_SENTENCE_END = frozenset("。!！?？\n.") | {""}
# How far before a word the words that turn its meaning may begin.
_REACH = 16
_LOOSE = "loose"


class Accused(NamedTuple):
    """One accused unit.

    Attributes
    ----------
    kind : str
        Level, and for a part of it its department behind a stroke: ``"village"``, ``"township"``,
        ``"township/public_security"``, ``"county/health"``. Who holds an office stands for it.
    name : str
        As the text has it.
    span : tuple of int
        Where the text that was given names it.
    """

    kind: str
    name: str
    span: Span


class AccusedFinder:
    """Find the units that a text accuses of misconduct.

    Parameters
    ----------
    policy : Mapping
        The tables of ``taxonomy/accused.toml``.
    departments : iterable of str or None
        The codes that exist; None leaves them unchecked.

    Raises
    ------
    DataError
        If the policy has faults; ``faults`` names each with file and key.
    """

    def __init__(self, policy: Mapping[str, Any], departments: Iterable[str] | None = None) -> None:
        root = PolicyTable(policy, _FILE)
        root.only(
            "schema_version",
            "superiors",
            "acts",
            "loose_acts",
            "reports",
            "loose_reports",
            "addressed",
            "denied",
            "unit",
        )
        if root.integer("schema_version", 1, 99) != SCHEMA_VERSION:
            root.fault("schema_version", f"must be {SCHEMA_VERSION}")
        acts, loose = root.words("acts", shortest=2), root.words("loose_acts", shortest=2)
        self._reports, self._loose_reports, self._addressed, self._denied = (
            _ending(root, key) for key in ("reports", "loose_reports", "addressed", "denied")
        )
        known = None if departments is None else frozenset(departments)
        self._superiors = root.words("superiors")
        if known is not None:
            for code in self._superiors:
                if code not in known:
                    root.fault("superiors", f"{code!r} does not exist")
        units = [pair for sub in root.subs("unit") for pair in _unit(sub, known)]
        root.close()
        self._acts = WordScanner([*((word, "") for word in acts), *((word, _LOOSE) for word in loose)])
        self._units = WordScanner(units)

    @classmethod
    def load(cls, folder: Path, departments: Iterable[str] | None = None) -> AccusedFinder:
        """Read the file of a policy folder."""
        return cls(read_toml(folder / "taxonomy" / _FILE), departments)

    def __call__(self, text: str, accusation: bool = False) -> tuple[Accused, ...]:
        """Return the accused units in the order of the text, each kind once.

        Parameters
        ----------
        text : str
            The letter; `Accused.span` counts its characters.
        accusation : bool
            It is known to be an accusation: the first unit that is not just asked or told counts too, whatever is said
            of it, and so do the policy's ``loose_acts`` and ``loose_reports``.
        """
        lowered = lower_keep_length(text)
        units = _longest(self._units.scan(lowered))
        if not units:
            return ()
        acts = [
            hit
            for hit in self._acts.scan(lowered)
            if (accusation or hit.tag != _LOOSE) and _start(self._denied, lowered, 0, hit.start) < 0
        ]
        found: dict[str, Accused] = {}
        for hit in self._accused(lowered, units[::-1], acts[::-1], accusation):
            found.setdefault(hit.tag, Accused(hit.tag, text[hit.start : hit.end], (hit.start, hit.end)))
        return tuple(sorted(found.values(), key=lambda accused: accused.span))

    def free(self, departments: Iterable[str], accused: Iterable[Accused]) -> tuple[str, ...]:
        """Return the departments that are not accused, in order; their superiors where none is left.

        Source
        ------
        Regulations on Petition Work (2022) Art. 28, 30.
        """
        # A station in a township is accused without its department in the county, which is its superior.
        barred = {item.kind.partition("/")[2] for item in accused if item.kind.startswith("county/")}
        return tuple(code for code in departments if code not in barred) or tuple(
            code for code in self._superiors if code not in barred
        )

    def _accused(
        self, lowered: str, units: list[Hit[str]], acts: list[Hit[str]], accusation: bool
    ) -> Iterator[Hit[str]]:
        """Yield the unit that each act is told of, and the units that a verb accuses."""
        start, carried, first = 0, None, accusation
        for end in [*(match.start() for match in _CLAUSE_END.finditer(lowered)), len(lowered)]:
            here = []
            for unit in _taken(units, end):
                reported = _start(self._reports, lowered, start, unit.start)
                if accusation:
                    reported = max(reported, _start(self._loose_reports, lowered, start, unit.start))
                addressed = _start(self._addressed, lowered, start, unit.start)
                if reported >= 0 and reported >= addressed:
                    yield unit
                elif addressed < 0:
                    here.append(unit)
            if first and here:
                first = False
                yield here[0]
            for act in _taken(acts, end):
                told_of = next((unit for unit in reversed(here) if unit.end <= act.start), carried)
                if told_of:
                    yield told_of
            carried = here[-1] if here and lowered[end : end + 1] not in _SENTENCE_END else None
            start = end + 1


def _unit(table: PolicyTable, departments: frozenset[str] | None) -> list[tuple[str, str]]:
    table.only("level", "department", "words")
    level, department = table.text("level"), table.text("department", "")
    if level not in _LEVELS:
        table.fault("level", f"unknown {level!r}; must be one of {', '.join(_LEVELS)}")
    if department and departments is not None and department not in departments:
        table.fault("department", f"{department!r} does not exist")
    kind = f"{level}/{department}" if department else level
    return [(word, kind) for word in table.words("words", shortest=2)]


def _ending(table: PolicyTable, key: str) -> re.Pattern[str]:
    found = table.pattern(key, table.text(key))
    return re.compile(rf"(?:{found.pattern})\Z" if found else "(?!)")


def _start(pattern: re.Pattern[str], lowered: str, first: int, end: int) -> int:
    """Return where the expression that ends at ``end`` starts; -1 where there is none."""
    match = pattern.search(lowered, max(first, end - _REACH), end)
    return match.start() if match else -1


def _taken(hits: list[Hit[str]], end: int) -> Iterator[Hit[str]]:
    """Yield and remove the hits that start before ``end``; the list runs backwards."""
    while hits and hits[-1].start < end:
        yield hits.pop()


def _longest(hits: list[Hit[str]]) -> list[Hit[str]]:
    kept: list[Hit[str]] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept
