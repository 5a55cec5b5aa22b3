"""Triager: the only orchestrator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from triage.accused import Accused
from triage.bundle import Bundle, load_bundle
from triage.classify import Judgement, LetterModel, Scores
from triage.deadlines import Calendar, due_dates
from triage.errors import InputError
from triage.facts import Facts
from triage.place import Place
from triage.policy import Policy, load_policy
from triage.privacy import PersonalData
from triage.routing import Circumstances, Router
from triage.schema import Category, Decision, Evidence, Petition, Span
from triage.signs import signs
from triage.similar import Entry
from triage.taxonomy import STARTS
from triage.text import Analysis
from triage.text.dates import day_of
from triage.text.matters import matters
from triage.text.normalise import Normalised
from triage.urgency import UrgencyFinding

__all__ = ["LONGEST", "Triager", "check"]

LONGEST = 200_000  # characters
_CHUNK = 64  # letters scored in one matrix
_CANDIDATES = 5
_URGENT = 3
_NOT_NOW = frozenset({"negated", "past", "reported", "quoted", "resolved"})
_SURE_PIECE = 0.5  # probability from which a piece of a letter counts as another matter
_TELLING = 6  # words shown for a category
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff]")
_HALF = re.compile("[\ud800-\udfff]")  # half of a character, as JSON that was cut short may hold


class _Channel(NamedTuple):
    code: str
    name: str
    article: str
    tell: str
    clocks: tuple[str, ...]
    evidence: tuple[Evidence, ...]


class _Handling(NamedTuple):
    area: str = ""
    forward: str = ""
    unit: str = ""
    principle: str = ""
    review: bool = False
    recused: bool = False


class _Reading(NamedTuple):
    """One letter and all that was seen in it."""

    analysis: Analysis
    facts: Facts
    rules: UrgencyFinding
    marks: Sequence[str]
    judgements: Sequence[Judgement]
    pieces: Sequence[tuple[Span, Scores]]


class Triager:
    """Reads letters and suggests what to do with them.

    Parameters
    ----------
    policy : Policy
        The office's policy folder.
    bundle : Bundle
        The models.
    lang : {"zh", "en"}
        Language of names and reasons in decisions.

    Examples
    --------
    >>> from triage import Petition, Triager
    >>> triager = Triager.load(lang="en")
    >>> triager.triage(Petition(body="包工头跑了，欠我们八个人三个月工资，要求帮忙讨回。")).category
    'wages'
    """

    def __init__(self, policy: Policy, bundle: Bundle, lang: str = "zh") -> None:
        self.policy = policy
        self.bundle = bundle
        self.lang = lang
        self._router = Router(policy.taxonomy)
        self._calendar = Calendar(policy.taxonomy.holidays)
        self._thresholds: Mapping[str, float] = bundle.manifest.get("thresholds", {})

    @classmethod
    def load(cls, model: str | Path | None = None, data: str | Path | None = None, lang: str = "zh") -> Triager:
        """Load a bundle and the policy folder it works with.

        Parameters
        ----------
        model : str, Path or None
            A bundle's folder or shipped name; the shipped default if None.
        data : str, Path or None
            The policy folder; ``TRIAGE_HOME`` or the shipped one if None.
        lang : {"zh", "en"}
            Language of names in decisions.

        Raises
        ------
        DataError
            If the policy folder has faults.
        BundleError
            If the bundle is damaged or does not fit the policy folder.
        """
        policy = load_policy(data)
        bundle = load_bundle(model, policy.taxonomy, policy.analyser.segmenter.fingerprint)
        return cls(policy, bundle, lang)

    def triage(self, petition: Petition) -> Decision:
        """Judge one letter.

        Raises
        ------
        InputError
            If it is empty, binary or longer than `LONGEST` characters.
        """
        return next(self.triage_many([petition]))

    def triage_many(self, petitions: Iterable[Petition]) -> Iterator[Decision]:
        """Judge letters one after the other, in order, a few at a time in memory.

        Raises
        ------
        InputError
            At the first letter that cannot be judged.
        """
        rest = iter(petitions)
        while chunk := list(islice(rest, _CHUNK)):
            yield from self.judge(chunk)

    def judge(self, petitions: Sequence[Petition]) -> list[Decision]:
        """Judge letters all at once."""
        return [self._decide(reading) for reading in self._read(petitions)]

    def categorise(self, petitions: Iterable[Petition]) -> Iterator[Category]:
        """Return the categories alone, in order and several times as fast, a few letters at a time in memory.

        Codes and probabilities are those of `triage_many`: a letter is masked, normalised and cut as always, and only
        what the category does not depend on is left out.

        Raises
        ------
        InputError
            At the first letter that cannot be judged.

        Examples
        --------
        >>> triager = Triager.load(lang="en")
        >>> next(triager.categorise([Petition(body="村里把我家的承包地收回去了，要求归还。")])).category
        'land_contract'
        """
        model = next(model for model in self.bundle.models if "category" in model.heads)
        rest = iter(petitions)
        while chunk := list(islice(rest, _CHUNK)):
            analyses = [self.analyse(petition) for petition in chunk]
            for petition, judgement in zip(chunk, model(analyses, [()] * len(chunk), ("category",)), strict=True):
                scores = judgement.scores["category"]
                others = scores.ranked[1:_CANDIDATES]
                yield Category(
                    petition.id,
                    scores.best,
                    scores.confidence,
                    tuple(code for code, _ in others),
                    tuple(share for _, share in others),
                )

    def _read(self, petitions: Sequence[Petition]) -> list[_Reading]:
        """Return all that is seen in letters, each step for all of them: models are fastest with many at once."""
        analyses = [self.analyse(petition) for petition in petitions]
        facts = [self.policy.facts(analysis) for analysis in analyses]
        rules = [self.policy.urgency(*pair) for pair in zip(analyses, facts, strict=True)]
        marks = [signs(*pair) for pair in zip(rules, facts, strict=True)]
        judgements = zip(*(model(analyses, marks) for model in self.bundle.models), strict=True)
        spans = [matters(analysis) for analysis in analyses]
        parts = [analysis.part(*span) for analysis, own in zip(analyses, spans, strict=True) for span in own]
        scored = self.bundle.models[0](parts, [()] * len(parts), ("category",)) if parts else []
        best = iter([judgement.scores["category"] for judgement in scored])
        pieces = [[(span, next(best)) for span in own] for own in spans]
        return [_Reading(*seen) for seen in zip(analyses, facts, rules, marks, judgements, pieces, strict=True)]

    def explain(self, petition: Petition, count: int = 3) -> dict[str, Any]:
        """Return every part of the best categories' scores, every rule seen and why it did or did not fire.

        Parameters
        ----------
        petition : Petition
        count : int
            Number of categories.

        Returns
        -------
        dict
            ``scores``: per category ``code``, ``probability``, ``margin``, ``intercept`` and ``parts`` (word, block,
            weight), which with the intercept add up to the margin; ``evidence``: as in the decision.
        """
        (reading,) = self._read([petition])
        decision = self._decide(reading)
        model = self.bundle.models[0]
        scores = []
        best = [(decision.category, decision.confidence), *zip(decision.candidates, decision.scores, strict=True)]
        for code, probability in best[:count]:
            parts, intercept = model.explain(reading.analysis, reading.marks, "category", code)
            scores.append(
                {
                    "code": code,
                    "probability": probability,
                    "margin": intercept + sum(part.weight for part in parts),
                    "intercept": intercept,
                    "parts": [{"word": part.word, "block": part.block, "weight": part.weight} for part in parts],
                }
            )
        return {"scores": scores, "evidence": [item.to_dict() for item in decision.evidence], "model": decision.model}

    def mask(self, text: str) -> str:
        """Return a text without personal data: names, numbers and addresses below village level are masked."""
        return self.policy.privacy.mask(text)

    def masked(self, petition: Petition, decision: Decision) -> Normalised:
        """Return `Petition.text` without the personal data that its decision found, with every character's place."""
        found = [
            PersonalData(item.id, item.span, True)
            for item in decision.evidence
            if item.field == "personal" and item.span
        ]
        return self.policy.privacy.hide(petition.text, found)

    def entry(self, petition: Petition, decision: Decision, person: str = "") -> Entry:
        """Return a letter as an index of earlier letters keeps it: masked, with no name of a person.

        Parameters
        ----------
        petition : Petition
        decision : Decision
            What was decided on it: category, place, and whether it is closed.
        person : str
            An opaque token of who wrote it, the same for the same person: a keyed hash, never a name.
        """
        closed = self.policy.taxonomy.natures[decision.nature].closed
        text, day = self.mask(petition.text), petition.fields.get("date", "")
        return Entry(decision.id, text, person, decision.place, decision.category, day, closed)

    def analyse(self, petition: Petition) -> Analysis:
        """Check and analyse one letter."""
        check(petition)
        return self.policy.analyser(_whole(petition))

    def reconsider(self, petition: Petition, given: Mapping[str, Any]) -> Decision:
        """Judge a letter again where a person has decided some fields; what follows from them is counted anew.

        Parameters
        ----------
        petition : Petition
        given : Mapping
            Codes by field: ``category``, ``nature``, ``urgency`` (1-4), ``department``. A given category is no longer
            uncertain; a given department leads whatever the table says.

        Raises
        ------
        InputError
            If a field or a code is unknown, or the letter cannot be judged.
        """
        taxonomy = self.policy.taxonomy
        allowed: dict[str, Sequence[Any]] = {
            "category": [*taxonomy.categories],
            "nature": [*taxonomy.natures],
            "urgency": [1, 2, 3, 4],
            "department": [*taxonomy.departments],
        }
        for field, code in given.items():
            if code not in allowed.get(field, ()):
                known = allowed.get(field, [*allowed])
                raise InputError("given_code", field=field, found=code, allowed=", ".join(map(str, known)))
        return self._decide(self._read([petition])[0], given)

    def _decide(self, reading: _Reading, given: Mapping[str, Any] = MappingProxyType({})) -> Decision:
        analysis, facts, rules, _, judgements, pieces = reading
        petition, taxonomy = analysis.petition, self.policy.taxonomy
        scores: dict[str, Scores] = {}
        for judgement in reversed(judgements):
            scores |= judgement.scores
        category = scores["category"]
        code = given.get("category", category.best)
        others = [pair for pair in category.ranked if pair[0] != code][: _CANDIDATES - 1]
        nature = given.get("nature") or self._nature(scores)
        level = given.get("urgency") or (self._level(scores, rules) if judgements[0].familiar else rules.level)
        collective = self._says("collective", scores, facts.collective)
        repeat = self._says("repeat", scores, facts.repeat)
        asking = [(0, analysis.title_end), *analysis.asking] if analysis.title_end else analysis.asking
        further = self._further(analysis, pieces, code)
        secondary = tuple(dict.fromkeys([*(item.id for item in further), *self._secondary(category, code)]))
        likely = scores["department"].shares if "department" in scores else {}
        evidence = [*self._telling(analysis, judgements[0], code), *further, *rules.evidence, *facts.evidence]
        department = ""
        assisting: tuple[str, ...] = ()
        place = self.policy.places(analysis.text, petition.fields.get("address", ""))
        accused = self.policy.accused(analysis.text, taxonomy.natures[nature].closed)
        evidence += _places(analysis, place, accused)
        evidence += [Evidence("personal", "rule", item.kind, span=item.span) for item in analysis.personal]
        if code in taxonomy.categories:
            letter = Circumstances(code, nature, level, place.level, facts.persons or 0)
            route = self._router(analysis, letter, likely, asking)
            department, *rest = self.policy.accused.free((route.department, *route.assisting), accused)
            assisting = tuple(rest)
            evidence += route.evidence
        department = given.get("department", department)
        assisting = tuple(one for one in assisting if one != department)
        handling = self._handling(code, nature, department, place, accused)
        channel = self._channel(analysis, code, nature)
        evidence += channel.evidence
        due, provisional = self._due(petition, channel.clocks, level)
        reasons = self._reasons(
            analysis, judgements[0], category, nature, level, bool(further), department, handling, given
        )
        known = taxonomy.categories.get(code)
        office = taxonomy.departments.get(department)
        return Decision(
            id=petition.id,
            category=code,
            category_name=known.name(self.lang) if known else code,
            confidence=category.of(code),
            candidates=tuple(other for other, _ in others),
            scores=tuple(score for _, score in others),
            candidate_set=tuple(category.candidate_set),
            secondary=secondary,
            nature=nature,
            urgency=level,
            urgency_rules=rules.rules,
            urgency_advice=self.policy.urgency.advice(UrgencyFinding(level, rules.rules, rules.evidence), self.lang),
            department=department,
            department_name=office.name(self.lang) if office else "",
            assisting=assisting,
            handler=handling.unit,
            principle=handling.principle,
            channel=channel.name,
            channel_code=channel.code,
            channel_article=channel.article,
            channel_tell=channel.tell,
            due=due,
            due_provisional=provisional,
            place=place.name,
            place_level=place.level,
            place_certainty=place.certainty,
            area=handling.area,
            forward=handling.forward,
            persons=facts.persons,
            collective=collective,
            repeat=repeat,
            needs_review=bool(reasons),
            review_reason=reasons,
            evidence=tuple(evidence),
            model=self.bundle.name,
        )

    def _says(self, head: str, scores: Mapping[str, Scores], stated: bool) -> bool:
        """Return the model's word, which has read the rules' as well; the rules' alone where there is no such head."""
        if head not in scores or head not in self._thresholds:
            return stated
        return scores[head].of("true") >= self._thresholds[head]

    def _nature(self, scores: Mapping[str, Scores]) -> str:
        """Return the likeliest nature that the office has; its first where no model knows one."""
        natures = self.policy.taxonomy.natures
        ranked = [code for code, _ in scores["nature"].ranked] if "nature" in scores else []
        return next((code for code in ranked if code in natures), next(iter(natures)))

    def _level(self, scores: Mapping[str, Scores], rules: UrgencyFinding) -> int:
        """Return the rules' level or the model's, whichever is higher: a model may raise a floor, never lower it.

        Where what the rules saw is denied, past, reported, quoted or settled and nothing is active, the same words
        would mislead a model: it may raise such a letter to priority and no further.
        """
        level = rules.level
        seen = {item.status for item in rules.evidence if item.weight >= _URGENT}
        most = _URGENT - 1 if seen & _NOT_NOW and "active" not in seen else 4
        if "urgency" in scores:
            ranked = scores["urgency"].shares
            for higher in sorted(ranked):
                above = sum(share for code, share in ranked.items() if code >= higher)
                if above >= self._thresholds.get(f"urgency_{higher}", 1.1):
                    level = max(level, min(int(higher), most))
        return level

    def _secondary(self, category: Scores, first: str) -> tuple[str, ...]:
        floor = self._thresholds.get("secondary", 0.2)
        fallback = self.policy.taxonomy.fallback
        rest = [pair for pair in category.ranked if pair[0] != first]
        return tuple(code for code, score in rest[:2] if score >= floor and code != fallback)

    def _further(self, analysis: Analysis, pieces: Sequence[tuple[Span, Scores]], category: str) -> list[Evidence]:
        """Return the pieces of the letter that ask for something of another category: a letter to be split."""
        found: dict[str, Evidence] = {}
        for piece, best in pieces:
            if best.confidence >= _SURE_PIECE and best.best not in (category, self.policy.taxonomy.fallback):
                span = analysis.raw_span(*piece)
                found.setdefault(
                    best.best, Evidence("secondary", "model", best.best, span=span, weight=best.confidence)
                )
        return list(found.values())[:2]

    def _reasons(
        self,
        analysis: Analysis,
        judgement: Judgement,
        category: Scores,
        nature: str,
        level: int,
        split: bool,
        department: str,
        handling: _Handling,
        given: Mapping[str, Any],
    ) -> tuple[str, ...]:
        """Return why a person should look, as codes."""
        taxonomy = self.policy.taxonomy
        reasons = {
            "language": analysis.lang == "none",
            "unfamiliar": not judgement.familiar,
            "uncertain": len(category.candidate_set) != 1 and "category" not in given,
            "fallback": category.best == taxonomy.fallback and "category" not in given,
            "closed": taxonomy.natures[nature].review,
            "critical": level >= 4,
            "two_matters": split,
            "no_department": not department,
            "reading": "reading" in analysis.petition.fields,
            "lost_digits": "lost_digits" in analysis.petition.fields,
            "out_of_area": handling.area == "elsewhere",
            "two_offices": handling.review,
            "accused": handling.recused,
        }
        return tuple(code for code, holds in reasons.items() if holds)

    def _channel(self, analysis: Analysis, category: str, nature: str) -> _Channel:
        """Return the legal channel: the nature's own, or the branch of Article 31 it leads to."""
        law = self.policy.taxonomy.natures[nature]
        if not law.tree:
            return _Channel(nature, law.channel(self.lang), law.article, law.tell(self.lang), law.clocks, ())
        branch, tell, why = self.policy.channels(analysis, category, self.lang)
        return _Channel(branch.code, branch.names[self.lang], branch.article, tell, branch.clocks, why)

    def _handling(
        self, category: str, nature: str, department: str, place: Place, accused: Sequence[Accused]
    ) -> _Handling:
        """Return which unit of ours or of the county leads, and to whom a letter that is not ours goes."""
        office, taxonomy = self.policy.office, self.policy.taxonomy
        recused = bool(accused) and not taxonomy.natures[nature].closed
        if office is None or not department or category not in taxonomy.categories:
            return _Handling(recused=recused)
        if taxonomy.natures[nature].closed:
            # A letter that only one department may read is neither forwarded nor shared with the township.
            return _Handling(unit=office.county(department).name(self.lang))
        area, forward = office.relation(place), office.forward(place)[self.lang != "zh"]
        if area == "elsewhere":
            return _Handling(area, forward, recused=recused)
        found = office.responsible(category, department, place, accused)
        review = found.review and bool(found.assisting)
        return _Handling(area, forward, found.lead.name(self.lang), found.named(self.lang), review, recused)

    def _due(self, petition: Petition, codes: Sequence[str], urgency: int) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return clock to ISO date, and the clocks whose date may still move."""
        given = {name: petition.fields.get("date" if name == "received" else name, "") for name in STARTS}
        starts = {name: day for name, cell in given.items() if cell and (day := day_of(cell))}
        if "received" in starts:
            # Until an office enters the day of acceptance, it accepts on the day of receipt.
            starts.setdefault("accepted", starts["received"])
        taxonomy = self.policy.taxonomy
        clocks = [taxonomy.clocks[code] for code in codes]
        if target := taxonomy.targets.get(urgency):
            clocks.append(target)
        due = due_dates(clocks, starts, taxonomy.roll_over, self._calendar)
        return (
            {code: date.day.isoformat() for code, date in due.items()},
            tuple(code for code, date in due.items() if date.provisional),
        )

    def _telling(self, analysis: Analysis, judgement: Judgement, code: str) -> list[Evidence]:
        model: LetterModel = self.bundle.models[0]
        found = []
        for word, weight in model.telling_words(judgement.features, "category", code, _TELLING):
            found.append(Evidence("category", "model", code, span=_place(analysis, word), weight=weight, note=word))
        return found


def _places(analysis: Analysis, place: Place, accused: Sequence[Accused]) -> list[Evidence]:
    """Return where the letter names its place and the units it accuses."""
    found = [
        Evidence("accused", "rule", item.kind, span=analysis.raw_span(*item.span), note=item.name) for item in accused
    ]
    if place.span:
        span = analysis.raw_span(*place.span)
        found.append(Evidence("place", "rule", place.level, span=span, note=place.source))
    return found


def _place(analysis: Analysis, word: str) -> Span | None:
    """Return where a word, or a pair of neighbours, first stands in the raw letter."""
    first, _, second = word.partition(" ")
    words, starts, last = analysis.words, analysis.starts, -1
    while first in words[last + 1 :]:
        last = words.index(first, last + 1)
        end = last + 1 + bool(second)
        if not second or words[last + 1 : end] == [second]:
            stop = starts[end] if end < len(starts) else len(analysis.text)
            return analysis.raw_span(starts[last], starts[last] + len(analysis.text[starts[last] : stop].rstrip()))
    start = analysis.lowered.find(first)
    return analysis.raw_span(start, start + len(first)) if start >= 0 else None


def _whole(petition: Petition) -> Petition:
    """Return the letter with a mark in place of each half character, which no segmenter can read."""
    if not _HALF.search(petition.text):
        return petition
    return replace(petition, body=_HALF.sub("\ufffd", petition.body), title=_HALF.sub("\ufffd", petition.title))


def check(petition: Petition) -> None:
    """Refuse what is no letter.

    Raises
    ------
    InputError
        If it is empty, binary or too long.
    """
    text = petition.text
    if not text.strip():
        raise InputError("empty_letter", id=petition.id or "-")
    if len(text) > LONGEST:
        raise InputError("long_letter", id=petition.id or "-", found=len(text), allowed=LONGEST)
    sample = text[:4000]
    if "\x00" in sample or len(_CONTROL.findall(sample)) > len(sample) * 0.2:
        raise InputError("binary_letter", id=petition.id or "-")
    if len(_HALF.findall(sample)) + sample.count("\ufffd") > len(sample) * 0.05:
        raise InputError("garbled_letter", id=petition.id or "-")
