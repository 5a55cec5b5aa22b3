"""The page of one letter: what stands, what led to it, and the clerk's word on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Form, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Account, Letter
from service.filters import QUEUE, chosen
from service.letters import CORRECTABLE, REASONS, answer, decide, reopen
from service.paging import beside
from service.problems import Problem
from service.routes.register import similar
from service.schemas import CorrectionIn, DecisionIn, Id, LetterOut
from service.sight import corrections_of, etag, left, past, previewed, revealed, seen, unchanged
from service.web.marks import passages
from service.web.pages import Page, PageNow, local, pages
from service.web.queue import asked
from service.web.shown import described, level_name, named, reasons, shorten, shown

__all__ = ["router"]

router = pages()
Version = Annotated[str, Form(max_length=20)]
Way = Annotated[str, Form(max_length=2000)]
_CODES = {"category": "categories", "secondary": "categories", "department": "departments", "assisting": "departments"}
_USER = re.compile(r"user:(\d+) ")
_FLAGS = ("collective", "repeat", "needs_review")
_LISTS = ("assisting", "secondary")
# The reason that is offered first: what most corrections of a field are made for.
_USUAL = {"category": "other_matter", "secondary": "two_matters", "department": "other_duty", "assisting": "other_duty"}
_USUAL |= {"urgency": "other_level"}


@router.get("/letters/{letter_id}")
def letter_page(
    letter_id: Id, look: PageNow, queue: Annotated[str, Query(max_length=2000)] = "", new: bool = False
) -> Response:
    """Show a letter."""
    look.caller.need("letters:read")
    with look.service.database.read() as session:
        letter = seen(session, look.caller, letter_id)
        before, behind = _beside(look, session, letter, queue)
    trail = f"?{urlencode({'queue': queue})}" if queue else ""
    return look.answer(
        "letter.html",
        **_told(look, letter, queue),
        before=f"/letters/{before}{trail}" if before else "",
        behind=f"/letters/{behind}{trail}" if behind else "",
        said="entered" if new and letter.status == "open" else "",
    )


def _beside(look: Page, session: Session, letter: Letter, queue: str) -> tuple[int | None, int | None]:
    """Return the letters before and behind in the list that the reader came from."""
    way = urlsplit(local(queue, "/queue"))
    want = asked([one for one in parse_qsl(way.query) if one[0] != "cursor"], sealed=letter.sealed)
    rows = chosen(session, look.caller, want.filters)
    before, behind = beside(session, rows, QUEUE, letter, before=True), beside(session, rows, QUEUE, letter)
    return before.id if before else None, behind.id if behind else None


def _told(look: Page, letter: Letter, queue: str) -> dict[str, Any]:
    decides = look.caller.may("letters:decide")
    return {
        "letter": letter,
        "version": etag(letter),
        "view": shown(look, letter.decision, letter.text_masked, running=letter.status != "answered"),
        "title": letter.title_masked.strip() or shorten(letter.text_masked, 40),
        "queue": queue,
        "way": local(queue, "/queue"),
        "fix": letter.id if decides and not letter.anonymised else None,
        "decides": decides,
        "reveals": look.caller.may("letters:reveal") and not letter.anonymised,
    }


def _stands(look: Page, letter_id: int, queue: str, said: str) -> Response:
    """Return the letter as it stands after a change; a caller who may no longer see it is told its number."""
    with look.service.database.read() as session:
        letter = session.get_one(Letter, letter_id)
        if not isinstance(left(session, look.caller, letter), LetterOut):
            return look.answer("_gone.html", number=letter.number, way=local(queue, "/queue"))
    return look.answer("_letter.html", **_told(look, letter, queue), said=said)


@router.post("/letters/{letter_id}/accept")
def accept(letter_id: Id, look: PageNow, version: Version, queue: Way = "") -> Response:
    """Accept what is suggested."""
    look.caller.need("letters:decide")
    with look.service.database.write() as session:
        letter = unchanged(seen(session, look.caller, letter_id, change=True), version)
        decide(session, look.service.triager, look.caller.name, letter, {}, None)
    return _stands(look, letter_id, queue, "accepted")


@router.post("/letters/{letter_id}/reopen")
def undo(letter_id: Id, look: PageNow, version: Version, queue: Way = "") -> Response:
    """Take the last step back."""
    return _step(look, reopen, letter_id, version, queue, "reopened")


@router.post("/letters/{letter_id}/answer")
def answered(letter_id: Id, look: PageNow, version: Version, queue: Way = "") -> Response:
    """Mark a decided letter as answered."""
    return _step(look, answer, letter_id, version, queue, "answered")


def _step(look: Page, step: Callable[..., None], letter_id: int, version: str, queue: str, said: str) -> Response:
    look.caller.need("letters:decide")
    with look.service.database.write() as session:
        letter = unchanged(seen(session, look.caller, letter_id, change=True), version)
        step(session, look.service.triager, look.caller.name, letter)
    return _stands(look, letter_id, queue, said)


@router.get("/letters/{letter_id}/correct/{field}")
def correct_form(
    letter_id: Id, field: str, look: PageNow, queue: Annotated[str, Query(max_length=2000)] = ""
) -> Response:
    """Ask what a field should hold."""
    look.caller.need("letters:decide")
    if field not in CORRECTABLE:
        raise Problem("correction", field=field[:40], found=field[:40], allowed=", ".join(CORRECTABLE))
    with look.service.database.read() as session:
        letter = seen(session, look.caller, letter_id)
    current = letter.fields.get("accepted", "") if field == "accepted" else letter.decision.get(field)
    return look.answer(
        "_correct.html",
        letter=letter,
        version=etag(letter),
        field=field,
        current=current,
        current_name=named(look, field, current),
        options=_options(look, letter, field),
        kind=_kind(field),
        reasons=[*REASONS],
        usual=_USUAL.get(field, "known_facts"),
        queue=queue,
    )


def _kind(field: str) -> str:
    if field in ("category", "department"):
        return "pick"
    if field in _LISTS:
        return "several"
    return {"urgency": "choice", "nature": "choice", "persons": "number", "accepted": "day", "place": "text"}.get(
        field, "choice"
    )


def _options(look: Page, letter: Letter, field: str) -> list[tuple[str, str, str]]:
    """Return value, name and words to find it by; categories in the order in which the model thinks of them."""
    taxonomy = look.service.triager.policy.taxonomy
    if field in _FLAGS:
        return [("true", look.t("app.yes"), ""), ("false", look.t("app.no"), "")]
    if field == "urgency":
        return [(str(level), f"{level} · {level_name(look, level)}", "") for level in (1, 2, 3, 4)]
    if field == "nature":
        return [(code, one.name(look.lang), "") for code, one in taxonomy.natures.items()]
    if _CODES.get(field) == "categories":
        likely = [code for code in letter.decision["candidates"] if code in taxonomy.categories]
        codes = dict.fromkeys([*likely, *taxonomy.categories]) if field == "category" else taxonomy.categories
        known = [taxonomy.categories[code] for code in codes]
        return [(one.code, one.name(look.lang), _sought(one.code, one.zh, one.en, *one.terms)) for one in known]
    if _CODES.get(field) == "departments":
        return [
            (one.code, one.name(look.lang), _sought(one.code, one.zh, one.en, *one.aliases, *one.duties))
            for one in taxonomy.departments.values()
        ]
    return []


def _sought(*words: str) -> str:
    return " ".join(words).lower()


Values = Annotated[list[str], Form(max_length=60)]


def _decision(field: str, value: list[str], reason: str, note: str) -> DecisionIn:
    """Return what the form says as the API takes it."""
    first = value[0].strip() if value else ""
    held: Any = first
    if field in _LISTS:
        held = [one for one in value if one]
    elif field in _FLAGS:
        held = first == "true"
    elif field == "urgency":
        held = int(first) if first.isascii() and first.isdigit() and len(first) < 3 else first
    elif field == "persons":
        held = None if not first else int(first) if first.isascii() and first.isdigit() and len(first) < 9 else first
    return DecisionIn(corrections={field: CorrectionIn(value=held, reason=reason)}, note=note)


@router.post("/letters/{letter_id}/preview/{field}")
def preview(letter_id: Id, field: str, look: PageNow, value: Values = [], reason: Way = "other") -> Response:  # noqa: B006
    """Show what a correction would change, before it is saved."""
    look.caller.need("letters:decide")
    with look.service.database.read() as session:
        letter = seen(session, look.caller, letter_id)
        judged = previewed(look.service, session, letter, _decision(field, value, reason, ""))
    assert judged is not None
    before, after = described(look, letter.decision), described(look, judged.decision)
    changes = [(name, before[name], after[name]) for name in after if after[name] != before[name]]
    return look.answer("_preview.html", changes=changes)


@router.post("/letters/{letter_id}/correct/{field}")
def correct(
    letter_id: Id,
    field: str,
    look: PageNow,
    version: Version,
    value: Values = [],  # noqa: B006
    reason: Way = "",
    note: Way = "",
    queue: Way = "",
) -> Response:
    """Save a correction: department, channel and dates follow in the same transaction."""
    look.caller.need("letters:decide")
    sent, triager = _decision(field, value, reason, note), look.service.triager
    with look.service.database.read() as session:
        letter = unchanged(seen(session, look.caller, letter_id), version)
        judged = previewed(look.service, session, letter, sent, triager)
    with look.service.database.write() as session:
        letter = unchanged(seen(session, look.caller, letter_id, change=True), version)
        decide(session, triager, look.caller.name, letter, corrections_of(sent), judged, sent.note)
    return _stands(look, letter_id, queue, "corrected")


@router.get("/letters/{letter_id}/reveal")
def reveal_form(letter_id: Id, look: PageNow) -> Response:
    """Ask why personal data is needed."""
    look.caller.need("letters:reveal")
    return look.answer("_reveal.html", letter_id=letter_id)


@router.post("/letters/{letter_id}/reveal")
def reveal(letter_id: Id, look: PageNow, reason: Annotated[str, Form(min_length=3, max_length=500)]) -> Response:
    """Show the letter as it came in; that it was looked at is recorded."""
    look.caller.need("letters:reveal")
    with look.service.database.write() as session:
        letter = seen(session, look.caller, letter_id)
        revealed(session, look.service.triager, look.caller, letter, reason)
    known = ("petitioner", "phone", "id_number", "address")
    fields = [(name, letter.fields[name]) for name in known if letter.fields.get(name)]
    return look.answer("_revealed.html", letter=letter, fields=fields)


@router.get("/letters/{letter_id}/past")
def history(letter_id: Id, look: PageNow) -> Response:
    """Tell in words what happened to a letter, and how suggestions for it stood."""
    look.caller.need("letters:read")
    with look.service.database.read() as session:
        told = past(session, seen(session, look.caller, letter_id))
        names = _names(session, {one["by"] for one in told["changes"]})
    events = [_event(look, one, names) for one in reversed(told["changes"])]
    versions = [
        {
            "at": one["at"],
            "bundle": one["bundle"],
            "category": look.name("categories", one["decision"]["category"]),
            "confidence": one["decision"]["confidence"],
            "urgency": level_name(look, one["decision"]["urgency"]),
            "department": named(look, "department", one["decision"]["department"]),
            "reasons": reasons(look, one["decision"]["review_reason"]),
        }
        for one in reversed(told["suggestions"])
    ]
    written = [one["note"] for one in told["decisions"] if one["note"]]
    return look.answer("_past.html", events=events, versions=versions, notes=written)


_KNOWN_ACTIONS = ("enter", "decide", "answered", "decided", "open", "reveal", "anonymise")


def _names(session: Session, actors: set[str]) -> dict[str, str]:
    """Return users as the audit names them, such as ``user:7 lin``, by the names they are shown under."""
    numbers = {int(found[1]): actor for actor in actors if (found := _USER.match(actor))}
    rows = session.execute(select(Account.id, Account.display).where(Account.id.in_(numbers), Account.display != ""))
    return {numbers[row.id]: row.display for row in rows}


def _event(look: Page, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    action = row["action"].removeprefix("letter.")
    before, after = row["before"] or {}, row["after"] or {}
    corrected = after.get("changes") or {}
    changes = [
        (name, named(look, name, one["before"]), named(look, name, one["value"]), one["reason"])
        for name, one in corrected.items()
    ]
    changes += [
        (name, named(look, name, before[name]), named(look, name, after[name]), "")
        for name in ("category", "nature", "urgency", "department", "due")
        if before and name in before and name in after and before[name] != after[name] and name not in corrected
    ]
    if action == "decide" and not corrected:
        action = "accept"
    return {
        "at": datetime.fromisoformat(row["at"]).astimezone(),
        "by": names.get(row["by"]) or row["by"].partition(" ")[2] or row["by"],
        "what": look.t(f"action.{action}") if action in (*_KNOWN_ACTIONS, "accept") else action,
        "changes": changes,
        "reason": after.get("reason", ""),
    }


@router.get("/letters/{letter_id}/similar")
def alike(letter_id: Id, look: PageNow) -> Response:
    """List earlier letters about the same matter."""
    look.caller.need("letters:read")
    return look.answer("_similar.html", letter_id=letter_id, found=similar(letter_id, look.service, look.caller, 8))


@router.get("/letters/{letter_id}/beside/{other_id}")
def side_by_side(letter_id: Id, other_id: Id, look: PageNow) -> Response:
    """Show two letters side by side, what both hold marked."""
    look.caller.need("letters:read")
    found = similar(letter_id, look.service, look.caller, 50)
    one = next((one for one in found if one.id == other_id), None)
    with look.service.database.read() as session:
        here, there = seen(session, look.caller, letter_id), seen(session, look.caller, other_id)
    spans = one.passages if one else []
    return look.answer(
        "_beside.html",
        here=here,
        there=there,
        here_pieces=passages(here.text_masked, [span.here for span in spans]),
        there_pieces=passages(there.text_masked, [span.there for span in spans]),
    )
