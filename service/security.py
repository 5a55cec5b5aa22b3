"""Who is calling: sessions of users, keys of machines."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select

from service.access import ROLES, Caller, grantable
from service.context import Service, ServiceNow
from service.db.tables import Account, Key, LoginSession, now
from service.problems import Problem
from service.units import belonging

__all__ = ["COOKIE", "CSRF_HEADER", "KEY_PREFIX", "LISTENING", "CallerNow", "caller_of", "digest", "new_secret"]

COOKIE = "triage_session"
CSRF_HEADER = "X-CSRF-Token"
KEY_PREFIX = "tk_"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SEEN = timedelta(minutes=5)  # a session's last use is noted no more often than this
LISTENING = "/events"  # asked by an open page, not by a person: it keeps no session alive


def new_secret() -> str:
    """Return a secret nobody can guess."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what the database keeps of a secret; it is long and random, so a plain hash hides it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def caller_of(request: Request, service: ServiceNow) -> Caller:
    """Return who is calling.

    Raises
    ------
    Problem
        ``unauthenticated`` without a valid key or session; ``csrf`` for a session's change without its token.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and token:
        found = _by_key(service, token.strip())
    elif cookie := request.cookies.get(COOKIE):
        found = _by_session(service, cookie, request.url.path != LISTENING)
        if found and request.method not in _SAFE:
            sent = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(sent.encode(), found.csrf.encode()):
                raise Problem("csrf", header=CSRF_HEADER)
    if found is None:
        raise Problem("unauthenticated")
    request.state.caller = found
    return found


def _by_key(service: Service, token: str) -> Caller | None:
    with service.database.read() as session:
        row = session.execute(
            select(Key, Account).join(Account, Key.account_id == Account.id).where(Key.hash == digest(token))
        ).one_or_none()
    if row is None or not row.Account.active or (row.Key.expires and row.Key.expires <= now()):
        return None
    key, owner = row.Key, row.Account
    # A key does no more than its owner could have it do today.
    role = ROLES[owner.role]
    department = owner.department or key.department
    return Caller(
        id=f"key:{key.id}",
        name=f"key:{key.id} {key.name}",
        account=key.account_id,
        role="key",
        permissions=frozenset(key.scopes) & (role | grantable(role)),
        department=department,
        belonging=belonging(service.triager, department, (key.unit, owner.unit)),
    )


def _by_session(service: Service, cookie: str, note: bool) -> Caller | None:
    hashed = digest(cookie)
    with service.database.read() as session:
        row = session.execute(
            select(LoginSession, Account)
            .join(Account, LoginSession.account_id == Account.id)
            .where(LoginSession.hash == hashed)
        ).one_or_none()
    if row is None or not row.Account.active:
        return None
    seen, account = row.LoginSession.seen, row.Account
    if seen + timedelta(hours=service.settings.session_hours) <= now():
        return None
    if note and seen + _SEEN <= now():
        with service.database.write() as session:
            if login := session.get(LoginSession, hashed):
                login.seen = now()
    return Caller(
        id=f"user:{account.id}",
        name=f"user:{account.id} {account.name}",
        account=account.id,
        role=account.role,
        permissions=ROLES[account.role],
        department=account.department,
        belonging=belonging(service.triager, account.department, (account.unit,)),
        session=hashed,
        csrf=row.LoginSession.csrf,
    )


CallerNow = Annotated[Caller, Depends(caller_of)]
