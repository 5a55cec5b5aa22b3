"""The desk: the pages that clerks and leaders work with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from service.web import dashboard, events, intake, letter, queue, session, summary

__all__ = ["ROUTERS", "install"]

ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    intake.router,
    queue.router,
    letter.router,
    events.router,
    dashboard.router,
    summary.router,
)
_KEPT = "public, max-age=31536000, immutable"


class _Static(StaticFiles):
    """Files that browsers may keep for ever where their address tells their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = _KEPT if scope["query_string"].startswith(b"v=") else "no-cache"
        return answer


def install(app: FastAPI) -> None:
    """Put pages and their files into the application."""
    files: Any = _Static(directory=Path(__file__).parent / "static")
    app.mount("/static", files, name="static")
    for router in ROUTERS:
        app.include_router(router)
