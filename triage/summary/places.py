"""Places as a summary may name them: a village at the smallest."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from triage.config import read_toml

__all__ = ["Villages"]

_LEVELS = ("province", "city", "county", "town", "village")
_MARKS = re.compile(r"[\s,,、]+$")


class Villages:
    """Cut a place down to its village.

    Source
    ------
    Personal Information Protection Law Art. 6: statistics need no house.

    Parameters
    ----------
    folder : Path
        The policy folder; ``taxonomy/place.toml`` says what names of places end in.
    """

    def __init__(self, folder: Path) -> None:
        policy = read_toml(folder / "taxonomy" / "place.toml")
        endings, english = policy["endings"], policy["english"]

        def any_of(levels: tuple[str, ...]) -> str:
            words = [word for level in levels for word in endings.get(level, ())]
            return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)"

        names = [word for level in _LEVELS for word in english.get(level, ())]
        self._details = tuple(endings.get("detail", ()))
        self._unit = re.compile(rf"(?:{any_of(_LEVELS)})$|\b(?:{'|'.join(map(re.escape, names)) or '(?!)'})$", re.I)
        self._village = re.compile(rf".*(?:{any_of(('village',))})")
        self._cut = lru_cache(maxsize=100_000)(self._cut_anew)

    def __call__(self, place: str) -> str:
        """Return the place down to its village; ``""`` where it names no village or larger unit.

        Examples
        --------
        >>> from triage.config import home
        >>> villages = Villages(home())
        >>> villages("云山县石桥镇"), villages("石桥村三组7号"), villages("星河小区3栋")
        ('云山县石桥镇', '石桥村', '')
        """
        return self._cut(place.strip())

    def _cut_anew(self, place: str) -> str:
        if place.isascii():  # "12 Mill Lane, Shangping Village": the smaller stands first
            parts = [part.strip() for part in place.split(",")]
            first = next((number for number, part in enumerate(parts) if self._is_unit(part)), len(parts))
            return ", ".join(parts[first:])
        if self._is_unit(place):
            return place
        found = self._village.match(place)
        return _MARKS.sub("", found.group()) if found else ""

    def _is_unit(self, place: str) -> bool:
        return bool(self._unit.search(place)) and not place.endswith(self._details)
