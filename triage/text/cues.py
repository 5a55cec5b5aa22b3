"""Finding the words of a policy file in a text: one scan for all plain words, regular expressions only on demand.

Facts and urgency share this machinery, not one another.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from triage.errors import DataError
from triage.schema import Span
from triage.text.analyse import Analysis
from triage.text.automaton import Automaton
from triage.text.normalise import lower_keep_length

__all__ = ["Contexts", "Hit", "PolicyTable", "Spans", "WordScanner", "compile_bounded"]

Tag = TypeVar("Tag")

_LATIN_WORD = re.compile(r"[a-z']+")
_IN_LATIN_WORD = re.compile(r"[a-z']")
_LATIN = re.compile(r"[a-z]")
# Outside character classes: *, + and {m,} have no upper bound.
_CLASS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]")
_UNBOUNDED = re.compile(r"[*+]|\{\d+,\}")
_NESTED = re.compile(r"[?}]\)\{(?:\d+,)?(?![01]\})\d+\}")
_REPEAT = re.compile(r"\{(?:\d+,)?(\d+)\}")
_LONGEST_REPEAT = 80


def compile_bounded(pattern: str) -> re.Pattern[str]:
    """Compile a policy file's expression whose running time grows with the text's length and no faster.

    Raises
    ------
    ValueError
        If it is no regular expression, or uses ``*``, ``+`` or ``{m,}``, repeats more than 80 times, or repeats a
        group that ends in a repeat.
    """
    plain = _CLASS.sub("c", pattern)
    if _UNBOUNDED.search(plain):
        raise ValueError(f"{pattern!r}: repeats need an upper bound, {{m,n}}")
    if _NESTED.search(plain):
        raise ValueError(f"{pattern!r}: a repeat of a group that ends in a repeat")
    if any(int(most) > _LONGEST_REPEAT for most in _REPEAT.findall(plain)):
        raise ValueError(f"{pattern!r}: repeats more than {_LONGEST_REPEAT} times")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r}: {error}") from None


class Hit(NamedTuple, Generic[Tag]):
    """A policy word where it stands in the text."""

    start: int
    end: int
    tag: Tag


class WordScanner(Generic[Tag]):
    """Find every listed word, overlapping ones too, in one pass.

    English words are found only whole; upper and lower case are one.

    Parameters
    ----------
    words : iterable of (str, Tag)
        Words of two characters and more, and what each stands for; a word may stand for several things.
    """

    def __init__(self, words: Iterable[tuple[str, Tag]]) -> None:
        listed = [(lower_keep_length(word), tag) for word, tag in words]
        self._find = Automaton([word for word, _ in listed])
        self._tags = [tag for _, tag in listed]
        # The length of a word's first word, if that is an English one.
        self._latin = [first.end() if (first := _LATIN_WORD.match(word)) else 0 for word, _ in listed]

    def scan(self, lowered: str) -> list[Hit[Tag]]:
        """Return the hits in the order of their starts; the text must be in lower case."""
        latin, tags = self._latin, self._tags
        found = [
            (start, number, end)
            for number, start, end in self._find(lowered)
            if not latin[number] or _stands_alone(lowered, start, start + latin[number], end)
        ]
        found.sort()
        return [Hit(start, end, tags[number]) for start, number, end in found]


def _stands_alone(lowered: str, start: int, first: int, end: int) -> bool:
    """Tell whether English words are no part of a longer one: the first ends at ``first``, the last at ``end``."""
    return not (
        _IN_LATIN_WORD.match(lowered, first)
        or _LATIN.match(lowered, end)
        or (start and _IN_LATIN_WORD.match(lowered, start - 1))
    )


class Spans:
    """Pieces of a text in order, found by place.

    Parameters
    ----------
    spans : sequence of Span
        Pieces without overlap, rising; gaps are allowed.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans
        self._starts = [start for start, _ in spans]

    def index(self, place: int) -> int:
        """Return the number of the piece that ``place`` is in or after; -1 before the first."""
        return bisect_right(self._starts, place) - 1

    def around(self, place: int) -> Span:
        """Return the piece that ``place`` is in or after."""
        index = self.index(place)
        return self.spans[index] if index >= 0 else (0, place)


class Contexts:
    """A text with the words that say how its clauses are meant: when, whether, by whom.

    Parameters
    ----------
    analysis : Analysis
        The text.
    kinds : sequence of str
        The kinds of such words; ``"break"`` ends a clause.
    times : sequence of str
        Those of them that say when.

    Attributes
    ----------
    lowered : str
        The text in lower case, every character at its place.
    contexts : dict of str to list of Span
        Where the words of each kind stand, in order.
    """

    def __init__(self, analysis: Analysis, kinds: Sequence[str], times: Sequence[str]) -> None:
        self.analysis = analysis
        self.lowered = analysis.lowered
        self.contexts: dict[str, list[Span]] = {kind: [] for kind in kinds}
        self._times = times
        self._clauses: Spans | None = None
        self._sentences: Spans | None = None

    def sentence(self, place: int) -> Span:
        """Return the sentence around a place."""
        if self._sentences is None:
            self._sentences = Spans(self.analysis.sentences)
        return self._sentences.around(place)

    def clause(self, place: int) -> Span:
        """Return the clause around a place, cut at a "but"."""
        if self._clauses is None:
            self._clauses = Spans(self.analysis.clauses)
        start, end = self._clauses.around(place)
        breaks = self.contexts["break"]
        for first, last in breaks[bisect_left(breaks, (start, 0)) : bisect_left(breaks, (end, 0))]:
            if last <= place:
                start = last
            elif place < first < end:
                end = first
        return start, end

    def before(self, start: int) -> int:
        """Return where the clause before the one that starts at ``start`` starts."""
        return self.clause(start - 2)[0] if start >= 2 else start

    def between(self, kind: str, start: int, end: int) -> Span | None:
        """Return the last word of a kind that lies in ``start:end``."""
        spans = self.contexts[kind]
        index = bisect_left(spans, (end, end)) - 1
        while index >= 0 and spans[index][0] >= start:
            if spans[index][1] <= end:
                return spans[index]
            index -= 1
        return None

    def first(self, kind: str, start: int, end: int) -> Span | None:
        """Return the first word of a kind that lies in ``start:end``."""
        spans = self.contexts[kind]
        index = bisect_left(spans, (start, 0))
        return spans[index] if index < len(spans) and spans[index][1] <= end else None

    def time(self, start: int, end: int, sentence: Span) -> str:
        """Return the kind of the time word that governs ``start:end``: the last before it, else the first after."""
        best, kind = -1, ""
        for name in self._times:
            span = self.between(name, sentence[0], end)
            if span and span[1] > best:
                best, kind = span[1], name
        if kind:
            return kind
        best = sentence[1]
        for name in self._times:
            span = self.first(name, end, sentence[1])
            if span and span[0] < best:
                best, kind = span[0], name
        return kind


class PolicyTable:
    """A table of a policy file, read key by key; every fault is kept and told at once.

    Parameters
    ----------
    table : Mapping
        As read from TOML.
    path : str
        The file's name, for the faults.
    """

    def __init__(self, table: Any, path: str, key: str = "", faults: list[str] | None = None) -> None:
        self.path, self.key = path, key
        self.faults: list[str] = [] if faults is None else faults
        self.table: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
        if not isinstance(table, Mapping):
            self.fault("", "must be a table")

    def fault(self, key: str, what: str) -> None:
        """Note one fault."""
        self.faults.append(f"{self.path}: {'.'.join(part for part in (self.key, key) if part)}: {what}")

    def header(self, version: int, *tables: str) -> dict[str, str]:
        """Check a file's version and tables; return its ``[names]``, which patterns may use."""
        self.only("schema_version", "names", *tables)
        if self.integer("schema_version", 1, 99) != version:
            self.fault("schema_version", f"must be {version}")
        own = self.sub("names", optional=True)
        return {name: own.text(name) for name in own.table}

    def close(self) -> None:
        """Raise what was noted.

        Raises
        ------
        DataError
            With every fault of the file in ``faults``.
        """
        if self.faults:
            raise DataError("policy_faults", faults=tuple(self.faults), path=self.path, count=len(self.faults))

    def only(self, *known: str) -> None:
        """Note every key that is not known: most likely a slip of the pen."""
        for key in self.table:
            if key not in known:
                self.fault(key, f"unknown key; known are {', '.join(known)}")

    def sub(self, key: str, optional: bool = False) -> PolicyTable:
        """Return the table under ``key``."""
        value = self.table.get(key, {} if optional else None)
        return PolicyTable(value, self.path, f"{self.key}.{key}" if self.key else key, self.faults)

    def subs(self, key: str) -> list[PolicyTable]:
        """Return the tables in the list under ``key``."""
        value = self.table.get(key, [])
        if not isinstance(value, list):
            self.fault(key, "must be a list of tables")
            return []
        prefix = f"{self.key}.{key}" if self.key else key
        return [PolicyTable(item, self.path, f"{prefix}[{number}]", self.faults) for number, item in enumerate(value)]

    def words(self, key: str, shortest: int = 1) -> tuple[str, ...]:
        """Return the list of words under ``key``; none if it is missing."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word.strip() for word in value):
            self.fault(key, "must be a list of words")
            return ()
        for word in value:
            if len(word) < shortest:
                self.fault(key, f"{word!r} is too short, {shortest} characters at least")
        for word in sorted({word for word in value if value.count(word) > 1}):
            self.fault(key, f"{word!r} is listed twice")
        return tuple(value)

    def text(self, key: str, default: str | None = None) -> str:
        """Return the text under ``key``."""
        value = self.table.get(key, default)
        if not isinstance(value, str):
            self.fault(key, "must be a text")
            return ""
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return the whole number under ``key``."""
        value = self.table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fault(key, f"must be a whole number from {low} to {high}")
            return default if default is not None else low
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return the number under ``key``."""
        value = self.table.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fault(key, "must be a number")
            return default or 0.0
        return float(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """Return the truth value under ``key``."""
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            self.fault(key, "must be true or false")
            return default
        return value

    def patterns(self, key: str, names: Mapping[str, str] | None = None) -> tuple[re.Pattern[str], ...]:
        """Return the bounded regular expressions under ``key``, ``{NAME}`` in them filled in from ``names``."""
        found = []
        for source in self.words(key):
            pattern = self.pattern(key, source, names)
            if pattern:
                found.append(pattern)
        return tuple(found)

    def pattern(self, key: str, source: str, names: Mapping[str, str] | None = None) -> re.Pattern[str] | None:
        """Return one expression compiled, or note the fault."""
        for name, part in (names or {}).items():
            source = source.replace("{" + name + "}", part)
        try:
            return compile_bounded(source)
        except ValueError as error:
            self.fault(key, str(error))
            return None
