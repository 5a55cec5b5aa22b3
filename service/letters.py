"""Letters in the register: entered, judged, decided, answered; each change in one transaction with its audit row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import audit, events, metrics
from service.bundles import judged_by
from service.context import Service
from service.db import search
from service.db.tables import (
    NEVER,
    ClerkDecision,
    Letter,
    LetterDepartment,
    LetterUnit,
    Suggestion,
    now,
    table,
)
from service.masking import masked
from service.problems import Problem
from service.units import Complaint, complaints
from triage import Decision, InputError, Petition, TriageError, Triager

__all__ = [
    "CORRECTABLE", "REASONS", "SOURCES", "Correction", "Entry", "Judged", "accepted", "answer", "decide", "enter",
    "given", "judge", "judge_each", "judge_entries", "preview", "ready", "reopen",
]  # fmt: skip

SOURCES = ("letter", "visit", "call", "web", "mail", "other")
REASONS = {
    "other_matter": "the letter asks for something else",
    "two_matters": "it asks for several things",
    "other_duty": "by local practice another department answers",
    "other_level": "more or less urgent than it reads",
    "known_facts": "facts known here that the letter does not tell",
    "petitioner": "the petitioner said so",
    "misread": "words were misread or misspelt",
    "other": "another reason; see the note",
}
_RECOUNTED = ("category", "nature", "urgency", "department")
_LISTS = ("assisting", "secondary")
_FLAGS = ("collective", "repeat", "needs_review")
CORRECTABLE = (*_RECOUNTED, *_LISTS, *_FLAGS, "place", "persons", "accepted")
_CHUNK = 16  # letters judged in one turn, so that one large request does not hold up a clerk's letter
_PERSONAL = ("petitioner", "id_number", "phone")
_URGENT = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A letter as somebody brings it.

    Attributes
    ----------
    petition : Petition
        ``fields`` may hold ``address``, ``petitioner``, ``phone``, ``id_number``.
    received : date
    source : str
        One of `SOURCES`.
    job, row : int or None
        The file it came with and its place there: the same place is entered once.
    """

    petition: Petition
    received: date
    source: str = "letter"
    job: int | None = None
    row: int | None = None

    @property
    def letter(self) -> Petition:
        """The letter with its day, from which the clocks run."""
        fields = {**self.petition.fields, "date": self.received.isoformat()}
        return Petition(self.petition.body, self.petition.title, self.petition.id, fields)


@dataclass(frozen=True, slots=True)
class Correction:
    """One field that a person sees otherwise, and why."""

    value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A letter's decision, and what everybody may read of it; `decision` is a record with spans in ``text``."""

    petition: Petition
    decision: dict[str, Any]
    title: str
    text: str
    sealed: bool
    units: tuple[Complaint, ...] = ()


def judge(service: Service, triager: Triager, petitions: Sequence[Petition]) -> list[Decision]:
    """Judge letters when it is their turn."""
    with service.gate():
        decisions = triager.judge(petitions)
    metrics.judged(decisions)
    judged_by(triager)
    return decisions


def judge_each(service: Service, triager: Triager, found: Sequence[Petition | TriageError]) -> list[Any]:
    """Return each letter's decision, or the error that stands in its place."""
    judged: list[Any] = []
    for start in range(0, len(found), _CHUNK):
        chunk = found[start : start + _CHUNK]
        letters = [one for one in chunk if isinstance(one, Petition)]
        try:
            decisions = iter(judge(service, triager, letters) if letters else [])
            judged += [next(decisions) if isinstance(one, Petition) else one for one in chunk]
        except InputError:
            judged += [_one(service, triager, one) if isinstance(one, Petition) else one for one in chunk]
    return judged


def _one(service: Service, triager: Triager, letter: Petition) -> Any:
    try:
        return judge(service, triager, [letter])[0]
    except InputError as error:
        return error


def judge_entries(service: Service, triager: Triager, found: Sequence[Entry | TriageError]) -> list[Any]:
    """Return the decision of each letter that was brought, or the error that stands in its place."""
    return judge_each(service, triager, [one.letter if isinstance(one, Entry) else one for one in found])


def accepted(
    triager: Triager, found: Sequence[Entry | TriageError], judged: Sequence[Any]
) -> tuple[list[Entry], list[Judged]]:
    """Return what can be entered of letters that were brought and judged: errors are left out."""
    pairs = [
        (entry, decision)
        for entry, decision in zip(found, judged, strict=True)
        if isinstance(entry, Entry) and isinstance(decision, Decision)
    ]
    entries = [entry for entry, _ in pairs]
    return entries, ready(triager, entries, [decision for _, decision in pairs])


def _judged(triager: Triager, petition: Petition, decision: Decision) -> Judged:
    shown = masked(triager, petition, decision)
    record = decision.to_dict() | {"evidence": shown.evidence}
    sealed = triager.policy.taxonomy.natures[decision.nature].closed
    units = complaints(triager, shown.text, record, sealed)
    return Judged(petition, record, shown.title, shown.text, sealed, units)


def ready(triager: Triager, entries: Sequence[Entry], decisions: Sequence[Decision]) -> list[Judged]:
    """Return judged letters as they are put into the register; done before, so that nobody waits for it there."""
    return [_judged(triager, entry.letter, decision) for entry, decision in zip(entries, decisions, strict=True)]


def enter(
    service: Service,
    session: Session,
    triager: Triager,
    actor: str,
    entries: Sequence[Entry],
    letters: Sequence[Judged],
) -> list[Letter]:
    """Put judged letters into the register.

    Parameters
    ----------
    letters : sequence of Judged
        What `ready` made of the entries.

    Raises
    ------
    Problem
        ``exists`` if there is a letter of that number.
    """
    made = []
    for entry, judged in zip(entries, letters, strict=True):
        petition = judged.petition
        key = _next_id(session)
        number = petition.id or f"{entry.received.year}-{key:06d}"
        judged.decision["id"] = number
        letter = Letter(
            id=key,
            number=number,
            title=petition.title,
            body=petition.body,
            fields=dict(petition.fields),
            source=entry.source,
            received=entry.received,
            person=_person(service, petition),
            job_id=entry.job,
            job_row=entry.row,
            status="open",
            version=1,
            **_columns(triager, judged, "open"),
        )
        session.add(letter)
        try:
            session.flush()
        except IntegrityError:
            raise Problem("exists", what="letter", name=petition.id) from None
        shown = {"letter_id": letter.id, "bundle": judged.decision["model"], "decision": judged.decision}
        session.execute(insert(table(Suggestion)), [shown])
        _look_up(session, letter, judged)
        if not letter.sealed:
            search.put(session, letter.id, _words(letter))
        audit.append(session, actor, "letter.enter", f"letter:{letter.id}", after=_told(letter))
        if letter.urgency >= _URGENT:
            events.emit(session, "letter.urgent", letter)
        made.append(letter)
    return made


def _next_id(session: Session) -> int:
    """Return the number of the next letter in the table, which its own number is made of."""
    if session.get_bind().dialect.name == "postgresql":
        return int(session.execute(text("SELECT nextval(pg_get_serial_sequence('letters', 'id'))")).scalar_one())
    # Nobody else writes meanwhile, and letters are never removed.
    return int(session.execute(select(func.coalesce(func.max(Letter.id), 0) + 1)).scalar_one())


def _person(service: Service, petition: Petition) -> str:
    """Return a token that is equal for equal petitioners; never a name."""
    given = [str(petition.fields.get(name, "")).strip().lower() for name in _PERSONAL]
    name, number, phone = given
    known = number or (f"{name}/{phone}" if name and phone else "")
    return service.token("person", known) if known else ""


def _columns(triager: Triager, judged: Judged, status: str) -> dict[str, Any]:
    """Return the columns that a decision fills."""
    names = ("category", "nature", "urgency", "department", "place", "collective", "repeat", "needs_review")
    return {name: judged.decision[name] for name in names} | {
        "sealed": judged.sealed,
        "title_masked": judged.title,
        "text_masked": judged.text,
        "decision": judged.decision,
        "due_next": _due_next(triager, judged.decision["due"], status),
    }


def _look_up(session: Session, letter: Letter, judged: Judged) -> None:
    """Write the rows by which a letter is looked up."""
    parts = dict.fromkeys([letter.department, *judged.decision["assisting"]])
    if departments := [
        {"letter_id": letter.id, "department": code, "leads": code == letter.department} for code in parts if code
    ]:
        session.execute(insert(table(LetterDepartment)), departments)
    if units := [{"letter_id": letter.id, **asdict(complaint)} for complaint in judged.units]:
        session.execute(insert(table(LetterUnit)), units)


def _words(letter: Letter) -> str:
    return f"{letter.number} {letter.text_masked}"


def _stand(session: Session, triager: Triager, letter: Letter, judged: Judged) -> None:
    """Let a letter stand as decided, and everything that it is looked up by."""
    for name, value in _columns(triager, judged, letter.status).items():
        setattr(letter, name, value)
    for kind in (LetterDepartment, LetterUnit):
        session.execute(delete(kind).where(kind.letter_id == letter.id))
    _look_up(session, letter, judged)
    search.remove(session, letter.id)
    if not letter.sealed:  # a search must not tell that it exists
        search.put(session, letter.id, _words(letter))


def _due_next(triager: Triager, due: Mapping[str, str], status: str) -> str:
    """Return the next date that must not pass: of all clocks while it is open, then of those from acceptance on."""
    clocks = triager.policy.taxonomy.clocks
    if status == "answered":
        return NEVER
    running = {
        name: day
        for name, day in due.items()
        if status == "open" or (name in clocks and clocks[name].start != "received")
    }
    return min(running.values(), default=NEVER)


def _told(letter: Letter) -> dict[str, Any]:
    """Return what the audit keeps of a letter: codes and dates."""
    names = ("status", "category", "nature", "urgency", "department", "place", "collective", "repeat", "sealed")
    told = {name: getattr(letter, name) for name in names}
    return told | {
        "due": letter.decision.get("due", {}),
        "version": letter.version,
        "bundle": letter.decision.get("model"),
    }


def given(session: Session, letter: Letter) -> dict[str, Any]:
    """Return the fields that people have decided on a letter, the last word on each."""
    rows = session.scalars(select(ClerkDecision).where(ClerkDecision.letter_id == letter.id).order_by(ClerkDecision.id))
    return {name: change["value"] for row in rows for name, change in row.changes.items()}


def preview(
    service: Service, triager: Triager, letter: Letter, stated: Mapping[str, Any], corrections: Mapping[str, Correction]
) -> Judged:
    """Return how a letter would stand after corrections: what follows from them is counted anew.

    Parameters
    ----------
    stated : Mapping
        What people have decided on it before, see `given`.

    Raises
    ------
    Problem
        ``correction`` if a field, value or reason is not allowed.
    """
    for name, correction in corrections.items():
        _check(triager, name, correction)
    stated = dict(stated) | {name: correction.value for name, correction in corrections.items()}
    fields = dict(letter.fields) | ({"accepted": stated["accepted"]} if stated.get("accepted") else {})
    petition = Petition(letter.body, letter.title, letter.number, fields)
    with service.gate():
        decision = triager.reconsider(petition, {name: stated[name] for name in _RECOUNTED if name in stated})
    judged_by(triager)
    judged = _judged(triager, petition, decision)
    for name in (*_LISTS, *_FLAGS, "place", "persons"):
        if name in stated:
            judged.decision[name] = stated[name]
    return judged


def _check(triager: Triager, name: str, correction: Correction) -> None:
    taxonomy, value = triager.policy.taxonomy, correction.value
    if name not in CORRECTABLE:
        raise Problem("correction", field=name, found=name, allowed=", ".join(CORRECTABLE))
    if correction.reason not in REASONS:
        raise Problem("correction", field=f"{name}.reason", found=correction.reason, allowed=", ".join(REASONS))
    codes: Mapping[str, Sequence[str]] = {
        "category": [*taxonomy.categories],
        "secondary": [*taxonomy.categories],
        "nature": [*taxonomy.natures],
        "department": [*taxonomy.departments],
        "assisting": [*taxonomy.departments],
    }
    if name in _LISTS:
        right = isinstance(value, list) and all(one in codes[name] for one in value)
        allowed = f"a list of {', '.join(codes[name])}"
    elif name in codes:
        right, allowed = value in codes[name], ", ".join(codes[name])
    elif name in _FLAGS:
        right, allowed = isinstance(value, bool), "true, false"
    else:
        right, allowed = {
            "urgency": (type(value) is int and 1 <= value <= 4, "1, 2, 3, 4"),
            "place": (isinstance(value, str) and len(value) <= 300, "a text of at most 300 characters"),
            "persons": (value is None or (type(value) is int and 0 < value < 10_000_000), "a number of people"),
            "accepted": (_is_day(value), "a date such as 2026-03-01"),
        }[name]
    if not right:
        raise Problem("correction", field=name, found=str(value)[:80], allowed=allowed)


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def decide(
    session: Session,
    triager: Triager,
    actor: str,
    letter: Letter,
    corrections: Mapping[str, Correction],
    judged: Judged | None,
    note: str = "",
) -> None:
    """Accept a letter as it stands, or with corrections and what `preview` made of them."""
    before = _told(letter)
    changes = {
        name: {"before": letter.decision.get(name), "value": correction.value, "reason": correction.reason}
        for name, correction in corrections.items()
    }
    letter.status = "decided"
    if judged is None:
        letter.due_next = _due_next(triager, letter.decision["due"], letter.status)
    else:
        letter.fields = dict(judged.petition.fields)
        _stand(session, triager, letter, judged)
    _touch(letter)
    shown = select(Suggestion.id).where(Suggestion.letter_id == letter.id).order_by(Suggestion.id.desc()).limit(1)
    session.add(
        ClerkDecision(
            letter_id=letter.id,
            suggestion_id=session.scalars(shown).one(),
            bundle=str(letter.decision["model"]),
            by=actor,
            changes=changes,
            note=triager.mask(note) if note else "",
        )
    )
    audit.append(session, actor, "letter.decide", f"letter:{letter.id}", before, _told(letter) | {"changes": changes})
    events.emit(session, "letter.decided", letter)


def answer(session: Session, triager: Triager, actor: str, letter: Letter) -> None:
    """Mark a decided letter as answered: no date runs any more."""
    _move(session, triager, actor, letter, "decided", "answered")


def reopen(session: Session, triager: Triager, actor: str, letter: Letter) -> None:
    """Take the last step back: from answered to decided, from decided to open."""
    earlier = {"answered": "decided", "decided": "open"}.get(letter.status)
    if earlier is None:
        raise Problem("letter_state", found=letter.status, allowed="answered, decided")
    _move(session, triager, actor, letter, letter.status, earlier)


def _move(session: Session, triager: Triager, actor: str, letter: Letter, wanted: str, status: str) -> None:
    if letter.status != wanted:
        raise Problem("letter_state", found=letter.status, allowed=wanted)
    before = _told(letter)
    letter.status = status
    letter.answered = now() if status == "answered" else None
    letter.due_next = _due_next(triager, letter.decision["due"], letter.status)
    _touch(letter)
    audit.append(session, actor, f"letter.{status}", f"letter:{letter.id}", before, _told(letter))


def _touch(letter: Letter) -> None:
    letter.version += 1
    letter.changed = now()
