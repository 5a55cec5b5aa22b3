"""Where the characters of a text stand on the pages it was read from."""

from __future__ import annotations

from dataclasses import dataclass

from triage.schema import Span

__all__ = ["Box", "Layout", "Place"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """One printed line.

    Attributes
    ----------
    span : tuple of int
        Its characters in the letter's body.
    page : int
        Counted from 1.
    box : tuple of float
        Left, top, right, bottom as shares of the page's width and height, the origin at its upper left, as the page
        was read.
    score : float
        How sure the reading is, 0 to 1; 1 where the file itself holds the characters.
    turn : int
        Quarters by which the page was turned to the left before it was read.
    """

    span: Span
    page: int
    box: Box
    score: float = 1.0
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """The lines of a letter in reading order."""

    places: tuple[Place, ...]

    def boxes(self, span: Span) -> list[tuple[int, Box]]:
        """Return page and box, on the page as it came in, of each line that a span touches.

        Inside a line the box is narrowed in proportion to the characters, which is exact for Chinese type.

        Parameters
        ----------
        span : tuple of int
            Characters of the body, as evidence of a letter without a title counts them.

        Examples
        --------
        >>> Layout((Place((0, 4), 1, (0.0, 0.1, 0.8, 0.2)),)).boxes((1, 2))
        [(1, (0.2, 0.1, 0.4, 0.2))]
        """
        return [(place.page, _narrowed(place, span)) for place in self.places if _touches(place.span, span)]

    def score(self) -> float:
        """Return how sure the reading is, as a mean over the characters."""
        weights = [place.span[1] - place.span[0] for place in self.places]
        total = sum(weights)
        scores = (place.score * weight for place, weight in zip(self.places, weights, strict=True))
        return sum(scores) / total if total else 0.0


def _touches(line: Span, span: Span) -> bool:
    return line[0] < span[1] and span[0] < line[1]


def _narrowed(place: Place, span: Span) -> Box:
    first, last = place.span
    start = (max(span[0], first) - first) / (last - first)
    end = (min(span[1], last) - first) / (last - first)
    left, top, right, bottom = place.box
    width, height = right - left, bottom - top
    if height > 2 * width and last - first > 1:  # set from top to bottom
        return _unturned((left, top + start * height, right, top + end * height), place.turn)
    return _unturned((left + start * width, top, left + end * width, bottom), place.turn)


def _unturned(box: Box, turn: int) -> Box:
    for _ in range(turn):
        left, top, right, bottom = box
        box = (1 - bottom, left, 1 - top, right)
    return box
