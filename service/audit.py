"""The audit: append-only, each row chained to the one before by hash.

The database itself refuses to alter or remove rows (triggers, see the first migration). Rows hold who, when, codes,
dates and settings, no text of letters and no personal data of petitioners, so they outlive a letter's anonymising:
retention adds a row and removes none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from service.db.tables import AuditHead, AuditRow, now, table
from service.problems import Problem

__all__ = ["Chain", "Fault", "append", "stamp", "verify", "walk"]

_START = "0" * 64
_BATCH = 5000
_LOCK = 7_746_188  # any number of ours: two first rows must not be written at once


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row that does not stand as it was written."""

    seq: int
    reason: Literal["altered", "missing", "added"]

    def problem(self) -> Problem:
        """Return it as an error."""
        return Problem(f"audit_{self.reason}", seq=self.seq)


class Chain(NamedTuple):
    """Rows that stand as they were written, the hash of the last of them, and what comes after them."""

    rows: int
    hash: str
    fault: Fault | None


def stamp(moment: datetime) -> str:
    """Return a moment as rows hold it; later moments sort behind."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _hash(row: Mapping[str, Any]) -> str:
    told = [row[name] for name in ("seq", "at", "actor", "action", "object", "before", "after", "previous")]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _cell(values: Mapping[str, Any] | None) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, default=str) if values is not None else ""


def append(
    session: Session,
    actor: str,
    action: str,
    object: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> int:
    """Write one row in the transaction of the change it tells of; return its number.

    Parameters
    ----------
    session : Session
        A writing session; rows are numbered in the order in which transactions commit.
    actor, action, object : str
        Who did what to what, such as ``user:7 lin``, ``letter.decide``, ``letter:12``.
    before, after : Mapping or None
        Codes and settings; never the text of a letter, a password or a key.
    """
    ends = select(table(AuditHead).c.seq, table(AuditHead).c.hash).with_for_update()
    head = session.execute(ends).one_or_none()
    if head is None and session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        head = session.execute(ends).one_or_none()
    if head is None:
        session.execute(insert(table(AuditHead)).values(id=1, seq=0, hash=_START))
    seq, previous = (head.seq, head.hash) if head else (0, _START)
    row = {
        "seq": seq + 1,
        "at": stamp(now()),
        "actor": actor,
        "action": action,
        "object": object,
        "before": _cell(before),
        "after": _cell(after),
        "previous": previous,
    }
    row["hash"] = _hash(row)
    session.execute(insert(table(AuditRow)), [row])
    session.execute(update(table(AuditHead)).values(seq=row["seq"], hash=row["hash"]))
    return seq + 1


def verify(session: Session) -> tuple[int, Fault | None]:
    """Return the number of rows that stand as they were written and the first fault; see `walk`."""
    chain = walk(session)
    return chain.rows, chain.fault


def walk(session: Session) -> Chain:
    """Walk the chain while others may append to it.

    An altered row no longer has its hash, a removed one leaves a gap, and a chain cut at its end is shorter than its
    head says. Whoever can rewrite every row and the head leaves no trace: keep the last hash elsewhere.
    """
    head, seq, previous = _head(session), 0, _START
    while True:
        chain = select(table(AuditRow)).where(AuditRow.seq > seq).order_by(AuditRow.seq).limit(_BATCH)
        rows = session.execute(chain).all()
        for row in rows:
            if row.seq != seq + 1:
                return Chain(seq, previous, Fault(seq + 1, "missing"))
            if (
                row.previous != previous
                or row.hash != _hash(row._asdict())
                or (row.seq == head.seq and row.hash != head.hash)
            ):
                return Chain(seq, previous, Fault(row.seq, "altered"))
            seq, previous = row.seq, row.hash
        if rows:
            continue
        if seq <= head.seq:
            return Chain(seq, previous, None if seq == head.seq else Fault(seq + 1, "missing"))
        earlier, head = head, _head(session)  # rows came in meanwhile
        if head.seq == earlier.seq:
            return Chain(earlier.seq, earlier.hash, Fault(head.seq + 1, "added"))
        if seq == head.seq and previous != head.hash:
            return Chain(seq, previous, Fault(seq, "altered"))


class _Head(NamedTuple):
    seq: int
    hash: str


def _head(session: Session) -> _Head:
    # Columns, not the object: the session would give the one it read before.
    row = session.execute(select(AuditHead.seq, AuditHead.hash)).one_or_none()
    return _Head(row.seq, row.hash) if row else _Head(0, _START)
