"""How places are read, as checked objects: what ``taxonomy/place.toml`` and ``divisions.csv`` say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from triage.config import read_toml
from triage.place.divisions import Divisions
from triage.taxonomy import LEVELS as FROM_BELOW
from triage.text.cues import PolicyTable

__all__ = ["LEVELS", "Forward", "PlacePolicy"]

SCHEMA_VERSION = 1
_FILE = "place.toml"
LEVELS = FROM_BELOW[::-1]  # from the top
_PARTS = (*LEVELS, "detail")
_BEFORE = ("here_before", "office_before", "away_before")
_AFTER = ("here_after", "office_after", "away_after")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_NEVER = re.compile("(?!)")


class Forward(NamedTuple):
    """Where letters about another place go: where all of ``needs`` are known and the place is ours down to ``same``."""

    needs: tuple[str, ...]
    same: str
    zh: str
    en: str


class PlacePolicy:
    """Read and check the policy of places; every fault of the file is told at once.

    Parameters
    ----------
    policy : Mapping
        The tables of ``taxonomy/place.toml``.
    divisions : Divisions
        The country's provinces, prefectures and counties.

    Raises
    ------
    DataError
        If the policy has faults; ``faults`` names each with file and key.
    """

    def __init__(self, policy: Mapping[str, Any], divisions: Divisions) -> None:
        self.divisions = divisions
        root = PolicyTable(policy, _FILE)
        root.header(SCHEMA_VERSION, "endings", "name", "english", "beside", "parts", "forward")
        self._read_endings(root.sub("endings"))
        self._read_names(root.sub("name"))
        self._read_english(root.sub("english"))
        self._read_beside(root.sub("beside"))
        parts = root.sub("parts")
        parts.only("group", "building", "building_before")
        self.group, self.building = (_expression(parts, key) for key in ("group", "building"))
        self.building_before = _expression(parts, "building_before", r"\Z")
        self.forward = tuple(_forward(sub) for sub in root.subs("forward"))
        if not self.forward or self.forward[-1].needs or self.forward[-1].same:
            root.fault("forward", "the last rule must have no needs and no same, for places it cannot name")
        root.close()

    @classmethod
    def load(cls, folder: Path) -> PlacePolicy:
        """Read the files of a policy folder.

        Raises
        ------
        DataError
            With every fault of the first faulty file in ``faults``.
        """
        taxonomy = folder / "taxonomy"
        return cls(read_toml(taxonomy / _FILE), Divisions.load(taxonomy / "divisions.csv"))

    def _read_endings(self, table: PolicyTable) -> None:
        table.only(*_PARTS, "weak")
        self.endings = {word: part for part in _PARTS for word in table.words(part)}
        self.weak = frozenset(table.words("weak"))
        longest_first = sorted(self.endings, key=len, reverse=True)
        # Behind anything but a letter, a digit or a mark of a hidden name, an ending has no name before it.
        # What stands before is looked at behind the first character: the search for the first ones is fast.
        pieces = (
            rf"{re.escape(word[0])}(?<=[\w×*○]{re.escape(word[0])}){re.escape(word[1:])}" for word in longest_first
        )
        self.ending = re.compile("|".join(pieces) or "(?!)")

    def _read_names(self, table: PolicyTable) -> None:
        table.only("stop", "longest", "never_before", "generic_after", "short", "stop_words", "never", "hidden")
        self.longest = table.integer("longest", 2, 20)
        stop = re.escape(table.text("stop"))
        # Longer than a name, for the short names of province and prefecture that may stand joined to it.
        self.window = self.longest + 8
        self.name = re.compile(rf"[^\W\d_A-Za-z{stop}]{{1,{self.window}}}\Z")
        words = sorted(table.words("stop_words"), key=len, reverse=True)
        self.cut = re.compile("|".join(map(re.escape, words)) or "(?!)")
        self.short = frozenset(table.words("short"))
        self.never_before = frozenset(table.text("never_before"))
        self.generic_after = _expression(table, "generic_after")
        self.never = table.words("never")
        self.hidden = _expression(table, "hidden", r"\Z")

    def _read_english(self, table: PolicyTable) -> None:
        table.only(*_PARTS, "stop")
        self.english_endings = {word: part for part in _PARTS for word in table.words(part)}
        self.english_stop = frozenset(table.words("stop"))
        longest_first = sorted(self.english_endings, key=len, reverse=True)
        either = "|".join(f"[{word[0]}{word[0].upper()}]{re.escape(word[1:])}" for word in longest_first) or "(?!)"
        self.english = re.compile(rf"\b((?:[A-Z][A-Za-z'’-]{{0,29}} ){{1,3}})({either})\b")

    def _read_beside(self, table: PolicyTable) -> None:
        table.only(*_BEFORE, *_AFTER)
        self.before = {key.split("_")[0]: _expression(table, key, r"\Z") for key in _BEFORE}
        self.after = {key.split("_")[0]: _expression(table, key) for key in _AFTER}


def _expression(table: PolicyTable, key: str, end: str = "") -> re.Pattern[str]:
    found = table.pattern(key, table.text(key))
    return re.compile(f"(?:{found.pattern}){end}") if found else _NEVER


def _forward(table: PolicyTable) -> Forward:
    table.only("needs", "same", "zh", "en")
    needs, same = table.words("needs"), table.text("same", "")
    for level in (*needs, *filter(None, [same])):
        if level not in LEVELS:
            table.fault("needs", f"unknown level {level!r}; must be one of {', '.join(LEVELS)}")
    known = {*LEVELS, *(f"own_{level}" for level in LEVELS)}
    texts = [table.text(key) for key in ("zh", "en")]
    for text in texts:
        for name in _PLACEHOLDER.findall(text):
            if name not in known:
                table.fault("zh", f"unknown placeholder {{{name}}}")
    return Forward(needs, same, texts[0], texts[1])
