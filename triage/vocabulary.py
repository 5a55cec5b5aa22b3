"""One look-up of a letter's words for all blocks: a word is found once, what follows is arithmetic on numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from triage.blocks import SIGNS, block_words, wordlike
from triage.features import Featuriser, Floats, StaticBlock, WordBlock
from triage.text import Analysis

__all__ = ["Reading", "Vocabulary"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Entries = tuple[Ints, Ints, Floats]  # whose, column, value
_CUT = ("word", "title", "request")  # blocks of the words that the letter was cut into
# The commonest pieces of a letter that are no words: numbered, they need no second look.
_MARKS = tuple(",.;:!?、。()\"'“”《》 \n-/")
_USEFUL, _SPACED = 1, 2
_PAIR = 32  # bits of a word's number within that of a pair


class Reading(NamedTuple):
    """Several letters as a model reads them.

    Attributes
    ----------
    features : csr_matrix of shape (n_letters, n_features), float32
    length, different : ndarray of shape (n_letters,)
        Words of the first block, pairs among them, and how many different single ones.
    known : ndarray of shape (n_letters,)
        Share of the different single words that is known; see `Featuriser.known_share`.
    """

    features: sparse.csr_matrix
    length: Ints
    different: Ints
    known: NDArray[np.float64]


class _Tokens(NamedTuple):
    """Words in their order: whose each is, and its number."""

    rows: Ints
    words: Ints

    def where(self, chosen: Mask) -> _Tokens:
        return _Tokens(self.rows[chosen], self.words[chosen])


class _Bag(NamedTuple):
    """Different words: whose each is, its number, how often it stands there, and its first place."""

    rows: Ints
    words: Ints
    counts: Ints
    first: Ints


class _Pairs(NamedTuple):
    """Different pairs of neighbours that are known, by their columns, and how many others each letter has."""

    rows: Ints
    columns: Ints
    counts: Ints
    strange: Ints


class Vocabulary:
    """The words of all blocks of a featuriser, numbered.

    Gives the matrix of `Featuriser.transform`, bit for bit, several times as fast.

    Parameters
    ----------
    featuriser : Featuriser
        Fitted, its static blocks bound to their table, which holds single words only.
    """

    def __init__(self, featuriser: Featuriser) -> None:
        self._featuriser = featuriser
        paired = next((part.words_ for part in featuriser.word_parts if part.block == "word"), [])
        columns = [column for column, word in enumerate(paired) if word.count(" ") == 1]
        halves = " ".join([paired[column] for column in columns]).split(" ") if columns else []
        words: dict[str, None] = dict.fromkeys((*_MARKS, *halves))
        for part in featuriser.parts_:
            own = part.known_words
            words.update(dict.fromkeys([word for word in own if " " not in word] if own is paired else own))
        self._size = len(words)
        self._number = dict(zip(words, range(self._size), strict=True))
        self._kinds = _kinds(words)
        self._tables = [self._table(part.known_words) for part in featuriser.parts_]
        numbers = self._numbers(halves, -1)
        keys = numbers[::2] << _PAIR | numbers[1::2]
        order = np.argsort(keys)
        self._pair_keys, self._pair_columns = keys[order], np.array(columns, np.int64)[order]

    def _table(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Return the place of each numbered word among some, -1 for all others and at the end."""
        found = np.full(self._size + 1, -1, np.int32)
        found[self._numbers(words, self._size)] = np.arange(len(words))
        found[-1] = -1
        return found

    def _numbers(self, words: Sequence[str], unknown: int) -> Ints:
        return np.fromiter(map(self._number.get, words, repeat(unknown)), np.int64, len(words))

    def __call__(
        self, analyses: Sequence[Analysis], signs: Sequence[Sequence[str]], wanted: Collection[str] | None = None
    ) -> Reading:
        """Read letters.

        Parameters
        ----------
        analyses : sequence of Analysis
        signs : sequence of sequence of str
            What rules saw in each.
        wanted : collection of str or None
            Names of blocks; all others stay empty. None for all.
        """
        count = len(analyses)
        blocks = [block for block in self._featuriser.needed if wanted is None or block in wanted]
        tokens, kinds = self._tokens(analyses, signs, blocks)
        bags = {block: _counted(own, count, len(kinds)) for block, own in tokens.items()}
        pairs = self._pairs(tokens["word"], count, len(kinds)) if "word" in tokens else None
        entries: list[Entries] = []
        known, first = np.zeros(count), 0
        for part, table in zip(self._featuriser.parts_, self._tables, strict=True):
            bag = bags.get(part.block)
            if bag is not None:
                places = table[np.minimum(bag.words, self._size)]
                if isinstance(part, StaticBlock):
                    rows, columns, values = _vectors(part, bag, places, count)
                else:
                    rows, columns, values = _weights(part, bag, places, count, pairs if part.block == "word" else None)
                entries.append((rows, columns + first, values))
                if part is self._featuriser.first:
                    single = (kinds[bag.words] & _SPACED) == 0
                    among = np.bincount(bag.rows[single], minlength=count)
                    known = np.bincount(bag.rows[single & (places >= 0)], minlength=count) / np.maximum(among, 1)
            first += part.width_
        length = different = np.zeros(count, np.int64)
        name = self._featuriser.needed[0]
        if name in tokens:
            bag, length = bags[name], np.bincount(tokens[name].rows, minlength=count)
            different = np.bincount(bag.rows[(kinds[bag.words] & _SPACED) == 0], minlength=count)
            length += np.maximum(length - 1, 0) if name == "word" else 0
        return Reading(_matrix(entries, count, first), length, different, known)

    def _tokens(
        self, analyses: Sequence[Analysis], signs: Sequence[Sequence[str]], blocks: Sequence[str]
    ) -> tuple[dict[str, _Tokens], NDArray[np.int8]]:
        """Return the words of each block, but for the pairs of neighbours, and of what kinds the numbered words are.

        What has no number yet gets one for this call alone.
        """
        lists: dict[str, Sequence[Sequence[str]]] = {"cut": [analysis.words for analysis in analyses]}
        for block in blocks:
            if block == "every":
                # Half of them are single characters, which the block does not count.
                lists[block] = [[word for word in analysis.every_word if len(word) > 1] for analysis in analyses]
            elif block not in _CUT:
                lists[block] = signs if block == SIGNS else [block_words(analysis, block) for analysis in analyses]
        texts = list(chain.from_iterable(chain.from_iterable(lists.values())))
        words = self._numbers(texts, -1)
        strange: dict[str, int] = {}
        unknown = np.flatnonzero(words < 0)
        words[unknown] = [strange.setdefault(texts[place], self._size + len(strange)) for place in unknown.tolist()]
        kinds = np.concatenate([self._kinds, _kinds(strange)])
        last, tokens = 0, {}
        for block, letters in lists.items():
            rows = np.repeat(np.arange(len(letters)), [len(letter) for letter in letters])
            tokens[block] = _Tokens(rows, words[last : last + len(rows)])
            last += len(rows)
        cut = tokens.pop("cut")
        useful = (kinds[cut.words] & _USEFUL) != 0
        for block in blocks:
            if block in _CUT:
                inside = useful if block == "word" else useful & _inside(analyses, block, len(useful))
                tokens[block] = cut.where(inside)
            elif block == "every":
                tokens[block] = tokens[block].where((kinds[tokens[block].words] & _USEFUL) != 0)
        return tokens, kinds

    def _pairs(self, tokens: _Tokens, count: int, size: int) -> _Pairs:
        """Return the pairs of neighbouring words."""
        bits = size.bit_length()
        together = tokens.rows[1:] == tokens.rows[:-1]
        keys = ((tokens.rows[1:] << bits | tokens.words[:-1]) << bits | tokens.words[1:])[together]
        keys.sort()
        begin, counts = _runs(keys)
        keys = keys[begin]
        rows, first, second = keys >> 2 * bits, keys >> bits & (1 << bits) - 1, keys & (1 << bits) - 1
        wanted = first << _PAIR | second
        places = np.searchsorted(self._pair_keys, wanted)
        places[places == len(self._pair_keys)] = -1
        known = self._pair_keys[places] == wanted if len(self._pair_keys) else np.zeros(len(wanted), bool)
        strange = np.bincount(rows[~known], minlength=count)
        return _Pairs(rows[known], self._pair_columns[places[known]], counts[known], strange)


def _kinds(words: Iterable[str]) -> NDArray[np.int8]:
    return np.array([_USEFUL * wordlike(word) | _SPACED * (" " in word) for word in words], np.int8)


def _inside(analyses: Sequence[Analysis], block: str, total: int) -> Mask:
    """Tell which of all words stand in the titles, or in the clauses that ask."""
    inside = np.zeros(total, bool)
    first = 0
    for analysis in analyses:
        starts = analysis.starts
        spans = [(0, analysis.title_end)] if block == "title" else analysis.asking
        for start, end in spans:
            low = bisect_left(starts, start)
            inside[first + low : first + bisect_left(starts, end, low)] = True
        first += len(starts)
    return inside


def _runs(keys: Ints) -> tuple[Ints, Ints]:
    """Return where each run of equal keys begins, and how long it is."""
    changes = np.ones(len(keys) + 1, bool)
    np.not_equal(keys[1:], keys[:-1], out=changes[1:-1])
    edges = np.flatnonzero(changes)
    return edges[:-1], np.diff(edges)


def _counted(tokens: _Tokens, count: int, size: int) -> _Bag:
    """Count the words of each letter."""
    # Place behind word behind letter in one number: sorting numbers is fast, and the first of a run is the first place.
    bits, word_bits = len(tokens.rows).bit_length(), size.bit_length()
    keys = (tokens.rows << word_bits | tokens.words) << bits | np.arange(len(tokens.rows))
    keys.sort()
    begin, counts = _runs(keys >> bits)
    first = keys[begin] & (1 << bits) - 1
    return _Bag(tokens.rows[first], tokens.words[first], counts, first)


def _weights(part: WordBlock, bag: _Bag, places: NDArray[np.int32], count: int, pairs: _Pairs | None) -> Entries:
    """Return a word block's part of the matrix; ``places`` are the columns of the bag's words."""
    seen = places >= 0
    unseen = np.bincount(bag.rows[~seen], minlength=count)
    rows, columns, counts = bag.rows[seen], places[seen].astype(np.int64), bag.counts[seen]
    if pairs:
        rows, columns = np.concatenate([rows, pairs.rows]), np.concatenate([columns, pairs.columns])
        counts, unseen = np.concatenate([counts, pairs.counts]), unseen + pairs.strange
    order = np.argsort(rows * part.width_ + columns)
    rows, columns = rows[order], columns[order]
    return rows, columns, part.weigh(rows, columns, counts[order].astype(np.float32), unseen)


def _vectors(part: StaticBlock, bag: _Bag, places: NDArray[np.int32], count: int) -> Entries:
    """Return a static block's part of the matrix; ``places`` are the rows of its table."""
    seen = np.flatnonzero(places >= 0)
    # The sum of a letter's vectors runs in the order of its words, as in training.
    seen = seen[np.argsort(bag.first[seen])]
    lines = places[seen]
    heavy = part.weigh(bag.counts[seen].astype(np.float32), lines)
    ends = np.searchsorted(bag.rows[seen], np.arange(count + 1))
    found = np.zeros((count, part.width_), np.float32)
    for row, (low, high) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        if high > low:
            weights, table = part.scaled(heavy[low:high], lines[low:high])
            found[row] = weights @ table
    rows, columns = np.nonzero(found)
    return rows, columns, found[rows, columns]


def _matrix(entries: Sequence[Entries], count: int, width: int) -> sparse.csr_matrix:
    """Put the parts side by side: they come ordered by letter and column, and one after the other."""
    if not entries:
        return sparse.csr_matrix((count, width), dtype=np.float32)
    rows, columns, values = map(np.concatenate, zip(*entries, strict=True))
    order = np.argsort(rows, kind="stable")
    ends = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=count), out=ends[1:])
    return sparse.csr_matrix((values[order], columns[order].astype(np.int32), ends), shape=(count, width))
