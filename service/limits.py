"""How much a caller may send, how often, and how long it may take."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import Problem, problem_response
from service.security import COOKIE, LISTENING, digest
from service.settings import Settings

__all__ = ["Limits", "Rates"]

_THREADS = 40  # requests that starlette works on at once; more wait for a thread
_CALLERS = 10_000  # whose rates are remembered
_UPLOADS_LAST = 10  # times longer than other requests
_FREE = ("/health", "/ready", "/metrics")


class Rates:
    """A bucket a caller, refilled all the time: so many requests a minute on average, as many at once.

    Parameters
    ----------
    minute : float
        Requests a minute; 0 for no limit.
    clock : callable
        Seconds, rising.
    """

    def __init__(self, minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._minute, self._clock = minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Take one request out of a caller's bucket; return the seconds to wait if it is empty, else 0."""
        if not self._minute:
            return 0.0
        now = self._clock()
        left, seen = self._buckets.pop(caller, (self._minute, now))
        left = min(self._minute, left + (now - seen) * self._minute / 60)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) * 60 / self._minute


class Limits:
    """ASGI middleware: rate, number at once, size of the body, time.

    A request that is given up keeps its place until its work ends, so a slow database cannot pile work up unseen.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._rates = Rates(settings.rate / settings.workers)
        self._at_once = 0
        self._abandoned: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _FREE:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            most, seconds = self._admit(request)
        except Problem as refused:
            await problem_response(request, refused)(scope, receive, send)
            return
        # An open page waits without work and takes no place of a request that works; the desk counts these itself.
        place = int(scope["path"] != LISTENING)
        self._at_once += place
        task = asyncio.create_task(self._work(scope, _bounded(receive, most), send_until := _Sender(send), place))
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done and not send_until.started:
            send_until.closed = True
            self._abandoned.add(task)
            task.add_done_callback(self._abandoned.discard)
            await problem_response(request, Problem("timeout", allowed=f"{seconds:g}"))(scope, receive, send)
            return
        await task

    async def _work(self, scope: Scope, receive: Receive, send: Send, place: int) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            self._at_once -= place

    def _admit(self, request: Request) -> tuple[int, float]:
        """Return how many bytes and seconds a request gets.

        Raises
        ------
        Problem
            ``busy``, ``rate`` or ``too_large``.
        """
        if self._at_once >= self._settings.waiting + _THREADS:
            raise Problem("busy", {"Retry-After": "1"})
        if wait := self._rates.wait(_who(request)):
            after = math.ceil(wait)
            raise Problem("rate", {"Retry-After": str(after)}, allowed=self._settings.rate, seconds=after)
        upload = request.headers.get("content-type", "").startswith("multipart/")
        most = self._settings.max_upload if upload else self._settings.max_body
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > most:
            raise Problem("too_large", found=f"{int(length):,}", allowed=f"{most:,}")
        return most, self._settings.timeout * (_UPLOADS_LAST if upload else 1)


def _who(request: Request) -> str:
    """Return what tells callers apart, without keeping a secret: a hash of key or cookie, else the address."""
    headers: Headers = request.headers
    secret = headers.get("authorization") or request.cookies.get(COOKIE)
    if secret:
        return digest(secret)
    return request.client.host if request.client else "-"


class _Sender:
    """Passes an answer on until the request is given up."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = self.closed = False

    async def __call__(self, message: Message) -> None:
        if not self.closed:
            self.started = True
            await self._send(message)


def _bounded(receive: Receive, most: int) -> Receive:
    """Return a receiver that refuses a body that says nothing of its length and grows too large."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413, f"{most:,}")
        return message

    return bounded
