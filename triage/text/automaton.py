"""Finding any of many words in a text in one pass."""

from __future__ import annotations

from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick

__all__ = ["Automaton"]


class Automaton:
    """All places of some words, overlapping ones too (Aho and Corasick 1975).

    Parameters
    ----------
    words : sequence of str
        None of them empty; one listed twice is found twice.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = AhoCorasick(words)

    def __call__(self, text: str) -> list[tuple[int, int, int]]:
        """Return the number of each word found, where it starts and where it ends, in the order of the ends.

        Examples
        --------
        >>> Automaton(["停水", "水"])("又停水")
        [(0, 1, 3), (1, 2, 3)]
        """
        try:
            return self._words.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:  # half a character, which is part of no word
            return self._words.find_matches_as_indexes(text.encode("utf-8", "replace").decode(), overlapping=True)
