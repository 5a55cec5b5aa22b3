"""A hundred letters and where they go: a county adds its own to ``data/samples/routing.csv``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from triage import Petition, Triager
from triage.cli.main import main
from triage.config import read_csv
from triage.routing import EXAMPLE_COLUMNS, EXAMPLE_VERSION

FILE = Path(__file__).parents[1] / "data" / "samples" / "routing.csv"
ROWS = read_csv(FILE, EXAMPLE_COLUMNS, EXAMPLE_VERSION)
LEAST_RIGHT = 95  # of 100


@pytest.fixture(scope="module")
def triager() -> Triager:
    return Triager.load()


def test_there_are_a_hundred_and_every_code_occurs(triager: Triager) -> None:
    taxonomy = triager.policy.taxonomy
    assert len(ROWS) == len({row["id"] for row in ROWS}) == 100
    assert {row["category"] for row in ROWS} == set(taxonomy.categories)
    assert {row["nature"] for row in ROWS} == set(taxonomy.natures)
    assert {row["department"] for row in ROWS} == set(taxonomy.departments)
    assert min(Counter(row["category"] for row in ROWS).values()) >= 4
    assert {code for row in ROWS for code in row["also"].split(";") if code} <= set(taxonomy.departments)


def test_the_letters_reach_their_departments(triager: Triager) -> None:
    letters = [Petition(row["text"], row["title"], row["id"]) for row in ROWS]
    wrong = {
        row["id"]: (row["department"], decision.department)
        for row, decision in zip(ROWS, triager.triage_many(letters), strict=True)
        if decision.department not in {row["department"], *row["also"].split(";")}
    }
    assert len(ROWS) - len(wrong) >= LEAST_RIGHT, wrong


def test_the_table_alone_reaches_them_given_the_right_category(triager: Triager) -> None:
    from triage.routing import Circumstances, Router

    router = Router(triager.policy.taxonomy)
    wrong = {}
    for row in ROWS:
        analysis = triager.analyse(Petition(row["text"], row["title"]))
        route = router(analysis, Circumstances(row["category"], row["nature"]), {}, analysis.requests)
        if row["department"] not in (route.department, *route.assisting) and route.department not in row["also"]:
            wrong[row["id"]] = (row["department"], route.department)
    assert len(ROWS) - len(wrong) >= 80, wrong


def test_a_county_checks_its_own_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.csv"
    lines = FILE.read_text(encoding="utf-8").splitlines()
    own.write_text("\n".join(lines[:4]) + "\n", encoding="utf-8")
    assert main(["data", "routes", str(own), "--lang", "en"]) == 0
    assert capsys.readouterr().out == "2 letters, 2 as expected, 0 elsewhere\n"
    own.write_text(
        "\n".join(lines[:4]).replace("agriculture_rural,local_government", "veterans,") + "\n", encoding="utf-8"
    )
    assert main(["data", "routes", str(own), "--lang", "en"]) == 1
    out = capsys.readouterr().out
    assert "R001  land_contract  expected veterans, got agriculture_rural  R010(keywords) > R011" in out
    assert out.endswith("2 letters, 1 as expected, 1 elsewhere\n")
