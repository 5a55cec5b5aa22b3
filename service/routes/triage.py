"""Judge letters without keeping them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, UploadFile
from pydantic import BaseModel

from service.context import Service, ServiceNow
from service.letters import judge, judge_each
from service.schemas import LetterIn, LettersIn, petition_of
from service.security import CallerNow
from service.uploads import few, temporary
from triage import InputError, Petition, TriageError

__all__ = ["Reject", "rejects", "router"]

router = APIRouter(prefix="/v1/triage", tags=["triage"])


class Reject(BaseModel):
    """A letter that could not be read or judged: its place, from 0, and why."""

    place: int
    code: str
    detail: str


class Judgements(BaseModel):
    """Decisions in the order of the letters; None in the place of one that was rejected."""

    decisions: list[dict[str, Any] | None]
    rejects: list[Reject]


@router.post("")
def triage_one(letter: LetterIn, service: ServiceNow, caller: CallerNow) -> dict[str, Any]:
    """Judge one letter; nothing is kept."""
    caller.need("letters:write")
    return judge(service, service.triager, [petition_of(letter)])[0].to_dict()


@router.post("/many")
def triage_many(letters: LettersIn, service: ServiceNow, caller: CallerNow) -> Judgements:
    """Judge up to a thousand letters; nothing is kept."""
    caller.need("letters:write")
    return _judgements(service, [petition_of(letter) for letter in letters.letters])


@router.post("/file")
def triage_file(file: UploadFile, service: ServiceNow, caller: CallerNow) -> Judgements:
    """Judge the letters of a file of any kind that is read, up to a thousand; nothing is kept."""
    caller.need("letters:write")
    with temporary(service, file) as path:
        found = [item if isinstance(item, InputError) else item.petition for item in few(service, path)]
    return _judgements(service, found)


def _judgements(service: Service, found: Sequence[Petition | TriageError]) -> Judgements:
    judged = judge_each(service, service.triager, found)
    return Judgements(
        decisions=[None if isinstance(one, TriageError) else one.to_dict() for one in judged],
        rejects=rejects(service, judged),
    )


def rejects(service: Service, judged: Sequence[Any]) -> list[Reject]:
    """Return the errors among decisions, each with its place."""
    return [
        Reject(place=place, code=one.code, detail=service.triager.mask(one.text(service.settings.lang)))
        for place, one in enumerate(judged)
        if isinstance(one, TriageError)
    ]
