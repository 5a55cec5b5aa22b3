"""A creation that is sent twice is done once: the first answer is kept and given again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.bundles import JUDGED, header_of
from service.context import Service, ServiceNow
from service.db.tables import Idempotent
from service.problems import Problem
from service.security import CallerNow

__all__ = ["HEADER", "Once", "OnceNow"]

HEADER = "Idempotency-Key"
_LONGEST = 200
_SLICE = 1 << 20
Out = TypeVar("Out", bound=BaseModel)


class Once:
    """Does the work of one request once.

    Parameters
    ----------
    service : Service
    owner : str
        Id of the caller: keys of different callers never meet.
    key : str
        Of the request; empty if it may be done again.
    request : str
        Hash of what was sent.
    """

    def __init__(self, service: Service, owner: str, key: str, request: str) -> None:
        self._service, self._owner, self._key, self._request = service, owner, key, request

    def earlier(self) -> Response | None:
        """Return the answer that was given to the same request before.

        Raises
        ------
        Problem
            ``idempotency`` if the key was used for another request.
        """
        if not self._key:
            return None
        with self._service.database.read() as session:
            row = session.get(Idempotent, (self._owner, self._key))
        if row is None:
            return None
        if row.request != self._request:
            raise Problem("idempotency", key=self._key)
        return Response(row.body, row.status, {**row.headers, "Idempotent-Replay": "true"}, "application/json")

    def do(self, work: Callable[[Session], tuple[Out, dict[str, str]]], status: int = 201) -> Response:
        """Do the work in one transaction and keep its answer there."""
        try:
            with self._service.database.write() as session:
                made, headers = work(session)
                headers = headers | header_of(JUDGED.get() or [])
                body = made.model_dump_json().encode()
                if self._key:
                    kept = Idempotent(
                        owner=self._owner,
                        key=self._key,
                        request=self._request,
                        status=status,
                        headers=headers,
                        body=body,
                    )
                    session.add(kept)
                    session.flush()
        except (IntegrityError, Problem):
            # The same request ran beside this one and was first.
            if earlier := self.earlier():
                return earlier
            raise
        return Response(body, status, headers, "application/json")


Sent = Annotated[
    str,
    Header(alias=HEADER, max_length=_LONGEST, description="Any new text: a request sent again with it is done once."),
]


async def _once(request: Request, service: ServiceNow, caller: CallerNow, key: Sent = "") -> Once:
    if not key.isprintable():
        raise Problem("invalid_request", faults=f"{HEADER}: printable characters alone")
    asked = f"{request.method} {request.url.path}?{request.url.query}\n"
    return Once(service, caller.id, key, await _digest(request, asked) if key else "")


async def _digest(request: Request, asked: str) -> str:
    """Return a hash of what was sent; a form's parts one by one, since it has been read and its borders are chance."""
    sent = hashlib.sha256(asked.encode())
    if not request.headers.get("content-type", "").startswith("multipart/"):
        sent.update(await request.body())
        return sent.hexdigest()
    for name, value in (await request.form()).multi_items():
        text = value if isinstance(value, str) else value.filename
        sent.update(json.dumps([name, text]).encode())
        if not isinstance(value, str):
            while part := await value.read(_SLICE):
                sent.update(part)
            await value.seek(0)
    return sent.hexdigest()


OnceNow = Annotated[Once, Depends(_once)]
