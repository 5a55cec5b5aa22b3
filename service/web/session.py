"""Log in, set a password by a one-time link, log out, choose the language."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from service import accounts
from service.context import Service, ServiceNow
from service.problems import Problem
from service.security import COOKIE, CSRF_HEADER
from service.web.pages import LANGUAGE, PageNow, language, local, pages, render, shown_fault

__all__ = ["router"]

router = pages()
Back = Annotated[str, Query(max_length=2000)]
Word = Annotated[str, Form(max_length=1000)]
_YEAR = 365 * 24 * 3600


def _own(request: Request) -> None:
    """Refuse a form of another site: it would log a person in as somebody else, unseen.

    Raises
    ------
    Problem
        ``csrf``.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem("csrf", header=CSRF_HEADER)


@router.get("/")
def start(page: PageNow) -> Response:
    """Lead to where this caller's work begins."""
    return RedirectResponse("/queue" if page.caller.may("letters:read") else "/account", 303)


@router.get("/login")
def login_page(request: Request, service: ServiceNow, back: Back = "/") -> Response:
    """Ask for name and password."""
    return render(request, service, "login.html", way=local(back), fault=None, name="")


@router.post("/login")
def log_in(request: Request, service: ServiceNow, name: Word = "", password: Word = "", back: Word = "/") -> Response:
    """Begin a session and go to where the caller wanted."""
    _own(request)
    address = request.client.host if request.client else "-"
    try:
        fresh = accounts.login(service, name, password, address, request.cookies.get(COOKIE, ""))
    except Problem as error:
        status, code, text = shown_fault(error, language(request, service))
        fault = {"status": status, "code": code, "text": text}
        return render(request, service, "login.html", status, error.headers, way=local(back), fault=fault, name=name)
    return _welcome(service, fresh, local(back))


@router.get("/setup/{token}")
def setup_page(token: str, request: Request, service: ServiceNow) -> Response:
    """Ask for a new password."""
    return render(request, service, "setup.html", token=token, fault=None, display="")


@router.post("/setup/{token}")
def set_up(
    token: str, request: Request, service: ServiceNow, password: Word = "", again: Word = "", display: Word = ""
) -> Response:
    """Set the password and log in."""
    _own(request)
    try:
        if password != again:
            raise Problem("passwords_differ")
        old = request.cookies.get(COOKIE, "")
        fresh = accounts.set_up(service, token, password, display.strip()[:200] or None, old)
    except Problem as error:
        status, code, text = shown_fault(error, language(request, service))
        fault = {"status": status, "code": code, "text": text}
        return render(
            request, service, "setup.html", status, error.headers, token=token, fault=fault, display=display
        )  # fmt: skip
    return _welcome(service, fresh, "/")


def _welcome(service: Service, fresh: accounts.Fresh, way: str) -> Response:
    answer = RedirectResponse(way, 303)
    answer.set_cookie(COOKIE, fresh.cookie, path="/", httponly=True, samesite="lax", secure=service.settings.https)
    return answer


@router.post("/logout")
def log_out(page: PageNow) -> Response:
    """End the session."""
    caller, service = page.caller, page.service
    with service.database.write() as session:
        accounts.logout(session, caller.name, caller.account, caller.session)
    answer = Response(headers={"HX-Redirect": "/login"})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=service.settings.https)
    return answer


@router.get("/account")
def account(page: PageNow) -> Response:
    """Tell who is logged in and what that allows: the first page of those who read no letters."""
    return page.answer("account.html")


@router.get("/language/{lang}")
def choose_language(lang: Literal["zh", "en"], service: ServiceNow, back: Back = "/") -> Response:
    """Remember the language in this browser."""
    answer = RedirectResponse(local(back), 303)
    secure = service.settings.https
    answer.set_cookie(LANGUAGE, lang, max_age=_YEAR, path="/", httponly=True, samesite="lax", secure=secure)
    return answer
