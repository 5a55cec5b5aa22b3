from __future__ import annotations

import csv
from pathlib import Path

import pytest

from triage import Decision, Petition, Triager
from triage.intake import Columns, read_letters

HOME = Path(__file__).parents[1] / "data"
SAMPLES = HOME / "samples"
LETTERS = list(read_letters(SAMPLES / "letters.csv", Columns.load(HOME)))
with open(SAMPLES / "expected.csv", encoding="utf-8-sig", newline="") as _file:
    EXPECTED = list(csv.DictReader(_file))
LEAST_RIGHT = 34  # of 40
NEAR_MISS = "S013"  # a shop that shouts of dying and jumping to sell its coats


@pytest.fixture(scope="session")
def sample_decisions() -> dict[str, Decision]:
    """Return the shipped bundle's decisions by id."""
    return {decision.id: decision for decision in Triager.load().triage_many(LETTERS)}


def test_letters_and_answers_belong_together() -> None:
    assert [letter.id for letter in LETTERS] == [row["id"] for row in EXPECTED]
    assert len(LETTERS) == len({letter.id for letter in LETTERS}) == 40
    assert all(letter.body.strip() and letter.fields["date"] for letter in LETTERS)


def test_every_code_of_the_answers_exists_and_every_category_occurs() -> None:
    taxonomy = Triager.load().policy.taxonomy
    assert {row["category"] for row in EXPECTED} == set(taxonomy.categories)
    assert {row["nature"] for row in EXPECTED} == set(taxonomy.natures)
    assert {row["department"] for row in EXPECTED} <= set(taxonomy.departments)
    assert {row["urgency"] for row in EXPECTED} == {"1", "2", "3", "4"}


def test_most_categories_are_right(sample_decisions: dict[str, Decision]) -> None:
    wrong = {
        row["id"]: (row["category"], sample_decisions[row["id"]].category)
        for row in EXPECTED
        if sample_decisions[row["id"]].category != row["category"]
    }
    assert len(EXPECTED) - len(wrong) >= LEAST_RIGHT, wrong


@pytest.mark.parametrize("name", [row["id"] for row in EXPECTED if row["urgency"] == "4"])
def test_a_critical_letter_is_seen_as_urgent(sample_decisions: dict[str, Decision], name: str) -> None:
    decision = sample_decisions[name]
    assert decision.urgency >= 3
    assert decision.urgency_rules


def test_the_near_miss_is_not_urgent(sample_decisions: dict[str, Decision]) -> None:
    (letter,) = (letter for letter in LETTERS if letter.id == NEAR_MISS)
    assert "不想活" in letter.text
    decision = sample_decisions[NEAR_MISS]
    assert decision.urgency < 3
    assert decision.urgency_rules == ()
    seen = [item for item in decision.evidence if item.field == "urgency"]
    assert all(item.status != "active" for item in seen)


def test_every_letter_has_due_dates_and_a_department(sample_decisions: dict[str, Decision]) -> None:
    for letter in LETTERS:
        decision = sample_decisions[letter.id]
        assert decision.department
        assert decision.due
        assert min(decision.due.values()) >= letter.fields["date"]  # our own target may be the same day


def test_accusations_among_the_samples_stay_closed(sample_decisions: dict[str, Decision]) -> None:
    accused = [row["id"] for row in EXPECTED if row["nature"] == "accusation"]
    assert accused
    for name in accused:
        decision = sample_decisions[name]
        assert decision.nature == "accusation"
        assert "closed" in decision.review_reason


def test_ids_do_not_sway_a_decision(sample_decisions: dict[str, Decision]) -> None:
    letter = LETTERS[0]
    other = Triager.load().triage(Petition(body=letter.body, title=letter.title, id="x", fields=letter.fields))
    assert {**other.to_dict(), "id": letter.id} == sample_decisions[letter.id].to_dict()
