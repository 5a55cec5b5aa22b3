"""The policy of urgency as checked objects: what ``taxonomy/urgency.toml`` says, and nothing about letters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from triage.text.cues import PolicyTable, WordScanner
from triage.text.numerals import COUNT

__all__ = ["CONTEXTS", "TIMES", "Criterion", "Days", "Level", "Pattern", "Raise", "Trigger", "UrgencyPolicy"]

SCHEMA_VERSION = 1
_FILE = "urgency.toml"
TIMES = ("past", "recent", "current", "near")
CONTEXTS = (*TIMES, "done", "plea", "if", "maybe", "fear", "reported", "quote", "threat", "break")
_IGNORABLE = ("negation", "past", "done", "hypothesis", "reported", "quote")
_CONDITIONS = ("collective", "repeat", "call")


class Level(NamedTuple):
    """A level of urgency, its names and what the office is advised to do."""

    code: int
    zh: str
    en: str
    advice_zh: str
    advice_en: str


class Criterion(NamedTuple):
    """A criterion, its names and its own advice, if the level's will not do."""

    id: str
    zh: str
    en: str
    feared: int
    quotable: bool
    advice_zh: str
    advice_en: str


class Raise(NamedTuple):
    """A higher level, and the words beside a trigger that ask for it."""

    level: int
    words: tuple[str, ...]
    pattern: re.Pattern[str] | None
    letter: bool


class Trigger(NamedTuple):
    """A group of wordings of one criterion that are treated alike."""

    criterion: int
    level: int
    now: int
    soon: int
    needs: frozenset[str]
    near_words: re.Pattern[str] | None
    letter_words: tuple[str, ...]
    unless: re.Pattern[str] | None
    ignore: frozenset[str]
    threat: bool
    feared: int
    raises: tuple[Raise, ...]


class Pattern(NamedTuple):
    """An expression of a trigger, run where one of its words was seen."""

    trigger: int
    find: re.Pattern[str]
    singles: tuple[str, ...]


class Days(NamedTuple):
    """How the days that are left of a period are read."""

    remaining: tuple[re.Pattern[str], ...]
    due: tuple[re.Pattern[str], ...]
    today: tuple[re.Pattern[str], ...]
    soon: tuple[tuple[int, re.Pattern[str]], ...]
    marks: tuple[str, ...]
    about: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    bands: tuple[tuple[int, int], ...]
    unknown: int
    criterion: int


class UrgencyPolicy:
    """Read and check the policy of urgency; every fault is told at once.

    Parameters
    ----------
    policy : Mapping
        The tables of ``taxonomy/urgency.toml``.

    Raises
    ------
    DataError
        If the policy has faults; ``faults`` names each with file and key.
    """

    def __init__(self, policy: Mapping[str, Any]) -> None:
        root = PolicyTable(policy, _FILE)
        names = root.header(
            SCHEMA_VERSION,
            "levels",
            "context",
            "idioms",
            "criteria",
            "crowd",
            "again",
            "deadline",
            "combine",
            "periods",
        )
        self.names = {**names, "N": COUNT}
        self.levels = self._read_levels(root.sub("levels"))
        self._read_context(root.sub("context"))
        self.criteria: dict[str, Criterion] = {}
        self.ids: tuple[str, ...] = tuple(root.sub("criteria").table)
        self.words: list[tuple[str, tuple[str, int]]] = []
        self.triggers: list[Trigger] = []
        self.patterns: list[Pattern] = []
        for number, name in enumerate(self.ids):
            self._read_criterion(root.sub("criteria").sub(name), number, name)
        self.words += [(word, ("idiom", -1)) for word in root.words("idioms", shortest=2)]
        self._read_crowd(root.sub("crowd"))
        self.days = self._read_deadline(root.sub("deadline"))
        self._read_combine(root.sub("combine"))
        self.periods = [self._read_period(sub) for sub in root.subs("periods")]
        root.close()
        self.words += [(w, ("context", number)) for number, kind in enumerate(CONTEXTS) for w in self.context[kind]]
        self.scanner = WordScanner(self.words)
        self.with_singles = tuple(number for number, pattern in enumerate(self.patterns) if pattern.singles)
        singles = {char for pattern in self.patterns for char in pattern.singles}
        self.singles = re.compile(f"[{re.escape(''.join(sorted(singles)))}]" if singles else "(?!)")

    @staticmethod
    def _read_levels(table: PolicyTable) -> dict[int, Level]:
        levels = {}
        for code in (1, 2, 3, 4):
            sub = table.sub(str(code))
            sub.only("zh", "en", "advice_zh", "advice_en")
            levels[code] = Level(code, *(sub.text(key) for key in ("zh", "en", "advice_zh", "advice_en")))
        table.only("1", "2", "3", "4")
        return levels

    def _read_context(self, table: PolicyTable) -> None:
        table.only(*CONTEXTS, "negation", "negation_keep", "negation_after", "window_left", "window_left_english",
                   "window_right", "year",
                   "call", "long", "if_chars")  # fmt: skip
        self.context = {kind: table.words(kind, shortest=2) for kind in CONTEXTS}
        self.left = table.integer("window_left", 1, 40)
        self.left_english = table.integer("window_left_english", 1, 80)
        self.right = table.integer("window_right", 1, 40)
        self.negation = _alternation(table.words("negation"))
        self.keep = _alternation(table.words("negation_keep"))
        self.negated_after = _alternation(table.words("negation_after"))
        self.year = table.pattern("year", table.text("year"), self.names)
        self.long = table.integer("long", 0, 10**6)
        self.call = table.pattern("call", table.text("call"), self.names)
        self.fear_chars = table.words("if_chars")

    def _read_criterion(self, table: PolicyTable, number: int, name: str) -> None:
        table.only("zh", "en", "level", "feared", "quotable", "idioms", "triggers", "advice_zh", "advice_en")
        level = table.integer("level", 1, 4)
        criterion = Criterion(
            name,
            table.text("zh"),
            table.text("en"),
            table.integer("feared", 0, 4, 0),
            table.flag("quotable"),
            table.text("advice_zh", ""),
            table.text("advice_en", ""),
        )
        self.criteria[name] = criterion
        self.words += [(word, ("idiom", number)) for word in table.words("idioms", shortest=2)]
        for sub in table.subs("triggers"):
            self._read_trigger(sub, number, criterion, level)

    def _read_trigger(self, table: PolicyTable, number: int, criterion: Criterion, level: int) -> None:
        table.only("words", "patterns", "level", "now", "soon", "needs", "near_words", "letter_words", "unless",
                   "ignore", "threat", "feared", "raise")  # fmt: skip
        index = len(self.triggers)
        own = table.integer("level", 1, 4, level)
        ignore = frozenset(table.words("ignore"))
        for name in sorted(ignore.difference(_IGNORABLE)):
            table.fault("ignore", f"unknown {name!r}; known are {', '.join(_IGNORABLE)}")
        needs = frozenset(table.words("needs"))
        for name in sorted(needs.difference(TIMES, ("plea",), _CONDITIONS)):
            table.fault("needs", f"unknown {name!r}; known are {', '.join((*TIMES, 'plea', *_CONDITIONS))}")
        near_words, unless = table.text("near_words", ""), table.text("unless", "")
        self.triggers.append(
            Trigger(
                number,
                own,
                table.integer("now", 1, 4, own),
                table.integer("soon", 1, 4, own),
                needs,
                table.pattern("near_words", near_words, self.names) if near_words else None,
                table.words("letter_words"),
                table.pattern("unless", unless, self.names) if unless else None,
                ignore,
                table.flag("threat"),
                table.integer("feared", 0, 4, criterion.feared),
                tuple(self._read_raise(sub) for sub in table.subs("raise")),
            )
        )
        self.words += [(word, ("trigger", index)) for word in table.words("words", shortest=2)]
        for sub in table.subs("patterns"):
            self._read_pattern(sub, index)

    def _read_raise(self, table: PolicyTable) -> Raise:
        table.only("level", "words", "find", "scope")
        find = table.text("find", "")
        scope = table.text("scope", "sentence")
        if scope not in ("sentence", "letter"):
            table.fault("scope", "must be sentence or letter")
        pattern = table.pattern("find", find, self.names) if find else None
        return Raise(table.integer("level", 1, 4), table.words("words"), pattern, scope == "letter")

    def _read_pattern(self, table: PolicyTable, trigger: int) -> None:
        table.only("when", "find")
        when = table.words("when")
        if not when:
            table.fault("when", "needs words of which every match holds at least one")
        find = table.pattern("find", table.text("find"), self.names)
        if find:
            index = len(self.patterns)
            self.patterns.append(Pattern(trigger, find, tuple(word for word in when if len(word) == 1)))
            self.words += [(word, ("pattern", index)) for word in when if len(word) > 1]

    def _criterion_number(self, table: PolicyTable) -> int:
        name = table.text("criterion")
        if name not in self.ids:
            table.fault("criterion", f"no such criterion: {name}")
            return 0
        return self.ids.index(name)

    @staticmethod
    def _bands(table: PolicyTable, key: str) -> tuple[tuple[int, int], ...]:
        bands = []
        for sub in table.subs(key):
            sub.only("at", "level")
            bands.append((sub.integer("at", 0, 10**9), sub.integer("level", 1, 4)))
        return tuple(sorted(bands))

    def _read_crowd(self, table: PolicyTable) -> None:
        table.only("criterion", "bands", "collective_level", "gathering", "gathering_at", "gathering_level", "repeat",
                   "repeat_level", "visits", "group_raise", "uncounted", "whole", "whole_counts")  # fmt: skip
        self.crowd = self._criterion_number(table)
        self.crowd_bands = self._bands(table, "bands")
        self.collective_level = table.integer("collective_level", 1, 4)
        self.gathering = table.text("gathering")
        self.gathering_at = table.integer("gathering_at", 1, 10**6)
        self.gathering_level = table.integer("gathering_level", 1, 4)
        self.uncounted = table.integer("uncounted", 1, 10**6)
        self.whole = table.pattern("whole", table.text("whole"), self.names)
        self.whole_counts = table.integer("whole_counts", 1, 10**6)
        self.repeat = table.text("repeat")
        self.repeat_level = table.integer("repeat_level", 1, 4)
        self.many_visits = table.integer("visits", 1, 1000)
        self.group_raise = []
        for sub in table.subs("group_raise"):
            sub.only("criterion", "at", "level")
            self.group_raise.append((sub.text("criterion"), sub.integer("at", 1, 10**6), sub.integer("level", 1, 4)))
        for key, name in (("gathering", self.gathering), ("repeat", self.repeat)):
            if name not in self.ids:
                table.fault(key, f"no such criterion: {name}")

    def _read_deadline(self, table: PolicyTable) -> Days:
        table.only("criterion", "remaining", "due", "today", "soon", "marks", "about", "unless", "bands", "unknown")
        soon = []
        for sub in table.subs("soon"):
            sub.only("days", "find")
            find = sub.pattern("find", sub.text("find"), self.names)
            if find:
                soon.append((sub.integer("days", 0, 365), find))
        return Days(
            table.patterns("remaining", self.names),
            table.patterns("due", self.names),
            table.patterns("today", self.names),
            tuple(soon),
            table.words("marks"),
            table.pattern("about", table.text("about"), self.names),
            table.pattern("unless", table.text("unless"), self.names),
            self._bands(table, "bands"),
            table.integer("unknown", 0, 365),
            self._criterion_number(table),
        )

    def _read_combine(self, table: PolicyTable) -> None:
        table.only("acute", "pairs", "several", "raise_to")
        self.acute = frozenset(table.words("acute"))
        self.several = table.integer("several", 2, 9)
        self.raise_to = table.integer("raise_to", 1, 4)
        self.pairs = []
        for sub in table.subs("pairs"):
            sub.only("both", "level")
            both = frozenset(sub.words("both"))
            self.pairs.append((both, sub.integer("level", 1, 4)))
            for name in sorted(both.difference(self.ids)):
                sub.fault("both", f"no such criterion: {name}")
        for name in sorted(self.acute.difference(self.ids)):
            table.fault("acute", f"no such criterion: {name}")

    def _read_period(self, table: PolicyTable) -> tuple[str, str, frozenset[str]]:
        table.only("name", "first", "last", "raises")
        raises = frozenset(table.words("raises"))
        for name in sorted(raises.difference(self.ids)):
            table.fault("raises", f"no such criterion: {name}")
        first, last = table.text("first"), table.text("last")
        if not first <= last:
            table.fault("last", "must not lie before first")
        return first, last, raises


def _alternation(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)")
