"""For whoever keeps the service running: alive, ready, measures."""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy import func, select

from service import metrics
from service.context import ServiceNow
from service.db.tables import Letter
from service.problems import Problem
from service.security import caller_of

__all__ = ["router"]

router = APIRouter(tags=["operations"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "The database does not answer."}})
def ready(service: ServiceNow) -> JSONResponse:
    """Tell whether letters can be judged and kept, and with which bundle."""
    database = service.database.ready()
    told = {"database": database, "bundle": service.triager.bundle.name}
    return JSONResponse({"status": "ready" if database else "waiting", **told}, 200 if database else 503)


@router.get("/metrics", response_class=PlainTextResponse)
def measures(request: Request, service: ServiceNow) -> Response:
    """Give measures to Prometheus: to programs of this machine freely, to others with the permission ``statistics``."""
    if not _is_local(request):
        caller = caller_of(request, service)
        caller.need("statistics")
        if caller.department or caller.belonging:  # counts of the whole office would tell them of letters not theirs
            raise Problem("forbidden", role=caller.role, allowed="statistics of the whole office")
    with service.database.read() as session:
        counted = select(Letter.urgency, func.count()).where(Letter.status == "open", ~Letter.sealed)
        metrics.queue_depth({row[0]: row[1] for row in session.execute(counted.group_by(Letter.urgency))})
    return Response(metrics.text(), media_type=metrics.CONTENT_TYPE_LATEST)


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
