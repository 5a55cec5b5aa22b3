"""Facts a letter states: who speaks, whether for many, whether again and to whom, when, how much, and what runs out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from triage.limits import Limit, LimitFinder, LimitRule
from triage.schema import Evidence, Span
from triage.text import Analysis
from triage.text.areas import AreaFinder, number_before
from triage.text.cues import PolicyTable, Spans, WordScanner
from triage.text.dates import day_of, find_dates
from triage.text.numerals import COUNT, ENGLISH_COUNT, parse

__all__ = ["DateMention", "FactFinder", "Facts", "Limit", "LimitRule"]

SCHEMA_VERSION = 1
_FILE = "facts.toml"
# How far from an anchor its neighbours are read; patterns are matched inside the sentence only.
_WINDOW = 40
_NO_LIMIT = 10**9
_ENGLISH_UNITS = ("人", "户")  # what a number of persons, of households counts as
_ROLES = ("signed", "petitioners", "background")


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date in the letter.

    Attributes
    ----------
    iso : str
        ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``, as far as the letter says.
    span : tuple of int
        Where it stands in ``Petition.text``.
    """

    iso: str
    span: Span


@dataclass(frozen=True, slots=True)
class Facts:
    """What a letter states, each item with its place in `evidence`.

    Attributes
    ----------
    persons : int or None
        Number of petitioners the letter speaks for; estimated from households where only these are given.
    households : int or None
        Number of households among them.
    signatories : int or None
        How many persons or households sign or are counted exactly; None where the letter only guesses ("over 300").
    collective : bool
        Written for five or more, as the policy file says.
    repeat : bool
        Raised with an authority before and still open.
    visits : int or None
        How often, where the letter counts.
    dates : tuple of DateMention
        In the order of the letter.
    money : tuple of float
        Sums in yuan, in the order of the letter.
    area : tuple of float
        Areas in square metres, in the order of the letter.
    asked : tuple of str
        The offices that a repeat was raised with before, as the letter calls them, each once.
    limits : tuple of Limit
        Legal periods that are running out; none where the letter has no date.
    evidence : tuple of Evidence
        Spans in ``Petition.text`` behind each field.
    """

    persons: int | None = None
    households: int | None = None
    signatories: int | None = None
    collective: bool = False
    repeat: bool = False
    visits: int | None = None
    dates: tuple[DateMention, ...] = ()
    money: tuple[float, ...] = ()
    area: tuple[float, ...] = ()
    asked: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class _Sign(NamedTuple):
    """A wording that speaks for or against a fact."""

    id: str
    weight: float
    limit: int
    when: tuple[str, ...]
    find: re.Pattern[str] | None
    anchor: str
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    asked: bool


class _CountRule(NamedTuple):
    """What a number of people is, by the words around it."""

    role: str
    units: frozenset[str]
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    below: int
    above: int


class _Count(NamedTuple):
    start: int
    end: int
    value: float
    unit: str
    exact: bool


class _People(NamedTuple):
    persons: int | None
    households: int | None
    signatories: int | None
    weight: float


class _Reading:
    """One letter while its facts are read."""

    def __init__(self, analysis: Analysis, anchors: Mapping[str, list[Span]], seen: frozenset[str]) -> None:
        self.analysis = analysis
        self.text = analysis.text
        self.lowered = analysis.lowered
        self.anchors = anchors
        self.seen = seen
        self.sentences = Spans(analysis.sentences)
        self.evidence: list[Evidence] = []

    def note(
        self, field: str, rule: str, start: int, end: int, weight: float = 0.0, status: str = "active", note: str = ""
    ) -> Span:
        """Keep one piece of evidence; return its place in the raw text."""
        span = self.analysis.raw_span(start, end)
        self.evidence.append(Evidence(field, "rule", rule, status, span, weight, note))
        return span


class FactFinder:
    """Read the facts of letters by the words of a policy file.

    Parameters
    ----------
    policy : Mapping
        The tables of ``taxonomy/facts.toml``.

    Attributes
    ----------
    limits : dict of str to LimitRule
        The legal periods by code.

    Raises
    ------
    DataError
        If the policy has faults; ``faults`` names each with file and key.
    """

    def __init__(self, policy: Mapping[str, Any]) -> None:
        root = PolicyTable(policy, _FILE)
        names = root.header(
            SCHEMA_VERSION,
            "anchors",
            "collective",
            "repeat",
            "counts",
            "visits",
            "money",
            "area",
            "limits",
            "limit_window",
        )
        names["N"] = COUNT
        anchors = root.sub("anchors")
        self._anchor_words = {name: anchors.words(name, shortest=2) for name in anchors.table}
        self._signs = {field: self._read_signs(root.sub(field), names) for field in ("collective", "repeat")}
        self._threshold = {field: root.sub(field).number("threshold") for field in ("collective", "repeat")}
        self._read_counts(root.sub("counts"), names)
        visits = root.sub("visits")
        self._visits = visits.patterns("patterns", names)
        self._visits_vague = visits.integer("vague", 1, 99)
        self._visit_marks = visits.words("marks")
        self._read_money(root.sub("money"))
        self._area_finder = AreaFinder(root.sub("area", optional=True), names)
        self._limit_finder = LimitFinder(root, names)
        self.limits = self._limit_finder.rules
        root.close()
        self._scanner = self._build_scanner()

    def _read_signs(self, table: PolicyTable, names: Mapping[str, str]) -> tuple[_Sign, ...]:
        table.only("threshold", "signs")
        signs = []
        for sub in table.subs("signs"):
            sub.only("id", "weight", "limit", "when", "find", "words", "anchor", "before", "after", "asked")
            words = sub.words("words")
            source = "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or sub.text("find", "")
            anchor = sub.text("anchor", "")
            if anchor and anchor not in self._anchor_words:
                sub.fault("anchor", f"no such list of anchors: {anchor}")
            if bool(source) == bool(anchor):
                sub.fault("", "needs either words or find, or an anchor")
            before, after = sub.text("before", ""), sub.text("after", "")
            signs.append(
                _Sign(
                    sub.text("id"),
                    sub.number("weight"),
                    sub.integer("limit", 1, 9, 1),
                    words or sub.words("when"),
                    sub.pattern("find", source, names) if source else None,
                    anchor,
                    sub.pattern("before", f"(?:{before})$", names) if before else None,
                    sub.pattern("after", after, names) if after else None,
                    sub.flag("asked", bool(anchor)),
                )
            )
            if source and not signs[-1].when:
                sub.fault("when", "a find needs words one of which every match holds")
        return tuple(signs)

    def _read_counts(self, table: PolicyTable, names: Mapping[str, str]) -> None:
        table.only(
            "units", "households", "smallest", "per_household", "weight", "rules", "english", "english_households"
        )
        self._english = table.pattern("english", table.text("english"), {"N": ENGLISH_COUNT})
        self._english_households = frozenset(table.words("english_households"))
        self._unit = re.compile("|".join(map(re.escape, table.words("units"))) or "(?!)")
        self._household_units = frozenset(table.words("households"))
        self._smallest = table.integer("smallest", 2, 100)
        self._per_household = table.number("per_household")
        self._count_weight = table.number("weight")
        rules = []
        for sub in table.subs("rules"):
            sub.only("role", "units", "before", "after", "below", "above")
            role = sub.text("role")
            if role not in _ROLES:
                sub.fault("role", f"unknown {role!r}; must be one of {', '.join(_ROLES)}")
            before, after = sub.text("before", ""), sub.text("after", "")
            rules.append(
                _CountRule(
                    role,
                    frozenset(sub.text("units", "").split("|")) - {""},
                    sub.pattern("before", f"(?:{before})$", names) if before else None,
                    sub.pattern("after", after, names) if after else None,
                    sub.integer("below", 1, _NO_LIMIT, _NO_LIMIT),
                    sub.integer("above", 0, _NO_LIMIT, 0),
                )
            )
        units = {*table.words("units"), *_ENGLISH_UNITS}
        self._count_rules = {unit: [rule for rule in rules if not rule.units or unit in rule.units] for unit in units}

    def _read_money(self, table: PolicyTable) -> None:
        table.only("units", "owed", "smallest")
        self._money_unit = re.compile("|".join(map(re.escape, table.words("units"))) or "(?!)")
        self._money_smallest = table.integer("smallest", 0, 1000)
        self._money_owed = table.pattern("owed", table.text("owed"))

    def _build_scanner(self) -> WordScanner[str]:
        words = [(word, f"@{name}") for name, listed in self._anchor_words.items() for word in listed]
        when = {word for signs in self._signs.values() for sign in signs for word in sign.when}
        when |= self._limit_finder.words
        self._single = tuple(sorted(word for word in when if len(word) == 1))
        words += [(word, word) for word in sorted(when) if len(word) > 1]
        return WordScanner(words)

    def __call__(self, analysis: Analysis) -> Facts:
        """Return the facts of one letter."""
        reading = self._scan(analysis)
        people = self._petitioners(reading, self._counts(reading))
        collective, _ = self._decide("collective", reading, people.weight)
        repeat, anchors = self._decide("repeat", reading, 0.0)
        given = day_of(analysis.petition.fields.get("date", ""))
        dates = find_dates(reading.text, given)
        return Facts(
            persons=people.persons,
            households=people.households,
            signatories=people.signatories,
            collective=collective,
            repeat=repeat,
            visits=self._count_visits(reading),
            dates=tuple(DateMention(iso, analysis.raw_span(start, end)) for (start, end), iso in dates),
            money=self._money(reading),
            area=self._areas(reading),
            asked=self._asked(reading, anchors) if repeat else (),
            limits=self._running_out(reading, dates, given) if given and dates else (),
            evidence=tuple(reading.evidence),
        )

    def _scan(self, analysis: Analysis) -> _Reading:
        anchors: dict[str, list[Span]] = {name: [] for name in self._anchor_words}
        lowered = analysis.lowered
        seen = {word for word in self._single if word in lowered}
        for start, end, tag in self._scanner.scan(lowered):
            if tag[0] == "@":
                spans = anchors[tag[1:]]
                # "派出所民警" is one mention.
                if spans and start < spans[-1][1]:
                    spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
                else:
                    spans.append((start, end))
            else:
                seen.add(tag)
        return _Reading(analysis, anchors, frozenset(seen))

    def _decide(self, field: str, reading: _Reading, score: float) -> tuple[bool, set[Span]]:
        """Add up the signs of one fact; evidence is kept in either case. The anchors of those for it come along."""
        found: list[tuple[str, Span, float]] = []
        anchors: set[Span] = set()
        for sign in self._signs[field]:
            if reading.seen.isdisjoint(sign.when) if sign.find else not reading.anchors[sign.anchor]:
                continue
            for number, (span, anchor) in enumerate(self._places(sign, reading)):
                if number >= sign.limit:
                    break
                score += sign.weight
                found.append((sign.id, span, sign.weight))
                if anchor and sign.asked and sign.weight > 0:
                    anchors.add(anchor)
        decided = score >= self._threshold[field]
        for rule, (start, end), weight in found:
            if decided or weight > 0:
                reading.note(field, rule, start, end, weight, "active" if decided and weight > 0 else "exception")
        return decided, anchors

    @staticmethod
    def _places(sign: _Sign, reading: _Reading) -> Iterator[tuple[Span, Span | None]]:
        if sign.find:
            for match in sign.find.finditer(reading.lowered):
                yield match.span(), None
            return
        for start, end in reading.anchors[sign.anchor]:
            first, last = reading.sentences.around(start)
            low, high = start, end
            # What stands after is soon seen; what stands before must be looked for.
            if sign.after:
                right = sign.after.match(reading.lowered, end, min(last, end + _WINDOW))
                if not right:
                    continue
                high = right.end()
            if sign.before:
                left = sign.before.search(reading.lowered, max(first, start - _WINDOW), start)
                if not left:
                    continue
                low = left.start()
            yield (low, high), (start, end)

    @staticmethod
    def _asked(reading: _Reading, anchors: set[Span]) -> tuple[str, ...]:
        """Return the offices that the signs of a repeat stand around, in order."""
        names: dict[str, Span] = {}
        for start, end in sorted(anchors):
            names.setdefault(reading.text[start:end], (start, end))
        for name, (start, end) in names.items():
            reading.note("asked", "asked", start, end, note=name)
        return tuple(names)

    def _counts(self, reading: _Reading) -> list[_Count]:
        """Return the numbers that stand before a unit of people or households."""
        text, found = reading.text, []
        for match in self._unit.finditer(text):
            start, number = number_before(text, match.start())
            if number is not None:
                found.append(_Count(start, match.end(), number.value, match.group(), not number.approximate))
        if reading.analysis.lang == "en":
            found += self._english_counts(reading.lowered)
        return found

    def _english_counts(self, lowered: str) -> Iterator[_Count]:
        """Yield the numbers before "households", "workers" and the like."""
        if self._english is None:
            return
        for match in self._english.finditer(lowered):
            number = parse(match.group(1))
            if number:
                unit = _ENGLISH_UNITS[match.group(2) in self._english_households]
                yield _Count(match.start(1), match.end(), number.value, unit, not number.approximate)

    def _petitioners(self, reading: _Reading, counts: Sequence[_Count]) -> _People:
        """Return who speaks, by the numbers that stand for petitioners; signatures go before other numbers."""
        roles = [(self._role(reading, count), count) for count in counts if count.value >= 2]
        signed = [count for role, count in roles if role == "signed"]
        # Fewer signatures than make a joint letter are those of delegates.
        if max(map(_size, signed), default=0) < self._smallest:
            signed = []
        speaking = signed or [count for role, count in roles if role == "petitioners"]
        homes = max((c for c in speaking if c.unit in self._household_units), key=_size, default=None)
        people = max((c for c in speaking if c.unit not in self._household_units), key=_size, default=None)
        for field, found in (("persons", people), ("households", homes)):
            if found:
                reading.note(field, found.unit, found.start, found.end, found.value)
        counted = [count.value for count in speaking if signed or count.exact]
        households = round(homes.value) if homes else None
        persons = round(people.value) if people else None
        if households is not None and (persons is None or persons < households):
            persons = round(households * self._per_household)
        large = any(count.value >= self._smallest for count in speaking)
        weight = self._threshold["collective"] if signed else self._count_weight if large else 0.0
        return _People(persons, households, round(max(counted)) if counted else None, weight)

    def _role(self, reading: _Reading, count: _Count) -> str:
        first, last = reading.sentences.around(count.start)
        for rule in self._count_rules[count.unit]:
            if not rule.above <= count.value < rule.below:
                continue
            if rule.after and not rule.after.match(reading.lowered, count.end, min(last, count.end + _WINDOW)):
                continue
            if rule.before and not rule.before.search(reading.lowered, max(first, count.start - _WINDOW), count.start):
                continue
            return rule.role
        return ""

    def _count_visits(self, reading: _Reading) -> int | None:
        if not any(mark in reading.lowered for mark in self._visit_marks):
            return None
        best: tuple[int, int, int] | None = None
        for pattern in self._visits:
            for match in pattern.finditer(reading.lowered):
                number = parse(match.group(1)) if match.group(1) else None
                value = int(number.value) if number else self._visits_vague
                if 0 < value < 1000 and (best is None or value > best[0]):
                    best = (value, match.start(), match.end())
        if best is None:
            return None
        reading.note("visits", "visits", best[1], best[2], float(best[0]))
        return best[0]

    def _money(self, reading: _Reading) -> tuple[float, ...]:
        text = reading.text
        sums: dict[int, tuple[int, float]] = {}
        for match in self._money_unit.finditer(text):
            start, number = number_before(text, match.start())
            if number and number.value >= self._money_smallest:
                sums[start] = (match.end(), number.value)
        if self._money_owed:
            for match in self._money_owed.finditer(text):
                owed = parse(match.group(1))
                if owed and owed.value and match.start(1) not in sums:
                    sums[match.start(1)] = (match.end(1), owed.value)
        for start, (end, value) in sorted(sums.items()):
            reading.note("money", "yuan", start, end, value)
        return tuple(value for _, (_, value) in sorted(sums.items()))

    def _areas(self, reading: _Reading) -> tuple[float, ...]:
        areas = self._area_finder(reading.text, reading.lowered)
        for start, end, value, unit in areas:
            reading.note("area", "square_metres", start, end, value, note=unit)
        return tuple(area.value for area in areas)

    def _running_out(self, reading: _Reading, dates: Sequence[tuple[Span, str]], given: date) -> tuple[Limit, ...]:
        found = self._limit_finder(reading.lowered, reading.sentences, reading.seen, dates, given)
        limits = []
        for (start, end), rule, last, left in found:
            span = reading.note("limit", rule.code, start, end, float(left or 0), note=rule.article)
            limits.append(Limit(rule.code, span, last, left))
        return tuple(limits)


def _size(count: _Count) -> float:
    return count.value
