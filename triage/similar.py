"""Earlier letters about the same matter: sent again, raised again, raised by others, or only alike.

An index is one SQLite file that grows letter by letter. Each letter is cut into pieces of two characters (words where
the script has spaces), hashed; the smallest hashes of a letter are its MinHash sketch. The sketches of all letters lie
in memory as sorted runs and name the candidates, which are then compared piece by piece. Nothing is ever merged.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.errors import DataError, InputError
from triage.schema import Date, Span
from triage.similar_policy import RELATIONS, SimilarPolicy
from triage.text.normalise import Normaliser
from triage.text.pieces import Pieces, Postings, shared_runs

__all__ = ["Entry", "Similar", "SimilarIndex"]

# Another normaliser or other pieces make the stored ones worthless: then this number must rise.
_FORMAT = 1
_APPLICATION = 0x74726967
_TABLES = """
CREATE TABLE letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, person TEXT NOT NULL,
    place TEXT NOT NULL, category TEXT NOT NULL, date TEXT NOT NULL, closed INTEGER NOT NULL, pieces BLOB NOT NULL);
CREATE INDEX by_person ON letters (person) WHERE person <> '';
CREATE INDEX by_place ON letters (place, category) WHERE place <> '';
CREATE TABLE removed (row INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL);
"""
_SKETCH = 128  # hashes of a letter in memory: all of the usual letter, a sample of a long one
_CANDIDATES = 64  # compared by words; as many of the same person, and of the same place and category
_BATCH = 1000  # letters written in one transaction
_LOAD = 4096  # letters taken into memory at a time
_BACKGROUND = 500  # letters that a new index is taken to hold, so that its first letters do not make every word rare
_SHORTEST = 20  # pieces from which on a share of words says something
_LONGEST = 20_000  # characters up to which two texts are compared in order
_PASSAGES = 8

_Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Entry:
    """A letter as the index keeps it.

    Attributes
    ----------
    id : str
        The office's number for it; a second entry of the same id takes the place of the first.
    text : str
        Its text, personal data masked by the caller: it is stored as it stands.
    person : str
        Any token that is equal for equal petitioners, such as a keyed hash; ``""`` if unknown.
    place, category : str
        Name of the place and code of the matter; ``""`` if unknown.
    date : str
        ISO date of receipt; ``""`` if unknown.
    closed : bool
        An accusation or the like: left out of every answer unless asked for.
    """

    id: str
    text: str
    person: str = ""
    place: str = ""
    category: str = ""
    date: Date = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Similar:
    """An earlier letter and what it is to the one asked about; a clerk decides what follows.

    Attributes
    ----------
    id : str
        The earlier letter's id.
    score : float
        0 to 1; among letters of one relation the higher is the nearer.
    relation : {"copy", "repeat", "joint", "alike"}
        The same text again, the same matter again by the same person, the same matter in the letter of another or an
        unknown person, or only alike.
    passages : tuple of (span, span)
        Wordings that both hold: where in the text asked about, where in the earlier one. The rarest at most, in order.
    """

    id: str
    score: float
    relation: str
    passages: tuple[tuple[Span, Span], ...] = ()


class _Row(NamedTuple):
    """A candidate as it lies in the file."""

    number: int
    id: str
    person: str
    place: str
    category: str
    date: str
    text: str
    pieces: bytes


class _Overlap(NamedTuple):
    """What a candidate shares: pieces, their part of both letters, and of the shorter one by how rare they are."""

    row: _Row
    shared: int
    same: float
    words: float


class SimilarIndex:
    """Earlier letters on disk, and the search among them.

    One process at a time may write while others read; each sees what was written before it asks. Every answer is safe
    against a killed writer. Threads may share one object. Open with `open`.
    """

    def __init__(self, connection: sqlite3.Connection, policy: SimilarPolicy) -> None:
        self._connection = connection
        self._policy = policy
        self._lock = threading.RLock()
        self._normalise = Normaliser({})
        # Apart, so that closed letters have no part in an answer that leaves them out, not even in how rare a word is.
        self._open, self._closed = Postings(), Postings()
        self._last = self._last_removed = 0
        self._gone: list[int] = []

    @classmethod
    def open(cls, path: str | Path, policy: SimilarPolicy) -> SimilarIndex:
        """Open an index, or begin one where there is no file.

        Raises
        ------
        DataError
            If the file is no index, is damaged, or is of another format.
        """
        path = Path(path)
        try:
            path.touch(mode=0o600)  # letters, if masked: for the office's own account alone
            connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            _prepare(connection, path)
        except (OSError, sqlite3.Error) as error:
            raise DataError("index_unreadable", path=path, fault=error) from None
        return cls(connection, policy)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> SimilarIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM letters").fetchone()[0])

    def add(self, entry: Entry) -> None:
        """Keep one letter; see `add_many`."""
        self.add_many((entry,))

    def add_many(self, entries: Iterable[Entry]) -> None:
        """Keep letters, each thousand as a whole or not at all.

        An entry that is there already, word for word, is left as it is; another of a known id replaces the first.

        Raises
        ------
        InputError
            If an entry has no id.
        """
        waiting = iter(entries)
        while some := list(islice(waiting, _BATCH)):
            rows = [self._row(entry) for entry in some]
            with self._lock, _transaction(self._connection) as cursor:
                for row in rows:
                    _insert(cursor, row)

    def remove(self, id: str) -> bool:
        """Forget a letter, text and all; tell whether it was there."""
        with self._lock, _transaction(self._connection) as cursor:
            return _delete(cursor, id)

    def query(self, entry: Entry, limit: int = 5, closed: bool = False) -> tuple[Similar, ...]:
        """Return earlier letters, the strongest relation first, then the highest score.

        What shares no wording with the letter is found only where person, place and category speak for it.

        Parameters
        ----------
        entry : Entry
            The letter asked about; its own id is left out.
        limit : int
            At most so many.
        closed : bool
            Show closed letters too: only to those who may see them.

        Source
        ------
        domain.md 3.2 "Repeat" (same person and same matter) and 4.5 R2 (never merge by itself).
        """
        pieces = self._read(entry.text)
        with self._lock:
            self._catch_up()
            weights, numbers = self._candidates(pieces, closed)
            rows = self._rows(entry, numbers, closed)
        judged = [(item.row, *self._judge(entry, pieces, item)) for item in _overlaps(pieces, weights, rows)]
        related = [(row, score, relation) for row, score, relation in judged if relation]
        related.sort(key=lambda item: (RELATIONS.index(item[2]), -item[1], -item[0].number))
        return tuple(
            Similar(row.id, round(score, 4), relation, shared_runs(pieces, self._read(row.text), weights, _PASSAGES))
            for row, score, relation in related[:limit]
        )

    def _read(self, text: str) -> Pieces:
        return Pieces(self._normalise(text))

    def _row(self, entry: Entry) -> tuple[Any, ...]:
        if not entry.id:
            raise InputError("entry_without_id")
        return (*astuple(entry), self._read(entry.text).distinct.astype("<u4").tobytes())

    def _catch_up(self) -> None:
        """Take into memory what this or another process has written since."""
        # First what was removed: whatever number it had, all lower ones are in the letters read after it.
        query = "SELECT row, number FROM removed WHERE row > ? ORDER BY row"
        removed = self._connection.execute(query, (self._last_removed,)).fetchall()
        query = "SELECT number, closed, substr(pieces, 1, ?) FROM letters WHERE number > ? ORDER BY number"
        added = self._connection.execute(query, (4 * _SKETCH, self._last))
        while rows := added.fetchmany(_LOAD):
            sketches = [(number, np.frombuffer(sketch or b"", "<u4")) for number, _, sketch in rows]
            self._open.add([own for own, row in zip(sketches, rows, strict=True) if not row[1]])
            self._closed.add([own for own, row in zip(sketches, rows, strict=True) if row[1]])
            self._last = rows[-1][0]
        for row, number in removed:
            self._gone.append(number)
            self._last, self._last_removed = max(self._last, number), row

    def _candidates(self, pieces: Pieces, closed: bool) -> tuple[_Weights, list[int]]:
        """Return how rare each piece is, 1 on average, and the letters that share the most of the rare ones."""
        asked = pieces.distinct
        if not len(asked):
            return np.ones(0), []
        stores = (self._open, self._closed) if closed else (self._open,)
        answers = [store.find(asked) for store in stores]
        counts = sum((counts for counts, _ in answers), np.zeros(len(asked), np.int64))
        weights = np.log((sum(store.letters for store in stores) + _BACKGROUND) / (counts + 1))
        weights /= weights.mean()
        votes = np.zeros(self._last + 1)
        for places, numbers in (part for _, found in answers for part in found):
            votes += np.bincount(numbers, weights[places], len(votes))
        votes[self._gone] = 0
        voted = np.flatnonzero(votes)  # apart: equal values, such as zeros, make a partition slow
        best = np.argpartition(votes[voted], -_CANDIDATES)[-_CANDIDATES:] if len(voted) > _CANDIDATES else slice(None)
        return weights, voted[best].tolist()

    def _rows(self, entry: Entry, numbers: list[int], closed: bool) -> list[_Row]:
        """Return the candidates by words, the newest of the same person, and those of the same place and category."""
        visible = "id <> ? AND closed <= ?"
        newest = f"AND {visible} ORDER BY number DESC LIMIT {_CANDIDATES}"
        wanted: list[tuple[str, tuple[str, ...]]]
        wanted = [(f"number IN ({','.join(map(str, numbers))}) AND {visible}", ())]
        if entry.person:
            wanted.append((f"person <> '' AND person = ? {newest}", (entry.person,)))
        if entry.place:
            wanted.append((f"place <> '' AND place = ? AND category = ? {newest}", (entry.place, entry.category)))
        rows = {}
        for condition, values in wanted:
            query = f"SELECT {', '.join(_Row._fields)} FROM letters WHERE {condition}"
            for found in self._connection.execute(query, (*values, entry.id, closed)):
                rows[found[0]] = _Row(*found)
        return list(rows.values())

    def _judge(self, entry: Entry, pieces: Pieces, overlap: _Overlap) -> tuple[float, str]:
        """Return the score and the relation of an earlier letter; ``""`` if it has none."""
        policy, row, words = self._policy, overlap.row, overlap.words
        score = words + self._agreement(entry, row)
        known = bool(entry.person and row.person)
        again = known and entry.person == row.person
        copied = self._copied(pieces, overlap)
        if copied and (again or not known):
            return copied, "copy"
        score = min(1.0, max(0.0, score, copied))
        if again and score >= policy.repeat:
            return score, "repeat"
        if copied or (score >= policy.joint and not again and self._near_in_time(entry.date, row.date)):
            return score, "joint"
        return score, "alike" if words >= policy.alike else ""

    def _copied(self, pieces: Pieces, overlap: _Overlap) -> float:
        """Return how much of two texts is the same, 0 where it is not enough for a copy."""
        from rapidfuzz import fuzz

        policy, same, text = self._policy, overlap.same, overlap.row.text
        if same == 1.0:
            return same
        if overlap.shared < policy.shortest_copy or same < policy.copy_pieces / 2:
            return 0.0
        if same >= policy.copy_pieces:
            return same
        if max(len(pieces.plain), len(text)) > _LONGEST:
            return 0.0
        least = 100 * policy.copy_characters
        return fuzz.ratio(pieces.plain, self._read(text).plain, score_cutoff=least) / 100

    def _agreement(self, entry: Entry, row: _Row) -> float:
        """Return what place and category add to the score."""
        from rapidfuzz import fuzz

        policy, added = self._policy, 0.0
        if entry.place and row.place:
            alike = fuzz.partial_ratio(entry.place, row.place) >= policy.place_names
            added += policy.place if alike else -policy.place
        if entry.category and row.category:
            added += policy.category if entry.category == row.category else -policy.category
        return added

    def _near_in_time(self, one: Date, other: Date) -> bool:
        try:
            days = abs((date.fromisoformat(one) - date.fromisoformat(other)).days)
        except ValueError:
            return True
        return not self._policy.joint_days or days <= self._policy.joint_days


def _overlaps(pieces: Pieces, weights: _Weights, rows: list[_Row]) -> list[_Overlap]:
    """Compare a letter with all candidates at once."""
    own = pieces.distinct
    others = [np.frombuffer(row.pieces, "<u4") for row in rows]
    if not len(own) or not others:
        return [_Overlap(row, 0, 0.0, 0.0) for row in rows]
    together = np.concatenate(others)
    places = np.minimum(np.searchsorted(own, together), len(own) - 1)
    both = own[places] == together
    sizes = np.array([len(other) for other in others])
    owners = np.repeat(np.arange(len(rows)), sizes)[both]
    shared = np.bincount(owners, minlength=len(rows))
    same = shared / (len(own) + sizes - shared)
    least = np.maximum(np.minimum(sizes, len(own)), _SHORTEST)
    words = np.minimum(1.0, np.bincount(owners, weights[places[both]], len(rows)) / least)
    return [_Overlap(*found) for found in zip(rows, shared.tolist(), same.tolist(), words.tolist(), strict=True)]


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file; refuse any other file that is no index of this format."""
    with _transaction(connection) as cursor:
        marks = [cursor.execute(f"PRAGMA {mark}").fetchone()[0] for mark in ("application_id", "user_version")]
        if marks == [0, 0] and not cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _TABLES.split(";\n"):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA application_id = {_APPLICATION}")
            cursor.execute(f"PRAGMA user_version = {_FORMAT}")
        elif marks != [_APPLICATION, _FORMAT]:
            raise DataError("index_format", path=path, found=marks[1], allowed=_FORMAT)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # whole after any crash; a power cut may cost the last letters
    connection.execute("PRAGMA secure_delete = ON")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.cursor()
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _insert(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> None:
    columns = "id, text, person, place, category, date, closed, pieces"
    if cursor.execute(f"SELECT {columns} FROM letters WHERE id = ?", row[:1]).fetchone() == row:
        return
    _delete(cursor, row[0])
    cursor.execute(f"INSERT INTO letters ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def _delete(cursor: sqlite3.Cursor, id: str) -> bool:
    """Delete a letter and leave its number for the other processes to forget."""
    cursor.execute("INSERT INTO removed (number) SELECT number FROM letters WHERE id = ?", (id,))
    return cursor.execute("DELETE FROM letters WHERE id = ?", (id,)).rowcount > 0
