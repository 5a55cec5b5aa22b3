"""Printed lines to running text: a sentence that the margin broke is made whole again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from triage.intake.layout import Box, Layout, Place

__all__ = ["Line", "compose", "middle"]

_Margins = dict[int, tuple[float, float, float]]
_ENDS = frozenset("。！？：；…!?:;")
_FULL = 0.5  # a shorter line, as a share of the page, is one of a list or a form and never broken by the margin
_SLACK = 2.0  # characters that a full line may lack at the right, for a word or a mark that did not fit
_INDENT = 1.2  # characters
_OUTSIDE = 0.2  # of the rows


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of text on one line of a page.

    Attributes
    ----------
    text : str
    page : int
        Counted from 1.
    box : tuple of float
        As in `Place`.
    flat : tuple of float
        The same after the page was turned upright; lines are ordered and joined by it.
    score : float
        As in `Place`.
    turn : int
        As in `Place`.
    """

    text: str
    page: int
    box: Box
    flat: Box
    score: float = 1.0
    turn: int = 0


def compose(lines: Iterable[Line]) -> tuple[str, Layout]:
    """Return lines as one text, and where each of them stands.

    Pieces that stand apart on one line are divided by a space. A line that reaches the right margin without
    ending a sentence goes on in the next one if that begins at the left margin.

    Source
    ------
    domain.md 5.2: broken lines in the middle of a sentence.
    """
    text: list[str] = []
    places: list[Place] = []
    length = 0
    before: list[Line] = []
    rows = _rows([line for line in lines if line.text])
    margins = _margins(rows)
    for row in rows:
        for number, line in enumerate(row):
            gap = _space(row[number - 1], line, margins) if number else _gap(before, row, margins)
            text += [gap, line.text]
            start = length + len(gap)
            length = start + len(line.text)
            places.append(Place((start, length), line.page, line.box, line.score, line.turn))
        before = row
    return "".join(text), Layout(tuple(places))


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Return lines by page, top to bottom; those beside each other left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.page, _middle(line))):
        last = rows[-1][-1] if rows else None
        if last and last.page == line.page and _middle(line) - _middle(last) < min(_height(line), _height(last)) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.flat[0]) for row in rows]


def _margins(rows: Sequence[Sequence[Line]]) -> _Margins:
    """Return for each page its left and right margin and the usual width of a character.

    Stamps, page numbers and a scanner's mark stand outside of the margins: a few rows may begin further left, and
    only rows that are wide count at the right.
    """
    pages: dict[int, list[Sequence[Line]]] = {}
    for row in rows:
        pages.setdefault(row[0].page, []).append(row)
    return {
        page: (
            sorted(row[0].flat[0] for row in found)[int(_OUTSIDE * len(found))],
            max((row[-1].flat[2] for row in found if _width(row) >= _FULL), default=1.0),
            middle([(line.flat[2] - line.flat[0]) / len(line.text) for row in found for line in row]),
        )
        for page, found in pages.items()
    }


def _width(row: Sequence[Line]) -> float:
    return row[-1].flat[2] - row[0].flat[0]


def _space(left: Line, right: Line, margins: _Margins) -> str:
    """Return what stands between two pieces of one row."""
    return " " if _is_apart(left, right, margins) or (left.text[-1] + right.text[0]).isascii() else ""


def _is_apart(left: Line, right: Line, margins: _Margins) -> bool:
    return right.flat[0] - left.flat[2] > margins[left.page][2]


def _gap(before: Sequence[Line], row: Sequence[Line], margins: _Margins) -> str:
    """Return what stands between two rows: nothing or a space inside a sentence, else a line break."""
    if not before:
        return ""
    last, first = before[-1], row[0]
    _, right, width = margins[last.page]
    full = _width(before) >= _FULL and last.flat[2] >= right - _SLACK * width
    form = any(_is_apart(*pair, margins) for pair in pairwise(before))
    left, _, width = margins[first.page]
    if not full or form or last.text[-1] in _ENDS or abs(first.flat[0] - left) > _INDENT * width:
        return "\n"
    return " " if (last.text[-1] + first.text[0]).isascii() else ""


def middle(values: Sequence[float]) -> float:
    """Return the upper median."""
    return sorted(values)[len(values) // 2]


def _middle(line: Line) -> float:
    return (line.flat[1] + line.flat[3]) / 2


def _height(line: Line) -> float:
    return line.flat[3] - line.flat[1]
