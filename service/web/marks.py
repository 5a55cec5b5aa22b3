"""A letter cut into pieces, each with the evidence that lies on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["GROUPS", "Piece", "cut", "passages"]

# Which colour a field's evidence has; where two lie on one place, the earlier group shows.
GROUPS = {
    "personal": ("personal",),
    "urgency": ("urgency",),
    "place": ("place", "area", "asked", "accused"),
    "facts": ("persons", "households", "signatories", "collective", "repeat", "visits", "money", "limit"),
    "category": ("category", "secondary", "department", "channel", "nature"),
}
_GROUP_OF = {field: group for group, fields in GROUPS.items() for field in fields}
_ORDER = {group: place for place, group in enumerate(GROUPS)}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of a letter; ``group`` is empty and ``why`` too where nothing speaks of them."""

    text: str
    group: str = ""
    counts: bool = True
    why: tuple[Mapping[str, Any], ...] = ()
    start: int = 0


def cut(text: str, evidence: Iterable[Mapping[str, Any]]) -> list[Piece]:
    """Return a text in pieces by the evidence on it.

    Evidence of one group that overlaps makes one piece, so that who reads by keyboard stops once.
    """
    found = [item for item in evidence if item["span"] and item["span"][0] < item["span"][1] <= len(text)]
    owner: list[str] = [""] * len(text)
    for group in reversed(GROUPS):
        for item in found:
            if _GROUP_OF.get(item["field"], "category") == group:
                start, end = item["span"]
                owner[start:end] = [group] * (end - start)
    pieces: list[Piece] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and owner[end] == owner[start]:
            continue
        pieces.append(_piece(text, owner[start], start, end, found))
        start = end
    return pieces


def _piece(text: str, group: str, start: int, end: int, found: Sequence[Mapping[str, Any]]) -> Piece:
    if not group:
        return Piece(text[start:end], start=start)
    on = [item for item in found if item["span"][0] < end and item["span"][1] > start]
    own = [item for item in on if _GROUP_OF.get(item["field"], "category") == group]
    counts = any(item["status"] == "active" for item in own)
    on.sort(key=_rank)
    seen: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for item in on:
        seen.setdefault((item["field"], item["id"], item["note"]), item)
    return Piece(text[start:end], group, counts, tuple(seen.values())[:5], start)


def _rank(item: Mapping[str, Any]) -> tuple[int, bool, float]:
    return _ORDER[_GROUP_OF.get(item["field"], "category")], item["status"] != "active", -item["weight"]


def passages(text: str, spans: Iterable[Sequence[int]]) -> list[Piece]:
    """Return a text in pieces, those of the spans in the group ``shared``."""
    pieces, done = [], 0
    for start, end in sorted((max(0, one[0]), min(len(text), one[1])) for one in spans):
        if start < done or start >= end:
            continue
        pieces += [Piece(text[done:start]), Piece(text[start:end], "shared", start=start)]
        done = end
    return [*(one for one in pieces if one.text), Piece(text[done:])]
