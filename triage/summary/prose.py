"""The sentences of a summary: figures only, nothing that was not counted."""

from __future__ import annotations

from collections.abc import Sequence

from triage.summary.breakdown import LEAST, NameOf
from triage.summary.counts import Tally
from triage.summary.tables import Rate, Table, Versus, percent, shown
from triage.summary.texts import Words

__all__ = ["hot_lines", "overview"]

_TOP = 5


def overview(
    tally: Tally, columns: frozenset[str], versus: Sequence[Versus], names: NameOf, words: Words
) -> tuple[str, ...]:
    """Return the paragraphs that stand first."""
    now, period = tally.now, tally.period
    if period:
        total = words("text_total", period=period.name(words.lang), items=f"{now.items:,}")
    else:
        total = words("text_total_all", items=f"{now.items:,}")
    if "persons" in columns and now.persons_of:
        total += words("text_persons", persons=f"{now.persons:,}", known=f"{now.persons_of:,}")
    total += "".join(_change(now.items, one, words) for one in versus if one.counts)
    paragraphs = [total + words("stop")]
    if now.plain:
        category = now.items_by["category"]
        ranked = sorted(category.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
        top = [
            words("text_item", name=names("category", code), count=f"{count:,}", rate=percent(count / now.plain))
            for code, count in ranked
        ]
        paragraphs.append(words("text_top", list=words("text_join").join(top)))
        shares = {name: shown(Rate.of(getattr(now, name)), "rate") for name in ("repeat", "joint", "review")}
        told = words("text_rates", **shares)
        if "status" in columns:
            told += words("text_answered", answered=shown(Rate.of(now.answered), "rate"))
            if "due" in columns:
                told += words("text_overdue", day=tally.today, overdue=f"{now.overdue:,}", soon=f"{now.soon:,}")
        paragraphs.append(told)
    return tuple(part.strip() for part in paragraphs)


def _change(items: int, one: Versus, words: Words) -> str:
    then = one.counts.items if one.counts else 0
    if items == then:
        way = words("same")
    elif not then:
        way = f"+{items:,}"
    else:
        way = words("up" if items > then else "down", rate=percent(abs(items - then) / then))
    return words("text_change", than=one.name, count=f"{then:,}", way=way)


def hot_lines(table: Table, words: Words) -> tuple[str, ...]:
    """Return a sentence for each of the first five matters."""
    if not table.rows:
        return (words("text_no_hot", least=LEAST),)
    lines = []
    for row in table.rows[:_TOP]:
        place, category, count, *compared = row.cells
        change = ""
        if compared and compared[0] is not None and compared[1] > 0:
            change = words("text_hot_change", before=f"{compared[0]:,}", rise=f"{compared[1]:,}")
        lines.append(words("text_hot", place=place, category=category, count=f"{count:,}", change=change))
    return tuple(lines)
