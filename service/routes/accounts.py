"""Users, their sessions and passwords, and the keys of machines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import accounts
from service.access import PERMISSIONS, ROLES, Caller, grantable
from service.context import Service, ServiceNow
from service.db.tables import Account, Key, Link, now
from service.paging import Cursor, Limit, Order, page
from service.problems import Problem
from service.schemas import Id, In, Page, Text
from service.security import COOKIE, CallerNow

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["accounts"])
Role = Annotated[str, Field(json_schema_extra={"enum": list(ROLES)})]
Scope = Annotated[str, Field(json_schema_extra={"enum": list(PERMISSIONS)})]
Password = Annotated[Text, Field(max_length=1000)]
Name = Annotated[Text, Field(min_length=1, max_length=80, pattern=r"^[^\s:/?#]+$")]
Label = Annotated[Text, Field(max_length=200)]
Department = Annotated[Text, Field(max_length=60)]


class SetupIn(In):
    """The secret of a one-time link, and the password it sets."""

    token: str = Field(max_length=200)
    password: Password
    display: Label | None = None


class LoginIn(In):
    """Who logs in."""

    name: Text = Field(max_length=200)
    password: Password


class PasswordIn(In):
    """The password before, and the one from now on: at least ten characters, not the name."""

    current: Password
    password: Password


class MeOut(BaseModel):
    """Who calls; ``csrf`` goes into the header ``X-CSRF-Token`` of a session's changes and is empty for a key."""

    id: str
    account: int
    name: str
    display: str
    role: str
    permissions: list[str]
    grantable: list[str]
    department: str | None
    unit: str
    csrf: str


class AccountIn(In):
    """A new user; ``department`` limits what is seen to what is routed there, ``unit`` is the user's own unit."""

    name: Name
    role: Role
    display: Label = ""
    department: Department | None = None
    unit: Label = ""


class ChangeIn(In):
    """What changes of a user; what is left out stays."""

    role: Role | None = None
    display: Label | None = None
    department: Department | None = None
    unit: Label | None = None
    active: bool | None = None


class AccountOut(BaseModel):
    """A user."""

    id: int
    name: str
    display: str
    role: str
    department: str | None
    unit: str
    active: bool
    password: bool
    created: datetime


class LinkOut(BaseModel):
    """A one-time link; its secret is shown this once."""

    token: str
    path: str
    expires: datetime


class CreatedOut(BaseModel):
    """A new user, and the link by which a password is set."""

    account: AccountOut
    link: LinkOut


class KeyIn(In):
    """A new key for a machine."""

    name: Label = Field(min_length=1)
    scopes: list[Scope] = Field(min_length=1)
    department: Department | None = Field(None, description="Sees only what is routed there.")
    unit: Label = ""
    days: int = Field(365, ge=1, le=1095, description="After so many days it ends.")


class KeyOut(BaseModel):
    """A key without its secret."""

    id: int
    name: str
    scopes: list[str]
    department: str | None
    unit: str
    account: int
    created: datetime
    expires: datetime | None


class NewKeyOut(KeyOut):
    """A new key; its secret is shown this once."""

    token: str


def _address(request: Request) -> str:
    return request.client.host if request.client else "-"


def _welcome(service: Service, response: Response, fresh: accounts.Fresh) -> MeOut:
    account = fresh.account
    response.set_cookie(
        COOKIE, fresh.cookie, path="/", httponly=True, samesite="lax", secure=service.settings.https
    )  # fmt: skip
    return _me(account, f"user:{account.id}", account.role, ROLES[account.role], account.department, fresh.csrf)


def _me(account: Account, id: str, role: str, permissions: frozenset[str], part: str | None, csrf: str) -> MeOut:
    return MeOut(
        id=id,
        account=account.id,
        name=account.name,
        display=account.display,
        role=role,
        permissions=sorted(permissions),
        grantable=sorted(grantable(permissions)) if csrf else [],
        department=part,
        unit=account.unit,
        csrf=csrf,
    )


@router.post("/setup")
def set_up(sent: SetupIn, request: Request, response: Response, service: ServiceNow) -> MeOut:
    """Set a password by a one-time link and log in."""
    old = request.cookies.get(COOKIE, "")
    return _welcome(service, response, accounts.set_up(service, sent.token, sent.password, sent.display, old))


@router.post("/session")
def log_in(sent: LoginIn, request: Request, response: Response, service: ServiceNow) -> MeOut:
    """Log in: the answer sets a cookie, and gives the token that changes must bring."""
    old = request.cookies.get(COOKIE, "")
    return _welcome(service, response, accounts.login(service, sent.name, sent.password, _address(request), old))


@router.delete("/session", status_code=204)
def log_out(response: Response, service: ServiceNow, caller: CallerNow) -> None:
    """Log out."""
    _in_session(caller)
    with service.database.write() as session:
        accounts.logout(session, caller.name, caller.account, caller.session)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=service.settings.https)


@router.get("/me")
def me(service: ServiceNow, caller: CallerNow) -> MeOut:
    """Tell who calls and what they may do."""
    with service.database.read() as session:
        account = session.get_one(Account, caller.account)
    return _me(account, caller.id, caller.role, caller.permissions, caller.department, caller.csrf)


@router.post("/me/password", status_code=204)
def change_password(sent: PasswordIn, request: Request, service: ServiceNow, caller: CallerNow) -> None:
    """Change one's own password; one's other sessions end."""
    _in_session(caller)
    accounts.change_password(
        service, caller.account, sent.current, sent.password, _address(request), caller.session
    )  # fmt: skip


def _in_session(caller: Caller) -> None:
    if not caller.session:
        raise Problem("no_session")


@router.get("/accounts")
def list_accounts(
    service: ServiceNow,
    caller: CallerNow,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> Page[AccountOut]:
    """List users."""
    caller.need("accounts")
    with service.database.read() as session:
        found, after = page(session, select(Account), [Order(Account.id)], cursor, limit)
        return Page(items=[_account_out(one) for one in found], next=after)


@router.post("/accounts", status_code=201)
def create_account(sent: AccountIn, response: Response, service: ServiceNow, caller: CallerNow) -> CreatedOut:
    """Make a user; the answer holds a one-time link by which the user sets a password."""
    caller.need("accounts")
    _check_role(sent.role)
    given = sent.model_dump() | {"name": accounts.login_name(sent.name)}
    _check_department(service, sent.department)
    with service.database.write() as session:
        account = Account(**given)
        secret = accounts.create(session, caller.name, account)
        response.headers["Location"] = f"/v1/accounts/{account.id}"
        return CreatedOut(account=_account_out(account), link=_link_out(session, account, secret))


@router.get("/accounts/{account_id}")
def read_account(account_id: Id, service: ServiceNow, caller: CallerNow) -> AccountOut:
    """Read one user."""
    caller.need("accounts")
    with service.database.read() as session:
        return _account_out(_account(session, account_id))


@router.patch("/accounts/{account_id}")
def change_account(account_id: Id, sent: ChangeIn, service: ServiceNow, caller: CallerNow) -> AccountOut:
    """Change a user; whose role, department, unit or activity changes is logged out."""
    caller.need("accounts")
    given = sent.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name == "department"}
    _check_role(sent.role)
    _check_department(service, sent.department)
    with service.database.write() as session:
        account = _account(session, account_id, lock=True)
        accounts.change(session, caller.name, account, changes)
        return _account_out(account)


@router.post("/accounts/{account_id}/link", status_code=201)
def make_link(account_id: Id, service: ServiceNow, caller: CallerNow) -> LinkOut:
    """Make a new one-time link for a user; the links before end, the password stays until the new one is set."""
    caller.need("accounts")
    with service.database.write() as session:
        account = _account(session, account_id, lock=True)
        if not account.active:
            raise Problem("choice", field="active", found=False, allowed="true")
        return _link_out(session, account, accounts.make_link(session, caller.name, account))


def _account(session: Session, number: int, lock: bool = False) -> Account:
    account = session.get(Account, number, with_for_update=lock)
    if account is None:
        raise Problem("not_found", what=f"account {number}")
    return account


def _account_out(account: Account) -> AccountOut:
    told = accounts.told(account)
    return AccountOut(id=account.id, password=account.password is not None, created=account.created, **told)


def _link_out(session: Session, account: Account, secret: str) -> LinkOut:
    link = session.scalars(select(Link).where(Link.account_id == account.id)).one()
    return LinkOut(token=secret, path=f"/setup/{secret}", expires=link.expires)


def _check_role(role: str | None) -> None:
    if role is not None and role not in ROLES:
        raise Problem("choice", field="role", found=role[:40], allowed=", ".join(ROLES))


def _check_department(service: Service, code: str | None) -> None:
    known = service.triager.policy.taxonomy.departments
    if code is not None and code not in known:
        raise Problem("choice", field="department", found=code, allowed=", ".join(known))


@router.get("/keys")
def list_keys(
    service: ServiceNow,
    caller: CallerNow,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> Page[KeyOut]:
    """List keys: all for who manages users, one's own else."""
    caller.need("accounts", "letters:sealed")
    rows = select(Key) if caller.may("accounts") else select(Key).where(Key.account_id == caller.account)
    with service.database.read() as session:
        found, after = page(session, rows, [Order(Key.id)], cursor, limit)
        return Page(items=[KeyOut(**_key(one)) for one in found], next=after)


@router.post("/keys", status_code=201)
def create_key(sent: KeyIn, response: Response, service: ServiceNow, caller: CallerNow) -> NewKeyOut:
    """Make a key; it does no more than its maker could have it do, and stops when the maker's account does.

    Scopes that open accusations or personal data come only from somebody who has them and logs in: a reviewer.
    """
    caller.need("accounts", "letters:sealed")
    _in_session(caller)
    allowed = grantable(caller.permissions)
    if refused := sorted(set(sent.scopes) - allowed):
        raise Problem("choice", field="scopes", found=", ".join(refused), allowed=", ".join(sorted(allowed)))
    _check_department(service, sent.department)
    if caller.department and sent.department not in (None, caller.department):
        raise Problem("choice", field="department", found=sent.department, allowed=caller.department)
    with service.database.write() as session:
        key = Key(
            name=sent.name,
            scopes=sorted(set(sent.scopes)),
            department=caller.department or sent.department,
            unit=sent.unit,
            account_id=caller.account,
            expires=now() + timedelta(days=sent.days),
        )
        secret = accounts.make_key(session, caller.name, key)
        response.headers["Location"] = f"/v1/keys/{key.id}"
        return NewKeyOut(token=secret, **_key(key))


@router.delete("/keys/{key_id}", status_code=204)
def delete_key(key_id: Id, service: ServiceNow, caller: CallerNow) -> None:
    """Take a key back at once."""
    caller.need("accounts", "letters:sealed")
    with service.database.write() as session:
        key = session.get(Key, key_id)
        if key is None or not (caller.may("accounts") or key.account_id == caller.account):
            raise Problem("not_found", what=f"key {key_id}")
        accounts.drop_key(session, caller.name, key)


def _key(key: Key) -> dict[str, Any]:
    told = {name: getattr(key, name) for name in ("id", "name", "department", "unit", "created", "expires")}
    return told | {"scopes": list(key.scopes), "account": key.account_id}
