"""Reading printed characters from pictures, with the models that come inside the rapidocr wheel."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from math import atan2, cos, sin
from pathlib import Path
from typing import Any

from triage.intake.layout import Box
from triage.intake.lines import Line, compose, middle
from triage.intake.parts import Document, refused
from triage.text.confusions import corrected

__all__ = ["letter_of", "need_ocr", "read_picture"]

_LEAST = 0.3  # lines that are surer are kept; the letter is marked instead of losing them
_SURE = 0.95  # noisy print scores 0.96 and more; a letter below is marked, most of it is wrong below 0.9
_UPRIGHT = 0.9  # a page that scores less is tried upside down
_LONG = 3  # widths for a height from which a line tells the slant of the page
Point = tuple[float, float]


def need_ocr(path: Path) -> None:
    """Refuse a file where the extra is not installed.

    Raises
    ------
    InputError
        If it is not.
    """
    if not all(map(find_spec, ("rapidocr", "onnxruntime", "PIL"))):
        raise refused("ocr_missing", path)


def letter_of(path: Path, lines: Iterable[Line]) -> Document:
    """Return the lines of a file's pages as one letter, marked where the reading is unsure, as of handwriting."""
    text, layout = compose(lines)
    return Document(id=path.stem, text=text, layout=layout, uncertain=bool(text) and layout.score() < _SURE)


def read_picture(picture: Any, page: int) -> list[Line]:
    """Return the lines of a page.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 3)
        Blue, green, red.
    page : int
        The number that the lines carry.
    """
    import numpy as np

    upright = _recognised(picture)
    best: list[Line] = []
    for turn in (1, 3, 0) if _sideways(upright) else (0, 2):
        turned = np.ascontiguousarray(np.rot90(picture, turn))
        pieces = _recognised(turned) if turn else upright
        lines = _lines(pieces, turned.shape, turn, page)
        if _sum(lines) > _sum(best):
            best = lines
        if lines and _sum(lines) >= _UPRIGHT * sum(len(line.text) for line in lines):
            break
    return best


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical", "Global.text_score": _LEAST})


def _recognised(picture: Any) -> list[tuple[list[Point], str, float]]:
    """Return polygons (upper left, upper right, lower right, lower left; pixels), texts and scores."""
    found = _engine()(picture, use_cls=False)
    if found.boxes is None:
        return []
    boxes = ([(float(x), float(y)) for x, y in box] for box in found.boxes)
    return [
        (box, corrected(text.strip()), float(score))
        for box, text, score in zip(boxes, found.txts, found.scores, strict=True)
        if text.strip()
    ]


def _sum(lines: list[Line]) -> float:
    return sum(line.score * len(line.text) for line in lines)


def _sideways(pieces: list[tuple[list[Point], str, float]]) -> bool:
    """Say whether most characters stand in boxes that are taller than wide."""
    tall = [len(text) if _size(box)[1] > 1.5 * _size(box)[0] else -len(text) for box, text, _ in pieces]
    return sum(tall) > 0


def _size(box: list[Point]) -> tuple[float, float]:
    (left, top), (right, top_right), (_, _), (low_left, bottom) = box
    return (
        ((right - left) ** 2 + (top_right - top) ** 2) ** 0.5,
        ((low_left - left) ** 2 + (bottom - top) ** 2) ** 0.5,
    )


def _lines(pieces: list[tuple[list[Point], str, float]], shape: tuple[int, ...], turn: int, page: int) -> list[Line]:
    long = [box for box, _, _ in pieces if _size(box)[0] > _LONG * _size(box)[1]]
    slant = middle([atan2(box[1][1] - box[0][1], box[1][0] - box[0][0]) for box in long]) if long else 0.0
    height, width = float(shape[0]), float(shape[1])
    return [
        Line(text, page, _bounds(box, width, height), _flat(box, slant, width, height), score, turn)
        for box, text, score in pieces
    ]


def _bounds(box: list[Point], width: float, height: float) -> Box:
    across, down = [x for x, _ in box], [y for _, y in box]
    return (
        max(min(across) / width, 0.0), max(min(down) / height, 0.0),
        min(max(across) / width, 1.0), min(max(down) / height, 1.0),
    )  # fmt: skip


def _flat(box: list[Point], slant: float, width: float, height: float) -> Box:
    """Return the box after the page was turned back by its slant."""
    level = [(x * cos(slant) + y * sin(slant), y * cos(slant) - x * sin(slant)) for x, y in box]
    (left, top), (right, top_right), (low_right, bottom), (low_left, bottom_left) = level
    return (
        (left + low_left) / 2 / width, (top + top_right) / 2 / height,
        (right + low_right) / 2 / width, (bottom + bottom_left) / 2 / height,
    )  # fmt: skip
