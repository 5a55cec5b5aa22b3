"""The rule floor of urgency: which criteria a letter meets now, and which it only mentions.

All words, levels and thresholds stand in ``taxonomy/urgency.toml``; the code knows how a clause is read, not what it
is about. A rule never lowers a level. A trigger that is negated, past, supposed, told of others, quoted or settled
does not fire, but is shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Protocol

from triage.schema import Evidence, Span
from triage.text import Analysis
from triage.text.cues import Contexts
from triage.text.dates import day_of
from triage.text.numerals import parse
from triage.urgency_policy import CONTEXTS, TIMES, Criterion, Level, Trigger, UrgencyPolicy

__all__ = ["Criterion", "Level", "StatedFacts", "UrgencyFinding", "UrgencyRules"]

# A settled matter is said so soon after it was named.
_DONE_WINDOW = 30
_RAISE_WINDOW = 120
# A letter that holds more triggers than that is no letter; the strongest and first are judged.
_MOST_TRIGGERS = 200
_LONGEST_IDIOM = 40
_URGENT = 3


@dataclass(frozen=True, slots=True)
class UrgencyFinding:
    """What the rules found in one letter.

    Attributes
    ----------
    level : int
        1 to 4; a floor, which a model or a clerk may only raise.
    rules : tuple of str
        Ids of the active criteria, in order.
    evidence : tuple of Evidence
        Active criteria first by level, then what was seen and did not fire, each with its span in ``Petition.text``.
        ``weight`` is the level it asks for, or would have asked for.
    """

    level: int
    rules: tuple[str, ...]
    evidence: tuple[Evidence, ...]


class StatedFacts(Protocol):
    """What the rules need to know of `triage.facts.Facts`; signals do not import one another."""

    @property
    def persons(self) -> int | None: ...
    @property
    def households(self) -> int | None: ...
    @property
    def signatories(self) -> int | None: ...
    @property
    def collective(self) -> bool: ...
    @property
    def repeat(self) -> bool: ...
    @property
    def visits(self) -> int | None: ...
    @property
    def evidence(self) -> tuple[Evidence, ...]: ...


class _Seen(NamedTuple):
    """A trigger where it stands."""

    start: int
    end: int
    trigger: Trigger


class _Letter(Contexts):
    """One letter while it is judged."""

    def __init__(self, analysis: Analysis) -> None:
        super().__init__(analysis, CONTEXTS, TIMES)
        self.idioms: dict[int, list[Span]] = defaultdict(list)
        self.seen: list[_Seen] = []
        self.calls: bool | None = None


class UrgencyRules:
    """Judge letters by the criteria of a policy file.

    Parameters
    ----------
    policy : Mapping
        The tables of ``taxonomy/urgency.toml``.

    Attributes
    ----------
    levels : Mapping[int, Level]
        The levels by code.
    criteria : Mapping[str, Criterion]
        The criteria by id, in the file's order.

    Raises
    ------
    DataError
        If the policy has faults; ``faults`` names each with file and key.

    """

    def __init__(self, policy: Mapping[str, Any]) -> None:
        self.policy = UrgencyPolicy(policy)
        self.levels = self.policy.levels
        self.criteria = self.policy.criteria

    def __call__(self, analysis: Analysis, facts: StatedFacts) -> UrgencyFinding:
        """Return the criteria that one letter meets.

        Parameters
        ----------
        analysis : Analysis
            The letter.
        facts : StatedFacts
            What `triage.facts.FactFinder` found in it.
        """
        letter = self._look(analysis)
        found: list[Evidence] = [self._judge(letter, seen, facts) for seen in letter.seen]
        found += self._from_facts(letter, facts)
        found += self._deadline(letter)
        found = self._by_group(found, facts)
        level, found = self._combine(found, facts, day_of(analysis.petition.fields.get("date", "")))
        return UrgencyFinding(level, self._active(found), _tidy(found))

    def advice(self, finding: UrgencyFinding, lang: str = "zh") -> str:
        """Return what the office is advised to do: the criterion's own words where it has some."""
        for name in finding.rules:
            criterion = self.criteria[name]
            own = criterion.advice_zh if lang == "zh" else criterion.advice_en
            if own and any(item.id == name and item.weight >= finding.level for item in finding.evidence):
                return own
        level = self.levels[finding.level]
        return level.advice_zh if lang == "zh" else level.advice_en

    def _look(self, analysis: Analysis) -> _Letter:
        letter = _Letter(analysis)
        lowered, patterns = letter.lowered, self.policy.patterns
        wanted = set()
        if self.policy.singles.search(lowered):
            chosen = self.policy.with_singles
            wanted = {number for number in chosen if any(char in lowered for char in patterns[number].singles)}
        for start, end, (kind, number) in self.policy.scanner.scan(lowered):
            if kind == "context":
                letter.contexts[CONTEXTS[number]].append((start, end))
            elif kind == "trigger":
                letter.seen.append(_Seen(start, end, self.policy.triggers[number]))
            elif kind == "pattern":
                wanted.add(number)
            else:
                letter.idioms[number].append((start, end))
        for number in wanted:
            pattern = patterns[number]
            trigger = self.policy.triggers[pattern.trigger]
            letter.seen += [_Seen(*match.span(), trigger) for match in pattern.find.finditer(lowered)]
        if len(letter.seen) > _MOST_TRIGGERS:
            letter.seen.sort(key=lambda seen: (-seen.trigger.level, seen.start))
            del letter.seen[_MOST_TRIGGERS:]
        return letter

    def _judge(self, letter: _Letter, seen: _Seen, facts: StatedFacts) -> Evidence:
        status, level = self._status(letter, seen, facts)
        criterion = self.criteria[self.policy.ids[seen.trigger.criterion]]
        span = letter.analysis.raw_span(seen.start, seen.end)
        return Evidence("urgency", "rule", criterion.id, status, span, float(level), criterion.zh)

    def _status(self, letter: _Letter, seen: _Seen, facts: StatedFacts) -> tuple[str, int]:
        """Return the status of one trigger and the level it asks for."""
        trigger = seen.trigger
        sentence, clause = letter.sentence(seen.start), letter.clause(seen.start)
        if self._excepted(letter, seen, sentence):
            return "exception", trigger.level
        time = letter.time(seen.start, seen.end, sentence)
        level = self._level(letter, trigger, sentence, seen, time)
        if self._quoted(letter, seen, clause):
            return "quoted", level
        threatened = trigger.threat and letter.between("threat", sentence[0], seen.end) is not None
        if not threatened:
            if "negation" not in trigger.ignore and self._negated(letter, seen, clause):
                return "negated", level
            if "hypothesis" not in trigger.ignore:
                if self._feared(letter, seen, clause):
                    return ("active", trigger.feared) if trigger.feared else ("hypothetical", level)
                if self._supposed(letter, seen, clause, sentence):
                    return "hypothetical", level
        if "reported" not in trigger.ignore and self._reported(letter, clause, seen.start):
            return "reported", level
        if "done" not in trigger.ignore and self._settled(letter, seen, sentence):
            return "resolved", level
        if "past" not in trigger.ignore and self._past(letter, seen, sentence, time):
            return "past", level
        if trigger.needs and not self._needed(letter, trigger, sentence, facts):
            return "exception", level
        if trigger.needs and level >= _URGENT and self._tells_only(letter):
            return "exception", level
        return "active", level

    def _excepted(self, letter: _Letter, seen: _Seen, sentence: Span) -> bool:
        for number in (seen.trigger.criterion, -1):
            spans = letter.idioms.get(number, [])
            low, high = bisect_left(spans, (seen.start - _LONGEST_IDIOM, 0)), bisect_left(spans, (seen.end, 0))
            if any(seen.start < end for _, end in spans[low:high]):
                return True
        trigger = seen.trigger
        # A sentence without stops must not make the search slow.
        low, high = max(sentence[0], seen.start - _RAISE_WINDOW), min(sentence[1], seen.end + _RAISE_WINDOW)
        if trigger.unless and trigger.unless.search(letter.lowered, low, high):
            return True
        if trigger.near_words and not trigger.near_words.search(letter.lowered, low, high):
            return True
        return bool(trigger.letter_words) and not any(word in letter.lowered for word in trigger.letter_words)

    @staticmethod
    def _level(letter: _Letter, trigger: Trigger, sentence: Span, seen: _Seen, time: str) -> int:
        level = trigger.level
        if time == "current":
            level = max(level, trigger.now)
        elif time == "near":
            level = max(level, trigger.soon)
        low, high = max(sentence[0], seen.start - _RAISE_WINDOW), min(sentence[1], seen.end + _RAISE_WINDOW)
        for item in trigger.raises:
            if item.level <= level:
                continue
            text = letter.lowered if item.letter else letter.lowered[low:high]
            if any(word in text for word in item.words) or (item.pattern and item.pattern.search(text)):
                level = item.level
        return level

    def _quoted(self, letter: _Letter, seen: _Seen, clause: Span) -> bool:
        """Tell whether the trigger is a title's or a regulation's word."""
        if "quote" in seen.trigger.ignore:
            return False
        opened = letter.lowered.rfind("《", clause[0], seen.start)
        if opened >= 0 and letter.lowered.find("》", opened, seen.start) < 0:
            return True
        if not self.criteria[self.policy.ids[seen.trigger.criterion]].quotable:
            return False
        return letter.between("quote", clause[0], seen.start) is not None

    def _negated(self, letter: _Letter, seen: _Seen, clause: Span) -> bool:
        window = self.policy.left_english if letter.analysis.lang == "en" else self.policy.left
        left = letter.lowered[max(clause[0], seen.start - window) : seen.start]
        if self.policy.negation.search(self.policy.keep.sub("|", left)):
            return True
        return bool(
            self.policy.negated_after.match(letter.lowered, seen.end, min(clause[1], seen.end + self.policy.right))
        )

    def _feared(self, letter: _Letter, seen: _Seen, clause: Span) -> bool:
        if letter.between("fear", max(clause[0], seen.start - _DONE_WINDOW), seen.end):
            return True
        window = self.policy.left_english if letter.analysis.lang == "en" else self.policy.left
        left = letter.lowered[max(clause[0], seen.start - window) : seen.start]
        return any(char in left for char in self.policy.fear_chars)

    @staticmethod
    def _supposed(letter: _Letter, seen: _Seen, clause: Span, sentence: Span) -> bool:
        first = max(sentence[0], letter.before(clause[0]))
        if letter.between("if", first, seen.end):
            return True
        return letter.between("maybe", max(clause[0], seen.start - _DONE_WINDOW), clause[1]) is not None

    @staticmethod
    def _reported(letter: _Letter, clause: Span, start: int) -> bool:
        return letter.between("reported", max(0, letter.before(clause[0])), start) is not None

    def _settled(self, letter: _Letter, seen: _Seen, sentence: Span) -> bool:
        # "It was cut off for two days. The same evening the supply was restored": the next sentence may say it too.
        last = min(letter.sentence(min(sentence[1] + 1, len(letter.lowered) - 1))[1], seen.end + 2 * _DONE_WINDOW)
        span = letter.between("done", seen.start, last)
        return span is not None and not self.policy.negation.search(letter.lowered, max(seen.end, span[0] - 3), span[0])

    def _past(self, letter: _Letter, seen: _Seen, sentence: Span, time: str) -> bool:
        if time:
            return time == "past"
        low = max(sentence[0], seen.start - _RAISE_WINDOW)
        return bool(self.policy.year and self.policy.year.search(letter.lowered, low, seen.start))

    def _needed(self, letter: _Letter, trigger: Trigger, sentence: Span, facts: StatedFacts) -> bool:
        for need in trigger.needs:
            if need in TIMES and letter.first(need, *sentence):
                return True
            if need == "plea" and letter.contexts["plea"]:
                return True
            if need in ("collective", "repeat") and getattr(facts, need):
                return True
            if need == "call" and self._calls(letter):
                return True
        return False

    def _tells_only(self, letter: _Letter) -> bool:
        """Tell whether a long letter asks for nothing at once: then it tells of things, however fresh."""
        if letter.analysis.lang == "en" or len(letter.lowered) <= self.policy.long:
            return False
        return not letter.contexts["plea"] and not self._calls(letter)

    def _calls(self, letter: _Letter) -> bool:
        """Tell whether the letter asks somebody to do something at once."""
        if letter.calls is None:
            letter.calls = bool(self.policy.call and self.policy.call.search(letter.lowered))
        return letter.calls

    def _from_facts(self, letter: _Letter, facts: StatedFacts) -> Iterator[Evidence]:
        """Yield the criteria that count people and earlier letters."""
        if facts.collective:
            # Households count as they are: the bands are of petitioners, not of souls.
            count = max(facts.signatories or 0, facts.households or facts.persons or 0)
            if self.policy.whole and self.policy.whole.search(letter.lowered):
                count = max(count, self.policy.whole_counts)
            level = max(self.policy.collective_level, _band(self.policy.crowd_bands, count))
            yield self._fact(facts, self.policy.ids[self.policy.crowd], ("persons", "households", "collective"), level)
        if facts.repeat:
            yield self._fact(facts, self.policy.repeat, ("visits", "repeat"), self.policy.repeat_level)

    def _fact(self, facts: StatedFacts, name: str, fields: Sequence[str], level: int) -> Evidence:
        active = [item for item in facts.evidence if item.field in fields and item.status == "active"]
        span = min(active, key=lambda item: fields.index(item.field)).span if active else None
        return Evidence("urgency", "rule", name, "active", span, float(level), self.criteria[name].zh)

    def _deadline(self, letter: _Letter) -> Iterator[Evidence]:
        """Yield the shortest period that is running out."""
        days, text = self.policy.days, letter.lowered
        if not any(mark in text for mark in days.marks) or not (days.about and days.about.search(text)):
            return
        best: tuple[int, int, int] | None = None
        for left, start, end in self._days_left(letter):
            if left >= 0 and (best is None or left < best[0]):
                best = (left, start, end)
        if best is None:
            return
        level = next((level for most, level in days.bands if best[0] <= most), 0)
        if level:
            name = self.policy.ids[days.criterion]
            span = letter.analysis.raw_span(best[1], best[2])
            yield Evidence("urgency", "rule", name, "active", span, float(level), self.criteria[name].zh)

    def _days_left(self, letter: _Letter) -> Iterator[tuple[int, int, int]]:
        days, text = self.policy.days, letter.lowered
        for pattern in days.remaining:
            for match in pattern.finditer(text):
                number = parse(match.group(1))
                if number and self._about(letter, match):
                    yield int(number.value), match.start(), match.end()
        for left, pattern in days.soon:
            for match in pattern.finditer(text):
                if self._about(letter, match):
                    yield left, match.start(), match.end()
        today = next((match for pattern in days.today for match in pattern.finditer(text)), None)
        given = day_of(letter.analysis.petition.fields.get("date", ""))
        now = parse(today.group(1)) if today else parse(str(given.day)) if given else None
        for pattern in days.due:
            for match in pattern.finditer(text):
                due = parse(match.group(1))
                if due is None or (today and match.start() < today.end() and today.start() < match.end()):
                    continue
                # A day that lies before today is one of the next month; without today it is some day soon.
                left = int(due.value - now.value) if now else days.unknown
                if self._about(letter, match):
                    yield left if left >= 0 else left + 30, match.start(), match.end()

    def _about(self, letter: _Letter, match: re.Match[str]) -> bool:
        first, last = letter.sentence(match.start())
        low, high = max(first, match.start() - _RAISE_WINDOW), min(last, match.end() + _RAISE_WINDOW)
        if self.policy.days.unless and self.policy.days.unless.search(letter.lowered, low, high):
            return False
        return bool(self.policy.days.about and self.policy.days.about.search(letter.lowered, low, high))

    def _by_group(self, found: list[Evidence], facts: StatedFacts) -> list[Evidence]:
        """Raise the criteria that weigh more where many speak (gathering, wages, going higher up)."""
        people = max(facts.persons or 0, facts.households or 0)
        if facts.collective:
            people = people or self.policy.uncounted
        changed = []
        for item in found:
            level = item.weight
            if item.status == "active":
                if item.id == self.policy.gathering and people >= self.policy.gathering_at:
                    level = max(level, self.policy.gathering_level)
                for name, least, higher in self.policy.group_raise:
                    if item.id == name and people >= least:
                        level = max(level, higher)
            changed.append(_with_level(item, level) if level != item.weight else item)
        return changed

    def _combine(self, found: list[Evidence], facts: StatedFacts, day: date | None) -> tuple[int, list[Evidence]]:
        """Return the level after the combination rules of ``[combine]``, ``[[periods]]`` and the group rules."""
        levels: dict[str, int] = {}
        for item in found:
            if item.status == "active":
                levels[item.id] = max(levels.get(item.id, 1), int(item.weight))
        for first, last, raises in self.policy.periods:
            if day and first <= day.isoformat() <= last:
                levels.update({name: min(4, levels[name] + 1) for name in raises if name in levels})
        level = max(levels.values(), default=1)
        acute = [name for name in self.policy.acute if levels.get(name, 0) >= 3]
        if len(acute) >= self.policy.several:
            level = max(level, self.policy.raise_to)
        for both, higher in self.policy.pairs:
            if all(name in levels for name in both) and max(levels[name] for name in both) >= 3:
                level = max(level, higher)
        if (facts.visits or 0) >= self.policy.many_visits and levels.get(self.policy.repeat):
            # Shown to the clerk, who may raise the level; a rule does not punish persistence (house rule).
            found = [_noted(item, facts.visits) if item.id == self.policy.repeat else item for item in found]
        return level, found

    def _active(self, found: Sequence[Evidence]) -> tuple[str, ...]:
        active = {item.id for item in found if item.status == "active"}
        return tuple(name for name in self.policy.ids if name in active)


def _band(bands: Sequence[tuple[int, int]], value: float) -> int:
    return max((level for least, level in bands if value >= least), default=1)


def _with_level(item: Evidence, level: float) -> Evidence:
    return Evidence(item.field, item.source, item.id, item.status, item.span, level, item.note)


def _noted(item: Evidence, visits: int | None) -> Evidence:
    return Evidence(item.field, item.source, item.id, item.status, item.span, item.weight, f"{item.note} ×{visits}")


def _tidy(found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return the evidence once each: active first, higher levels first; a mention inside an active span is left out."""
    active: list[Evidence] = []
    rest: list[Evidence] = []
    seen: set[tuple[str, str, Span | None]] = set()
    for item in sorted(found, key=lambda item: (-item.weight, item.id, item.span or (-1, -1))):
        key = (item.id, item.status, item.span)
        if key in seen:
            continue
        seen.add(key)
        (active if item.status == "active" else rest).append(item)
    covered = {(item.id, item.span) for item in active}
    return (*active, *(item for item in rest if (item.id, item.span) not in covered))
