"""Addresses that are told of urgent letters and decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit
from service.context import ServiceNow
from service.db.tables import Delivery, Webhook
from service.events import EVENTS, try_out
from service.idempotency import OnceNow
from service.paging import Cursor, Limit, Order, page
from service.problems import Problem
from service.schemas import Id, In, Page, Text
from service.security import CallerNow, new_secret
from service.webhooks import check_url

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Event = Literal[EVENTS]  # type: ignore[valid-type]
Url = Annotated[Text, Field(min_length=8, max_length=500, examples=["https://desk.example/hooks/triage"])]


class WebhookIn(In):
    """Where messages go, and about what."""

    url: Url
    events: list[Event] = Field(list(EVENTS), min_length=1, max_length=len(EVENTS))
    active: bool = True


class WebhookChange(In):
    """What is to change; what is not named stays."""

    url: Url | None = None
    events: list[Event] | None = Field(None, min_length=1, max_length=len(EVENTS))
    active: bool | None = None


class WebhookOut(BaseModel):
    """A webhook; its secret is never shown again."""

    id: int
    url: str
    events: list[str]
    active: bool
    created: datetime


class WebhookMade(WebhookOut):
    """A new webhook and its secret, with which messages are signed."""

    secret: str


class DeliveryOut(BaseModel):
    """A message: ``due`` until it is ``sent`` or, after seven tries, ``given_up``; ``next`` is the next try."""

    id: int
    event: str
    state: Literal["due", "sent", "given_up"]
    attempts: int
    created: datetime
    next: datetime | None
    answer: str = Field(description="Status of the last answer, or what kept it from coming.")


def _out(hook: Webhook) -> WebhookOut:
    return WebhookOut(id=hook.id, url=hook.url, events=hook.events, active=hook.active, created=hook.created)


def _delivery_out(row: Delivery) -> DeliveryOut:
    names = ("id", "event", "state", "attempts", "created", "answer")
    told = {name: getattr(row, name) for name in names}
    return DeliveryOut(**told, next=row.next if row.state == "due" else None)


def _hook(session: Session, number: int, change: bool = False) -> Webhook:
    hook = session.get(Webhook, number, with_for_update=change)
    if hook is None:
        raise Problem("not_found", what=f"webhook {number}")
    return hook


def _told(hook: Webhook) -> dict[str, object]:
    return {"url": hook.url, "events": list(hook.events), "active": hook.active}


@router.post("", status_code=201, response_model=WebhookMade)
def make_webhook(webhook: WebhookIn, service: ServiceNow, caller: CallerNow, once: OnceNow) -> Response:
    """Make a webhook; its secret is shown this once."""
    caller.need("webhooks")
    if earlier := once.earlier():
        return earlier
    check_url(service.settings, webhook.url)

    def work(session: Session) -> tuple[WebhookMade, dict[str, str]]:
        events = list(dict.fromkeys(webhook.events))
        hook = Webhook(url=webhook.url, events=events, active=webhook.active, secret=f"whsec_{new_secret()}")
        session.add(hook)
        session.flush()
        audit.append(session, caller.name, "webhook.create", f"webhook:{hook.id}", after=_told(hook))
        made = WebhookMade(**_out(hook).model_dump(), secret=hook.secret)
        return made, {"Location": f"/v1/webhooks/{hook.id}"}

    return once.do(work)


@router.get("")
def list_webhooks(
    service: ServiceNow,
    caller: CallerNow,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[WebhookOut]:
    """List webhooks."""
    caller.need("webhooks")
    with service.database.read() as session:
        found, after = page(session, select(Webhook), [Order(Webhook.id)], cursor, limit)
        return Page(items=[_out(hook) for hook in found], next=after)


@router.get("/{webhook_id}")
def read_webhook(webhook_id: Id, service: ServiceNow, caller: CallerNow) -> WebhookOut:
    """Show one webhook."""
    caller.need("webhooks")
    with service.database.read() as session:
        return _out(_hook(session, webhook_id))


@router.patch("/{webhook_id}")
def change_webhook(webhook_id: Id, change: WebhookChange, service: ServiceNow, caller: CallerNow) -> WebhookOut:
    """Change a webhook; one that is not active is told of nothing and keeps what is due."""
    caller.need("webhooks")
    if change.url is not None:
        check_url(service.settings, change.url)
    with service.database.write() as session:
        hook = _hook(session, webhook_id, change=True)
        before = _told(hook)
        for name, value in change.model_dump(exclude_none=True).items():
            setattr(hook, name, value)
        audit.append(session, caller.name, "webhook.change", f"webhook:{hook.id}", before, _told(hook))
        return _out(hook)


@router.delete("/{webhook_id}", status_code=204)
def remove_webhook(webhook_id: Id, service: ServiceNow, caller: CallerNow) -> None:
    """Remove a webhook and what was to be sent to it."""
    caller.need("webhooks")
    with service.database.write() as session:
        hook = _hook(session, webhook_id, change=True)
        audit.append(session, caller.name, "webhook.delete", f"webhook:{hook.id}", _told(hook))
        session.delete(hook)


@router.post("/{webhook_id}/test", status_code=202)
def test_webhook(webhook_id: Id, service: ServiceNow, caller: CallerNow) -> DeliveryOut:
    """Send a message that tells of nothing; whether it arrived shows among the deliveries."""
    caller.need("webhooks")
    with service.database.write() as session:
        hook = _hook(session, webhook_id)
        delivery = try_out(session, hook)
        audit.append(session, caller.name, "webhook.test", f"webhook:{hook.id}")
        return _delivery_out(delivery)


@router.get("/{webhook_id}/deliveries")
def list_deliveries(
    webhook_id: Id,
    service: ServiceNow,
    caller: CallerNow,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[DeliveryOut]:
    """List the messages to a webhook, the newest first."""
    caller.need("webhooks")
    with service.database.read() as session:
        _hook(session, webhook_id)
        rows = select(Delivery).where(Delivery.webhook_id == webhook_id)
        found, after = page(session, rows, [Order(Delivery.id, falling=True)], cursor, limit)
        return Page(items=[_delivery_out(row) for row in found], next=after)
