"""A letter as everybody may read it: personal data masked, evidence at its place in the masked text."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from triage import Decision, Petition, Triager

__all__ = ["Masked", "masked"]


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked letter.

    Attributes
    ----------
    title, text : str
        The heading, and heading and body together.
    evidence : list of dict
        As in `Decision.to_dict`, spans in ``text``.
    """

    title: str
    text: str
    evidence: list[dict[str, Any]]


def masked(triager: Triager, petition: Petition, decision: Decision) -> Masked:
    """Mask a letter by the personal data that its decision found."""
    hidden = triager.masked(petition, decision)
    evidence = [item.to_dict() for item in decision.evidence]
    if hidden.offsets is not None:
        for item in evidence:
            if item["span"]:
                item["span"] = [bisect_left(hidden.offsets, place) for place in item["span"]]
    return Masked(petition.heading(hidden.text), hidden.text, evidence)
