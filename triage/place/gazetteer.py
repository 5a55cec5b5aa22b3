"""The office's own list of places: villages, groups, estates, roads, firms and what they used to be called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from triage.config import read_csv
from triage.errors import DataError
from triage.schema import Span
from triage.text.cues import WordScanner
from triage.text.normalise import lower_keep_length

__all__ = ["Entry", "Gazetteer"]

SCHEMA_VERSION = 1
_COLUMNS = ("name", "kind", "county", "town", "village", "other_names")
_KINDS = ("county", "town", "village", "group", "estate", "road", "company", "other")
_SHORTEST = 2


class Entry(NamedTuple):
    """One place of the gazetteer and what it lies in; ``""`` where the file leaves it open."""

    county: str
    town: str
    village: str
    detail: str

    @property
    def part(self) -> str:
        """The part of a `Place` that its own name is."""
        return next(part for part in ("detail", "village", "town", "county") if getattr(self, part))

    @property
    def name(self) -> str:
        return self.detail or self.village or self.town or self.county


class Gazetteer:
    """Find listed places in a text.

    Parameters
    ----------
    names : iterable of (str, Entry)
        Every name a place goes by; places may share one.
    """

    def __init__(self, names: Iterable[tuple[str, Entry]]) -> None:
        pairs = list(dict.fromkeys(names))
        self._scanner = WordScanner(pairs)
        self.size = len({entry for _, entry in pairs})

    @classmethod
    def load(cls, path: str | Path) -> Gazetteer:
        """Read a gazetteer file.

        Raises
        ------
        DataError
            With every fault in ``faults``.
        """
        path = Path(path)
        names: list[tuple[str, Entry]] = []
        faults: list[str] = []
        for number, row in enumerate(read_csv(path, _COLUMNS, SCHEMA_VERSION), 3):
            listed = [name.strip() for name in (row["name"], *row["other_names"].split("|")) if name.strip()]
            wrong = _faults(row, listed)
            faults += [f"{path.name}: row {number}: {what}" for what in wrong]
            if not wrong:
                names += [(name, _entry(row)) for name in listed]
        if faults:
            raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
        return cls(names)

    def find(self, text: str) -> list[tuple[Span, list[Entry]]]:
        """Return the places named in a text, left to right, the longest of overlapping names; all that share it."""
        found: dict[Span, list[Entry]] = {}
        for hit in self._scanner.scan(lower_keep_length(text)):
            found.setdefault((hit.start, hit.end), []).append(hit.tag)
        kept: list[tuple[Span, list[Entry]]] = []
        for span, entries in sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])):
            if not kept or span[0] >= kept[-1][0][1]:
                kept.append((span, entries))
        return kept


def _faults(row: dict[str, str], listed: list[str]) -> list[str]:
    faults = []
    if not row["name"]:
        faults.append("name is empty")
    if row["kind"] not in _KINDS:
        faults.append(f"kind {row['kind']!r} is not one of {', '.join(_KINDS)}")
    faults += [f"{name!r} is too short, {_SHORTEST} characters at least" for name in listed if len(name) < _SHORTEST]
    if row["kind"] not in ("county", "town") and not (row["town"] or row["village"]):
        faults.append("town and village are both empty")
    return faults


def _entry(row: dict[str, str]) -> Entry:
    kind, name = row["kind"], row["name"]
    if kind == "county":
        return Entry(name, "", "", "")
    if kind == "town":
        return Entry(row["county"], name, "", "")
    if kind == "village":
        return Entry(row["county"], row["town"], name, "")
    return Entry(row["county"], row["town"], row["village"], name)
