"""A decision as a page shows it: every code by its name in the reader's language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

from service.web.marks import Piece, cut
from service.web.pages import Page
from service.web.texts import texts

__all__ = ["SOON", "Due", "Shown", "described", "due_in", "level_name", "named", "reasons", "shorten", "shown"]

_SEEN = 0.01  # candidates below this are not shown
SOON = 3  # days before a date from which it is shown as near
_PRINCIPLES = ("territorial", "competent", "recusal")


@dataclass(frozen=True, slots=True)
class Due:
    """A date that must not pass; ``state`` is ``late``, ``soon`` or empty."""

    name: str
    day: date
    days: int
    state: str
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on a suggestion's panel."""

    decision: Mapping[str, Any]
    level: int
    level_name: str
    advice: str
    criteria: list[dict[str, Any]]
    category: str
    confidence: float
    candidates: list[tuple[str, float]]
    secondary: list[str]
    nature: str
    channel: str
    tell: str
    department: str
    assisting: list[str]
    principle: str
    due: list[Due]
    reasons: list[str]
    personal: list[tuple[str, int]]
    pieces: list[Piece]


def level_name(page: Page, level: int) -> str:
    """Return a level of urgency in words."""
    found = page.service.triager.policy.urgency.levels[level]
    return found.zh if page.lang == "zh" else found.en


def reasons(page: Page, codes: Any) -> list[str]:
    """Return reasons for review in words."""
    return [_or_code(page, f"reason.{code}", code) for code in codes]


def _or_code(page: Page, key: str, code: str) -> str:
    """Return a text, or the code where a policy file knows more than the pages do."""
    return page.t(key) if key in texts() else code


def shorten(text: str, most: int) -> str:
    """Return the beginning of a text, marked where it is cut."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most].rstrip()}…"


def due_in(page: Page, name: str, day: date, today: date, running: bool = True, provisional: bool = False) -> Due:
    """Return a date with how near it is."""
    days = (day - today).days
    state = "" if not running else "late" if days < 0 else "soon" if days <= SOON else ""
    label = page.t("due.target") if name == "target" else page.name("clocks", name) if name else ""
    return Due(label, day, days, state, provisional)


def shown(page: Page, decision: Mapping[str, Any], text: str, running: bool = True) -> Shown:
    """Return what a panel shows of a decision.

    Parameters
    ----------
    decision : Mapping
        A record as in `Decision.to_dict`, spans in ``text``.
    running : bool
        Whether its dates still run.
    """
    today = date.today()
    channel, tell = _channel(page, decision)
    scores = zip(decision["candidates"], decision["scores"], strict=False)
    kinds = Counter(item["id"] for item in decision["evidence"] if item["field"] == "personal")
    provisional = decision.get("due_provisional", [])
    return Shown(
        decision=decision,
        level=decision["urgency"],
        level_name=level_name(page, decision["urgency"]),
        advice=_advice(page, decision),
        criteria=_criteria(page, decision, text),
        category=page.name("categories", decision["category"]),
        confidence=decision["confidence"],
        candidates=[(page.name("categories", code), score) for code, score in scores if score >= _SEEN][:4],
        secondary=[page.name("categories", code) for code in decision["secondary"]],
        nature=page.name("natures", decision["nature"]),
        channel=channel,
        tell=tell,
        department=page.name("departments", decision["department"]) if decision["department"] else "",
        assisting=[page.name("departments", code) for code in decision["assisting"]],
        principle=_principle(page, decision["principle"]),
        due=sorted(
            (
                due_in(page, name, date.fromisoformat(day), today, running, name in provisional)
                for name, day in decision["due"].items()
            ),
            key=lambda one: one.day,
        ),
        reasons=reasons(page, decision["review_reason"]),
        personal=[(_or_code(page, f"personal.{kind}", kind), count) for kind, count in kinds.most_common()],
        pieces=cut(text, [_worded(page, item) for item in decision["evidence"]]),
    )


def _advice(page: Page, decision: Mapping[str, Any]) -> str:
    known = page.service.triager.policy.urgency
    finding = SimpleNamespace(
        level=decision["urgency"],
        rules=[name for name in decision["urgency_rules"] if name in known.criteria],
        evidence=[SimpleNamespace(id=item["id"], weight=item["weight"]) for item in decision["evidence"]],
    )
    return known.advice(cast(Any, finding), page.lang)


def _criterion(page: Page, code: str) -> str:
    found = page.service.triager.policy.urgency.criteria.get(code)
    return (found.zh if page.lang == "zh" else found.en) if found else code


def _criteria(page: Page, decision: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """Return the criteria that are met, each with the words that show it."""
    found = []
    for code in decision["urgency_rules"]:
        spans = [
            item["span"]
            for item in decision["evidence"]
            if item["field"] == "urgency" and item["id"] == code and item["status"] == "active" and item["span"]
        ]
        words = list(dict.fromkeys(text[start:end] for start, end in spans))[:3]
        found.append({"id": code, "name": _criterion(page, code), "words": words})
    return found


def _channel(page: Page, decision: Mapping[str, Any]) -> tuple[str, str]:
    """Return the channel and what the petitioner is told; as it was written where the policy no longer knows it."""
    policy, code, lang = page.service.triager.policy, decision["channel_code"], page.lang
    if nature := policy.taxonomy.natures.get(code):
        return nature.channel(lang), nature.tell(lang)
    used = {item["id"] for item in decision["evidence"] if item["field"] == "channel" and item["status"] == "active"}
    for branch, rules in policy.channels.branches:
        if branch.code == code:
            own = next((rule.tell[lang] for rule in rules if rule.id in used and rule.tell.get(lang)), "")
            return branch.names[lang], own or branch.tell[lang]
    return decision["channel"], decision["channel_tell"]


def _principle(page: Page, words: str) -> str:
    for code in _PRINCIPLES:
        if words in texts()[f"principle.{code}"].values():
            return page.t(f"principle.{code}")
    return words


def _worded(page: Page, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return evidence with its words: what it speaks for, which rule or word says so, and how much."""
    field, code = item["field"], item["id"]
    if field == "urgency":
        what = _criterion(page, code)
    elif field in ("category", "secondary"):
        what = page.name("categories", code)
    elif field == "personal":
        what = _or_code(page, f"personal.{code}", code)
    elif field == "department":
        what = code
    else:
        what = _or_code(page, f"evidence.id_{code}", "")
    weight = item["weight"]
    if field == "urgency":
        much = page.t("evidence.level", level=f"{weight:.0f}") if weight else ""
    else:
        much = page.t("evidence.weight", weight=f"{weight:+.2f}") if weight and field == "category" else ""
    return {
        **item,
        "field_name": _or_code(page, f"field.{field}", field),
        "what": what,
        "much": much,
        "why": "" if item["status"] == "active" else _or_code(page, f"status.{item['status']}", item["status"]),
    }


_KINDS = {"category": "categories", "secondary": "categories", "nature": "natures"}
_TOLD = (
    "category", "secondary", "nature", "urgency", "channel", "department", "assisting", "handler", "due", "place",
    "persons", "collective", "repeat", "needs_review", "review_reason",
)  # fmt: skip


def named(page: Page, field: str, value: Any) -> str:
    """Return a field's value in words."""
    if isinstance(value, bool):
        return page.t("app.yes") if value else page.t("app.no")
    if value is None or value == "" or value == [] or value == {}:
        return page.t("app.none")
    if isinstance(value, list):
        return page.t("app.comma").join(named(page, field, one) for one in value)
    if field == "due":
        days = sorted(value.items(), key=lambda one: str(one[1]))
        dates = [due_in(page, name, date.fromisoformat(day), date.today()) for name, day in days]
        return page.t("app.comma").join(f"{one.name} {one.day.isoformat()}" for one in dates)
    if field == "urgency":
        return level_name(page, int(value))
    if field == "review_reason":
        return _or_code(page, f"reason.{value}", value)
    return page.name(_KINDS.get(field, "departments"), value) if isinstance(value, str) else str(value)


def described(page: Page, decision: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reader compares of two decisions, field by field in words."""
    told = {field: named(page, field, decision.get(field)) for field in _TOLD if field != "channel"}
    channel, _ = _channel(page, decision)
    return {field: channel if field == "channel" else told[field] for field in _TOLD}
