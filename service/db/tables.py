"""The tables, one class each."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Table, Text, TypeDecorator, UniqueConstraint
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "Account",
    "AuditHead",
    "AuditRow",
    "Base",
    "BundleRow",
    "ClerkDecision",
    "Delivery",
    "Idempotent",
    "Job",
    "JobReject",
    "Key",
    "Letter",
    "LetterDepartment",
    "LetterUnit",
    "Link",
    "LoginSession",
    "SavedView",
    "Suggestion",
    "Webhook",
    "WrongLogin",
    "now",
    "table",
]

NEVER = "9999-12-31"  # sorts a letter without a due date behind all others


def now() -> datetime:
    """Return the time of day in UTC."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, also where the database knows no time zones."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def table(kind: type[Base]) -> Table:
    """Return a class's table: rows are written to it with less ado than as objects."""
    return cast(Table, kind.__table__)


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {  # noqa: RUF012
        datetime: Moment,
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[str]: JSON().with_variant(JSONB(), "postgresql"),
    }


class Account(Base):
    """A user. ``department`` limits what is seen to what is routed there; ``unit`` is the user's own unit by name."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    display: Mapped[str] = mapped_column(String(200), default="")
    password: Mapped[str | None] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(20))
    department: Mapped[str | None] = mapped_column(String(60))
    unit: Mapped[str] = mapped_column(String(200), default="")
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime] = mapped_column(default=now)


class Link(Base):
    """A one-time link by which a new user sets a password; only its hash is kept."""

    __tablename__ = "links"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    expires: Mapped[datetime]


class LoginSession(Base):
    """A user who is logged in, by the hash of the cookie."""

    __tablename__ = "sessions"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    seen: Mapped[datetime] = mapped_column(default=now)


class SavedView(Base):
    """The filters of a list that a user keeps under a name; ``query`` is its address."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("account_id", "name"),)


class WrongLogin(Base):
    """A wrong password: for which name or from which address, as a keyed hash."""

    __tablename__ = "wrong_logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(default=now)


class Key(Base):
    """A machine's key, by its hash."""

    __tablename__ = "keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    department: Mapped[str | None] = mapped_column(String(60))
    unit: Mapped[str] = mapped_column(String(200), default="")
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime | None]


class Letter(Base):
    """A letter as it came in, and what stands decided on it now.

    ``sealed`` marks an accusation. ``text_masked`` and ``title_masked`` are what everybody reads; ``version`` counts
    changes; ``due_next`` is the next date that must not pass (`NEVER` if none).
    """

    __tablename__ = "letters"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(200), unique=True)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    title_masked: Mapped[str] = mapped_column(Text)
    text_masked: Mapped[str] = mapped_column(Text)
    fields: Mapped[dict[str, Any]]
    source: Mapped[str] = mapped_column(String(20))
    received: Mapped[date]
    created: Mapped[datetime] = mapped_column(default=now)
    changed: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(20), default="open")
    sealed: Mapped[bool]
    category: Mapped[str] = mapped_column(String(80))
    nature: Mapped[str] = mapped_column(String(40))
    urgency: Mapped[int]
    department: Mapped[str] = mapped_column(String(60))
    place: Mapped[str] = mapped_column(String(300))
    collective: Mapped[bool]
    repeat: Mapped[bool]
    needs_review: Mapped[bool]
    due_next: Mapped[str] = mapped_column(String(10))
    person: Mapped[str] = mapped_column(String(64), default="")
    decision: Mapped[dict[str, Any]]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    job_row: Mapped[int | None]
    answered: Mapped[datetime | None]
    anonymised: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("job_id", "job_row"),
        Index("letters_received", "received", "id"),
        Index("letters_category", "category", "id"),
        Index("letters_person", "person"),
    )


# In the order of the queue, so that no page of it is sorted.
Index("letters_queue", Letter.status, Letter.sealed, Letter.urgency.desc(), Letter.due_next, Letter.id)


class LetterDepartment(Base):
    """A department that has a part in a letter."""

    __tablename__ = "letter_departments"

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"), primary_key=True)
    department: Mapped[str] = mapped_column(String(60), primary_key=True, index=True)
    leads: Mapped[bool]


class LetterUnit(Base):
    """A unit that a letter complains of: its users never see the letter; see `service.units.Complaint`."""

    __tablename__ = "letter_units"

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80), primary_key=True)
    level: Mapped[str] = mapped_column(String(20))
    department: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(Text)


class Suggestion(Base):
    """What a bundle suggested for a letter."""

    __tablename__ = "suggestions"

    id: Mapped[int] = mapped_column(primary_key=True)
    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"), index=True)
    bundle: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=now)
    decision: Mapped[dict[str, Any]]


class ClerkDecision(Base):
    """What a person decided on a letter, tied to the suggestion that was shown."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"), index=True)
    suggestion_id: Mapped[int] = mapped_column(ForeignKey("suggestions.id", ondelete="CASCADE"))
    bundle: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=now)
    changes: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text, default="")


class Job(Base):
    """Work in the background: a file of letters, or a training run.

    ``runner`` is the token of the process that works on it, ``beat`` its last sign of life, ``attempts`` how often
    it was begun since it last got on; ``done`` counts letters and rejects: the place in the file to go on from.
    """

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), default="queued", index=True)
    file: Mapped[str] = mapped_column(String(300))
    options: Mapped[dict[str, Any]]
    by: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(40))
    runner: Mapped[str] = mapped_column(String(40), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    created: Mapped[datetime] = mapped_column(default=now)
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    beat: Mapped[datetime | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    rejects: Mapped[int] = mapped_column(default=0)
    step: Mapped[str] = mapped_column(String(200), default="")
    error: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[dict[str, Any]]


class JobReject(Base):
    """A letter of a file that was not entered: its place in the file, from 0, and why."""

    __tablename__ = "job_rejects"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(300), default="")
    code: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(Text)


class Idempotent(Base):
    """An answer kept for the same request sent again."""

    __tablename__ = "idempotent"

    owner: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(default=now, index=True)


class Webhook(Base):
    """An address that is told of events."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(String(100))
    events: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime] = mapped_column(default=now)


class Delivery(Base):
    """One message to one webhook, until it arrived or was given up."""

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    created: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[str] = mapped_column(String(20), default="due")
    attempts: Mapped[int] = mapped_column(default=0)
    next: Mapped[datetime] = mapped_column(default=now)
    answer: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (Index("deliveries_due", "state", "next"),)


class BundleRow(Base):
    """A bundle that was promoted: the newest row is the one in use.

    ``restores`` names, after a step back, the row whose bundle is in use again; 0 for the bundle to start with.
    """

    __tablename__ = "promotions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(String(500))
    by: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(default=now)
    restores: Mapped[int | None]


class AuditRow(Base):
    """One change: who, when, what, before and after, chained to the row before by hash."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60), index=True)
    object: Mapped[str] = mapped_column(String(200), index=True)
    before: Mapped[str] = mapped_column(Text, default="")
    after: Mapped[str] = mapped_column(Text, default="")
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """Where the chain ends; who appends locks this row, so the order of numbers is the order of commits."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
