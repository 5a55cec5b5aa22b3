"""Vectorisers: blocks of words and a block of static word vectors, all of them explainable word by word."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from triage.blocks import BLOCKS, SIGNS, STATIC, block_words, single_words
from triage.errors import DataError
from triage.text import Analysis

__all__ = [
    "BLOCKS", "DEFAULT_BLOCKS", "SIGNS", "STATIC", "Contribution", "Featuriser", "StaticVectors", "block_words",
    "single_words",
]  # fmt: skip

Floats = NDArray[np.float32]


class WordBlock:
    """TF-IDF of one block's words.

    Sublinear counts times smoothed inverse document frequency, over words that are already cut. Rows have unit length
    if the words that were not kept are counted in it, each as the rarest: what a letter says in unknown words makes the
    known ones weigh less (with ``min_df=1`` and no new words, scikit-learn's ``TfidfVectorizer(sublinear_tf=True)``).

    Parameters
    ----------
    block : str
        A name of `BLOCKS`.
    weight : float
        Length of every row.
    min_df : int
        Letters that must hold a word before it is kept; keeps names and numbers out.

    Attributes
    ----------
    words_ : list of str
        The columns, sorted.
    idf_ : ndarray of shape (n_words,), float32
    """

    def __init__(self, block: str, weight: float = 1.0, min_df: int = 2) -> None:
        self.block = block
        self.weight = weight
        self.min_df = min_df

    @property
    def rarest_(self) -> float:
        """Rarity of a word that was not kept."""
        return float(self.idf_.max(initial=0.0))

    @property
    def width_(self) -> int:
        """Number of columns."""
        return len(self.words_)

    def __getstate__(self) -> dict[str, Any]:
        # One long string loads a hundred times faster than sixty thousand JSON nodes.
        return {
            "block": self.block,
            "weight": self.weight,
            "min_df": self.min_df,
            "words": "\n".join(self.words_),
            "idf": self.idf_,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.block, self.weight, self.min_df = state["block"], state["weight"], state["min_df"]
        self.words_ = state["words"].split("\n") if state["words"] else []
        self.idf_ = state["idf"]

    @property
    def known_words(self) -> list[str]:
        """The words that it can tell from others, those of the columns."""
        return self.words_

    @cached_property
    def _column(self) -> dict[str, int]:
        return {word: column for column, word in enumerate(self.words_)}

    def fit(self, letters: Sequence[Sequence[str]]) -> WordBlock:
        """Learn words and their rarity from letters given as lists of words."""
        seen = Counter(word for words in letters for word in set(words))
        # A word that holds a line break would come back as two.
        self.words_ = sorted(word for word, count in seen.items() if count >= self.min_df and "\n" not in word)
        counts = np.array([seen[word] for word in self.words_], dtype=float)
        self.idf_ = (np.log((1 + len(letters)) / (1 + counts)) + 1).astype(np.float32)
        self.__dict__.pop("_column", None)
        return self

    def transform(self, letters: Sequence[Sequence[str]]) -> sparse.csr_matrix:
        """Return a matrix of shape (n_letters, n_words), float32."""
        column_of = self._column.get
        columns: list[int] = []
        ends = [0]
        unseen: list[int] = []
        for words in letters:
            found = [column_of(word, -1) for word in words]
            columns += [column for column in found if column >= 0]
            ends.append(len(columns))
            unseen.append(len({word for word, column in zip(words, found, strict=True) if column < 0}))
        matrix = sparse.csr_matrix(
            (np.ones(len(columns), np.float32), np.array(columns, np.int32), np.array(ends, np.int32)),
            shape=(len(letters), len(self.idf_)),
        )
        matrix.sum_duplicates()
        rows = np.repeat(np.arange(len(letters)), np.diff(matrix.indptr))
        matrix.data = self.weigh(rows, matrix.indices, matrix.data, np.array(unseen))
        return matrix

    def weigh(self, rows: Any, columns: Any, counts: Floats, unseen: Any) -> Floats:
        """Return the matrix's values, given letter, column and count of each and how many words a letter has besides.

        Entries are in order of letter and column; the unseen words are different ones.
        """
        values = (1 + np.log(counts)) * self.idf_[columns]
        squares = np.bincount(rows, values**2, minlength=len(unseen)) + unseen * self.rarest_**2
        values *= np.float32(self.weight) / np.sqrt(squares).astype(np.float32)[rows]
        return np.asarray(values)


class StaticVectors:
    """The shipped table of word vectors: Chinese and English words in one space.

    Parameters
    ----------
    words : list of str
        Its words.
    table : ndarray of shape (n_words, n_dimensions), int8
        Unit vectors times 127.

    Attributes
    ----------
    fingerprint : str
        Hash of words and table; a bundle is bound to it.
    """

    def __init__(self, words: list[str], table: NDArray[np.int8]) -> None:
        self.words = words
        self.table = table

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @classmethod
    def load(cls, folder: Path) -> StaticVectors:
        """Read ``words.txt`` and ``words.npy`` of a folder.

        Raises
        ------
        DataError
            If one is missing or they do not fit together.
        """
        try:
            words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
            # As a plain array: one that says it is mapped to a file costs more at every look.
            table = np.asarray(np.load(folder / "words.npy", mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError) as error:
            raise DataError("vectors_unreadable", path=folder, fault=type(error).__name__) from None
        if table.dtype != np.int8 or table.ndim != 2 or len(table) != len(words):
            raise DataError("vectors_unreadable", path=folder, fault=f"{len(words)} words, table {table.shape}")
        return cls(words, table)

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256("\n".join(self.words).encode())
        digest.update(np.ascontiguousarray(self.table).data)
        return digest.hexdigest()[:16]


class StaticBlock:
    """A letter as the rarity-weighted mean of its words' static vectors, of unit length.

    Parameters
    ----------
    block : str
        Whose words are counted, a name of `BLOCKS`.
    weight : float
        Length of every row.
    """

    def __init__(self, block: str = "word", weight: float = 0.5) -> None:
        self.block = block
        self.weight = weight

    def __getstate__(self) -> dict[str, Any]:
        return {
            "block": self.block,
            "weight": self.weight,
            "words": "\n".join(self._rarity),
            "idf": np.array(list(self._rarity.values()), np.float32),
            "unseen": self._unseen,
            "fingerprint": self.fingerprint_,
            "width": self.width_,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.block, self.weight, self.width_ = state["block"], state["weight"], state["width"]
        words = state["words"].split("\n") if state["words"] else []
        self._rarity = dict(zip(words, state["idf"].tolist(), strict=True))
        self._unseen, self.fingerprint_ = state["unseen"], state["fingerprint"]

    def fit(self, letters: Sequence[Sequence[str]], vectors: StaticVectors) -> StaticBlock:
        """Learn how rare the table's words are."""
        self.vectors, self.width_ = vectors, vectors.table.shape[1]
        seen = Counter(word for words in letters for word in set(words) if word in vectors.row)
        self._rarity = {word: float(np.log((1 + len(letters)) / (1 + seen[word])) + 1) for word in sorted(seen)}
        self._unseen = float(np.log(1 + len(letters)) + 1)
        self.fingerprint_ = vectors.fingerprint
        self.__dict__.pop("_rarities", None)
        return self

    @property
    def known_words(self) -> list[str]:
        """The words that it can tell from others, those of the table."""
        return self.vectors.words

    @cached_property
    def _rarities(self) -> Floats:
        """The rarity of each word of the table."""
        return np.array([self._rarity.get(word, self._unseen) for word in self.vectors.words], np.float32)

    def shares(self, words: Sequence[str]) -> tuple[list[str], Floats, Floats]:
        """Return the known words, what each weighs, and their vectors; weights over the sum's length."""
        row_of = self.vectors.row.get
        found = [(word, count, row) for word, count in Counter(words).items() if (row := row_of(word, -1)) >= 0]
        if not found:
            return [], np.zeros(0, np.float32), np.zeros((0, self.width_), np.float32)
        known, counts, rows = zip(*found, strict=True)
        places = np.array(rows)
        return list(known), *self.scaled(self.weigh(np.array(counts, np.float32), places), places)

    def weigh(self, counts: Floats, rows: Any) -> Floats:
        """Return what words weigh, by how often each stands in its letter and its row of the table."""
        return np.asarray((1 + np.log(counts)) * self._rarities[rows])

    def scaled(self, weights: Floats, rows: Any) -> tuple[Floats, Floats]:
        """Return the weights of one letter's words over the length of their sum, and their vectors."""
        table = self.vectors.table[rows].astype(np.float32)
        total = weights @ table
        length = float(np.sqrt(total @ total)) or 1.0
        return weights * np.float32(self.weight / length), table

    def transform(self, letters: Sequence[Sequence[str]]) -> Floats:
        """Return an array of shape (n_letters, n_dimensions)."""
        rows = np.zeros((len(letters), self.width_), np.float32)
        for place, words in enumerate(letters):
            _, weights, table = self.shares(words)
            rows[place] = weights @ table
        return rows


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one word of one block added to a margin."""

    block: str
    word: str
    weight: float


# For anybody's labels. The last weights were chosen by grouped cross-validation on one set of letters with seven
# labels. A name with "static:" before it is the block's words by their vectors.
DEFAULT_BLOCKS: Mapping[str, float] = {
    "word": 1.0, "every": 1.6, "title": 0.5, "titlechars": 1.3, "static:word": 0.25,
}  # fmt: skip


class Featuriser:
    """All blocks of a letter side by side.

    Parameters
    ----------
    blocks : Mapping[str, float] or None
        Block name to weight; a name with ``static:`` before it counts that block's words by their vectors.
    min_df : int
        Passed to `WordBlock`.

    Attributes
    ----------
    parts_ : list of WordBlock or StaticBlock
        The fitted blocks in column order.
    """

    def __init__(self, blocks: Mapping[str, float] | None = None, min_df: int = 2) -> None:
        self.blocks = blocks
        self.min_df = min_df

    def fit(self, letters: Sequence[Mapping[str, Sequence[str]]], vectors: StaticVectors | None) -> Featuriser:
        """Learn every block from letters given as block name to words; see `blocks_of`."""
        self.parts_: list[WordBlock | StaticBlock] = []
        for name, weight in (self.blocks or DEFAULT_BLOCKS).items():
            block = name.removeprefix(STATIC)
            words = [letter[block] for letter in letters]
            if block == name:
                self.parts_.append(WordBlock(block, weight, self.min_df).fit(words))
            elif vectors is not None:
                self.parts_.append(StaticBlock(block, weight).fit(words, vectors))
        return self

    @property
    def needed(self) -> tuple[str, ...]:
        """The word lists that the blocks count, by name of `BLOCKS`."""
        return tuple(dict.fromkeys(name.removeprefix(STATIC) for name in self.blocks or DEFAULT_BLOCKS))

    def blocks_of(
        self, analysis: Analysis, signs: Sequence[str] = (), wanted: Collection[str] | None = None
    ) -> dict[str, list[str]]:
        """Return a letter's words, block by block; ``signs`` is what rules saw in it.

        Blocks that are not ``wanted``, if any are named, stay empty.
        """
        blocks: dict[str, list[str]] = {}
        for name in self.needed:
            if wanted is not None and name not in wanted:
                blocks[name] = []
            else:
                blocks[name] = list(signs) if name == SIGNS else block_words(analysis, name)
        return blocks

    def columns(self, blocks: Iterable[str]) -> NDArray[np.int64]:
        """Return the columns of some blocks, named as in ``blocks``."""
        found: list[int] = []
        wanted, first = set(blocks), 0
        for name, part in zip(self.names, self.parts_, strict=True):
            found += range(first, first + part.width_) if name in wanted else []
            first += part.width_
        return np.array(found, np.int64)

    @property
    def names(self) -> list[str]:
        """The fitted blocks in column order, named as in ``blocks``."""
        return [f"{STATIC}{part.block}" if isinstance(part, StaticBlock) else part.block for part in self.parts_]

    def transform(self, letters: Sequence[Mapping[str, Sequence[str]]]) -> sparse.csr_matrix:
        """Return a matrix of shape (n_letters, n_features), float32."""
        parts = [part.transform([letter[part.block] for letter in letters]) for part in self.parts_]
        return sparse.csr_matrix(sparse.hstack([sparse.csr_matrix(part) for part in parts]))

    def contributions(self, letter: Mapping[str, Sequence[str]], coef: Floats) -> list[Contribution]:
        """Return what each word added to the margin whose weights are ``coef``, largest first.

        Parameters
        ----------
        letter : Mapping[str, Sequence[str]]
            The letter's words by block.
        coef : ndarray of shape (n_features,)
            The margin's weights; all contributions together are the margin without its intercept.
        """
        found: list[Contribution] = []
        first = 0
        for part in self.parts_:
            words = letter[part.block]
            if isinstance(part, StaticBlock):
                own = coef[first : first + part.width_]
                known, weights, table = part.shares(words)
                moves = (weights * (table @ own)).tolist()
                found += [Contribution(f"{STATIC}{part.block}", *pair) for pair in zip(known, moves, strict=True)]
            else:
                row = part.transform([words])
                moves = (row.data * coef[first + row.indices]).tolist()
                names = [part.words_[column] for column in row.indices]
                found += [Contribution(part.block, *pair) for pair in zip(names, moves, strict=True)]
            first += part.width_
        return sorted(found, key=lambda item: -abs(item.weight))

    def word_of(self, column: int) -> str:
        """Return the word of a column; ``""`` for a dimension of the word vectors."""
        for part in self.parts_:
            if column < part.width_:
                return "" if isinstance(part, StaticBlock) else part.words_[column]
            column -= part.width_
        raise IndexError(column)

    @property
    def word_parts(self) -> list[WordBlock]:
        """The fitted blocks of words."""
        return [part for part in self.parts_ if isinstance(part, WordBlock)]

    @property
    def first(self) -> WordBlock | StaticBlock:
        """The block that tells known words from others: the first of words, else the first."""
        return next(iter(self.word_parts), self.parts_[0])

    def known_share(self, letter: Mapping[str, Sequence[str]]) -> float:
        """Return the share of a letter's different single words that the first word block, else the table, knows."""
        part = self.first
        known = part.vectors.row if isinstance(part, StaticBlock) else part._column
        words = single_words(letter[part.block])
        return sum(word in known for word in words) / len(words) if words else 0.0
