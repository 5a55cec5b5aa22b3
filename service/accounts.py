"""Users and what they prove themselves by: passwords, one-time links, sessions, keys of machines; few wrong guesses."""

from __future__ import annotations

import math
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import audit
from service.context import Service
from service.db.tables import Account, Key, Link, LoginSession, WrongLogin, now
from service.problems import Problem
from service.security import KEY_PREFIX, digest, new_secret

__all__ = [
    "FIRST", "Fresh", "change", "change_password", "create", "drop_key", "first_start", "login", "login_name", "logout",
    "make_key", "make_link", "set_up", "told",
]  # fmt: skip

FIRST = "admin"
SHORTEST = 10
_LINK_LASTS = timedelta(hours=72)
_WINDOW = timedelta(minutes=15)
_LOCK = 7_746_189  # any number of ours: the first start, and guesses that are counted, go one after the other
_HASHER = PasswordHasher()
_TURN = threading.BoundedSemaphore(2)  # each hash takes 64 MiB: a flood of logins must not take all memory
_LINE = threading.BoundedSemaphore(12)  # nor every thread that other requests need


class Fresh(NamedTuple):
    """A session that was just begun: what the browser keeps, and what its page sends with changes."""

    account: Account
    cookie: str
    csrf: str


@contextmanager
def _in_line() -> Iterator[None]:
    if not _LINE.acquire(blocking=False):
        raise Problem("logins", {"Retry-After": "2"})
    try:
        yield
    finally:
        _LINE.release()


def login_name(name: str) -> str:
    """Return a name as it is kept: however it is typed, it is the same user."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def told(account: Account) -> dict[str, Any]:
    """Return what the audit keeps of a user."""
    return {name: getattr(account, name) for name in ("name", "display", "role", "department", "unit", "active")}


def _lock(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":  # SQLite lets one writer in at a time
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def first_start(service: Service) -> str | None:
    """Make the first administrator where there is no user, and return the secret of the link; else None.

    Of several processes that start together one gets it. While nobody has ever logged in, a start after the link ran
    out makes another: the office would be locked out of its own register.
    """
    _nobody()  # the first wrong name must not take longer than others
    with service.database.write() as session:
        _lock(session)
        accounts = session.scalars(select(Account).limit(2)).all()
        if not accounts:
            account = Account(name=FIRST, role="administrator")
            session.add(account)
            session.flush()
            audit.append(session, "first start", "account.create", f"account:{account.id}", after=told(account))
        elif len(accounts) > 1 or accounts[0].name != FIRST or accounts[0].password:
            return None
        else:
            account = accounts[0]
            if session.scalar(select(Link.hash).where(Link.account_id == account.id, Link.expires > now())):
                return None
        return make_link(session, "first start", account)


def create(session: Session, actor: str, account: Account) -> str:
    """Put a new user in; return the secret of the link by which a password is set.

    Raises
    ------
    Problem
        ``exists`` if there is a user of that name.
    """
    session.add(account)
    try:
        session.flush()
    except IntegrityError:
        raise Problem("exists", what="account", name=account.name) from None
    audit.append(session, actor, "account.create", f"account:{account.id}", after=told(account))
    return make_link(session, actor, account)


def make_link(session: Session, actor: str, account: Account) -> str:
    """Return the secret of a new one-time link; it takes the place of those before."""
    secret, expires = new_secret(), now() + _LINK_LASTS
    session.execute(delete(Link).where(Link.account_id == account.id))
    session.add(Link(hash=digest(secret), account_id=account.id, expires=expires))
    audit.append(session, actor, "account.link", f"account:{account.id}", after={"expires": audit.stamp(expires)})
    return secret


def set_up(service: Service, token: str, password: str, display: str | None, cookie: str) -> Fresh:
    """Set a password by a one-time link and begin a session.

    Raises
    ------
    Problem
        ``link_used`` if the link is not good, ``weak_password``; the link stays good then.
    """
    with service.database.read() as session:
        account = session.get(Account, _linked(session, token))
    if account is None or not account.active:
        raise Problem("link_used")
    with _in_line():
        hashed = _hashed(account, password)
    with service.database.write() as session:
        number = session.scalar(
            delete(Link).where(Link.hash == digest(token), Link.expires > now()).returning(Link.account_id)
        )
        account = session.get(Account, number or 0, with_for_update=True)
        if account is None or not account.active:
            raise Problem("link_used")
        before = told(account)
        account.password = hashed
        if display is not None:
            account.display = display
        _end_sessions(session, account)
        audit.append(session, _name(account), "account.setup", f"account:{account.id}", before, told(account))
        return _begin(service, session, account, cookie)


def _linked(session: Session, token: str) -> int:
    rows = select(Link.account_id).where(Link.hash == digest(token), Link.expires > now())
    return session.scalar(rows) or 0


def _name(account: Account) -> str:
    return f"user:{account.id} {account.name}"


def change(session: Session, actor: str, account: Account, changes: Mapping[str, Any]) -> None:
    """Change a user; whose rights change logs in again.

    Raises
    ------
    Problem
        ``last_administrator`` if nobody who can log in could manage users afterwards.
    """
    before = told(account)
    loses = changes.get("role", account.role) != "administrator" or not changes.get("active", account.active)
    if loses and account.role == "administrator" and account.active and account.password:
        # Locked: two administrators who remove each other at once would leave none.
        able = select(Account.id).where(
            Account.role == "administrator", Account.active.is_(True), Account.password.is_not(None)
        )
        if not set(session.scalars(able.with_for_update())) - {account.id}:
            raise Problem("last_administrator")
    for name, value in changes.items():
        setattr(account, name, value)
    after = told(account)
    if after == before:
        return
    if any(after[name] != before[name] for name in ("role", "department", "unit", "active")):
        _end_sessions(session, account)
    if not account.active:
        session.execute(delete(Link).where(Link.account_id == account.id))
    audit.append(session, actor, "account.change", f"account:{account.id}", before, after)


def _hashed(account: Account, password: str) -> str:
    own = {login_name(account.name), login_name(account.display)}
    if len(password) < SHORTEST or login_name(password) in own:
        raise Problem("weak_password", allowed=SHORTEST)
    with _TURN:
        return _HASHER.hash(_same(password))


def _same(password: str) -> str:
    """Return a password as it is hashed: an accent typed in one way or another is the same (RFC 8265)."""
    return unicodedata.normalize("NFC", password)


@cache
def _nobody() -> str:
    return _HASHER.hash(new_secret())


def _matches(account: Account | None, password: str) -> bool:
    """Tell whether a password is right; for nobody's it takes as long."""
    known = account.password if account else None
    try:
        with _TURN:
            _HASHER.verify(known or _nobody(), _same(password))
    except (VerificationError, InvalidHashError):
        return False
    return account is not None and known is not None and account.active


def _rehashed(account: Account, password: str) -> str | None:
    """Return a new hash of a right password where the one that is kept is of older parameters."""
    if not _HASHER.check_needs_rehash(account.password or ""):
        return None
    with _TURN:
        return _HASHER.hash(_same(password))


def _admit(service: Service, name: str, address: str) -> list[int]:
    """Count an attempt as wrong until it proves right, so that guesses sent at once are all counted.

    Raises
    ------
    Problem
        ``login_wait`` if there were too many for this name, or from this address.
    """
    tokens = [service.token("login.name", name), service.token("login.address", address)]
    most, moment = service.settings.login_attempts, now()
    with service.database.write() as session:
        _lock(session)
        session.execute(delete(WrongLogin).where(WrongLogin.at <= moment - _WINDOW))
        waits = [0.0]
        for token in tokens:
            last = select(WrongLogin.at).where(WrongLogin.who == token).order_by(WrongLogin.at.desc())
            if oldest := session.scalar(last.offset(most - 1).limit(1)):
                waits.append((oldest + _WINDOW - moment).total_seconds())
        if max(waits) <= 0:
            rows = [WrongLogin(who=token) for token in tokens]
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]
    seconds = math.ceil(max(waits))
    raise Problem("login_wait", {"Retry-After": str(seconds)}, seconds=seconds)


def _forget(service: Service, session: Session, name: str, attempt: Sequence[int]) -> None:
    mine = (WrongLogin.id.in_(attempt)) | (WrongLogin.who == service.token("login.name", name))
    session.execute(delete(WrongLogin).where(mine))


def login(service: Service, name: str, password: str, address: str, cookie: str = "") -> Fresh:
    """Begin a session for a name and a password.

    Parameters
    ----------
    address : str
        Where the request comes from.
    cookie : str
        A session that the browser still holds; it ends, so that nobody waits in one he planted.

    Raises
    ------
    Problem
        ``wrong_password``, the same for a name that does not exist; ``login_wait``; ``logins`` if many log in at once.
    """
    name = login_name(name)
    with _in_line():
        attempt = _admit(service, name, address)
        with service.database.read() as session:
            known = session.scalars(select(Account).where(Account.name == name)).one_or_none()
        right = _matches(known, password)
        newer = _rehashed(known, password) if right and known else None
    with service.database.write() as session:
        account = session.get(Account, known.id, with_for_update=True) if known else None
        if right and account and known and account.active and account.password == known.password:
            _forget(service, session, name, attempt)
            account.password = newer or account.password
            audit.append(session, _name(account), "login", f"account:{account.id}")
            return _begin(service, session, account, cookie)
        _failed(service, session, known, address)
    raise Problem("wrong_password")


def _failed(service: Service, session: Session, known: Account | None, address: str) -> None:
    # Not the name that was typed: it may be a password in the wrong field.
    whose = f"account:{known.id}" if known else "account"
    told_from = {"address": service.token("audit.address", address)[:16]}
    audit.append(session, "nobody", "login.failed", whose, after=told_from)


def _begin(service: Service, session: Session, account: Account, cookie: str) -> Fresh:
    limit = now() - timedelta(hours=service.settings.session_hours)
    session.execute(delete(LoginSession).where((LoginSession.seen <= limit) | (LoginSession.hash == digest(cookie))))
    secret, csrf = new_secret(), new_secret()
    session.add(LoginSession(hash=digest(secret), account_id=account.id, csrf=csrf))
    session.flush()
    return Fresh(account, secret, csrf)


def _end_sessions(session: Session, account: Account, but: str = "") -> None:
    session.execute(delete(LoginSession).where(LoginSession.account_id == account.id, LoginSession.hash != but))


def logout(session: Session, actor: str, number: int, hashed: str) -> None:
    """End a session."""
    session.execute(delete(LoginSession).where(LoginSession.hash == hashed))
    audit.append(session, actor, "logout", f"account:{number}")


def change_password(service: Service, number: int, current: str, password: str, address: str, hashed: str) -> None:
    """Set a new password for who knows the one before; every other session of the user ends.

    Raises
    ------
    Problem
        ``wrong_password``, ``login_wait``, ``weak_password``.
    """
    with service.database.read() as session:
        known = session.get_one(Account, number)
    with _in_line():
        attempt = _admit(service, known.name, address)
        right = _matches(known, current)
        wanted = _hashed(known, password) if right else ""
    with service.database.write() as session:
        account = session.get_one(Account, number, with_for_update=True)
        if right and account.active and account.password == known.password:
            _forget(service, session, account.name, attempt)
            account.password = wanted
            session.execute(delete(Link).where(Link.account_id == number))
            _end_sessions(session, account, but=hashed)
            audit.append(session, _name(account), "password.change", f"account:{number}")
            return
        _failed(service, session, known, address)
    raise Problem("wrong_password")


def make_key(session: Session, actor: str, key: Key) -> str:
    """Put a key in; return its secret, which nobody can read again."""
    secret = KEY_PREFIX + new_secret()
    key.hash = digest(secret)
    session.add(key)
    session.flush()
    audit.append(session, actor, "key.create", f"key:{key.id}", after=_key_told(key))
    return secret


def drop_key(session: Session, actor: str, key: Key) -> None:
    """Take a key out; from now on it opens nothing."""
    audit.append(session, actor, "key.delete", f"key:{key.id}", before=_key_told(key))
    session.delete(key)


def _key_told(key: Key) -> dict[str, Any]:
    told = {name: getattr(key, name) for name in ("name", "scopes", "department", "unit")}
    return told | {"account": key.account_id, "expires": audit.stamp(key.expires) if key.expires else None}
