"""The provinces, prefectures and counties of the country: which name is which, and what lies in what."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from triage.config import read_csv
from triage.errors import DataError

__all__ = ["Divisions", "Unit", "bare"]

SCHEMA_VERSION = 1
_COLUMNS = ("province", "city", "counties")
_ENDING = re.compile(r"(?:自治区|特别行政区|自治州|自治县|自治旗|地区|林区|街道|社区|[省市州盟县区旗镇乡村])$")
_SELF_GOVERNED = re.compile(r"族(?:自治[州县旗]|自治区)$")
# "广西壮族自治区" is called 广西, "长阳土家族自治县" 长阳县, by their first two characters; these by their first three.
_LONG = ("内蒙古", "黑龙江", "鄂伦春", "鄂温克", "克孜勒", "西双版纳", "巴音郭楞")


class Unit(NamedTuple):
    """A province, prefecture or county with what it lies in; ``""`` below its own level."""

    province: str
    city: str = ""
    county: str = ""

    @property
    def level(self) -> str:
        return "county" if self.county else "city" if self.city else "province"

    @property
    def name(self) -> str:
        return self.county or self.city or self.province

    def holds(self, other: Unit) -> bool:
        """Tell whether the other unit lies in this one."""
        return self.province == other.province and not self.county and self.city in ("", other.city) and self != other


def bare(name: str) -> str:
    """Return a name without its administrative ending, where enough of it is left.

    Examples
    --------
    >>> bare("清河县"), bare("新河镇"), bare("和县")
    ('清河', '新河', '和县')
    """
    short = _ENDING.sub("", name)
    return short if len(short) >= 2 else name


def _shorts(name: str) -> list[str]:
    """Return the shorter names that people write."""
    if _SELF_GOVERNED.search(name):
        stem = next((long for long in _LONG if name.startswith(long)), name[:2])
        return [stem, stem + name[-1]] if name[-1] != "区" else [stem]
    stem = next((long for long in _LONG if name.startswith(long)), "") or bare(name)
    return [stem] if stem != name else []


class Divisions:
    """Look up and complete names of provinces, prefectures and counties.

    Parameters
    ----------
    units : iterable of Unit

    Attributes
    ----------
    names : Mapping
        Full name to its units; many counties share one name.
    shorts : Mapping
        Name without ending to its units.
    lengths : Mapping
        The last two characters of a full name to the lengths of such names, longest first.
    """

    def __init__(self, units: list[Unit]) -> None:
        names: dict[str, list[Unit]] = defaultdict(list)
        shorts: dict[str, list[Unit]] = defaultdict(list)
        lengths: dict[str, set[int]] = defaultdict(set)
        for unit in dict.fromkeys(units):
            name = unit.name
            names[name].append(unit)
            lengths[name[-2:]].add(len(name))
            for short in _shorts(name):
                shorts[short].append(unit)
                if short[-1] == name[-1] and short != name:
                    names[short].append(unit)
                    lengths[short[-2:]].add(len(short))
        self.names: Mapping[str, list[Unit]] = dict(names)
        self.shorts: Mapping[str, list[Unit]] = dict(shorts)
        self.lengths = {last: tuple(sorted(found, reverse=True)) for last, found in lengths.items()}

    @classmethod
    def load(cls, path: Path) -> Divisions:
        """Read ``divisions.csv``.

        Raises
        ------
        DataError
            With every fault in ``faults``.
        """
        units: list[Unit] = []
        faults: list[str] = []
        for number, row in enumerate(read_csv(path, _COLUMNS, SCHEMA_VERSION), 3):
            province, city = row["province"], row["city"]
            if not province:
                faults.append(f"{path.name}: row {number}: province is empty")
                continue
            units.append(Unit(province))
            if city and city != province:
                units.append(Unit(province, city))
            units += [Unit(province, city, county) for county in row["counties"].split("|") if county]
        if faults:
            raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
        return cls(units)

    def ending_at(self, text: str, end: int, lowest: int) -> str:
        """Return the longest full name that ends at ``end`` and starts at ``lowest`` or later; ``""`` if none."""
        for length in self.lengths.get(text[end - 2 : end], ()):
            if end - length >= lowest and text[end - length : end] in self.names:
                return text[end - length : end]
        return ""

    def units(self, name: str, known: Mapping[str, str]) -> list[Unit]:
        """Return the units of a full or short name that fit what is known of province and city."""
        found = self.names.get(name) or self.shorts.get(name, [])
        return [
            unit
            for unit in found
            if all(
                not known.get(level) or not own or bare(known[level]) == bare(own) or level == unit.level
                for level, own in (("province", unit.province), ("city", unit.city))
            )
        ]

    def complete(self, known: dict[str, str]) -> bool:
        """Fill in full names and what the lowest unit lies in, where only one fits; tell whether it did."""
        before = dict(known)
        for level in ("county", "city", "province"):
            if not known.get(level):
                continue
            fitting = [unit for unit in self.units(known[level], known) if unit.level == level]
            if len(fitting) == 1:
                (unit,) = fitting
                known.update({key: value for key, value in unit._asdict().items() if value})
                break
        return known != before
