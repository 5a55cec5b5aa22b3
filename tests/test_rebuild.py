from __future__ import annotations

import json
from pathlib import Path

import pytest

from triage import Triager
from triage.bundle import verify
from triage.intake import Columns, read_letters
from triage.policy import load_policy
from triage.training.base import build

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "models" / "base"
DECIDED = ("category", "nature", "urgency", "department")


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the shipped bundle anew from the corpora; takes a minute and a half."""
    path = tmp_path_factory.mktemp("models") / "base"
    build(path, load_policy())
    return path


@pytest.mark.slow
def test_the_rebuilt_bundle_decides_alike(rebuilt: Path) -> None:
    letters = list(read_letters(ROOT / "data" / "samples" / "letters.csv", Columns.load(ROOT / "data")))
    shipped, anew = (
        [
            {field: getattr(decision, field) for field in DECIDED}
            for decision in Triager.load(model).triage_many(letters)
        ]
        for model in (SHIPPED, rebuilt)
    )
    assert {
        letter.id: (one, other) for letter, one, other in zip(letters, shipped, anew, strict=True) if one != other
    } == {}


@pytest.mark.slow
def test_the_rebuilt_bundle_is_the_shipped_one_byte_for_byte(rebuilt: Path) -> None:
    assert (rebuilt / "model.skops").read_bytes() == (SHIPPED / "model.skops").read_bytes()


@pytest.mark.slow
def test_papers_of_the_rebuilt_bundle_are_the_shipped_ones(rebuilt: Path) -> None:
    assert verify(rebuilt) == verify(SHIPPED)
    assert json.loads((rebuilt / "metrics.json").read_text(encoding="utf-8")) == json.loads(
        (SHIPPED / "metrics.json").read_text(encoding="utf-8")
    )
    assert (rebuilt / "MODEL_CARD.md").read_bytes() == (SHIPPED / "MODEL_CARD.md").read_bytes()
