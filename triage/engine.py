"""Triager: the only orchestrator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from triage.bundle import Bundle, load_bundle
from triage.classify import Judgement, LetterModel, Scores
from triage.deadlines import due_dates
from triage.errors import InputError
from triage.facts import Facts
from triage.features import asking_spans
from triage.policy import Policy, load_policy
from triage.routing import Router
from triage.schema import Decision, Evidence, Petition, Span
from triage.signs import signs
from triage.text import Analysis
from triage.text.cues import lower_keep_length
from triage.text.dates import day_of
from triage.urgency import UrgencyFinding

__all__ = ["LONGEST", "Triager", "check"]

LONGEST = 200_000  # characters
_CHUNK = 64  # letters scored in one matrix
_CANDIDATES = 5
_TELLING = 6  # words shown for a category
_HALF = re.compile("[\ud800-\udfff]")  # half of a character, as JSON that was cut short may hold


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
        analyses = [self.analyse(petition) for petition in petitions]
        seen = [self._see(analysis) for analysis in analyses]
        marks = [signs(rules, facts) for facts, rules in seen]
        judgements = [model(analyses, marks) for model in self.bundle.models]
        return [
            self._decide(analysis, *seen[place], [scored[place] for scored in judgements])
            for place, analysis in enumerate(analyses)
        ]

    def _see(self, analysis: Analysis) -> tuple[Facts, UrgencyFinding]:
        facts = self.policy.facts(analysis)
        return facts, self.policy.urgency(analysis, facts)

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
        analysis = self.analyse(petition)
        facts, rules = self._see(analysis)
        marks = signs(rules, facts)
        judgements = [model([analysis], [marks])[0] for model in self.bundle.models]
        decision = self._decide(analysis, facts, rules, judgements)
        model = self.bundle.models[0]
        scores = []
        best = [(decision.category, decision.confidence), *zip(decision.candidates, decision.scores, strict=True)]
        for code, probability in best[:count]:
            parts, intercept = model.explain(analysis, marks, "category", code)
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

    def analyse(self, petition: Petition) -> Analysis:
        """Check and analyse one letter."""
        check(petition)
        return self.policy.analyser(_whole(petition))

    def _decide(
        self, analysis: Analysis, facts: Facts, rules: UrgencyFinding, judgements: Sequence[Judgement]
    ) -> Decision:
        petition, taxonomy = analysis.petition, self.policy.taxonomy
        scores: dict[str, Scores] = {}
        for judgement in reversed(judgements):
            scores |= judgement.scores
        category = scores["category"]
        nature = self._nature(scores)
        level = self._level(scores, rules)
        collective = self._says("collective", scores, facts.collective)
        repeat = self._says("repeat", scores, facts.repeat)
        asking = asking_spans(analysis)
        if analysis.title_end:
            asking = [(0, analysis.title_end), *asking]
        secondary = self._secondary(category)
        likely = dict(scores["department"].ranked) if "department" in scores else {}
        evidence = [*self._telling(analysis, judgements[0], category.best), *rules.evidence, *facts.evidence]
        department = ""
        assisting: tuple[str, ...] = ()
        if category.best in taxonomy.categories:
            route = self._router(analysis, category.best, nature, likely, asking)
            department, assisting = route.department, route.assisting
            evidence += route.evidence
        law = taxonomy.natures[nature]
        reasons = self._reasons(analysis, judgements[0], category, nature, level, secondary, department)
        known = taxonomy.categories.get(category.best)
        office = taxonomy.departments.get(department)
        return Decision(
            id=petition.id,
            category=category.best,
            category_name=known.name(self.lang) if known else category.best,
            confidence=category.confidence,
            candidates=tuple(code for code, _ in category.ranked[1:_CANDIDATES]),
            scores=tuple(score for _, score in category.ranked[1:_CANDIDATES]),
            candidate_set=tuple(category.candidate_set),
            secondary=secondary,
            nature=nature,
            urgency=level,
            urgency_rules=rules.rules,
            urgency_advice=self.policy.urgency.advice(replace(rules, level=level), self.lang),
            department=department,
            department_name=office.name(self.lang) if office else "",
            assisting=assisting,
            channel=law.channel(self.lang),
            channel_article=law.article,
            due=self._due(petition, law.clocks),
            place=facts.place,
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
        """Return the rules' level or the model's, whichever is higher: a model may raise a floor, never lower it."""
        level = rules.level
        if "urgency" in scores:
            ranked = dict(scores["urgency"].ranked)
            for higher in sorted(ranked):
                above = sum(share for code, share in ranked.items() if code >= higher)
                if above >= self._thresholds.get(f"urgency_{higher}", 1.1):
                    level = max(level, int(higher))
        return level

    def _secondary(self, category: Scores) -> tuple[str, ...]:
        floor = self._thresholds.get("secondary", 0.2)
        fallback = self.policy.taxonomy.fallback
        return tuple(code for code, score in category.ranked[1:3] if score >= floor and code != fallback)

    def _reasons(
        self,
        analysis: Analysis,
        judgement: Judgement,
        category: Scores,
        nature: str,
        level: int,
        secondary: Sequence[str],
        department: str,
    ) -> tuple[str, ...]:
        """Return why a person should look, as codes."""
        taxonomy = self.policy.taxonomy
        reasons = {
            "language": analysis.lang == "none",
            "unfamiliar": not judgement.familiar,
            "uncertain": len(category.candidate_set) != 1,
            "fallback": category.best == taxonomy.fallback,
            "closed": taxonomy.natures[nature].review,
            "critical": level >= 4,
            "two_matters": bool(secondary),
            "no_department": not department,
        }
        return tuple(code for code, holds in reasons.items() if holds)

    def _due(self, petition: Petition, clocks: Sequence[str]) -> dict[str, str]:
        given = {"received": petition.fields.get("date", ""), "accepted": petition.fields.get("accepted", "")}
        starts = {name: day for name, cell in given.items() if (day := day_of(cell))}
        if "received" in starts:
            # Until an office enters the day of acceptance, it accepts on the day of receipt.
            starts.setdefault("accepted", starts["received"])
        taxonomy = self.policy.taxonomy
        due = due_dates([taxonomy.clocks[code] for code in clocks], starts, taxonomy.roll_over)
        return {code: day.isoformat() for code, day in due.items()}

    def _telling(self, analysis: Analysis, judgement: Judgement, code: str) -> list[Evidence]:
        model: LetterModel = self.bundle.models[0]
        text = lower_keep_length(analysis.text)
        found = []
        for word, weight in model.telling_words(judgement.features, "category", code, _TELLING):
            found.append(
                Evidence("category", "model", code, span=_place(analysis, text, word), weight=weight, note=word)
            )
        return found


def _place(analysis: Analysis, text: str, word: str) -> Span | None:
    """Return where a word, or a pair of neighbours, first stands in the raw letter."""
    first, _, second = word.partition(" ")
    starts = analysis.starts
    for place, own in enumerate(analysis.words):
        if own == first and (not second or analysis.words[place + 1 : place + 2] == [second]):
            last = place + 1 if second else place
            end = starts[last + 1] if last + 1 < len(starts) else len(analysis.text)
            return analysis.raw_span(starts[place], starts[place] + len(analysis.text[starts[place] : end].rstrip()))
    start = text.find(first)
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
    if "\x00" in sample or sum(not char.isprintable() and not char.isspace() for char in sample) > len(sample) * 0.2:
        raise InputError("binary_letter", id=petition.id or "-")
    if len(_HALF.findall(sample)) + sample.count("\ufffd") > len(sample) * 0.05:
        raise InputError("garbled_letter", id=petition.id or "-")
