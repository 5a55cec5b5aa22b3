"""A summary as tables and sentences, whatever it is then written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from triage.config import home
from triage.errors import InputError
from triage.summary.breakdown import NameOf, breakdown, hot_table, inflow
from triage.summary.counts import Counts, Share, Tally
from triage.summary.ledger import read_ledger
from triage.summary.periods import Period
from triage.summary.places import Villages
from triage.summary.prose import hot_lines, overview
from triage.summary.tables import Column, Rate, Row, Table, Versus
from triage.summary.texts import Words, figures_to_fill
from triage.taxonomy import Taxonomy, load_taxonomy

__all__ = ["Rate", "Summary", "Table", "build", "summarise"]

_TABLES = ("category", "nature", "urgency", "department", "source", "place")


@dataclass(frozen=True)
class Summary:
    """The figures of a period.

    Attributes
    ----------
    period : str
        As it was asked for; ``""`` for everything.
    title, about, units : str
        What stands above the figures.
    overview, hot_lines, notes : tuple of str
        Sentences.
    tables : tuple of Table
        Totals, rates, inflow and one for each group; ``missing`` is what cannot be computed and is to be filled in.
    """

    lang: str
    period: str
    title: str
    about: str
    units: str
    overview: tuple[str, ...]
    tables: tuple[Table, ...]
    hot: Table
    hot_lines: tuple[str, ...]
    missing: Table
    notes: tuple[str, ...]
    counts: Counts = field(repr=False)

    def table(self, key: str) -> Table | None:
        """Return one table, or None where nothing is known of it."""
        return next((one for one in (*self.tables, self.hot, self.missing) if one.key == key), None)

    def with_note(self, note: str) -> Summary:
        """Return it with one more note."""
        return replace(self, notes=(*self.notes, note))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; a rate is its numerator, denominator and value."""
        return {
            "period": self.period,
            "title": self.title,
            "about": self.about,
            "units": self.units,
            "overview": list(self.overview),
            "tables": {one.key: one.to_dict() for one in (*self.tables, self.hot, self.missing)},
            "hot": list(self.hot_lines),
            "notes": list(self.notes),
        }


def summarise(
    path: str | Path,
    period: Period | None = None,
    folder: str | Path | None = None,
    lang: str = "zh",
    today: date | None = None,
    report: Any = None,
) -> Summary:
    """Return the summary of a ledger; it is read once, row by row.

    Parameters
    ----------
    path : path
        What `read_ledger` takes.
    period : Period or None
        None for all of it, compared with nothing.
    folder : path or None
        The policy folder, for the names of codes.
    today : date or None
        Overdue is what is so on this day.
    report : callable or None
        Told how many letters have been read.

    Raises
    ------
    InputError
        If it is no ledger, or a period is asked for and no letter has a day of receipt.
    """
    policy, today = home(folder), today or date.today()
    taxonomy = load_taxonomy(policy)
    ledger = read_ledger(path, taxonomy)
    tally = Tally(period, taxonomy, Villages(policy), today)
    number = 0
    for number, row in enumerate(ledger, 1):
        tally.add(row)
        if report and number % 1000 == 0:
            report(number)
    if period and tally.first is None:
        raise InputError("summary_undated", path=path)
    words = Words(lang)
    notes = [words("note_counted_back")] if ledger.counted_back else []
    return build(tally, taxonomy, ledger.columns, lang, words("ledger"), notes=notes)


class _Line(NamedTuple):
    """One figure of the totals: how it is counted, and the columns it needs."""

    key: str
    unit: str
    of: Any
    needs: tuple[str, ...] = ()


def _visits(counts: Counts) -> int:
    return counts.items_by["source"]["visit"]


_TOTALS = (
    _Line("items", "items", lambda one: one.items),
    _Line("sealed", "items", lambda one: one.sealed),
    _Line("persons", "persons", lambda one: one.persons if one.persons_of else None, ("persons",)),
    _Line("persons_of", "items", lambda one: one.persons_of, ("persons",)),
    _Line("visit_batches", "batches", _visits, ("source",)),
    _Line("visit_persons", "persons", lambda one: one.persons_by["source"].get("visit"), ("source", "persons")),
    _Line("joint_items", "items", lambda one: one.joint.part),
    _Line("joint_persons", "persons", lambda one: one.joint_persons or None, ("persons",)),
    _Line("largest", "persons", lambda one: one.largest or None, ("persons",)),
    _Line("first", "items", lambda one: one.repeat.whole - one.repeat.part),
    _Line("repeat", "items", lambda one: one.repeat.part),
    _Line("answered", "items", lambda one: one.answered.part, ("status",)),
    _Line("overdue", "items", lambda one: one.overdue, ("status", "due")),
    _Line("soon", "items", lambda one: one.soon, ("status", "due")),
    _Line(
        "days", "days", lambda one: one.days[0] / one.days[1] if one.days[1] else None,
        ("status", "answered", "received"),
    ),
)  # fmt: skip
_RATES = (
    _Line("first", "", lambda one: Share(one.repeat.whole - one.repeat.part, one.repeat.whole)),
    _Line("repeat", "", lambda one: one.repeat),
    _Line("joint", "", lambda one: one.joint),
    _Line("review", "", lambda one: one.review),
    _Line("answered", "", lambda one: one.answered, ("status",)),
    _Line("completion", "", lambda one: one.completion, ("status", "due")),
    _Line("timely", "", lambda one: one.timely, ("status", "due", "answered")),
    _Line("accepted", "", lambda one: one.accepted, ("corrected",)),
)
_STANDING = ("overdue", "soon")  # as of today, so not to be compared with another period


def build(
    tally: Tally,
    taxonomy: Taxonomy,
    columns: frozenset[str],
    lang: str,
    source: str,
    office: str = "",
    notes: Sequence[str] = (),
) -> Summary:
    """Return the summary of what was counted.

    Parameters
    ----------
    columns : frozenset of str
        What is known of letters; figures that need another one are left blank and named.
    source, office : str
        Where the letters come from, and whose they are.
    """
    words, period = Words(lang), tally.period
    versus, told = _versus(tally, words)
    names = NameOf(taxonomy, words)
    tables = [_totals(tally, columns, versus, words), _rates(tally, columns, versus, words)]
    if "received" in columns and tally.now.by_day:
        tables.append(inflow(tally.now, words))
    groups = [name for name in _TABLES if name in columns or name not in ("source", "place")]
    tables += [breakdown(name, tally.now, versus, names, words, "persons" in columns) for name in groups]
    hot = hot_table(tally.now, versus, names, words)
    fill = [Row("", (figure, needs, None)) for figure, needs in figures_to_fill(lang, columns)]
    heads = (("figure", "text"), ("needs", "text"), ("fill", "fill"))
    missing = Table(
        "missing", words("table_missing"), tuple(Column(key, words(f"column_{key}"), kind) for key, kind in heads),
        tuple(fill),
    )  # fmt: skip
    dates = {"first": tally.first, "last": tally.last}
    if tally.now.by_day:
        dates = {"first": min(tally.now.by_day), "last": max(tally.now.by_day)}
    about = words(
        "prepared" if tally.now.items and dates["first"] else "prepared_empty",
        day=tally.today, source=source, items=f"{tally.now.items:,}", **dates,
    )  # fmt: skip
    return Summary(
        lang=lang,
        period=str(period) if period else "",
        title=words("title", office=f"{office}: " if office and lang == "en" else office, period=_span(period, words)),
        about=about,
        units=words("units"),
        overview=overview(tally, columns, versus, names, words),
        tables=tuple(tables),
        hot=hot,
        hot_lines=hot_lines(hot, words),
        missing=missing,
        notes=(*notes, *told),
        counts=tally.now,
    )


def _span(period: Period | None, words: Words) -> str:
    return period.name(words.lang) if period else words("everything")


def _versus(tally: Tally, words: Words) -> tuple[tuple[Versus, ...], list[str]]:
    """Return what the period is compared with, and what must be said of it; a time before the ledger is unknown."""
    period, notes = tally.period, []
    if tally.undated:
        notes.append(words("note_undated" if period else "note_undated_all", count=f"{tally.undated:,}"))
    if period is None:
        return (), notes
    if period.first <= tally.today < period.last:
        notes.append(words("note_running", last=period.last, today=tally.today))
    wanted = [("year_before", period.year_before, tally.year_before)]
    if period.kind != "year":
        wanted.insert(0, ("before", period.before, tally.before))
    found = []
    for key, other, counts in wanted:
        name = other.name(words.lang)
        known = tally.first is not None and tally.first <= other.last
        if not known:
            notes.append(words("note_not_there", first=tally.first, than=name))
        elif tally.first and tally.first > other.first:
            notes.append(words("note_partial", first=tally.first, than=name))
        found.append(Versus(key, name, counts if known else None))
    return tuple(found), notes


def _columns(words: Words, heads: Sequence[tuple[str, str]], versus: Sequence[Versus], kind: str) -> tuple[Column, ...]:
    columns = [Column(key, words(f"column_{key}"), of) for key, of in heads]
    for one in versus:
        columns.append(Column(one.key, words(f"column_{one.key}"), kind))
        if kind != "rate":
            columns.append(Column(f"{one.key}_change", words("column_change"), "change"))
    return tuple(columns)


def _totals(tally: Tally, columns: frozenset[str], versus: Sequence[Versus], words: Words) -> Table:
    rows = []
    for line in _TOTALS:
        known = columns >= set(line.needs)
        now = line.of(tally.now) if known else None
        cells: list[Any] = [words(f"figure_{line.key}"), words(f"unit_{line.unit}"), now]
        for one in versus:
            compared = known and one.counts is not None and line.key not in _STANDING
            then = line.of(one.counts) if compared else None
            cells += [then, Rate.change(now, then)]
        rows.append(Row(line.key, tuple(cells)))
    heads = (("figure", "text"), ("unit", "text"), ("now", "number"))
    return Table("totals", words("table_totals"), _columns(words, heads, versus, "number"), tuple(rows))


def _rates(tally: Tally, columns: frozenset[str], versus: Sequence[Versus], words: Words) -> Table:
    rows = []
    for line in _RATES:
        known = columns >= set(line.needs)
        spans = [tally.now, *(one.counts for one in versus)]
        cells = [Rate.of(line.of(counts)) if known and counts is not None else None for counts in spans]
        rows.append(Row(line.key, (words(f"rate_{line.key}"), *cells)))
    heads = (("figure", "text"), ("rate", "rate"))
    return Table("rates", words("table_rates"), _columns(words, heads, versus, "rate"), tuple(rows))
