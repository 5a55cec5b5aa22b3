"""Who we are, and what follows for a letter: ours or not, to whom to forward, who leads and who must not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from triage.accused import Accused
from triage.config import read_toml
from triage.levels import LevelRow, Levels
from triage.place import LEVELS, Forward, Place, PlacePolicy
from triage.place.divisions import bare
from triage.text.cues import PolicyTable

__all__ = ["Office", "Responsibility", "Unit"]

SCHEMA_VERSION = 1
_OWN_LEVEL = {"township": "town", "county": "county"}
_PRINCIPLES = {
    "territorial": ("属地管理、分级负责", "territorial management, level by level", "信访工作条例 第五条"),
    "competent": ("谁主管、谁负责", "whoever is in charge is responsible", "信访工作条例 第五条"),
    "recusal": ("回避", "recusal: the accused office is not assigned", "信访工作条例 第二十八条、第三十条"),
}


class Unit(NamedTuple):
    """An office that can lead or assist: ``level`` is township, county or city, ``department`` a code or ``""``."""

    level: str
    department: str
    zh: str
    en: str

    def name(self, lang: str) -> str:
        """Return its name in one language."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Responsibility:
    """Who leads, who assists, and why.

    Attributes
    ----------
    lead : Unit
    assisting : tuple of Unit
    principle : str
        ``"territorial"``, ``"competent"`` or ``"recusal"``; see `named`.
    basis : str
        The articles.
    review : bool
        Two fit, or the usual lead is accused: a person decides.
    barred : tuple of Unit
        Left out because they are accused.
    """

    lead: Unit
    assisting: tuple[Unit, ...]
    principle: str
    basis: str
    review: bool = False
    barred: tuple[Unit, ...] = ()

    def named(self, lang: str) -> str:
        """Return the principle in words."""
        return _PRINCIPLES[self.principle][lang != "zh"]


class Office:
    """The office that receives the letters.

    Parameters
    ----------
    place : Place
        Where it is, down to its own level.
    name, name_en : str
        What it is called.
    level : str
        ``"township"`` or ``"county"``.
    aliases : tuple of str
        Other names of it and of its town or county.
    departments : tuple of str
        Codes of the departments it has itself; their matters are handled here.
    forward : tuple of Forward
        Where letters about other places go.
    levels : Levels
        Who leads what.
    """

    def __init__(
        self, place: Place, name: str, name_en: str, level: str, aliases: tuple[str, ...], departments: tuple[str, ...],
        forward: tuple[Forward, ...], levels: Levels,
    ) -> None:  # fmt: skip
        self.place = place
        self.name = name
        self.name_en = name_en
        self.level = level
        self.aliases = aliases
        self.departments = departments
        self._forward = forward
        self._levels = levels
        self._own = _OWN_LEVEL[level]
        self._names = {text.casefold() for text in (*aliases, name, name_en, getattr(place, self._own))}

    @classmethod
    def load(cls, path: str | Path, policy: PlacePolicy, levels: Levels) -> Office:
        """Read ``office.toml``.

        Raises
        ------
        DataError
            With every fault in ``faults``.
        """
        path = Path(path)
        table = PolicyTable(read_toml(path), path.name)
        table.only("schema_version", "name", "name_en", "level", *LEVELS[:4], "aliases", "departments")
        if table.integer("schema_version", 1, 99) != SCHEMA_VERSION:
            table.fault("schema_version", f"must be {SCHEMA_VERSION}")
        level = table.text("level")
        if level not in _OWN_LEVEL:
            table.fault("level", f"unknown {level!r}; must be one of {', '.join(_OWN_LEVEL)}")
        units = {key: table.text(key, "") for key in LEVELS[:4]}
        needed = LEVELS[: LEVELS.index(_OWN_LEVEL.get(level, "county")) + 1]
        for key in needed:
            if not units[key]:
                table.fault(key, "is needed")
        if level == "county" and units["town"]:
            table.fault("town", "a county office has none")
        departments = table.words("departments")
        for code in departments:
            if code not in levels.departments:
                table.fault("departments", f"{code!r} does not exist")
        name = table.text("name")
        name_en, aliases = table.text("name_en", name), table.words("aliases")
        table.close()
        place = Place(
            units["province"], units["city"], units["county"], units["town"], level=needed[-1], certainty="office",
            source="office",
        )  # fmt: skip
        return cls(place, name, name_en, level, aliases, departments, policy.forward, levels)

    def relation(self, place: Place) -> str:
        """Tell how a place lies to ours.

        Returns
        -------
        str
            ``"ours"``; ``"above"``: only a larger unit that holds ours is named; ``"below"``: a town of our county
            (county offices); ``"elsewhere"``; ``"unknown"``: not named, hidden, or of no unit we could compare.
        """
        units = place.units()
        if not place.certainty or not units:
            return "unknown"
        shared = [level for level in LEVELS[: LEVELS.index(self._own) + 1] if level in units]
        if any(not self._same(level, units[level]) for level in shared):
            return "elsewhere"
        if self._own in units:
            return "below" if self.level == "county" and place.town else "ours"
        return "above" if shared and not place.town and not place.village else "unknown"

    def _same(self, level: str, name: str) -> bool:
        own = getattr(self.place, level)
        return bare(name) == bare(own) or (level == self._own and name.casefold() in self._names)

    def forward(self, place: Place) -> tuple[str, str]:
        """Return who should get a letter about a place that is not ours, in Chinese and English; empty where it stays.

        Source: 信访工作条例 第五条、第二十条、第二十三条; the rules stand in ``taxonomy/place.toml``.
        """
        if self.relation(place) in ("ours", "unknown"):
            return "", ""
        units = place.units()
        texts = {level: units.get(level, "") for level in LEVELS}
        texts |= {f"own_{level}": getattr(self.place, level) for level in LEVELS}
        if texts["city"] == texts["province"]:
            texts["city"] = ""
        for rule in self._forward:
            upper = LEVELS[: LEVELS.index(rule.same) + 1] if rule.same else ()
            if all(texts[level] for level in rule.needs) and all(
                units.get(level) and self._same(level, units[level]) for level in upper[-1:]
            ):
                return rule.zh.format(**texts), _tidy(rule.en.format(**texts))
        raise LookupError("no forwarding rule fits")  # PlacePolicy makes this unreachable

    def barred(self, accused: Iterable[Accused]) -> frozenset[str]:
        """Return the kinds of units that must not be assigned; see `Accused.kind`.

        Source: 信访工作条例 第二十八条、第三十条.
        """
        return frozenset(item.kind for item in accused)

    def responsible(
        self, category: str, department: str, place: Place | None = None, accused: Iterable[Accused] = ()
    ) -> Responsibility:
        """Decide between the township office and the county department; where two fit, one leads and one assists.

        Parameters
        ----------
        category : str
            Code of the matter.
        department : str
            Code of the lead department by the routing table.
        place : Place or None
            Where the matter is; names the township for a county office.
        accused : iterable of Accused
            Never assigned; a superior leads where nobody else is left.

        Source: 信访工作条例 第五条、第二十四条、第二十八条.
        """
        row, exact = self._levels.row(category, department)
        own = self.level == "township" and department in self.departments
        # A department that only we have, as the township government itself, has no counterpart in the county.
        codes = [code for code in (department, row.department) if code == row.department or not own]
        county = [self.county(code) for code in dict.fromkeys(codes) if code]
        town = self._township(row, place)
        principle = "territorial" if own or (exact and row.leads) else "competent"
        ranked = [town, *county] if principle == "territorial" else [*county[:1], town, *county[1:]]
        barred = self.barred(accused)
        free = [unit for unit in ranked if not _is_barred(unit, barred)]
        left_out = tuple(unit for unit in ranked if unit not in free)
        if left_out and ranked[0] in left_out:
            principle = "recusal"
        if not free:
            free = [self._superior()]
        basis = ";".join(dict.fromkeys(filter(None, (_PRINCIPLES[principle][2], row.basis))))
        review = not (exact or own) or principle == "recusal"
        return Responsibility(free[0], tuple(free[1:]), principle, basis, review, left_out)

    def _township(self, row: LevelRow, place: Place | None) -> Unit:
        town = self.place.town or (place.town if place and self.relation(place) == "below" else "")
        return Unit("township", row.department, f"{town}{row.zh}", f"{row.en} of {town}" if town else row.en)

    def county(self, code: str) -> Unit:
        """Return the county's department of a code."""
        department = self._levels.departments[code]
        return Unit("county", code, f"{self.place.county}{department.zh}", f"{department.en}, {self.place.county}")

    def _superior(self) -> Unit:
        city = self.place.city
        return Unit("city", "", f"{city}信访局", f"petition bureau of {city}")


def _is_barred(unit: Unit, barred: frozenset[str]) -> bool:
    return unit.level in barred or f"{unit.level}/{unit.department}" in barred


def _tidy(text: str) -> str:
    """Drop the commas around names that are unknown."""
    return ", ".join(part for part in (piece.strip() for piece in text.split(",")) if part)
