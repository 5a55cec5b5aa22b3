"""What a run amounted to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Summary"]


@dataclass
class Summary:
    """Counts over the records of a run.

    Attributes
    ----------
    letters, rejects, review : int
        Judged, refused, and to be looked at by a person.
    category, urgency, department, reason : Counter
        Letters by code; ``reason`` counts review reasons.
    earlier : int
        Of letters and rejects, those that a killed run had done.
    seconds : float
        Time of this run, without what an earlier one had done.
    """

    letters: int = 0
    rejects: int = 0
    review: int = 0
    earlier: int = 0
    seconds: float = 0.0
    category: Counter[str] = field(default_factory=Counter)
    urgency: Counter[int] = field(default_factory=Counter)
    department: Counter[str] = field(default_factory=Counter)
    reason: Counter[str] = field(default_factory=Counter)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one decision's record."""
        self.letters += 1
        self.review += record["needs_review"]
        self.category[record["category"]] += 1
        self.urgency[record["urgency"]] += 1
        self.department[record["department"]] += 1
        self.reason.update(record["review_reason"])
