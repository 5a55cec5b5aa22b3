"""Letters by category, department, place and so on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from triage.summary.counts import Counts
from triage.summary.tables import Column, Rate, Row, Table, Versus
from triage.summary.texts import Words
from triage.taxonomy import Taxonomy

__all__ = ["LEAST", "NameOf", "breakdown", "hot_table", "inflow"]

LEAST = 3  # letters that make a matter stand out
_HOTTEST = 10
_ROWS = 30  # places and other groups without end; the rest is summed
_DAYS = 62  # a longer span is shown by month
_BELOW = "-"


class NameOf:
    """The names of codes in one language."""

    def __init__(self, taxonomy: Taxonomy, words: Words) -> None:
        self._words = words
        self._known: Mapping[str, Mapping[str, Any]] = {
            "category": taxonomy.categories, "nature": taxonomy.natures, "department": taxonomy.departments,
        }  # fmt: skip

    def __call__(self, group: str, code: str) -> str:
        """Return the name of a code; a code that nobody knows stands for itself."""
        if not code:
            return self._words("no_department" if group == "department" else "unknown")
        if code == _BELOW and group == "place":
            return self._words("below")
        if found := self._known.get(group, {}).get(code):
            return str(found.name(self._words.lang))
        return self._words.known(f"{group}_{code}") or code


def breakdown(
    group: str, now: Counts, versus: Sequence[Versus], names: NameOf, words: Words, persons: bool
) -> Table:
    """Return the letters of one group: items, share, person-times, and the periods before."""
    versus = [one for one in versus if one.counts]
    items = now.items_by[group]
    whole = sum(items.values())
    columns = [
        Column("name", words(f"name_{group}"), "text"),
        Column("items", words("column_items"), "number"),
        Column("share", words("column_share", whole=f"{whole:,}"), "share"),
    ]
    if persons:
        columns.append(Column("persons", words("column_persons"), "number"))
    for one in versus:
        columns += [
            Column(one.key, words(f"column_{one.key}"), "number"),
            Column(f"{one.key}_change", words("column_change"), "change"),
        ]

    def row(code: str, name: str, codes: Sequence[str]) -> Row:
        count = sum(items[one] for one in codes)
        cells: list[Any] = [name, count, Rate(count, whole)]
        if persons:
            told = [now.persons_by[group][one] for one in codes if one in now.persons_by[group]]
            cells.append(sum(told) if told else None)  # nobody told how many is not nobody
        for other in versus:
            then = sum(other.counts.items_by[group][one] for one in codes) if other.counts else 0
            cells += [then, Rate.change(count, then)]
        return Row(code, tuple(cells))

    codes = _ordered(group, items, versus)
    rows = [row(code, names(group, code), [code]) for code in codes[:_ROWS]]
    if rest := codes[_ROWS:]:
        rows.append(row("", words("rest", count=len(rest)), rest))
    return Table(group, words(f"table_{group}"), tuple(columns), tuple(rows))


def _ordered(group: str, items: Counter[str], versus: Sequence[Versus]) -> list[str]:
    """Return the codes of any of the periods: levels from the top, others by size, what nobody stated last."""
    codes = dict.fromkeys([*items, *(code for one in versus if one.counts for code in one.counts.items_by[group])])
    if group == "urgency":
        return sorted(codes, reverse=True)
    return sorted(codes, key=lambda code: (code in ("", _BELOW), -items[code], code))


def inflow(now: Counts, words: Words) -> Table:
    """Return the letters by day, or by month where there are many days; days without any count as such."""
    first, last = min(now.by_day), max(now.by_day)
    by_day = (last - first).days <= _DAYS
    counts: Counter[str] = Counter()
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = first.fromordinal(ordinal)
        counts[day.isoformat() if by_day else f"{day:%Y-%m}"] += now.by_day[day]
    columns = (
        Column("name", words("column_day" if by_day else "column_month"), "text"),
        Column("items", words("column_items"), "number"),
    )
    return Table("month", words("table_month"), columns, tuple(Row(key, (key, count)) for key, count in counts.items()))


def hot_table(now: Counts, versus: Sequence[Versus], names: NameOf, words: Words) -> Table:
    """Return the matters of one place and category that rose most; the largest where there is nothing to compare."""
    then = versus[0].counts if versus else None
    found = [
        (count - (then.groups[key] if then else 0), count, key) for key, count in now.groups.items() if count >= LEAST
    ]
    found.sort(key=lambda one: (-one[0], -one[1], one[2]))
    heads = [("place", "text"), ("category", "text"), ("items", "number")]
    if versus:
        heads += [(versus[0].key, "number"), ("rise", "number")]
    rows = []
    for rise, count, (category, place) in found[:_HOTTEST]:
        cells: list[Any] = [place, names("category", category), count]
        if versus:
            cells += [then.groups[category, place], rise] if then else [None, None]
        rows.append(Row(category, tuple(cells)))
    columns = tuple(Column(key, words(f"column_{key}"), kind) for key, kind in heads)
    return Table("hot", words("table_hot"), columns, tuple(rows))
