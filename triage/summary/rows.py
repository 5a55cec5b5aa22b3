"""What of a letter goes into a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

__all__ = ["COLUMNS", "NEEDED", "OPTIONAL", "Row"]

NEEDED = ("category", "nature", "urgency", "department", "collective", "repeat", "needs_review")
OPTIONAL = ("received", "source", "place", "persons", "status", "answered", "due", "corrected")
COLUMNS = frozenset((*NEEDED, *OPTIONAL))
_NONE: Mapping[str, date] = {}


@dataclass(slots=True)
class Row:
    """One letter, without its text, its title and its number.

    Attributes
    ----------
    received, answered : date or None
    category, nature, department, place, source, status : str
        Codes, and the place in words; ``""`` is unknown.
    urgency : int
    persons : int or None
    due : Mapping[str, date]
        Clock to its last day.
    corrected : bool or None
        A person decided it otherwise than suggested; None where nobody has decided yet.
    sealed : bool
        An accusation: it is counted and nothing else.
    """

    received: date | None
    category: str
    nature: str
    urgency: int
    department: str
    collective: bool
    repeat: bool
    needs_review: bool
    place: str = ""
    persons: int | None = None
    source: str = ""
    status: str = ""
    answered: date | None = None
    due: Mapping[str, date] = field(default_factory=lambda: _NONE)
    corrected: bool | None = None
    sealed: bool = False
