"""The index of earlier letters: fed from the audit, asked for what a new letter resembles."""

from __future__ import annotations

import os
import threading

from sqlalchemy import select

from service.db import Database
from service.db.tables import AuditHead, AuditRow, Letter
from service.logs import LOG
from service.settings import Settings
from triage import DataError, Triager
from triage.similar import Entry, Similar, SimilarIndex

__all__ = ["Earlier", "entry_of"]

_ROWS = 300  # audit rows of one step


def entry_of(letter: Letter) -> Entry:
    """Return a letter as the index keeps it."""
    return Entry(
        str(letter.id), letter.text_masked, letter.person, letter.place, letter.category, letter.received.isoformat(),
        letter.sealed,
    )  # fmt: skip


class Earlier:
    """One process's view of the index; one process of a host feeds it, all ask it.

    The index can be made again from the register at any time: a file that is lost, damaged or of another format is
    begun anew.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._path = settings.folder() / "similar.db"
        self._mark = settings.folder() / "similar.seq"  # number of the last audit row that was followed
        self._lock = threading.Lock()
        self._index: SimilarIndex | None = None
        self._node = 0

    def query(self, triager: Triager, letter: Letter, limit: int) -> tuple[Similar, ...]:
        """Return earlier letters, accusations left out; none while there is no index yet."""
        if not self._path.exists():
            return ()
        return self._opened(triager).query(entry_of(letter), limit)

    def feed(self, triager: Triager) -> int:
        """Follow some more rows of the audit; return how many.

        What is sealed or was anonymised is not kept, nor what is no longer there.
        """
        last = self._last()
        rows = select(AuditRow.seq, AuditRow.object).where(
            AuditRow.seq > last, AuditRow.seq <= last + _ROWS, AuditRow.action.like("letter.%")
        )
        with self._database.read() as session:
            head = session.scalar(select(AuditHead.seq)) or 0
            if head < last:  # another register lies there now
                self.forget()
                return 1
            if head == last:
                return 0
            found = {int(row.object.partition(":")[2]) for row in session.execute(rows)}
            letters = {row.id: row for row in session.scalars(select(Letter).where(Letter.id.in_(found)))}
        if found:
            self._keep(triager, found, letters)
        self._note(min(last + _ROWS, head))
        return min(_ROWS, head - last)

    def _keep(self, triager: Triager, found: set[int], letters: dict[int, Letter]) -> None:
        try:
            index = self._opened(triager)
        except DataError as error:
            LOG.error("similar", extra={"code": error.code})
            self.forget()
            raise
        kept = {number: one for number, one in letters.items() if not one.sealed and one.anonymised is None}
        for number in found - kept.keys():
            index.remove(str(number))
        index.add_many(entry_of(one) for one in kept.values())

    def forget(self) -> None:
        """Throw the index away; it is fed again from the first row."""
        self.close()
        for name in ("similar.seq", "similar.db", "similar.db-wal", "similar.db-shm"):
            self._path.with_name(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._index:
                self._index.close()
            self._index, self._node = None, 0

    def _opened(self, triager: Triager) -> SimilarIndex:
        """Return the index, opened once: what it has in memory grows with each question."""
        with self._lock:
            node = self._path.stat().st_ino if self._path.exists() else 0
            if self._index is None or node != self._node:
                self._index = SimilarIndex.open(self._path, triager.policy.similar)
                self._node = self._path.stat().st_ino
            return self._index

    def _last(self) -> int:
        try:
            return int(self._mark.read_text(encoding="ascii")) if self._path.exists() else 0
        except (OSError, ValueError):
            return 0

    def _note(self, seq: int) -> None:
        draft = self._mark.with_name(f"{self._mark.name}.{os.getpid()}")
        draft.write_text(str(seq), encoding="ascii")
        os.replace(draft, self._mark)
