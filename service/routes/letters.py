"""The register: enter letters, list and read them, decide, answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.access import Caller, readable, view
from service.context import Service, ServiceNow
from service.db.tables import Letter
from service.filters import FiltersNow, chosen
from service.idempotency import OnceNow
from service.letters import Entry, accepted, answer, decide, enter, judge, judge_entries, ready, reopen
from service.paging import Order, page
from service.problems import Problem
from service.routes.triage import Reject, rejects
from service.schemas import (
    DecisionIn,
    Id,
    In,
    LetterIn,
    LetterOut,
    LettersIn,
    Page,
    ReceiptOut,
    StubOut,
    Text,
    entry_from,
    letter_out,
)
from service.security import CallerNow
from service.sight import corrections_of, etag, left, out, past, previewed, revealed, seen, unchanged
from service.uploads import entry_of, few, temporary
from triage import InputError, TriageError

__all__ = ["router"]

router = APIRouter(prefix="/v1/letters", tags=["letters"])
IfMatch = Annotated[str, Header(alias="If-Match", description='The letter\'s ETag, such as `"3"`.')]


class Entered(BaseModel):
    """Letters that were entered, and those that were not."""

    letters: list[LetterOut | StubOut | ReceiptOut]
    rejects: list[Reject]


class ChangeOut(BaseModel):
    """A field before and after."""

    before: Any
    after: Any


class PreviewOut(BaseModel):
    """How a letter would stand after corrections, and the fields that would change."""

    decision: dict[str, Any]
    changes: dict[str, ChangeOut]


class RevealIn(In):
    """Why personal data is asked for; it is kept in the audit."""

    reason: Text = Field(min_length=3, max_length=500)


class RevealOut(BaseModel):
    """A letter as it came in."""

    id: int
    title: str
    body: str
    fields: dict[str, Any]


class HistoryOut(BaseModel):
    """What happened to a letter: every change, every suggestion, every person's decision."""

    changes: list[dict[str, Any]]
    suggestions: list[dict[str, Any]]
    decisions: list[dict[str, Any]]


def _again(service: Service, caller: Caller, once: OnceNow) -> Response | None:
    """Return the answer to the same request sent before, without the letters that have gone out of sight since."""
    earlier = once.earlier()
    if earlier is None:
        return None
    told = json.loads(bytes(earlier.body))
    entered = told.get("letters", [told])
    numbers = {one["number"] for one in entered}
    named = select(Letter).where(Letter.number.in_(numbers))
    with service.database.read() as session:
        if set(session.scalars(named.where(readable(caller)).with_only_columns(Letter.number))) == numbers:
            return earlier
        today = {one.number: left(session, caller, one).model_dump(mode="json") for one in session.scalars(named)}
    shown = [today[one["number"]] for one in entered]
    body = told | {"letters": shown} if "letters" in told else shown[0]
    return JSONResponse(body, earlier.status_code, {"Idempotent-Replay": "true"})


@router.post("", status_code=201, response_model=LetterOut | StubOut | ReceiptOut)
def enter_letter(letter: LetterIn, service: ServiceNow, caller: CallerNow, once: OnceNow) -> Response:
    """Judge one letter and put it into the register."""
    caller.need("letters:write")
    if earlier := _again(service, caller, once):
        return earlier
    entry, triager = entry_from(letter), service.triager
    letters = ready(triager, [entry], judge(service, triager, [entry.letter]))

    def work(session: Session) -> tuple[LetterOut | StubOut | ReceiptOut, dict[str, str]]:
        (made,) = enter(service, session, triager, caller.name, [entry], letters)
        shown = left(session, caller, made)
        seen = not isinstance(shown, ReceiptOut)
        return shown, {"ETag": etag(made), "Location": f"/v1/letters/{made.id}"} if seen else {}

    return once.do(work)


@router.post("/many", status_code=201, response_model=Entered)
def enter_letters(letters: LettersIn, service: ServiceNow, caller: CallerNow, once: OnceNow) -> Response:
    """Judge up to a thousand letters and put them into the register, all that can be judged or none."""
    caller.need("letters:write")
    return _enter(service, caller, once, [entry_from(letter) for letter in letters.letters])


@router.post("/file", status_code=201, response_model=Entered)
def enter_file(file: UploadFile, service: ServiceNow, caller: CallerNow, once: OnceNow) -> Response:
    """Put the letters of a file into the register, up to a thousand; larger files are jobs."""
    caller.need("letters:write")
    with temporary(service, file) as path:
        found = [item if isinstance(item, InputError) else entry_of(item) for item in few(service, path)]
    return _enter(service, caller, once, found)


def _enter(service: Service, caller: Caller, once: OnceNow, found: Sequence[Entry | TriageError]) -> Response:
    if earlier := _again(service, caller, once):
        return earlier
    triager = service.triager
    judged = judge_entries(service, triager, found)
    entries, letters = accepted(triager, found, judged)

    def work(session: Session) -> tuple[Entered, dict[str, str]]:
        made = enter(service, session, triager, caller.name, entries, letters)
        return Entered(letters=[left(session, caller, one) for one in made], rejects=rejects(service, judged)), {}

    return once.do(work)


@router.get("", response_model=Page[LetterOut | StubOut])
def list_letters(filters: FiltersNow, service: ServiceNow, caller: CallerNow) -> Page[LetterOut | StubOut]:
    """List letters, the newest first."""
    caller.need("letters:read")
    with service.database.read() as session:
        rows = chosen(session, caller, filters, stubs=True)
        found, after = page(session, rows, [Order(Letter.id, falling=True)], filters.cursor, filters.limit)
        return Page(items=[out(caller, one) for one in found], next=after)


@router.get("/{letter_id}", response_model=LetterOut | StubOut)
def read_letter(letter_id: Id, service: ServiceNow, caller: CallerNow, response: Response) -> LetterOut | StubOut:
    """Read one letter, personal data masked."""
    caller.need("letters:read")
    with service.database.read() as session:
        letter = session.get(Letter, letter_id)
        if letter is None or view(session, caller, letter) == "nothing":
            raise Problem("not_found", what=f"letter {letter_id}")
        shown = out(caller, letter)
        if isinstance(shown, LetterOut):
            response.headers["ETag"] = etag(letter)
        return shown


@router.get("/{letter_id}/history")
def history(letter_id: Id, service: ServiceNow, caller: CallerNow) -> HistoryOut:
    """Tell everything that happened to a letter."""
    caller.need("letters:read")
    with service.database.read() as session:
        letter = seen(session, caller, letter_id)
        return HistoryOut(**past(session, letter))


@router.post("/{letter_id}/preview")
def preview_decision(letter_id: Id, decision: DecisionIn, service: ServiceNow, caller: CallerNow) -> PreviewOut:
    """Show what corrections would change before they are saved."""
    caller.need("letters:decide")
    with service.database.read() as session:
        letter = seen(session, caller, letter_id)
        judged = previewed(service, session, letter, decision)
    if judged is None:
        return PreviewOut(decision=letter.decision, changes={})
    changes = {
        name: ChangeOut(before=letter.decision.get(name), after=value)
        for name, value in judged.decision.items()
        if name not in ("id", "evidence") and value != letter.decision.get(name)
    }
    return PreviewOut(decision=judged.decision, changes=changes)


@router.post("/{letter_id}/decision", response_model=LetterOut | StubOut | ReceiptOut)
def decide_letter(
    letter_id: Id, decision: DecisionIn, match: IfMatch, service: ServiceNow, caller: CallerNow, response: Response
) -> LetterOut | StubOut | ReceiptOut:
    """Accept a letter as it stands or correct it: department, channel and dates follow in the same transaction."""
    caller.need("letters:decide")
    triager = service.triager
    with service.database.read() as session:
        letter = unchanged(seen(session, caller, letter_id), match)
        judged = previewed(service, session, letter, decision, triager)
    with service.database.write() as session:
        letter = unchanged(seen(session, caller, letter_id, change=True), match)
        decide(session, triager, caller.name, letter, corrections_of(decision), judged, decision.note)
        session.flush()
        response.headers["ETag"] = etag(letter)
        return left(session, caller, letter)


@router.post("/{letter_id}/answer", response_model=LetterOut)
def answer_letter(
    letter_id: Id, match: IfMatch, service: ServiceNow, caller: CallerNow, response: Response
) -> LetterOut:
    """Mark a decided letter as answered: its dates no longer run."""
    return _step(answer, letter_id, match, service, caller, response)


@router.post("/{letter_id}/reopen", response_model=LetterOut)
def reopen_letter(
    letter_id: Id, match: IfMatch, service: ServiceNow, caller: CallerNow, response: Response
) -> LetterOut:
    """Take the last step back: answered to decided, decided to open."""
    return _step(reopen, letter_id, match, service, caller, response)


@router.post("/{letter_id}/reveal")
def reveal(letter_id: Id, why: RevealIn, service: ServiceNow, caller: CallerNow) -> RevealOut:
    """Show a letter as it came in, personal data and all; that it was looked at is recorded."""
    caller.need("letters:reveal")
    with service.database.write() as session:
        letter = seen(session, caller, letter_id)
        revealed(session, service.triager, caller, letter, why.reason)
        return RevealOut(id=letter.id, title=letter.title, body=letter.body, fields=letter.fields)


def _step(
    step: Callable[..., None], letter_id: int, match: str, service: Service, caller: Caller, response: Response
) -> LetterOut:
    caller.need("letters:decide")
    with service.database.write() as session:
        letter = unchanged(seen(session, caller, letter_id, change=True), match)
        step(session, service.triager, caller.name, letter)
        response.headers["ETag"] = etag(letter)
        return letter_out(letter)
