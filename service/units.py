"""Which unit a letter complains of, and whether a caller belongs to it: compared so that doubt hides the letter.

Letters name units loosely ("our village secretary", "Shiqiao committee"), so a name is looked for in what stands
around the words that accuse; where no name stands there, every unit of that level counts as complained of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from triage import Triager

__all__ = ["MENTIONED", "NOBODY", "Belonging", "Complaint", "belonging", "complaints", "plain"]

MENTIONED = "mentioned"
_BEFORE = 10  # characters before a word that may be its name
_LEVEL_WORDS = {"village": "村|社区|居委", "township": "镇|乡|街道", "county": "县|市|区"}
# The first pattern that a unit's name ends with tells its level; what stands before it is its own name.
_LEVELS = (
    (
        "village",
        re.compile(r"(?:村|社区)?(?:村民委员会|居民委员会|村委会|居委会|村两委|村委|居委|(?:村|社区)党?支部)$"),
    ),
    ("village", re.compile(r"(?:村|社区)$")),
    ("township", re.compile(r"(?:镇|乡|街道)(?:人民政府|政府|党委|党工委|办事处|办)?$")),
    ("county", re.compile(r"(?:县|市|区)(?:人民政府|政府|委)?$")),
)
_LARGER = re.compile(r"^.*(?:省|市|县|区|镇|乡|街道)(?=.)")
_NOT_NAMES = "我们俺咱本该全农乡各同外这那个他她其某"
_NAMED_VILLAGE = re.compile(rf"[\u4e00-\u9fff][^\W\d_{_NOT_NAMES}]村(?=村)")
_UNIT_WORDS = "村|社区|居委|镇|乡|街道|县|市|区|局|所|站|办|委|中心|队|院|校|学|公司|厂|场|政府"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One unit that a letter complains of.

    Attributes
    ----------
    kind : str
        ``village``, ``township/health`` …; `MENTIONED` for all units that an accusation names at all.
    level, department : str
        Where it stands; ``""`` if that does not count.
    name : str
        Plain text that holds its name; ``""`` where the letter does not name it.
    """

    kind: str
    level: str
    department: str
    name: str


@dataclass(frozen=True, slots=True)
class Belonging:
    """What a caller belongs to.

    Attributes
    ----------
    departments : frozenset of str
        Codes, of the caller's department and of those that the unit is a part or another name of.
    level : str
        Of the unit.
    names : tuple of str
        Of the unit, plain: the letter that holds one complains of it.
    aliases : tuple of str
        Of the departments, plain.
    """

    departments: frozenset[str] = frozenset()
    level: str = ""
    names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.departments or self.names)


NOBODY = Belonging()


@lru_cache(1000)
def plain(text: str) -> str:
    """Return a text with full-width, traditional and spaced writing made alike.

    Examples
    --------
    >>> plain("石 橋村　村委会（东）")
    '石桥村村委会东'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return str(_simplified().convert("".join(char for char in folded if char.isalnum())))


@cache
def _simplified() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def belonging(triager: Triager, department: str | None, units: Iterable[str]) -> Belonging:
    """Return what a caller with a department and units of these names belongs to."""
    units = [name for unit in units if (name := plain(unit))]
    if not department and not units:
        return NOBODY
    known = {
        code: _aliases(one.zh, one.en, one.township, *one.aliases)
        for code, one in triager.policy.taxonomy.departments.items()
    }
    codes = {department} if department else set()
    codes |= {code for code, aliases in known.items() for name in units if any(alias in name for alias in aliases)}
    level, names = "", set[str]()
    for unit in units:
        found, own = _own(unit)
        level = level or found
        names |= own
    aliases = {alias for code in codes for alias in known.get(code, ())}
    return Belonging(frozenset(codes), level, tuple(sorted(names)), tuple(sorted(aliases)))


@lru_cache(1000)
def _aliases(*texts: str) -> tuple[str, ...]:
    parts = (part for text in texts for part in re.split(r"[()（）、,，/]", text))
    return tuple(name for part in parts if len(name := plain(part)) > 1)


def _own(unit: str) -> tuple[str, set[str]]:
    """Return the level of a unit and the names it goes by, from its plain name.

    Examples
    --------
    >>> sorted(_own("清水镇石桥村村民委员会")[1]), sorted(_own("清水镇民政所")[1])
    (['石桥'], ['民政所', '清水镇民政所'])
    """
    for level, ending in _LEVELS:
        if found := ending.search(unit):
            stem = _LARGER.sub("", unit[: found.start()]) or unit[: found.start()]
            word = unit[found.start()]
            return level, {stem if len(stem) > 1 else stem + ("村" if level == "village" else word)}
    return "", {unit, _LARGER.sub("", unit) or unit} - {""}


def complaints(triager: Triager, text: str, record: Mapping[str, Any], sealed: bool) -> tuple[Complaint, ...]:
    """Return the units that a letter complains of.

    Parameters
    ----------
    text : str
        Heading and body, masked: what is kept of names must not be personal data.
    record : Mapping
        The decision's record with spans in ``text``.

    Source
    ------
    Regulations on Petition Work (2022) Art. 30, 44: nothing reaches the unit complained of.
    """
    office = triager.policy.office
    place = plain(record["place"])
    found = [_complaint(one, text, place, office) for one in record["evidence"] if one["field"] == "accused"]
    if sealed:
        if not found:  # somebody is accused, and nobody knows of which village
            found.append(Complaint("village", "village", "", ""))
        found.append(Complaint(MENTIONED, "", "", "|".join([place, *_windows(_UNIT_WORDS, plain(text))])))
    return tuple(found)


def _complaint(evidence: Mapping[str, Any], text: str, place: str, office: Any) -> Complaint:
    kind = str(evidence["id"])
    level, _, department = kind.partition("/")
    start, end = evidence["span"] or (0, 0)
    around = plain(text[max(0, start - _BEFORE) : end])
    if department:
        # In a county the bureau answers for its stations in the towns; in a town the station is the department.
        apart = office is not None and office.level == "county" and level == "township"
        return Complaint(kind, level, "" if apart else department, around)
    return Complaint(kind, level, "", _named(level, plain(text), place, office, around))


def _named(level: str, text: str, place: str, office: Any, around: str) -> str:
    """Return what holds the name of a village, town or county; empty where nothing names it for certain."""
    words = _LEVEL_WORDS[level]
    certain = bool(re.search(words, place)) or (level == "village" and bool(_NAMED_VILLAGE.search(text)))
    if not certain and level == "township" and office is not None and office.level == "township":
        certain, place = True, plain("".join((office.name, *office.aliases, office.place.town)))
    if not certain:
        return ""
    return "|".join([place, around, *_windows(words, text)])


def _windows(words: str, text: str) -> dict[str, None]:
    """Return each of some words with what stands before it, which may be its name."""
    return dict.fromkeys(text[max(0, found.start() - _BEFORE) : found.end()] for found in re.finditer(words, text))
