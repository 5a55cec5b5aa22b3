"""Errors over HTTP: one table from code to status, one shape (``application/problem+json``)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, OperationalError
from starlette.exceptions import HTTPException

from service.logs import LOG
from triage import TriageError

__all__ = ["RESPONSES", "Problem", "install", "internal", "problem_response"]

_MEDIA = "application/problem+json"
# Codes whose status is not that of their kind of error.
_STATUS = {
    "unauthenticated": 401,
    "wrong_password": 401,
    "forbidden": 403,
    "csrf": 403,
    "no_session": 403,
    "not_found": 404,
    "no_bundle": 404,
    "method": 405,
    "stale": 409,
    "exists": 409,
    "last_administrator": 409,
    "idempotency": 409,
    "job_state": 409,
    "first_bundle": 409,
    "link_used": 410,
    "long_letter": 413,
    "too_large": 413,
    "file_kind": 415,
    "no_match": 428,
    "busy": 429,
    "rate": 429,
    "login_wait": 429,
    "logins": 429,
    "internal": 500,
    "database": 503,
    "timeout": 504,
}
_HTTP = {401: "unauthenticated", 404: "not_found", 405: "method", 413: "too_large"}


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("messages.toml").read_text(encoding="utf-8"))


class ProblemOut(BaseModel):
    """An error as it goes out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    errors: list[dict[str, Any]] = []


RESPONSES: dict[int | str, dict[str, Any]] = {
    kind: {"description": text, "content": {_MEDIA: {"schema": ProblemOut.model_json_schema()}}}
    for kind, text in (("4XX", "Something was sent that is not taken."), ("5XX", "A fault of ours; nothing was kept."))
}


class Problem(TriageError):
    """Something a caller did that the service refuses; its text stands in ``messages.toml``.

    Parameters
    ----------
    code : str
        Stable code.
    headers : dict or None
        Sent with the answer, such as ``Retry-After``.
    **values : object
        What was found and what is allowed; never the text of a letter.
    """

    def __init__(self, code: str, headers: dict[str, str] | None = None, **values: object) -> None:
        self.headers = headers
        super().__init__(code, **values)

    def text(self, lang: str = "en") -> str:
        return _texts()[self.code][lang].format(**self.values)


def status_of(code: str) -> int:
    """Return the HTTP status of an error's code: 422 for a fault in what was sent, unless the table says otherwise."""
    return _STATUS.get(code, 422)


def _language(request: Request) -> str:
    wanted = request.headers.get("accept-language", "").lower()
    if wanted.startswith(("zh", "en")):
        return wanted[:2]
    return str(getattr(request.app.state, "lang", "zh"))


def problem_response(request: Request, error: TriageError, errors: list[dict[str, Any]] | None = None) -> JSONResponse:
    """Return the answer for an error."""
    status = status_of(error.code)
    body: dict[str, Any] = {
        "type": f"urn:triage:problem:{error.code}",
        "title": error.code.replace("_", " "),
        "status": status,
        "detail": error.text(_language(request)),
        "code": error.code,
        "instance": f"urn:triage:request:{getattr(request.state, 'request_id', '-')}",
    }
    if errors:
        body["errors"] = errors
    headers = dict(getattr(error, "headers", None) or {})
    if status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return JSONResponse(body, status, headers, media_type=_MEDIA)


def internal(request: Request, error: Exception) -> JSONResponse:
    """Return the answer for a fault of ours; the log says where it happened, not what was in hand there."""
    where = error.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "-"
    number = getattr(request.state, "request_id", "-")
    LOG.error("internal", extra={"fault": type(error).__name__, "place": place, "request": number})
    return problem_response(request, Problem("internal", request=number))


def install(app: FastAPI) -> None:
    """Make the app answer every error in this shape."""

    @app.exception_handler(TriageError)
    async def ours(request: Request, error: TriageError) -> JSONResponse:
        return problem_response(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # Neither the value nor its neighbours: they may be a letter.
        faults = [{"where": ".".join(map(str, fault["loc"])), "message": fault["msg"]} for fault in error.errors()]
        named = "; ".join(f"{fault['where']}: {fault['message']}" for fault in faults[:5])
        return problem_response(request, Problem("invalid_request", faults=named), faults)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP.get(error.status_code, "invalid_request")
        detail = str(error.detail)
        values = {"what": request.url.path, "faults": detail, "method": request.method, "allowed": detail, "found": "…"}
        if error.status_code == 405:
            values["allowed"] = (error.headers or {}).get("allow", "-")
        return problem_response(request, Problem(code, dict(error.headers or {}), **values))

    @app.exception_handler(OperationalError)
    async def gone(request: Request, error: OperationalError) -> JSONResponse:
        LOG.error("database", extra={"fault": type(error.orig).__name__})
        return problem_response(request, Problem("database", {"Retry-After": "2"}))

    @app.exception_handler(DBAPIError)
    async def broken(request: Request, error: DBAPIError) -> JSONResponse:
        if error.connection_invalidated:
            return await gone(request, error)  # type: ignore[arg-type]
        return internal(request, error)
