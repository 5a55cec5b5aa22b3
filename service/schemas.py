"""What goes in and out of the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.db.tables import Letter
from service.letters import SOURCES, Entry
from triage import Petition

__all__ = [
    "CorrectionIn", "DecisionIn", "Id", "LetterIn", "LetterOut", "LettersIn", "Page", "ReceiptOut", "Status", "StubOut",
    "entry_from", "keepable", "letter_out", "petition_of",
]  # fmt: skip

Item = TypeVar("Item")
Id = Annotated[int, Path(ge=1, lt=2**31)]
Status = Literal["open", "decided", "answered"]
_LONGEST = 200_000  # characters of a letter, as the library allows


def keepable(text: str) -> bool:
    """Tell whether a text can be kept: PostgreSQL takes no NUL and no half character, and no letter holds them."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _whole(text: str) -> str:
    if not keepable(text):
        raise ValueError("holds a NUL or half a character")
    return text


Text = Annotated[str, AfterValidator(_whole)]


class In(BaseModel):
    """What is sent: an unknown field is a mistake and refused."""

    model_config = ConfigDict(extra="forbid")


class LetterIn(In):
    """One letter, call or visit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "承包地被收回",
                    "body": "村里把我家的承包地收回去包给外人，要求归还。",
                    "received": "2026-03-02",
                    "source": "visit",
                }
            ]
        },
    )

    body: Text = Field(min_length=1, max_length=_LONGEST)
    title: Text = Field("", max_length=2000)
    number: Text = Field("", max_length=200, description="The office's own number; one is made if it is empty.")
    received: date | None = Field(None, description="Day of receipt; today if empty.")
    source: Literal[SOURCES] = "letter"  # type: ignore[valid-type]
    petitioner: Text = Field("", max_length=200)
    phone: Text = Field("", max_length=60)
    id_number: Text = Field("", max_length=60)
    address: Text = Field("", max_length=500)


class LettersIn(In):
    """Up to a thousand letters at once."""

    letters: list[LetterIn] = Field(min_length=1, max_length=1000)


class CorrectionIn(In):
    """What a field should hold, and why."""

    value: Any
    reason: str


class DecisionIn(In):
    """A clerk's word on a letter: no corrections accept it as it stands."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"corrections": {"category": {"value": "homestead", "reason": "other_matter"}}}]
        },
    )

    corrections: dict[str, CorrectionIn] = {}
    note: Text = Field("", max_length=2000)


class StubOut(BaseModel):
    """What those who may not read a letter see of it."""

    sealed: Literal[True] = True
    id: int
    number: str
    received: date
    nature: str


class ReceiptOut(BaseModel):
    """What is left to tell who entered or decided a letter that is not theirs to see."""

    number: str
    received: date


class LetterOut(BaseModel):
    """A letter as it stands, personal data masked; spans in ``decision.evidence`` count characters of ``text``."""

    sealed: bool
    id: int
    number: str
    received: date
    source: str
    status: Status
    version: int
    title: str
    text: str
    due_next: date | None
    decision: dict[str, Any]
    created: datetime
    changed: datetime
    answered: datetime | None
    anonymised: datetime | None


class Page(BaseModel, Generic[Item]):
    """Some items, and where the next ones begin; ``next`` is empty at the end."""

    items: list[Item]
    next: str = ""


def letter_out(letter: Letter) -> LetterOut:
    """Return a letter as it goes out."""
    due = None if letter.due_next.startswith("9999") else date.fromisoformat(letter.due_next)
    return LetterOut(
        sealed=letter.sealed,
        id=letter.id,
        number=letter.number,
        received=letter.received,
        source=letter.source,
        status=letter.status,  # type: ignore[arg-type]
        version=letter.version,
        title=letter.title_masked,
        text=letter.text_masked,
        due_next=due,
        decision=letter.decision,
        created=letter.created,
        changed=letter.changed,
        answered=letter.answered,
        anonymised=letter.anonymised,
    )


def entry_from(letter: LetterIn) -> Entry:
    """Return a letter that was sent as the register takes it; what has no day came today."""
    return Entry(petition_of(letter), letter.received or date.today(), letter.source)


def petition_of(letter: LetterIn) -> Petition:
    """Return a letter that was sent as the library takes it."""
    given = {name: getattr(letter, name) for name in ("petitioner", "phone", "id_number", "address")}
    fields = {name: value for name, value in given.items() if value}
    return Petition(letter.body, letter.title, letter.number.strip(), fields)
