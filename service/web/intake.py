"""Intake: a letter is pasted, typed or dropped as files; what is suggested shows before anything is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from fastapi import Form, Response, UploadFile
from pydantic import BaseModel
from sqlalchemy.orm import Session

from service.db.tables import Letter
from service.idempotency import Once
from service.letters import SOURCES, Entry, accepted, enter, judge, judge_entries, ready
from service.problems import Problem
from service.schemas import LetterIn, LetterOut, ReceiptOut, StubOut, entry_from
from service.security import new_secret
from service.sight import left
from service.uploads import MOST, entry_of, readings, temporary
from service.web.pages import Page, PageNow, pages, shown_fault
from service.web.shown import level_name, reasons, shorten, shown
from triage import Decision, InputError, TriageError

__all__ = ["router"]

router = pages()
_GIVEN = ("title", "body", "number", "received", "source", "petitioner", "phone", "id_number", "address")


class LetterForm(BaseModel):
    """The form as the browser sends it; what is left empty is not given."""

    title: str = ""
    body: str = ""
    number: str = ""
    received: str = ""
    source: str = "letter"
    petitioner: str = ""
    phone: str = ""
    id_number: str = ""
    address: str = ""
    once: str = ""

    def entry(self) -> Entry:
        """Return the letter.

        Raises
        ------
        ValidationError
            If a field is not as the API takes it.
        """
        given = {name: value for name in _GIVEN if (value := getattr(self, name).strip())}
        letter = LetterIn.model_validate(given)
        return entry_from(letter)


Sent = Annotated[LetterForm, Form()]


class _Found(NamedTuple):
    """A letter of a file, or why there is none."""

    file: str
    item: Entry | TriageError


@router.get("/intake")
def intake(page: PageNow) -> Response:
    """Give the empty form."""
    page.caller.need("letters:write")
    return page.answer("intake.html", sources=SOURCES, once=new_secret()[:22])


@router.post("/intake/suggest")
def suggest(form: Sent, page: PageNow) -> Response:
    """Judge what stands in the form; nothing is kept."""
    page.caller.need("letters:write")
    if not form.body.strip():
        return page.answer("_suggestion.html", view=None)
    entry = form.entry()
    (decision,) = judge(page.service, page.service.triager, [entry.letter])
    return page.answer("_suggestion.html", view=shown(page, decision.to_dict(), entry.petition.text))


@router.post("/intake")
def enter_one(form: Sent, page: PageNow) -> Response:
    """Put the letter into the register and open its page; pressed twice it is entered once."""
    page.caller.need("letters:write")
    entry, triager = form.entry(), page.service.triager
    sent = hashlib.sha256(form.model_dump_json().encode()).hexdigest()
    once = Once(page.service, page.caller.id, f"desk-{form.once[:40]}-{sent[:32]}" if form.once else "", sent)
    earlier = once.earlier()
    if earlier is None:
        letters = ready(triager, [entry], judge(page.service, triager, [entry.letter]))

        def work(session: Session) -> tuple[LetterOut | StubOut | ReceiptOut, dict[str, str]]:
            (made,) = enter(page.service, session, triager, page.caller.name, [entry], letters)
            return left(session, page.caller, made), {}

        earlier = once.do(work)
    told = json.loads(bytes(earlier.body))
    if told.get("text") is None:  # it is not for this clerk to see: a number is all there is
        return page.answer("_receipt.html", number=told["number"])
    return Response(headers={"HX-Redirect": f"/letters/{told['id']}?new=1"})


@router.post("/intake/files")
def read_files(files: list[UploadFile], page: PageNow) -> Response:
    """Read files and judge their letters; nothing is kept. A single letter is put into the form, to be read through."""
    page.caller.need("letters:write")
    found = _found(page, files)
    judged = _judged(page, found)
    if len(found) == 1 and isinstance(judged[0], Decision) and isinstance(found[0].item, Entry):
        entry = found[0].item
        view = shown(page, judged[0].to_dict(), entry.petition.text)
        return page.answer("_read.html", entry=entry, view=view, sources=SOURCES)
    rows = [_row(page, one, item) for one, item in zip(found, judged, strict=True)]
    return page.answer("_files.html", rows=rows, good=sum(not row["fault"] for row in rows), made=None, unseen=0)


@router.post("/intake/files/enter")
def enter_files(files: list[UploadFile], page: PageNow) -> Response:
    """Put the letters of files into the register, all that can be judged or none."""
    page.caller.need("letters:write")
    found = _found(page, files)
    judged = _judged(page, found)
    triager, caller = page.service.triager, page.caller
    entries, letters = accepted(triager, [one.item for one in found], judged)
    with page.service.database.write() as session:
        made = enter(page.service, session, triager, caller.name, entries, letters)
        seen = [one for one in made if isinstance(left(session, caller, one), LetterOut)]
    rows = [_row(page, one, item) for one, item in zip(found, judged, strict=True) if not isinstance(item, Decision)]
    return page.answer(
        "_files.html", rows=rows, good=0, made=[_made(page, one) for one in seen], unseen=len(made) - len(seen)
    )


def _found(page: Page, files: list[UploadFile]) -> list[_Found]:
    found: list[_Found] = []
    for upload in files:
        name = (upload.filename or "")[:120]
        try:
            for one in _letters(page, upload):
                if len(found) == MOST:
                    raise Problem("too_many", allowed=MOST)
                found.append(_Found(name, one))
        except InputError as error:
            found.append(_Found(name, error))
    return found


def _letters(page: Page, upload: UploadFile) -> Iterator[Entry | TriageError]:
    with temporary(page.service, upload) as path:
        for item in readings(page.service, path):
            yield item if isinstance(item, InputError) else entry_of(item)


def _judged(page: Page, found: list[_Found]) -> list[Any]:
    return judge_entries(page.service, page.service.triager, [one.item for one in found])


def _row(page: Page, found: _Found, judged: Any) -> dict[str, Any]:
    if isinstance(judged, TriageError):
        return {"file": found.file, "fault": shown_fault(judged, page.lang)[2]}
    assert isinstance(found.item, Entry)
    petition, decision = found.item.petition, judged.to_dict()
    return {
        "file": found.file,
        "fault": "",
        "title": petition.title or shorten(petition.body, 60),
        "level": judged.urgency,
        "level_name": level_name(page, judged.urgency),
        "category": page.name("categories", judged.category),
        "confidence": judged.confidence,
        "department": page.name("departments", judged.department),
        "reasons": reasons(page, decision["review_reason"]),
    }


def _made(page: Page, letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "number": letter.number,
        "title": letter.title_masked or shorten(letter.text_masked, 60),
        "level": letter.urgency,
        "level_name": level_name(page, letter.urgency),
    }
