"""Texts as small pieces that can be compared: two neighbouring characters, or words where the script has spaces.

The smallest hashes of a text are its MinHash sketch, in the form that needs one hash function only.

Source
------
Broder 1997, On the resemblance and containment of documents.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from triage.schema import Span
from triage.text.normalise import HAN, Normalised, lower_keep_length

__all__ = ["Pieces", "Postings", "shared_runs"]

_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_POSTINGS = 100_000  # read for one text, those of the rarest pieces first
_PLACES = 16  # tried in the other text for one piece
_RUN = 2  # least pieces of a wording

_Hashes = NDArray[np.uint32]
_Numbers = NDArray[np.int64]


class Pieces:
    """A text cut into pieces.

    Parameters
    ----------
    normalised : Normalised
        The text and its way back to the raw one.

    Attributes
    ----------
    plain : str
        The text without marks and spaces, in lower case.
    hashes, distinct : ndarray of uint32
        The hash of every piece in order; each once, rising, so that the first n are the text's sketch.
    """

    def __init__(self, normalised: Normalised) -> None:
        self._normalised = normalised
        matches = list(_TOKEN.finditer(lower_keep_length(normalised.text)))
        self._spans = [match.span() for match in matches]
        tokens = [match.group() for match in matches]
        self.plain = "".join(tokens)
        self.hashes = _hashes(tokens)
        self.distinct = np.unique(self.hashes)

    def raw_span(self, first: int, last: int) -> Span:
        """Return where the characters or words from ``first`` to ``last`` stand in the raw text."""
        return self._normalised.raw(self._spans[first][0], self._spans[last][1])


def _hashes(tokens: list[str]) -> _Hashes:
    """Hash each pair of neighbours; a single token makes one piece."""
    codes = (ord(token) if len(token) == 1 else zlib.crc32(token.encode()) for token in tokens)
    ids = np.fromiter(codes, np.uint64, len(tokens))
    if len(ids) == 1:
        ids = np.append(ids, np.uint64(0))
    mixed = ids[:-1] * np.uint64(0x9E3779B97F4A7C15) + ids[1:] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    found: _Hashes = (mixed >> np.uint64(32)).astype(np.uint32)
    return found


class Postings:
    """Which letters hold which piece, as sorted runs of piece and number that are merged while they grow.

    Attributes
    ----------
    letters : int
        How many were taken in.
    """

    def __init__(self) -> None:
        self.letters = 0
        self._runs: list[NDArray[np.uint64]] = []

    def add(self, letters: list[tuple[int, _Hashes]]) -> None:
        """Take in letters with their sketches; their numbers must be higher than all before."""
        if not letters:
            return
        self.letters += len(letters)
        numbers = np.repeat(np.array([number for number, _ in letters], np.uint64), [len(own) for _, own in letters])
        run = np.concatenate([own for _, own in letters]).astype(np.uint64) << np.uint64(32) | numbers
        run.sort()
        while self._runs and len(self._runs[-1]) < 4 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # two sorted runs: a mere merge
        self._runs.append(run)

    def find(self, pieces: _Hashes) -> tuple[_Numbers, list[tuple[NDArray[np.int64], _Numbers]]]:
        """Count the letters of each piece; return the counts, then positions in ``pieces`` beside letters' numbers.

        Only the rarest pieces are read out, as many as `_POSTINGS` allows; of a piece that is too common by itself, the
        newest letters of each run.
        """
        first = pieces.astype(np.uint64) << np.uint64(32)
        bounds = [
            (np.searchsorted(run, first), np.searchsorted(run, first | np.uint64(0xFFFFFFFF), "right"))
            for run in self._runs
        ]
        counts = sum((high - low for low, high in bounds), np.zeros(len(pieces), np.int64))
        order = np.argsort(counts, kind="stable")
        kept = order[: max(1, int(np.searchsorted(np.cumsum(counts[order]), _POSTINGS, "right")))]
        found = []
        for run, (low, high) in zip(self._runs, bounds, strict=True):
            ends = high[kept]
            lengths = ends - np.maximum(low[kept], ends - _POSTINGS)
            places = np.repeat(ends - np.cumsum(lengths), lengths) + np.arange(lengths.sum())
            numbers = (run[places] & np.uint64(0xFFFFFFFF)).astype(np.int64)
            found.append((np.repeat(kept, lengths), numbers))
        return counts, found


def shared_runs(own: Pieces, other: Pieces, weights: NDArray[np.float64], limit: int) -> tuple[tuple[Span, Span], ...]:
    """Return the weightiest wordings that two texts share, as spans of both raw texts in the order of the first.

    Parameters
    ----------
    weights : ndarray of float64
        One for each of ``own.distinct``; 1 is the weight of a usual piece.
    """
    one, two = own.hashes.tolist(), other.hashes.tolist()
    places: dict[int, list[int]] = defaultdict(list)
    for place, piece in enumerate(two):
        if len(places[piece]) < _PLACES:
            places[piece].append(place)
    weight_before = [0.0, *np.cumsum(weights[np.searchsorted(own.distinct, own.hashes)]).tolist()]
    found: list[tuple[float, int, int, int]] = []
    start = 0
    while start < len(one):
        runs = [(_run(one, two, start, place), place) for place in places.get(one[start], ())]
        length, place = max(runs, key=lambda run: run[0], default=(0, 0))
        weight = weight_before[start + length] - weight_before[start]
        if length >= _RUN and weight >= _RUN:
            found.append((weight, start, place, length))
        start += length + 1 if length >= _RUN else 1
    weightiest = sorted(sorted(found, reverse=True)[:limit], key=lambda run: run[1])
    return tuple(
        (own.raw_span(start, start + length), other.raw_span(place, place + length))
        for _, start, place, length in weightiest
    )


def _run(one: list[int], two: list[int], start: int, place: int) -> int:
    """Return how many pieces are equal from two places on."""
    length = 0
    while start + length < len(one) and place + length < len(two) and one[start + length] == two[place + length]:
        length += 1
    return length
