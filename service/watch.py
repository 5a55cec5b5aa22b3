"""Around every request: its id, its log line, its measure, and the headers that keep browsers safe."""

from __future__ import annotations

import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.bundles import JUDGED, header_of
from service.logs import LOG
from service.metrics import REQUESTS
from service.problems import internal

__all__ = ["REQUEST_ID", "Watch"]

REQUEST_ID = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_HTTPS_ONLY = "max-age=31536000; includeSubDomains"


class Watch:
    """ASGI middleware, the outermost.

    Parameters
    ----------
    app : ASGIApp
    https : bool
        Tell browsers to come back over TLS only.
    """

    def __init__(self, app: ASGIApp, https: bool = False) -> None:
        self._app = app
        self._headers = _SAFE | ({"Strict-Transport-Security": _HTTPS_ONLY} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        number = given if _GIVEN.fullmatch(given) else uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = number
        started, status = time.perf_counter(), 0
        judged: list[str] = []
        JUDGED.set(judged)

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = number
                for name, value in (self._headers | header_of(judged)).items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, answered)
        except Exception as error:
            answer = internal(Request(scope), error)
            if status:  # too late to say so: the answer has begun
                raise
            await answer(scope, receive, answered)
        finally:
            seconds = time.perf_counter() - started
            # The template of the path and no query: numbers of letters and words searched for stay out of logs.
            route = getattr(scope.get("route"), "path", "-")
            REQUESTS.labels(scope["method"], route, str(status)).observe(seconds)
            caller = getattr(state.get("caller"), "id", "-")
            told = {"method": scope["method"], "route": route, "status": status, "caller": caller, "request": number}
            LOG.info("request", extra=told | {"ms": round(seconds * 1000, 1)})
