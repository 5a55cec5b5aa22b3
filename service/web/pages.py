"""How a page is made: who looks at it, in which language, with which headers, and what is shown instead of an error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool

from service.access import Caller
from service.context import Service, ServiceNow
from service.db.tables import Account
from service.logs import LOG
from service.problems import Problem, status_of
from service.security import COOKIE, caller_of
from service.web.texts import LANGUAGES, word
from triage import TriageError

__all__ = ["LANGUAGE", "NAV", "Page", "PageNow", "language", "local", "pages", "render", "shown_fault"]

LANGUAGE = "triage_lang"
HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "Vary": "Cookie, HX-Request",
}
# Name (text ``nav.NAME``), address, permission that opens it.
NAV = (
    ("intake", "/intake", "letters:write"),
    ("queue", "/queue", "letters:read"),
    ("closed", "/closed", "letters:sealed"),
    ("dashboard", "/dashboard", "statistics"),
    ("summary", "/summary", "statistics"),
)


@cache
def _stamp(name: str) -> str:
    return hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]


def _static(name: str) -> str:
    """Return the address of a file of ours; it changes with the file, so browsers may keep it for ever."""
    return f"/static/{name}?v={_stamp(name)}"


@cache
def environment() -> Environment:
    """Return the templates; a word or value that is missing is an error, never an empty place."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = _static
    return made


def language(request: Request, service: Service) -> str:
    """Return the language that was chosen in this browser, else the office's."""
    chosen = request.cookies.get(LANGUAGE, "")
    return chosen if chosen in LANGUAGES else service.settings.lang


def local(address: str, otherwise: str = "/") -> str:
    """Return an address of this desk; one that leads elsewhere is replaced."""
    parts = urlsplit(address)
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain and not parts.scheme and not parts.netloc else otherwise


class Page:
    """One look at the desk: who, in which language, and how it is answered.

    Parameters
    ----------
    request : Request
    service : Service
    caller : Caller
    """

    def __init__(self, request: Request, service: Service, caller: Caller) -> None:
        self.request, self.service, self.caller = request, service, caller
        self.lang = language(request, service)
        self.t = partial(word, self.lang)

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("HX-Request") == "true"

    def name(self, kind: str, code: str) -> str:
        """Return the name of a category, department, nature or clock; the code itself where it is no longer known."""
        known = getattr(self.service.triager.policy.taxonomy, kind).get(code)
        return str(known.name(self.lang)) if known else code

    def answer(
        self, template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        """Return a page or a part of one."""
        with self.service.database.read() as session:
            account = session.get(Account, self.caller.account)
        who = (account.display or account.name) if account else self.caller.name
        nav = [(name, address) for name, address, permission in NAV if self.caller.may(permission)]
        given = {"caller": self.caller, "page": self, "who": who, "nav": nav, "csrf": self.caller.csrf} | values
        return render(self.request, self.service, template, status, headers, **given)


def render(
    request: Request,
    service: Service,
    template: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> Response:
    """Return a page, also where nobody is logged in."""
    lang = language(request, service)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = here if request.method == "GET" and request.headers.get("HX-Request") != "true" else "/"
    given: dict[str, Any] = {
        "t": partial(word, lang), "lang": lang, "path": request.url.path, "back": quote(back, safe=""),
        "today": date.today(), "caller": None, "nav": [], "csrf": "", "who": "",
    }  # fmt: skip
    text = environment().get_template(template).render(given | values)
    return HTMLResponse(text, status, _HEADERS | (headers or {}))


def _page(request: Request, service: ServiceNow) -> Page:
    if "authorization" in request.headers or COOKIE not in request.cookies:
        raise Problem("unauthenticated")  # pages are for people: a key of a machine opens none
    return Page(request, service, caller_of(request, service))


PageNow = Annotated[Page, Depends(_page)]


def shown_fault(error: Exception, lang: str) -> tuple[int, str, str]:
    """Return status, code and words of an error; never what was sent, which may be a letter."""
    if isinstance(error, RequestValidationError | ValidationError):
        named = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        error = Problem("invalid_request", faults=named)
    assert isinstance(error, TriageError)
    return status_of(error.code), error.code, error.text(lang)


class _Route(APIRoute):
    """Answers errors with a page, and sends who is not logged in to the login with the way back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except (TriageError, RequestValidationError, ValidationError) as error:
                return await run_in_threadpool(_instead, request, error)
            except OperationalError as error:
                LOG.error("database", extra={"fault": type(error.orig).__name__})
                return _instead(request, Problem("database", {"Retry-After": "2"}))

        return handler


def _instead(request: Request, error: Exception) -> Response:
    service: Service = request.app.state.service
    status, code, text = shown_fault(error, language(request, service))
    partly = request.headers.get("HX-Request") == "true"
    if code == "unauthenticated":
        here = urlsplit(request.headers.get("HX-Current-URL", "")) if partly else request.url
        way = here.path + (f"?{here.query}" if here.query else "")
        address = f"/login?back={quote(way, safe='')}"
        return Response(headers={"HX-Redirect": address}) if partly else RedirectResponse(address, 303)
    caller = getattr(request.state, "caller", None)
    headers = dict(getattr(error, "headers", None) or {})
    template = "_fault.html" if partly else "fault.html"
    values = {"status": status, "code": code, "text": text}
    if caller is None or code == "database":  # who is logged in stands in the database too
        return render(request, service, template, status, headers, fault=values)
    return Page(request, service, caller).answer(template, status, headers, fault=values)


def pages() -> APIRouter:
    """Return a router for pages: no part of the API's description."""
    return APIRouter(include_in_schema=False, route_class=_Route, default_response_class=HTMLResponse)
