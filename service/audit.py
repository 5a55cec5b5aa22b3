"""The audit: append-only, each row chained to the one before by hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import AuditHead, AuditRow, now

__all__ = ["Fault", "append", "verify"]

_START = "0" * 64
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row that does not stand as it was written."""

    seq: int
    reason: str


def _hash(row: AuditRow) -> str:
    told = [row.seq, row.at, row.actor, row.action, row.object, row.before, row.after, row.previous]
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
    head = session.scalars(select(AuditHead).with_for_update()).one_or_none()
    if head is None:
        head = AuditHead(id=1, seq=0, hash=_START)
        session.add(head)
        session.flush()
    row = AuditRow(
        seq=head.seq + 1,
        at=now().isoformat(timespec="milliseconds"),
        actor=actor,
        action=action,
        object=object,
        before=_cell(before),
        after=_cell(after),
        previous=head.hash,
    )
    row.hash = _hash(row)
    head.seq, head.hash = row.seq, row.hash
    session.add(row)
    return row.seq


def verify(session: Session) -> tuple[int, Fault | None]:
    """Walk the chain; return the number of rows and the first fault.

    An altered row no longer has its hash, a removed one leaves a gap, and a chain cut at its end is shorter than its
    head says. Whoever can rewrite every row and the head leaves no trace: keep the last hash elsewhere.
    """
    seq, previous = 0, _START
    while True:
        rows = session.scalars(select(AuditRow).where(AuditRow.seq > seq).order_by(AuditRow.seq).limit(_BATCH)).all()
        for row in rows:
            if row.seq != seq + 1:
                return seq, Fault(seq + 1, "missing")
            if row.previous != previous or row.hash != _hash(row):
                return seq, Fault(row.seq, "altered")
            seq, previous = row.seq, row.hash
        session.expunge_all()
        if not rows:
            break
    head = session.scalars(select(AuditHead)).one_or_none()
    ends = (head.seq, head.hash) if head else (0, _START)
    return seq, None if ends == (seq, previous) else Fault(seq + 1, "missing")
