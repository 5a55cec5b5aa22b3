"""Events that webhooks are told of, written in the transaction that makes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Delivery, Letter, Webhook

__all__ = ["EVENTS", "TEST", "emit", "try_out"]

EVENTS = ("letter.urgent", "letter.decided")
TEST = "webhook.test"


def emit(session: Session, event: str, letter: Letter) -> None:
    """Put one message for each webhook that wants the event into the outbox; it never holds the letter's text."""
    wanting = [hook for hook in session.scalars(select(Webhook).where(Webhook.active)) if event in hook.events]
    session.add_all(
        Delivery(webhook_id=hook.id, event=event, payload={"event": event, "letter": _told(letter)}) for hook in wanting
    )


def try_out(session: Session, hook: Webhook) -> Delivery:
    """Put a message that tells of nothing into the outbox."""
    delivery = Delivery(webhook_id=hook.id, event=TEST, payload={"event": TEST})
    session.add(delivery)
    session.flush()
    return delivery


def _told(letter: Letter) -> dict[str, Any]:
    told: dict[str, Any] = {"id": letter.id, "number": letter.number, "received": letter.received.isoformat()}
    if letter.sealed:
        return told | {"sealed": True, "nature": letter.nature}
    return told | {
        "sealed": False,
        "status": letter.status,
        "category": letter.category,
        "nature": letter.nature,
        "urgency": letter.urgency,
        "department": letter.department,
        "due": letter.decision.get("due", {}),
    }
