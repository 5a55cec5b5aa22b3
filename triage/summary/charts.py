"""Charts as pictures; matplotlib and a font with every character are needed, and without either there are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from triage.summary.tables import Table
from triage.summary.texts import Words

if TYPE_CHECKING:
    from triage.summary.report import Summary

__all__ = ["Chart", "charts_of", "font_for"]

_CHARTED = ("month", "category", "urgency", "department", "source", "place")
_BARS = 12
_LONGEST = 22  # characters of a label
# Common names first: reading a hundred fonts takes seconds.
_PREFERRED = (
    "Noto Sans CJK", "Noto Sans SC", "Source Han Sans", "Microsoft YaHei", "PingFang", "SimHei", "Heiti", "WenQuanYi",
    "Noto Serif CJK", "SimSun", "Songti",
)  # fmt: skip
_NOW, _THEN, _INK = "#1f5fa8", "#b9c9dc", "#333333"
_LEVELS = {"4": "#b3261e", "3": "#d9730d", "2": "#c9a400", "1": "#1f5fa8"}


class Chart(NamedTuple):
    """One picture."""

    key: str
    title: str
    png: bytes


def charts_of(summary: Summary) -> tuple[list[Chart], str]:
    """Draw the charts of a summary.

    Returns
    -------
    charts : list of Chart
    note : str
        Why there are none; ``""`` if there are.
    """
    words = Words(summary.lang)
    if find_spec("matplotlib") is None:
        return [], words("note_no_charts")
    tables = [one for key in _CHARTED if (one := summary.table(key)) and any(one.column("items"))]
    font = font_for("".join(_texts(tables, summary, words)))
    if font is None:
        return [], words("note_no_font")
    return [Chart(one.key, one.title, _draw(one, font, words)) for one in tables], ""


def _texts(tables: Iterable[Table], summary: Summary, words: Words) -> Iterable[str]:
    yield summary.title + words("unit_items") + "0123456789 .,%–…()"
    for one in tables:
        yield one.title + words("column_now") + "".join(column.title for column in one.columns)
        yield "".join(map(str, one.column("name")))


def font_for(text: str) -> str | None:
    """Return the path of a font that has every character of a text, or None."""
    needed = frozenset(map(ord, text)) - {10, 13}
    return next((path for path in _fonts() if needed <= _characters(path)), None)


@lru_cache(maxsize=1)
def _fonts() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    def rank(entry: Any) -> tuple[int, bool, bool, str]:
        known = (number for number, name in enumerate(_PREFERRED) if entry.name.startswith(name))
        plain = str(entry.weight) in ("400", "normal", "regular") and entry.style == "normal"
        return next(known, len(_PREFERRED)), not plain, "Mono" in entry.name, entry.fname

    return tuple(dict.fromkeys(entry.fname for entry in sorted(fontManager.ttflist, key=rank)))


@lru_cache(maxsize=256)
def _characters(path: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font

    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _draw(table: Table, font: str, words: Words) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    upright = table.key == "month"
    bars = _bars(table, len(table.rows) if upright else _BARS)
    height = 2.9 if upright else 0.9 + 0.36 * len(bars)
    figure = Figure(figsize=(7.2, height), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    small, large = FontProperties(fname=font, size=9), FontProperties(fname=font, size=11)
    axes.set_title(f"{table.title} ({words('unit_items')})", fontproperties=large, loc="left", color=_INK)
    if upright:
        _columns(axes, table, bars, small)
    else:
        _rows(axes, table, bars, small, words)
    for side in ("top", "right", *([] if upright else ["bottom"])):
        axes.spines[side].set_visible(False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(small)
    picture = BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


_Bars = Sequence[tuple[str, str, int, int | None]]


def _bars(table: Table, most: int) -> _Bars:
    """Return code, label, count and the count of the period before."""
    kinds = [one.key for one in table.columns]
    then = next((table.column(key) for key in ("before", "year_before") if key in kinds), [None] * len(table.rows))
    rows = zip(table.rows, table.column("items"), then, strict=True)
    return [(row.code, _short(str(row.cells[0])), count, earlier) for row, count, earlier in rows][:most]


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _columns(axes: Any, table: Table, bars: _Bars, font: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.bar(range(len(bars)), [one[2] for one in bars], color=_NOW, width=0.75)
    step = max(1, -(-len(bars) // 12))
    shown = range(0, len(bars), step)
    axes.set_xticks(list(shown), [bars[place][1][-5:] if len(bars[0][1]) > 7 else bars[place][1] for place in shown])
    axes.set_xlabel(table.columns[0].title, fontproperties=font)
    axes.set_ylabel(table.columns[1].title, fontproperties=font)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.01)


def _rows(axes: Any, table: Table, bars: _Bars, font: Any, words: Words) -> None:
    from matplotlib.patches import Patch

    places = range(len(bars))
    compared = any(one[3] is not None for one in bars)
    if compared:
        axes.barh([place + 0.2 for place in places], [one[3] or 0 for one in bars], 0.36, color=_THEN)
    colours = [_LEVELS.get(one[0], _NOW) if table.key == "urgency" else _NOW for one in bars]
    offset, width = (-0.2, 0.36) if compared else (0, 0.66)
    drawn = axes.barh([place + offset for place in places], [one[2] for one in bars], width, color=colours)
    axes.bar_label(drawn, [f"{one[2]:,}" for one in bars], padding=3, fontproperties=font)
    axes.set_yticks(list(places), [one[1] for one in bars])
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.margins(x=0.1)
    if compared:
        before = next(one.title for one in table.columns if one.key in ("before", "year_before"))
        handles = [Patch(color=_NOW, label=words("column_now")), Patch(color=_THEN, label=before)]
        axes.legend(
            handles=handles[table.key == "urgency" :], prop=font, frameon=False, ncols=2, loc="lower right",
            bbox_to_anchor=(1, 1), borderaxespad=0.2,
        )  # fmt: skip
