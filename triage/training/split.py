"""Splits that keep near-copies on one side."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["folds", "near_copies"]

_PIECE = 5  # characters
_BANDS, _ROWS = 16, 4  # finds pairs of Jaccard 0.6 with 0.9 probability, checks them exactly afterwards
_MEMBERS = 20  # texts of one bucket that a further one is checked against


def _pieces(text: str) -> set[int]:
    plain = "".join(text.split())
    encoded = [plain[start : start + _PIECE].encode() for start in range(max(1, len(plain) - _PIECE + 1))]
    return {zlib.crc32(piece) for piece in encoded}


def near_copies(texts: Sequence[str], alike: float = 0.6) -> NDArray[np.int64]:
    """Return a number for each text that its near-copies share.

    MinHash over pieces of five characters, banded; every candidate pair is checked by its exact Jaccard index.

    Parameters
    ----------
    texts : sequence of str
    alike : float
        Jaccard index from which two texts are copies.

    Returns
    -------
    ndarray of shape (n_texts,), int64

    Source
    ------
    Broder 1997, On the resemblance and containment of documents.
    """
    random = np.random.default_rng(0)
    factors = random.integers(0, 1 << 64, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    terms = random.integers(0, 1 << 64, _BANDS * _ROWS, dtype=np.uint64)
    pieces = [_pieces(text) for text in texts]
    parent = list(range(len(texts)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    buckets: dict[tuple[int, bytes], list[int]] = {}
    for place, own in enumerate(pieces):
        values = np.fromiter(own, np.uint64, len(own))
        signature = ((values[:, None] * factors + terms) >> np.uint64(32)).min(axis=0)
        for band in range(_BANDS):
            members = buckets.setdefault((band, signature[band * _ROWS : (band + 1) * _ROWS].tobytes()), [])
            for other in members:
                if root(other) == root(place):
                    continue
                shared = len(own & pieces[other])
                if shared >= alike * (len(own) + len(pieces[other]) - shared):
                    parent[root(place)] = root(other)
            if len(members) < _MEMBERS:
                members.append(place)
    return np.array([root(place) for place in range(len(texts))], dtype=np.int64)


def folds(
    labels: Sequence[str], groups: NDArray[np.int64], count: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (training, held-out) positions: stratified by label, groups kept whole.

    Fewer than ``count`` where there are fewer groups, or fewer letters of every label.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(count, len(np.unique(groups)), max(Counter(labels).values()))
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A label with fewer letters than folds is missing from some: no harm here.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        pairs = list(splitter.split(np.zeros(len(labels)), labels, groups))
    yield from (pair for pair in pairs if len(pair[1]))
