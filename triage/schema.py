"""The frozen values that travel through triage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Category", "Date", "Decision", "Evidence", "Petition", "Span"]

Span = tuple[int, int]
Date = str  # ISO 8601, as it stands in every record
_NO_FIELDS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Petition:
    """One letter as it came in, untouched.

    Attributes
    ----------
    body : str
        The letter's text.
    title : str
        Its heading, if it has one.
    id : str
        The office's own number for it.
    fields : Mapping[str, str]
        What the form gave besides, by name (``date``, ``address`` ...).
    """

    body: str
    title: str = ""
    id: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: _NO_FIELDS)

    @property
    def text(self) -> str:
        """Title and body as one text, a line break between; every evidence span counts characters of it."""
        return f"{self.title}\n{self.body}" if self.title else self.body

    def heading(self, text: str) -> str:
        """Return the heading in a text of the same lines as `text`, such as the masked one."""
        return "\n".join(text.split("\n")[: self.title.count("\n") + 1]) if self.title else ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why one field of a decision is as it is.

    Attributes
    ----------
    field : str
        The decision's field it speaks for.
    source : str
        ``"rule"`` or ``"model"``.
    id : str
        The rule's id, or the code whose score was moved.
    status : str
        ``"active"``, or why a trigger that was seen did not fire: ``"negated"``, ``"past"``, ``"hypothetical"``,
        ``"reported"``, ``"quoted"``, ``"resolved"``, ``"exception"``.
    span : tuple of int or None
        Start and end in ``Petition.text``; None where no place in the letter says it.
    weight : float
        What it added to the score's margin (model) or the level it asks for (rule).
    note : str
        The criterion, statute or term in words.
    """

    field: str
    source: str
    id: str
    status: str = "active"
    span: Span | None = None
    weight: float = 0.0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "field": self.field,
            "source": self.source,
            "id": self.id,
            "status": self.status,
            "span": list(self.span) if self.span else None,
            "weight": round(self.weight, 6),
            "note": self.note,
        }


class Category(NamedTuple):
    """The category of a letter, where nothing else is asked; its fields are those of `Decision`.

    Attributes
    ----------
    id : str
        The letter's.
    category : str
        Its code.
    confidence : float
        Calibrated probability that it is right.
    candidates : tuple of str
        The next codes, best first.
    scores : tuple of float
        Their probabilities.
    """

    id: str
    category: str
    confidence: float
    candidates: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What triage suggests for one letter; a clerk has the last word.

    Attributes
    ----------
    id : str
        The petition's id.
    category : str
        Code of the suggested category.
    confidence : float
        Calibrated probability that ``category`` is right, 0 to 1.
    candidates, scores : tuple
        The codes that come next, best first, and their calibrated probabilities in the same order.
    candidate_set : tuple of str
        The conformal set: holds the right code with the bundle's promised coverage.
    secondary : tuple of str
        Codes of further matters in the letter.
    nature : str
        Code of the petition's nature.
    urgency : int
        1 routine, 2 priority, 3 urgent, 4 critical.
    urgency_rules : tuple of str
        Ids of the criteria that are active.
    department : str
        Code of the lead department; ``assisting`` holds the others.
    channel : str
        The legal channel; ``channel_code`` is the branch of Article 31 or the nature's code, ``channel_article`` where
        the regulations say so, ``channel_tell`` what the clerk tells the petitioner.
    due : Mapping[str, str]
        Clock name to ISO date, ``target`` the office's own; empty where the letter's date is unknown.
    due_provisional : tuple of str
        Names in ``due`` that were counted over a year whose holidays are not published yet.
    handler : str
        The unit that leads, by name: the township's own office or the county department; ``""`` where no
        ``office.toml`` says who we are. ``principle`` is the rule that chose it.
    place : str
        The place the matter is about; ``place_level`` its lowest unit (``province`` to ``village``),
        ``place_certainty`` ``"stated"``, ``"address"``, ``"office"`` or ``""`` (not known, or hidden as in "A市").
    area : str
        How that place lies to our office: ``ours``, ``above``, ``below``, ``elsewhere``, ``unknown``; ``forward`` is
        who should get a letter that is not ours.
    persons : int or None
        Number of petitioners the letter speaks for.
    collective, repeat : bool
        Written for five or more; raised before with an authority.
    needs_review : bool
        A person should look before anything is sent on; ``review_reason`` holds the reasons' codes.
    evidence : tuple of Evidence
        Spans in ``Petition.text`` and the rules or weights behind each field.
    model : str
        Name and version of the bundle.
    """

    id: str
    category: str
    category_name: str
    confidence: float
    candidates: tuple[str, ...]
    scores: tuple[float, ...]
    candidate_set: tuple[str, ...]
    secondary: tuple[str, ...]
    nature: str
    urgency: int
    urgency_rules: tuple[str, ...]
    department: str
    department_name: str
    assisting: tuple[str, ...]
    handler: str
    principle: str
    channel: str
    channel_code: str
    channel_article: str
    channel_tell: str
    due: Mapping[str, Date]
    due_provisional: tuple[str, ...]
    place: str
    place_level: str
    place_certainty: str
    area: str
    forward: str
    persons: int | None
    collective: bool
    repeat: bool
    needs_review: bool
    review_reason: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    model: str
    urgency_advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON types, field by field in the order of the attributes."""
        return {
            "id": self.id,
            "category": self.category,
            "category_name": self.category_name,
            "confidence": round(self.confidence, 4),
            "candidates": list(self.candidates),
            "scores": [round(score, 4) for score in self.scores],
            "candidate_set": list(self.candidate_set),
            "secondary": list(self.secondary),
            "nature": self.nature,
            "urgency": self.urgency,
            "urgency_rules": list(self.urgency_rules),
            "urgency_advice": self.urgency_advice,
            "department": self.department,
            "department_name": self.department_name,
            "assisting": list(self.assisting),
            "handler": self.handler,
            "principle": self.principle,
            "channel": self.channel,
            "channel_code": self.channel_code,
            "channel_article": self.channel_article,
            "channel_tell": self.channel_tell,
            "due": dict(self.due),
            "due_provisional": list(self.due_provisional),
            "place": self.place,
            "place_level": self.place_level,
            "place_certainty": self.place_certainty,
            "area": self.area,
            "forward": self.forward,
            "persons": self.persons,
            "collective": self.collective,
            "repeat": self.repeat,
            "needs_review": self.needs_review,
            "review_reason": list(self.review_reason),
            "evidence": [item.to_dict() for item in self.evidence],
            "model": self.model,
        }
