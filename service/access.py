"""Who may do what: roles, permissions, and which letters a caller sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select, true
from sqlalchemy.orm import Session

from service.db.tables import Letter, LetterDepartment, LetterUnit
from service.problems import Problem
from service.units import MENTIONED, NOBODY, Belonging

__all__ = ["PERMISSIONS", "ROLES", "Caller", "View", "grantable", "readable", "view", "within_reach"]

PERMISSIONS = {
    "letters:read": "read letters, masked",
    "letters:write": "enter letters and judge them",
    "letters:decide": "accept or correct suggestions, answer letters",
    "letters:reveal": "see personal data, which is recorded",
    "letters:sealed": "read and decide accusations",
    "letters:export": "take ledgers out",
    "statistics": "read counts",
    "jobs": "run files of letters",
    "models:read": "list bundles",
    "models:write": "promote bundles and roll back",
    "train": "train bundles",
    "accounts": "manage users and keys",
    "webhooks": "manage webhooks",
    "audit": "read the audit",
}
_READ = frozenset({"letters:read", "statistics", "models:read"})
_CLERK = _READ | {"letters:write", "letters:decide", "letters:reveal", "letters:export", "jobs"}
ROLES: dict[str, frozenset[str]] = {
    "reader": _READ,
    "clerk": _CLERK,
    "reviewer": _CLERK | {"letters:sealed"},
    "analyst": _READ | {"letters:export", "jobs", "train", "models:write"},
    "administrator": frozenset({"statistics", "models:read", "models:write", "accounts", "webhooks", "audit"}),
}
# What an administrator hands to no machine: accusations and personal data are not theirs to open, and a key that
# makes keys would outlive the person who made it.
_KEPT_BACK = frozenset({"letters:sealed", "letters:reveal", "accounts"})
View = Literal["whole", "stub", "nothing"]


def grantable(permissions: frozenset[str]) -> frozenset[str]:
    """Return the scopes that whoever has these permissions may give to a key.

    An administrator sets machines up and may give what they lack themselves, except what opens accusations, personal
    data and accounts; who reads accusations may give what they have; nobody else makes keys.
    """
    given: frozenset[str] = frozenset()
    if "accounts" in permissions:
        given |= PERMISSIONS.keys() - _KEPT_BACK
    if "letters:sealed" in permissions:
        given |= permissions - {"accounts"}
    return given


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request.

    Attributes
    ----------
    id : str
        ``user:7`` or ``key:3``; what is limited and remembered is by this.
    name : str
        As the audit names it.
    account : int
        The user's number, for a key that of the user who made it.
    permissions : frozenset of str
        Of the role, and of a key's scopes.
    department : str or None
        Sees only what is routed there; None sees all.
    belonging : Belonging
        The caller's own unit: letters that complain of it do not exist for the caller.
    session : str
        Hash of the session's cookie, empty for a key.
    """

    id: str
    name: str
    account: int
    role: str
    permissions: frozenset[str]
    department: str | None = None
    belonging: Belonging = NOBODY
    session: str = ""
    csrf: str = ""

    def may(self, permission: str) -> bool:
        """Tell whether the caller has a permission."""
        return permission in self.permissions

    def need(self, *permissions: str) -> None:
        """Refuse a caller who has none of these permissions.

        Raises
        ------
        Problem
            ``forbidden``.
        """
        if not any(map(self.may, permissions)):
            raise Problem("forbidden", role=self.role, allowed=" / ".join(permissions))


def within_reach(caller: Caller) -> ColumnElement[bool]:
    """Return the condition on letters that exist for a caller at all, be it as a stub.

    Source
    ------
    Regulations on Petition Work (2022) Art. 30, 44: nothing reaches the unit complained of.
    """
    conditions: list[ColumnElement[bool]] = [true()]
    if caller.department:
        part = exists().where(LetterDepartment.letter_id == Letter.id, LetterDepartment.department == caller.department)
        conditions.append(part)
    if caller.belonging:
        conditions.append(not_(exists().where(LetterUnit.letter_id == Letter.id, _own(caller))))
    return and_(*conditions)


def _own(caller: Caller) -> ColumnElement[bool]:
    """Return the condition on units complained of that are the caller's."""
    own, unit = caller.belonging, LetterUnit
    ways: list[ColumnElement[bool]] = [unit.department.in_(sorted(own.departments))]
    levels = [unit.level == own.level, unit.level == ""] if own.level else [true()]
    accused = unit.kind != MENTIONED
    # Accusations name many units, and ask those who read them to act: being named is no complaint of these.
    counted = accused if caller.may("letters:sealed") and own.level != "village" else true()
    ways += [and_(unit.name.contains(name, autoescape=True), or_(*levels), counted) for name in own.names]
    if own.level:
        ways.append(and_(unit.level == own.level, unit.name == ""))
    if not caller.may("letters:sealed"):
        ways += [and_(unit.name.contains(name, autoescape=True), not_(accused)) for name in own.aliases]
    return or_(*ways)


def readable(caller: Caller) -> ColumnElement[bool]:
    """Return the condition on letters whose content a caller may read, masked."""
    reach = within_reach(caller)
    return reach if caller.may("letters:sealed") else and_(reach, Letter.sealed.is_(False))


def view(session: Session, caller: Caller, letter: Letter) -> View:
    """Tell how much of one letter a caller sees."""
    if session.scalar(select(Letter.id).where(Letter.id == letter.id, within_reach(caller))) is None:
        return "nothing"
    return "whole" if not letter.sealed or caller.may("letters:sealed") else "stub"
