"""The queue, the closed queue and the search: lists of letters with their filters in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Query, Response
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service.audit import append
from service.db.tables import NEVER, Letter, SavedView
from service.filters import QUEUE, Filters, chosen
from service.letters import decide, reopen
from service.paging import Order, page
from service.problems import Problem
from service.sight import seen
from service.web.pages import Page, PageNow, local, pages
from service.web.shown import SOON, Due, due_in, level_name, reasons, shorten

__all__ = ["Asked", "asked", "router"]

router = pages()
_LIMIT = 50
_MOST = 200  # letters accepted at once
_TITLE = 90  # characters of a letter that has no heading
_VIEWS = 20  # views that one user keeps
_FLAGS = ("needs_review", "collective", "repeat")
_NEWEST = (Order(Letter.id, falling=True),)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is asked for: the address's own words, and the filters they stand for."""

    words: list[tuple[str, str]]
    filters: Filters

    def has(self, name: str, value: str) -> bool:
        """Tell whether a choice is made in the address."""
        return (name, value) in self.words

    def one(self, name: str) -> str:
        """Return a choice's value, empty where it is not made."""
        return next((value for key, value in self.words if key == name), "")

    def without(self, *names: str) -> str:
        """Return the address's words without some of them."""
        return urlencode([(key, value) for key, value in self.words if key not in names])


def asked(words: list[tuple[str, str]], sealed: bool = False, status: str = "open") -> Asked:
    """Return what a list's address asks for; ``due`` and ``status`` are the desk's own words.

    Raises
    ------
    ValidationError
        If a value is not one the filters take.
    """
    kept = [(key, value.strip()) for key, value in words if value.strip()]
    given: dict[str, Any] = {"sealed": sealed, "limit": _LIMIT}
    for key, value in kept:
        if key in ("category", "nature", "department", "urgency"):
            given.setdefault(key, []).append(value)
        elif key in _FLAGS:
            given[key] = value == "yes"
        elif key in ("q", "place", "received_from", "received_to", "cursor"):
            given[key] = value
    chosen_status = next((value for key, value in kept if key == "status"), status)
    given["status"] = {"any": [], "waiting": ["open", "decided"]}.get(chosen_status, [chosen_status])
    when = next((value for key, value in kept if key == "due"), "")
    if when in ("late", "soon"):
        day = date.today() + timedelta(days=0 if when == "late" else SOON + 1)
        given["overdue_on"] = day
    return Asked(kept, Filters.model_validate(given))


@dataclass(frozen=True, slots=True)
class Row:
    """One letter of a list; ``sure`` may be accepted with others at once."""

    letter: Letter
    title: str
    level_name: str
    due: Due | None
    category: str
    department: str
    reasons: list[str]
    sure: bool


def _row(page: Page, letter: Letter) -> Row:
    due = None
    if letter.due_next != NEVER:
        due = due_in(page, "", date.fromisoformat(letter.due_next), date.today())
    return Row(
        letter=letter,
        title=letter.title_masked.strip() or shorten(letter.text_masked.strip(), _TITLE),
        level_name=level_name(page, letter.urgency),
        due=due,
        category=page.name("categories", letter.category),
        department=page.name("departments", letter.department),
        reasons=reasons(page, letter.decision.get("review_reason", [])),
        sure=letter.status == "open" and not letter.needs_review,
    )


def _levels(session: Session, rows: Select[Letter]) -> dict[int, int]:
    """Return how many letters of each level a selection has."""
    counted = rows.with_only_columns(Letter.urgency, func.count()).group_by(Letter.urgency)
    return {row[0]: row[1] for row in session.execute(counted)}


def _listed(look: Page, template: str, want: Asked, order: tuple[Order, ...], **values: Any) -> Response:
    service, caller = look.service, look.caller
    with service.database.read() as session:
        found, after = page(session, chosen(session, caller, want.filters), order, want.filters.cursor, _LIMIT)
        levels = _levels(session, chosen(session, caller, want.filters.model_copy(update={"urgency": []})))
        mine = select(SavedView).where(SavedView.account_id == caller.account).order_by(SavedView.name)
        kept = [(view.id, view.name, view.query) for view in session.scalars(mine)]
    wanted = want.filters.urgency
    return look.answer(
        template,
        rows=[_row(look, one) for one in found],
        want=want,
        after=f"{look.request.url.path}?{want.without('cursor')}&cursor={after}" if after else "",
        first=f"{look.request.url.path}?{want.without('cursor')}" if want.filters.cursor else "",
        trail=urlencode({"queue": f"{look.request.url.path}?{want.without('cursor')}"}),
        levels=[(level, level_name(look, level), levels.get(level, 0)) for level in (4, 3, 2, 1)],
        count=sum(number for level, number in levels.items() if not wanted or level in wanted),
        views=kept,
        taxonomy=service.triager.policy.taxonomy,
        **values,
    )


@router.get("/queue")
def queue(look: PageNow) -> Response:
    """List open letters, the most urgent and the next due first."""
    look.caller.need("letters:read")
    return _listed(look, "queue.html", asked(look.request.query_params.multi_items()), QUEUE, kind="queue")


@router.get("/closed")
def closed(look: PageNow) -> Response:
    """List accusations, for who may read them."""
    look.caller.need("letters:sealed")
    words = look.request.query_params.multi_items()
    return _listed(look, "queue.html", asked(words, sealed=True), QUEUE, kind="closed")


@router.get("/search")
def search(look: PageNow) -> Response:
    """List letters of every status that hold some words, the newest first."""
    look.caller.need("letters:read")
    want = asked(look.request.query_params.multi_items(), status="any")
    return _listed(look, "queue.html", want, _NEWEST, kind="search")


Picked = Annotated[list[str], Form(max_length=_MOST)]


def _picked(picked: list[str]) -> list[tuple[int, int]]:
    """Return ids and versions, as ``12:3``."""
    found = []
    for one in picked:
        number, _, version = one.partition(":")
        if not (number.isascii() and number.isdigit() and version.isascii() and version.isdigit() and len(one) < 24):
            raise Problem("invalid_request", faults="pick: 12:3")
        found.append((int(number), int(version)))
    return sorted(found)  # in one order, so that two who accept at once do not wait for each other


@router.post("/queue/accept")
def accept_many(look: PageNow, pick: Picked) -> Response:
    """Accept letters as they are suggested: open, unchanged since they were shown, without reasons for review."""
    look.caller.need("letters:decide")
    triager, done, passed = look.service.triager, [], 0
    with look.service.database.write() as session:
        for number, version in _picked(pick):
            letter = _still(look, session, number, version)
            if letter is None or letter.status != "open" or letter.needs_review:
                passed += 1
                continue
            decide(session, triager, look.caller.name, letter, {}, None)
            done.append(f"{letter.id}:{letter.version}")
    return _said(look, "queue.accepted", done, passed, undo=done)


@router.post("/queue/undo")
def undo_many(look: PageNow, pick: Picked) -> Response:
    """Take back what was accepted together."""
    look.caller.need("letters:decide")
    done, passed = 0, 0
    with look.service.database.write() as session:
        for number, version in _picked(pick):
            letter = _still(look, session, number, version)
            if letter is None or letter.status != "decided":
                passed += 1
                continue
            reopen(session, look.service.triager, look.caller.name, letter)
            done += 1
    return _said(look, "queue.undone", [""] * done, passed, undo=[])


def _still(look: Page, session: Session, number: int, version: int) -> Letter | None:
    try:
        letter = seen(session, look.caller, number, change=True)
    except Problem:
        return None
    return letter if letter.version == version else None


def _said(look: Page, key: str, done: list[str], passed: int, undo: list[str]) -> Response:
    headers = {"HX-Trigger": "listed"}
    return look.answer("_said.html", headers=headers, key=key, count=len(done), passed=passed, undo=undo)


@router.post("/views")
def keep_view(
    look: PageNow, name: Annotated[str, Form(max_length=60)], way: Annotated[str, Form(max_length=1500)]
) -> Response:
    """Keep the filters of a list under a name, for this user alone; a name that is known is overwritten."""
    look.caller.need("letters:read")
    name, way = name.strip(), local(way, "")
    if not name or not way.startswith(("/queue", "/closed", "/search")):
        raise Problem("invalid_request", faults="name, way")
    with look.service.database.write() as session:
        mine = session.scalars(select(SavedView).where(SavedView.account_id == look.caller.account)).all()
        known = next((view for view in mine if view.name == name), None)
        if known:
            known.query = way
        elif len(mine) >= _VIEWS:
            raise Problem("choice", field=look.t("queue.view"), found=len(mine) + 1, allowed=_VIEWS)
        else:
            session.add(SavedView(account_id=look.caller.account, name=name, query=way))
        append(session, look.caller.name, "view.keep", f"account:{look.caller.account}")
    return Response(headers={"HX-Redirect": way})


@router.post("/views/{view_id}/drop")
def drop_view(look: PageNow, view_id: int, back: Annotated[str, Query(max_length=2000)] = "/queue") -> Response:
    """Forget a view."""
    with look.service.database.write() as session:
        view = session.get(SavedView, view_id)
        if view is None or view.account_id != look.caller.account:
            raise Problem("not_found", what="view")
        session.delete(view)
        append(session, look.caller.name, "view.drop", f"account:{look.caller.account}")
    return Response(headers={"HX-Redirect": local(back, "/queue")})
