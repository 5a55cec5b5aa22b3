"""Where the matter of a letter is: from the text, the petitioner's address or the office's own setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from triage.place.divisions import bare
from triage.place.gazetteer import Entry, Gazetteer
from triage.place.names import PARTS, RANK, NameReader, PlaceName
from triage.place.policy import LEVELS, PlacePolicy
from triage.schema import Span

__all__ = ["Home", "Place", "PlaceFinder"]

# Between English names the smaller comes first.
_ENGLISH_GAPS = frozenset({", ", ",", " in ", " of ", ", in "})
# What a run of names is worth: 2 a level, 1 a detail, and what the words beside it say.
_BESIDE = {"here": 3, "office": -2, "away": -20}
_NO_USE = -10
_LOOK_BACK = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A place, as far as it is known; ``""`` is unknown.

    Attributes
    ----------
    province, city, county, town, village : str
        Its units from the top.
    detail : str
        Group, estate, road or firm; never a house or room number.
    level : str
        The lowest unit that is named; ``""`` where only a detail is.
    certainty : str
        ``"stated"`` by the text, ``"address"`` by the petitioner's address, ``"office"`` by our own setting; ``""``
        where nothing says it or its names are hidden ("A市B区").
    span : tuple of int or None
        Where the text that was given names it.
    source : str
        What went into it, joined by ``+``: ``text``, ``address``, ``gazetteer``, ``office``, ``divisions``.
    """

    province: str = ""
    city: str = ""
    county: str = ""
    town: str = ""
    village: str = ""
    detail: str = ""
    level: str = ""
    certainty: str = ""
    span: Span | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """The units in one; the detail where there are none."""
        units = list(dict.fromkeys(self.units().values()))
        latin = bool(units) and all(unit.isascii() for unit in units)
        return (", ".join(reversed(units)) if latin else "".join(units)) or self.detail

    def units(self) -> dict[str, str]:
        """Return the named units by level, from the top."""
        named = ((level, getattr(self, level)) for level in LEVELS)
        return {level: name for level, name in named if name}


class Home(Protocol):
    """What must be known of the office."""

    @property
    def place(self) -> Place:
        """Where it is, down to its own level."""


class _Found(NamedTuple):
    """What one text says."""

    fields: dict[str, str]
    entries: list[tuple[Entry, ...]]
    span: Span
    hidden: bool


class PlaceFinder:
    """Find the place that letters are about.

    Parameters
    ----------
    policy : PlacePolicy
        How places are read.
    gazetteer : Gazetteer or None
        The office's own places.
    office : Home or None
        Who we are: breaks ties between equal names, and stands in where a letter names no place.
    """

    def __init__(self, policy: PlacePolicy, gazetteer: Gazetteer | None = None, office: Home | None = None) -> None:
        self._policy = policy
        self._read_names = NameReader(policy, gazetteer)
        self._home = office.place.units() if office else {}

    def __call__(self, text: str, address: str = "") -> Place:
        """Return the place a letter is about.

        Parameters
        ----------
        text : str
            The letter; `Place.span` counts its characters.
        address : str
            The petitioner's address, if the form gives one.
        """
        stated = self._read(text)
        given = self._read(address) if address else None
        if given and given.hidden:
            given = None
        if stated and not stated.hidden:
            fields, source = self._complete(stated, given)
            return _place(fields, "stated", stated.span, ["text", *source])
        if given:
            fields, source = self._complete(given, None)
            return _place(fields, "address", None, ["address", *source])
        if stated:
            return _place(stated.fields, "", stated.span, ["text"])
        return _place(self._home, "office", None, ["office"]) if self._home else Place()

    def _complete(self, first: _Found, address: _Found | None) -> tuple[dict[str, str], list[str]]:
        """Return what was read, filled up with all that agrees with it, and what filled it up."""
        fields, entries, source = dict(first.fields), list(first.entries), []
        if address and _agree(fields, address.fields):
            if not address.fields.keys() <= fields.keys():
                source.append("address")
            fields = {**address.fields, **fields}
            entries += address.entries
        if self._from_gazetteer(fields, entries):
            source.append("gazetteer")
        if self._from_home(fields):
            source.append("office")
        if self._policy.divisions.complete(fields):
            source.append("divisions")
        return fields, source

    def _from_gazetteer(self, fields: dict[str, str], entries: list[tuple[Entry, ...]]) -> bool:
        """Fill in what the listed places lie in; of places with one name those that fit, ours before others."""
        before = dict(fields)
        for listed in entries:
            fitting = [own for own in (_named(entry._asdict()) for entry in listed) if _agree(fields, own)]
            if len(fitting) > 1:
                fitting = [own for own in fitting if _agree(self._home, own)] or fitting
            for part in PARTS:
                values = {own.get(part, "") for own in fitting}
                if len(values) == 1 and (value := values.pop()):
                    fields.setdefault(part, value)
        return fields != before

    def _from_home(self, fields: dict[str, str]) -> bool:
        """Fill in our own units above what is said, where nothing said speaks against them."""
        top = min((RANK[part] for part in fields), default=0)
        named = LEVELS[top] if top < len(LEVELS) else ""
        # A town or county of another name lies we do not know where.
        strange = named in LEVELS[:4] and bare(fields[named]) != bare(self._home.get(named, ""))
        low = max(RANK[part] for part in fields)
        added = {level: name for level, name in self._home.items() if level not in fields and RANK[level] < low}
        if strange or not added or not _agree(fields, self._home):
            return False
        fields.update(added)
        return True

    def _read(self, text: str) -> _Found | None:
        """Return the run of names that the matter most likely is about, completed by the other runs."""
        runs = [run for run in self._runs(text) if not all(name.weak for name in run)]
        if not runs:
            return None
        worth = [self._worth(text, run) for run in runs]
        best = runs[worth.index(max(worth))]
        fields = {name.part: name.name for name in best}
        entries = [name.entries for name in best if name.entries]
        hidden = any(name.hidden for name in best)
        if not hidden:
            others = [run for run, value in zip(runs, worth, strict=True) if _fills(run, value) and run is not best]
            _add_others(fields, entries, others)
        return _Found(fields, entries, (best[0].start, best[-1].end), hidden)

    def _worth(self, text: str, run: list[PlaceName]) -> int:
        start, end = run[0].start, run[-1].end
        value = sum(1 if name.part == "detail" else 2 for name in run)
        for kind, weight in _BESIDE.items():
            before, after = self._policy.before[kind], self._policy.after[kind]
            if before.search(text, max(0, start - _LOOK_BACK), start) or after.match(text, end):
                value += weight
        return value

    def _runs(self, text: str) -> Iterator[list[PlaceName]]:
        """Yield the names that stand side by side: from the larger place to the smaller, in English the other way."""
        run: list[PlaceName] = []
        falling = False
        for name in self._read_names(text):
            if run:
                gap, steps = text[run[-1].end : name.start], RANK[name.part] - RANK[run[-1].part]
                rises = gap in ("", " ") and steps > 0 and not falling
                falls = gap in _ENGLISH_GAPS and steps < 0 and name.name.isascii() and (falling or len(run) == 1)
                if rises or falls:
                    falling = falls
                    run.append(name)
                    continue
                yield self._with_parts(text, run)
            run, falling = [name], False
        if run:
            yield self._with_parts(text, run)

    def _with_parts(self, text: str, run: list[PlaceName]) -> list[PlaceName]:
        """Return a run with the village's group or the estate's building that follows."""
        last = run[-1]
        if last.part == "village" and (match := self._policy.group.match(text, last.end)):
            return [*run, PlaceName(last.end, match.end(), "detail", match.group())]
        if last.part == "detail" and (match := self._policy.building.match(text, last.end)):
            return [*run[:-1], last._replace(end=match.end(), name=last.name + match.group())]
        return run


def _place(fields: Mapping[str, str], certainty: str, span: Span | None, source: list[str]) -> Place:
    level = next((level for level in reversed(LEVELS) if fields.get(level)), "")
    return Place(**fields, level=level, certainty=certainty, span=span, source="+".join(source))


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    return {part: name for part, name in fields.items() if name}


def _agree(fields: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Tell whether two places name no level differently; a detail never tells against a place."""
    return all(bare(fields[level]) == bare(others[level]) for level in LEVELS if level in fields and level in others)


def _fills(run: list[PlaceName], value: int) -> bool:
    """Tell whether a run may complete another: the office of a town names the town, that of a province nothing."""
    return value > 0 or (value > _NO_USE and run[-1].part in ("county", "town"))


def _add_others(fields: dict[str, str], entries: list[tuple[Entry, ...]], others: list[list[PlaceName]]) -> None:
    """Take levels that are missing from the other runs, where these name just one."""
    fitting = [
        run
        for run in others
        if not any(name.hidden for name in run) and _agree(fields, {name.part: name.name for name in run})
    ]
    for part in PARTS:
        named = [name for run in fitting for name in run if name.part == part]
        if part not in fields and len({name.name for name in named}) == 1:
            fields[part] = named[0].name
            entries += [named[0].entries] if named[0].entries else []
