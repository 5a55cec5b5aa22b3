"""Which words of a letter each block of features counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from triage.schema import Span
from triage.text import Analysis
from triage.text.normalise import HAN

__all__ = ["BLOCKS", "SIGNS", "STATIC", "block_words", "single_words", "wordlike"]

_WORDLIKE = re.compile(f"[a-z{HAN}]")
BLOCKS = ("word", "every", "title", "titlechars", "request")
STATIC = "static:"  # before a block's name: its words by their vectors
SIGNS = "signs"  # not the letter's words but what rules saw in it; given from outside


def _useful(words: Iterable[str]) -> list[str]:
    return list(filter(wordlike, words))


def wordlike(word: str) -> bool:
    """Tell a word from a mark or a figure."""
    return _WORDLIKE.search(word) is not None


def block_words(analysis: Analysis, block: str) -> list[str]:
    """Return the words that one block counts.

    Parameters
    ----------
    analysis : Analysis
        The letter.
    block : {"word", "every", "title", "titlechars", "request"}
        Words and pairs of neighbours; every dictionary word; the title's words; pairs of its characters, which hold
        where a short title is cut into the wrong words; the words of the sentences that ask.
    """
    if block == "word":
        words = _useful(analysis.words)
        return words + [f"{first} {second}" for first, second in pairwise(words)]
    if block == "every":
        return [word for word in _useful(analysis.every_word) if len(word) > 1]
    if block == "title":
        return _useful(
            word for word, start in zip(analysis.words, analysis.starts, strict=True) if start < analysis.title_end
        )
    if block == "titlechars":
        title = analysis.text[: analysis.title_end].lower()
        return [first + second for first, second in pairwise(title) if not (first + second).isspace()]
    if block == "request":
        return _useful(_words_within(analysis, analysis.asking))
    raise ValueError(f"unknown block {block!r}; allowed are {', '.join(BLOCKS)}")


def single_words(words: Iterable[str]) -> set[str]:
    """Return the different words of a block, without its pairs of neighbours."""
    return {word for word in set(words) if " " not in word}


def _words_within(analysis: Analysis, spans: Sequence[Span]) -> Iterator[str]:
    place = 0
    for start, end in spans:
        while place < len(analysis.starts) and analysis.starts[place] < start:
            place += 1
        while place < len(analysis.starts) and analysis.starts[place] < end:
            yield analysis.words[place]
            place += 1
