"""The policy files as validated objects: categories, departments, natures, clocks and routing rules."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from triage.config import read_csv, read_toml
from triage.errors import DataError

__all__ = ["Category", "Clock", "Department", "Nature", "Rule", "Taxonomy", "load_taxonomy"]

SCHEMA_VERSION = 1
ROUTING_VERSION = 2
LEVELS = ("village", "town", "county", "city", "province")
_RULE_COLUMNS = (
    "id", "category", "nature", "urgency", "level", "people", "keywords", "departments", "assisting", "basis",
)  # fmt: skip
_HOLIDAY_COLUMNS = ("date", "kind", "name")


Start = Literal["received", "accepted", "replied", "review_asked", "reviewed", "rereview_asked"]
STARTS: tuple[str, ...] = get_args(Start)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=0)

    code: str = Field(min_length=1)
    zh: str
    en: str

    def name(self, lang: str) -> str:
        """Return the name in one language."""
        return self.zh if lang == "zh" else self.en


class Category(_Row):
    """What a petition is about."""

    definition_zh: str
    definition_en: str
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    national: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


class Department(_Row):
    """Who answers."""

    township: str = ""
    duties: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Nature(_Row):
    """What the petitioner wants done, and the legal channel it opens."""

    channel_zh: str
    channel_en: str
    article: str
    tell_zh: str = ""
    tell_en: str = ""
    tree: bool = False
    clocks: tuple[str, ...] = ()
    review: bool = False
    closed: bool = False
    department: str = ""

    def channel(self, lang: str) -> str:
        """Return the channel in words."""
        return self.channel_zh if lang == "zh" else self.channel_en

    def tell(self, lang: str) -> str:
        """Return what the clerk tells the petitioner."""
        return self.tell_zh if lang == "zh" else self.tell_en


class Clock(_Row):
    """A period of days that the law or the office sets."""

    start: Start
    days: int = Field(ge=0, le=3660)
    kind: Literal["calendar", "working"]
    article: str = ""


class _Period(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(ge=0, le=3660)
    kind: Literal["calendar", "working"]


class _Target(_Period):
    urgency: int = Field(ge=1, le=4)
    days: int = Field(ge=0, le=366)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the routing table; empty conditions fit every letter.

    Attributes
    ----------
    urgency, people : int
        The least level of urgency and number of petitioners; 0 for any.
    level : str
        The level of the place the matter is about, one of `LEVELS`; ``""`` for any.
    """

    id: str
    category: str
    nature: str
    urgency: int
    level: str
    people: int
    keywords: re.Pattern[str] | None
    departments: tuple[str, ...]
    assisting: tuple[str, ...]
    basis: str

    @property
    def conditions(self) -> tuple[object, ...]:
        """What a letter must be for the row to fit, the category apart."""
        keywords = self.keywords.pattern if self.keywords else ""
        return self.nature, self.urgency, self.level, self.people, keywords

    @property
    def unconditional(self) -> bool:
        return not any(self.conditions)


@dataclass(frozen=True)
class Taxonomy:
    """The policy files of one office, checked against one another.

    Attributes
    ----------
    version : str
        Version of the categories.
    fallback : str
        Code of what fits nowhere; ``""`` where there is none.
    categories, departments, natures, clocks : Mapping
        Code to object, in the files' order.
    rules : tuple of Rule
        The routing table; the first row that fits decides.
    retired_to : Mapping[str, str]
        Codes of earlier versions and what they became.
    roll_over : bool
        A last day that is a holiday moves to the next working day.
    targets : Mapping[int, Clock]
        Within how many days the office wants letters in hand, by urgency.
    holidays : Mapping[date, bool]
        The office's own days, True for a working day.
    """

    version: str
    fallback: str
    categories: Mapping[str, Category]
    departments: Mapping[str, Department]
    natures: Mapping[str, Nature]
    clocks: Mapping[str, Clock]
    rules: tuple[Rule, ...]
    retired_to: Mapping[str, str]
    roll_over: bool
    targets: Mapping[int, Clock] = field(default_factory=dict)
    holidays: Mapping[date, bool] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of the codes a bundle is trained on; names, terms and rules may change without a new bundle."""
        codes = [*sorted(self.categories), "|", *sorted(self.natures), "|", *sorted(self.departments)]
        return hashlib.sha256("\n".join(codes).encode()).hexdigest()[:16]

    def current(self, code: str) -> str:
        """Return the code that a label of any version has become."""
        return self.retired_to.get(code, code)


class _Faults:
    """Collects every fault of a folder, so that all are reported at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def take(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except DataError as error:
            self.found += error.faults or [error.text()]
            return None

    def rows(self, kind: type[_Row], path: Path, table: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the file's other keys and its rows by code."""
        data = self.take(lambda: read_toml(path))
        if data is None:
            return {}, {}
        if data.get("schema_version") != SCHEMA_VERSION:
            self.found.append(
                f"{path.name}: schema_version is {data.get('schema_version')!r}, needed is {SCHEMA_VERSION}"
            )
        rows: dict[str, Any] = {}
        entries = data.pop(table, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.found.append(f"{path.name}: {table}: write [[{table}]] with two brackets above each")
            return data, rows
        for number, entry in enumerate(entries, 1):
            try:
                row = kind.model_validate(entry)
            except ValidationError as error:
                where = entry.get("code") or f"no. {number}"
                self.found += [
                    f"{path.name}: {table} {where}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                    for fault in error.errors()
                ]
                continue
            if row.code in rows:
                self.found.append(f"{path.name}: {table} {row.code}: stands twice")
            rows[row.code] = row
        if not entries:
            self.found.append(f"{path.name}: no [[{table}]] in it")
        return data, rows

    def unknown(self, where: str, codes: Iterable[str], allowed: Mapping[str, Any], what: str) -> None:
        for code in codes:
            if code not in allowed:
                self.found.append(f"{where}: {what} {code!r} does not exist; allowed are {', '.join(allowed)}")


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _rules(path: Path, faults: _Faults) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    for number, row in enumerate(faults.take(lambda: read_csv(path, _RULE_COLUMNS, ROUTING_VERSION)) or [], 3):
        where = f"{path.name}: row {number} ({row['id']})"
        try:
            keywords = re.compile(row["keywords"], re.IGNORECASE) if row["keywords"] else None
        except re.error as error:
            faults.found.append(f"{where}: keywords: {error}")
            keywords = None
        if row["id"] in rules or not row["id"]:
            faults.found.append(f"{where}: the id is empty or stands twice")
        if not row["departments"]:
            faults.found.append(f"{where}: departments is empty")
        if row["level"] not in ("", *LEVELS):
            faults.found.append(f"{where}: level {row['level']!r} does not exist; allowed are {', '.join(LEVELS)}")
        rules[row["id"]] = Rule(
            row["id"], row["category"], row["nature"], _whole(row, "urgency", 4, where, faults), row["level"],
            _whole(row, "people", 10**6, where, faults), keywords, _split(row["departments"]), _split(row["assisting"]),
            row["basis"],
        )  # fmt: skip
    return tuple(rules.values())


def _whole(row: Mapping[str, str], column: str, most: int, where: str, faults: _Faults) -> int:
    """Return the number in a cell, 0 for an empty one."""
    cell = row[column] or "0"
    if not cell.isdecimal() or int(cell) > most:
        faults.found.append(f"{where}: {column} {cell!r} is no whole number up to {most}")
        return 0
    return int(cell)


def _holidays(path: Path, faults: _Faults) -> dict[date, bool]:
    """Return the office's own days, True for a working day; none without the file."""
    if not path.is_file():
        return {}
    days: dict[date, bool] = {}
    for number, row in enumerate(faults.take(lambda: read_csv(path, _HOLIDAY_COLUMNS, SCHEMA_VERSION)) or [], 3):
        if row["kind"] not in ("holiday", "workday"):
            faults.found.append(f"{path.name}: row {number}: kind {row['kind']!r}; allowed are holiday, workday")
        try:
            days[date.fromisoformat(row["date"])] = row["kind"] == "workday"
        except ValueError:
            faults.found.append(f"{path.name}: row {number}: date {row['date']!r} is not like 2027-01-01")
    return days


def _clocks(about: dict[str, Any], clocks: dict[str, Any], faults: _Faults) -> dict[str, Any]:
    """Return the clocks with the chosen province's periods."""
    name, chosen = "deadlines.toml", about.get("variant", "")
    variants = {entry.get("code"): entry for entry in about.get("variants", [])}
    if chosen and chosen not in variants:
        faults.found.append(f"{name}: variant {chosen!r} does not exist; allowed are {', '.join(variants)}")
    for code, entry in variants.items():
        for clock, period in entry.items():
            if clock in ("code", "zh", "en", "article"):
                continue
            faults.unknown(f"{name}: variant {code}", [clock], clocks, "clock")
            try:
                own = _Period.model_validate(period)
            except ValidationError as error:
                faults.found += [f"{name}: variant {code}: {clock}: {fault['msg']}" for fault in error.errors()]
                continue
            if code == chosen and clock in clocks:
                clocks[clock] = clocks[clock].model_copy(
                    update={"days": own.days, "kind": own.kind, "article": entry.get("article", "")}
                )
    return clocks


def _targets(about: dict[str, Any], faults: _Faults) -> dict[int, Clock]:
    """Return the clock of the office's own target by urgency."""
    targets = {}
    for number, entry in enumerate(about.get("target", []), 1):
        try:
            target = _Target.model_validate(entry)
        except ValidationError as error:
            faults.found += [f"deadlines.toml: target no. {number}: {fault['msg']}" for fault in error.errors()]
            continue
        targets[target.urgency] = Clock(
            code="target", zh="内部时限", en="Target", start="received", days=target.days, kind=target.kind
        )
    return targets


def load_taxonomy(folder: Path) -> Taxonomy:
    """Read and check the ``taxonomy`` folder of a policy folder.

    Raises
    ------
    DataError
        With every fault of every file in ``faults``.
    """
    folder = folder / "taxonomy"
    faults = _Faults()
    about, categories = faults.rows(Category, folder / "categories.toml", "category")
    _, departments = faults.rows(Department, folder / "departments.toml", "department")
    _, natures = faults.rows(Nature, folder / "natures.toml", "nature")
    clocks_about, clocks = faults.rows(Clock, folder / "deadlines.toml", "clock")
    clocks = _clocks(clocks_about, clocks, faults)
    rules = _rules(folder / "routing.csv", faults)
    holidays = _holidays(folder / "holidays.csv", faults)
    targets = _targets(clocks_about, faults)
    if about.get("fallback"):
        faults.unknown("categories.toml: fallback", [about["fallback"]], categories, "category")
    retired = about.get("retired_to", {})
    for old, new in retired.items():
        faults.unknown(f"categories.toml: retired_to {old}", [new], categories, "category")
    for nature in natures.values():
        faults.unknown(f"natures.toml: {nature.code}", nature.clocks, clocks, "clock")
        faults.unknown(f"natures.toml: {nature.code}", filter(None, [nature.department]), departments, "department")
    for rule in rules:
        where = f"routing.csv: {rule.id}"
        faults.unknown(where, filter(None, [rule.category]), categories, "category")
        faults.unknown(where, filter(None, [rule.nature]), natures, "nature")
        faults.unknown(where, rule.departments + rule.assisting, departments, "department")
    faults.found += _table_faults(rules, categories)
    if faults.found:
        raise DataError("policy_faults", tuple(faults.found), path=folder, count=len(faults.found))
    return Taxonomy(
        version=str(about.get("taxonomy_version", "")),
        fallback=about.get("fallback", ""),
        categories=categories,
        departments=departments,
        natures=natures,
        clocks=clocks,
        rules=rules,
        retired_to=retired,
        roll_over=bool(clocks_about.get("roll_over", False)),
        targets=targets,
        holidays=holidays,
    )


def _table_faults(rules: tuple[Rule, ...], categories: Mapping[str, Category]) -> list[str]:
    """Return rows no letter can reach, rows that contradict one another, categories no last row catches."""
    faults = []
    caught: set[str] = set()
    seen: dict[tuple[object, ...], Rule] = {}
    for rule in rules:
        twin = seen.setdefault((rule.category, *rule.conditions), rule)
        if twin is not rule:
            what = "says the same" if twin.departments == rule.departments else "contradicts it"
            faults.append(f"routing.csv: {rule.id}: row {twin.id} has the same conditions and {what}")
        elif "" in caught or rule.category in caught:
            faults.append(f"routing.csv: {rule.id}: cannot be reached, a row above it takes every such letter")
        if rule.unconditional:
            caught.add(rule.category)
    if "" not in caught:
        missing = [code for code in categories if code not in caught]
        faults += [
            f"routing.csv: category {code} has no row without conditions, so some letters go nowhere"
            for code in missing
        ]
    return faults
