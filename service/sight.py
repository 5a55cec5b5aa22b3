"""One letter for one caller: what of it is theirs to see and to change; shared by the API and the desk."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit
from service.access import Caller, view
from service.context import Service
from service.db.tables import AuditRow, ClerkDecision, Letter, Suggestion
from service.letters import Correction, Judged, given, preview
from service.problems import Problem
from service.schemas import DecisionIn, LetterOut, ReceiptOut, StubOut, letter_out
from triage import Triager

__all__ = ["corrections_of", "etag", "left", "out", "past", "previewed", "revealed", "seen", "unchanged"]


def etag(letter: Letter) -> str:
    """Return what tells the versions of a letter apart."""
    return f'"{letter.version}"'


def out(caller: Caller, letter: Letter) -> LetterOut | StubOut:
    """Return a letter as a caller who knows of it may see it."""
    if letter.sealed and not caller.may("letters:sealed"):
        return StubOut(id=letter.id, number=letter.number, received=letter.received, nature=letter.nature)
    return letter_out(letter)


def seen(session: Session, caller: Caller, number: int, change: bool = False) -> Letter:
    """Return a letter whose content a caller may read; to change it, nobody else may change it meanwhile.

    Raises
    ------
    Problem
        ``not_found``, also where it is not the caller's to know of; ``forbidden`` for an accusation.
    """
    letter = session.get(Letter, number, with_for_update=change)
    sight = view(session, caller, letter) if letter else "nothing"
    if letter is None or sight == "nothing":
        raise Problem("not_found", what=f"letter {number}")
    if sight == "stub":
        raise Problem("forbidden", role=caller.role, allowed="letters:sealed")
    return letter


def left(session: Session, caller: Caller, letter: Letter) -> LetterOut | StubOut | ReceiptOut:
    """Return what a caller sees of a letter after entering or changing it: it may have gone out of sight."""
    if view(session, caller, letter) == "nothing":
        return ReceiptOut(number=letter.number, received=letter.received)
    return out(caller, letter)


def unchanged(letter: Letter, match: str) -> Letter:
    """Return a letter if it is still as the caller read it.

    Raises
    ------
    Problem
        ``stale``.
    """
    if match.removeprefix("W/") != etag(letter):
        raise Problem("stale", found=match[:40], allowed=etag(letter))
    return letter


def corrections_of(decision: DecisionIn) -> dict[str, Correction]:
    """Return the corrections that were sent."""
    return {name: Correction(one.value, one.reason) for name, one in decision.corrections.items()}


def previewed(
    service: Service, session: Session, letter: Letter, decision: DecisionIn, triager: Triager | None = None
) -> Judged | None:
    """Return how a letter would stand after a decision; None where nothing is corrected.

    Raises
    ------
    Problem
        ``anonymised``, ``correction``.
    """
    if not decision.corrections:
        return None
    if letter.anonymised:
        raise Problem("anonymised")
    return preview(service, triager or service.triager, letter, given(session, letter), corrections_of(decision))


def revealed(session: Session, triager: Triager, caller: Caller, letter: Letter, reason: str) -> None:
    """Record that a caller looks at a letter's personal data, and why."""
    audit.append(session, caller.name, "letter.reveal", f"letter:{letter.id}", after={"reason": triager.mask(reason)})


def past(session: Session, letter: Letter) -> dict[str, list[dict[str, Any]]]:
    """Return everything that happened to a letter: ``changes``, ``suggestions`` and ``decisions``, the first first."""
    rows = session.scalars(select(AuditRow).where(AuditRow.object == f"letter:{letter.id}").order_by(AuditRow.seq))
    suggestions = select(Suggestion).where(Suggestion.letter_id == letter.id).order_by(Suggestion.id)
    decisions = select(ClerkDecision).where(ClerkDecision.letter_id == letter.id).order_by(ClerkDecision.id)
    return {
        "changes": [_change(row) for row in rows],
        "suggestions": [
            {"id": one.id, "at": one.at, "bundle": one.bundle, "decision": one.decision}
            for one in session.scalars(suggestions)
        ],
        "decisions": [_decided(one) for one in session.scalars(decisions)],
    }


def _change(row: AuditRow) -> dict[str, Any]:
    told = {"before": _json(row.before), "after": _json(row.after)}
    return {"at": row.at, "by": row.actor, "action": row.action, **told}


def _decided(one: ClerkDecision) -> dict[str, Any]:
    told = {"suggestion": one.suggestion_id, "bundle": one.bundle, "changes": one.changes, "note": one.note}
    return {"id": one.id, "at": one.at, "by": one.by, **told}


def _json(cell: str) -> Any:
    return json.loads(cell) if cell else None
