"""What every request works with, made once when a process starts."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from service.bundles import Bundles
from service.db import Database
from service.earlier import Earlier
from service.metrics import WAITING
from service.problems import Problem
from service.settings import Settings
from triage import Triager

__all__ = ["Gate", "Service", "ServiceNow"]


class Gate:
    """Lets one letter at a time be judged in a process, and few wait: Python judges on one processor.

    Parameters
    ----------
    waiting : int
        Callers that may wait; more are refused at once.
    patience : float
        Seconds a caller waits.
    """

    def __init__(self, waiting: int, patience: float) -> None:
        self._most, self._patience = waiting, patience
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self.waiting = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Wait for the turn.

        Raises
        ------
        Problem
            ``busy`` if too many wait already, or the turn did not come in time.
        """
        with self._count:
            if self.waiting >= self._most:
                raise Problem("busy", {"Retry-After": "1"})
            self.waiting += 1
            WAITING.inc()
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise Problem("busy", {"Retry-After": "5"})
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._count:
                self.waiting -= 1
                WAITING.dec()


@dataclass
class Service:
    """Settings, database and bundle of one process."""

    settings: Settings
    database: Database
    bundles: Bundles
    gate: Gate = field(init=False)
    earlier: Earlier = field(init=False)
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.settings.waiting, self.settings.timeout)
        self.earlier = Earlier(self.settings, self.database)
        self._key = self.settings.key()

    @property
    def triager(self) -> Triager:
        """The bundle in use; a request asks once."""
        return self.bundles.current

    def token(self, purpose: str, value: str) -> str:
        """Return a keyed hash: equal for equal values, and of no use without the secret."""
        return hmac.new(self._key, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()


async def _service(request: Request) -> Service:  # async: no thread is needed for a look-up
    service: Service = request.app.state.service
    return service


ServiceNow = Annotated[Service, Depends(_service)]
