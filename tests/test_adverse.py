"""Letters written to fool it: quoted law, threats inside thanks, orders to the reader, sarcasm, one word without end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from triage import Petition, Triager
from triage.errors import InputError

FILE = Path(__file__).parents[1] / "data" / "golden" / "adverse.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
KEYS = {
    "urgency_min", "urgency_max", "nature", "category", "department", "not_department", "needs_review", "collective",
    "repeat", "rejected",
}  # fmt: skip


LEAST_RIGHT = 0.85


@pytest.fixture(scope="module")
def triager() -> Triager:
    return Triager.load()


def test_there_are_sixty_and_each_says_what_must_hold() -> None:
    assert len(ROWS) == len({row["id"] for row in ROWS}) == 60
    assert all(row["expect"] and set(row["expect"]) <= KEYS and row["trap"] for row in ROWS)
    assert sum(row["lang"] == "en" for row in ROWS) == 15


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_it_is_not_fooled(triager: Triager, row: dict[str, Any]) -> None:
    expect = row["expect"]
    petition = Petition(body=row["text"] * row.get("repeat_text", 1), title=row.get("title", ""))
    if expect.get("rejected"):
        with pytest.raises(InputError):
            triager.triage(petition)
        return
    decision = triager.triage(petition)
    assert expect.get("urgency_min", 1) <= decision.urgency <= expect.get("urgency_max", 4), decision.urgency_rules
    assert decision.department not in expect.get("not_department", [])
    for field in ("needs_review", "collective", "repeat"):
        assert getattr(decision, field) == expect.get(field, getattr(decision, field))


def test_most_are_understood_as_well(triager: Triager) -> None:
    """What was learnt from letters, not ruled: of the categories, natures and departments expected most must be right."""
    right = wanted = 0
    for row in ROWS:
        if row["expect"].get("rejected"):
            continue
        decision = triager.triage(Petition(body=row["text"] * row.get("repeat_text", 1), title=row.get("title", "")))
        for field in ("nature", "category", "department"):
            if field in row["expect"]:
                wanted += 1
                right += getattr(decision, field) in row["expect"][field]
    assert right >= LEAST_RIGHT * wanted, (right, wanted)
