"""What changes in the register, told to open pages as it happens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from service.access import Caller, readable
from service.context import Service, ServiceNow
from service.db.tables import AuditHead, AuditRow, Letter
from service.problems import Problem
from service.security import LISTENING, caller_of
from service.web.pages import pages

__all__ = ["changed", "router"]

router = pages()
_EVERY = 1.0  # seconds between looks at the audit
_LASTS = 55.0  # seconds; the browser comes back by itself, and is asked again who it is
_ROWS = 500
_OPEN = 200  # pages that listen at once in one process
_listening = 0


def changed(service: Service, caller: Caller, last: int) -> tuple[int, dict[str, Any] | None]:
    """Return the number of the last audit row, and which letters others entered or changed since.

    Only letters that the caller may read are named, and nothing of them but their numbers.
    """
    with service.database.read() as session:
        head = session.scalar(select(AuditHead.seq)) or 0
        if head <= last:
            return head, None
        rows = session.execute(
            select(AuditRow.seq, AuditRow.object, AuditRow.action)
            .where(AuditRow.seq > last, AuditRow.action.like("letter.%"), AuditRow.actor != caller.name)
            .order_by(AuditRow.seq)
            .limit(_ROWS)
        ).all()
        last = rows[-1].seq if len(rows) == _ROWS else head
        touched = {int(row.object.partition(":")[2]) for row in rows if row.action != "letter.reveal"}
        entered = {int(row.object.partition(":")[2]) for row in rows if row.action == "letter.enter"}
        seen = set(session.scalars(select(Letter.id).where(Letter.id.in_(touched), readable(caller))))
    if not seen:
        return last, None
    return last, {"entered": len(seen & entered), "changed": sorted(seen - entered)}


async def _told(request: Request, service: Service, caller: Caller, last: int) -> AsyncIterator[str]:
    global _listening
    _listening += 1
    try:
        yield f"retry: 2000\nid: {last}\n\n"
        until = time.monotonic() + _LASTS
        while time.monotonic() < until and not await request.is_disconnected():
            await asyncio.sleep(_EVERY)
            try:
                before, (last, news) = last, await run_in_threadpool(changed, service, caller, last)
            except Exception:  # the database may be gone for a while
                continue
            if news:
                yield f"id: {last}\nevent: letters\ndata: {json.dumps(news)}\n\n"
            elif last != before:
                yield f"id: {last}\n\n"
    finally:
        _listening -= 1


@router.get(LISTENING)
async def events(request: Request, service: ServiceNow) -> StreamingResponse:
    """Tell what changes; the connection is short and the browser takes it up again."""
    if _listening >= _OPEN:
        raise Problem("busy", {"Retry-After": "30"})
    caller, head = await run_in_threadpool(_begin, request, service)
    sent = request.headers.get("last-event-id", "")
    last = min(int(sent), head) if sent.isascii() and sent.isdigit() and len(sent) < 18 else head
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_told(request, service, caller, last), media_type="text/event-stream", headers=headers)


def _begin(request: Request, service: Service) -> tuple[Caller, int]:
    if "authorization" in request.headers:
        raise Problem("unauthenticated")
    caller = caller_of(request, service)
    caller.need("letters:read")
    with service.database.read() as session:
        return caller, session.scalar(select(AuditHead.seq)) or 0
