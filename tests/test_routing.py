from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from triage.errors import DataError
from triage.routing import Circumstances, Route, Router
from triage.schema import Petition
from triage.taxonomy import Taxonomy, load_taxonomy
from triage.text import Analyser

EVEN: Mapping[str, float] = {}


@pytest.fixture
def router(tiny_home: Path) -> Router:
    return Router(load_taxonomy(tiny_home))


def route(
    router: Router,
    analyser: Analyser,
    body: str,
    category: str,
    nature: str = "ask",
    likely: Mapping[str, float] = EVEN,
    title: str = "",
) -> tuple[Route, Petition]:
    petition = Petition(body=body, title=title)
    analysis = analyser(petition)
    asking = [(0, analysis.title_end), *analysis.asking] if analysis.title_end else analysis.asking
    return router(analysis, Circumstances(category, nature), likely, asking), petition


def test_the_first_row_that_fits_decides(router: Router, analyser: Analyser) -> None:
    found, petition = route(router, analyser, "水\u200b压低。請核對收費", "water")
    assert (found.department, found.evidence[-1].id) == ("works", "T1")
    evidence = found.evidence[-1]
    assert (evidence.field, evidence.source, evidence.note) == ("department", "rule", "第十条")
    assert evidence.span is not None
    assert petition.text[slice(*evidence.span)] == "收費"


def test_without_its_keyword_the_next_row_decides(router: Router, analyser: Analyser) -> None:
    found, _ = route(router, analyser, "水压低。请加压", "water")
    assert (found.department, found.assisting) == ("works", ("labour",))
    assert found.evidence[-1].id == "T2"
    assert found.evidence[-1].span is None


def test_a_keyword_counts_only_where_something_is_asked(router: Router, analyser: Analyser) -> None:
    assert route(router, analyser, "他们乱收费。请加压", "water")[0].evidence[-1].id == "T2"
    assert route(router, analyser, "水压低", "water", title="乱收费")[0].evidence[-1].id == "T1"


def test_english_keywords_are_found_in_any_case(router: Router, analyser: Analyser) -> None:
    assert route(router, analyser, "please check my BILL", "water")[0].evidence[-1].id == "T1"


def test_the_nature_can_be_a_condition(router: Router, analyser: Analyser) -> None:
    assert route(router, analyser, "建议加宽", "road", "idea")[0].evidence[-1].id == "T3"
    assert route(router, analyser, "建议加宽", "road", "ask")[0].evidence[-1].id == "T4"


@pytest.mark.parametrize(
    ("likely", "lead", "assisting"),
    [
        ({}, "works", ()),  # nothing known: the order of the row
        ({"works": 0.9, "labour": 0.1}, "works", ()),
        ({"works": 0.1, "labour": 0.9}, "labour", ()),
        ({"works": 0.3, "labour": 0.7}, "labour", ("works",)),  # both fit, both are shown
        ({"works": 0.4, "labour": 0.6}, "works", ("labour",)),  # the row's first leads in doubt
        ({"works": 0.0, "labour": 0.0}, "works", ()),
    ],
)
def test_of_several_departments_the_likeliest_leads(
    router: Router, analyser: Analyser, likely: Mapping[str, float], lead: str, assisting: tuple[str, ...]
) -> None:
    found, _ = route(router, analyser, "建议加宽", "road", "idea", likely)
    assert (found.department, found.assisting) == (lead, assisting)


def test_the_lead_does_not_assist_itself(own_home: Path, analyser: Analyser) -> None:
    path = own_home / "taxonomy" / "routing.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace("T4,road,,,,,,works,,", "T4,road,,,,,,works|labour,labour|works,"),
        encoding="utf-8",
    )
    router = Router(load_taxonomy(own_home))
    found, _ = route(router, analyser, "请修路", "road", likely={"works": 0.5, "labour": 0.4})
    assert (found.department, found.assisting) == ("works", ("labour",))


def test_a_natures_department_goes_before_the_table(own_home: Path, analyser: Analyser) -> None:
    path = own_home / "taxonomy" / "natures.toml"
    path.write_text(path.read_text(encoding="utf-8") + 'department = "labour"\n', encoding="utf-8")
    router = Router(load_taxonomy(own_home))
    for category in ("water", "road", "pay"):
        assert route(router, analyser, "建议加宽", category, "idea")[0].department == "labour"
    assert route(router, analyser, "请修路", "road", "ask")[0].department == "works"


def test_every_shipped_category_and_nature_has_a_department(analyser: Analyser) -> None:
    taxonomy: Taxonomy = load_taxonomy(Path(__file__).parents[1] / "data")
    router = Router(taxonomy)
    for category in taxonomy.categories:
        for nature in taxonomy.natures:
            assert route(router, analyser, "请处理", category, nature)[0].department in taxonomy.departments


CONDITIONS = """\
# schema_version = 2
id,category,nature,urgency,level,people,keywords,departments,assisting,basis
C1,road,,3,,,,labour,,urgent
C2,road,,,town,,,works,labour,small place
C3,road,,,,50,,labour,works,many
C4,,,,,,,works,,all
"""


@pytest.fixture
def conditional(own_home: Path) -> Router:
    (own_home / "taxonomy" / "routing.csv").write_text(CONDITIONS, encoding="utf-8")
    return Router(load_taxonomy(own_home))


@pytest.mark.parametrize(
    ("letter", "row", "failed"),
    [
        (Circumstances("road", "ask", urgency=3), "C1", []),
        (Circumstances("road", "ask", urgency=2, level="village"), "C2", ["urgency"]),  # a village is in its town
        (Circumstances("road", "ask", level="town"), "C2", ["urgency"]),
        (Circumstances("road", "ask", level="county", people=50), "C3", ["urgency", "level"]),
        (Circumstances("road", "ask", people=49), "C4", ["urgency", "level", "people"]),
        (Circumstances("water", "ask", urgency=4, level="town", people=500), "C4", []),
    ],
)
def test_rows_may_ask_for_urgency_place_and_number(
    conditional: Router, analyser: Analyser, letter: Circumstances, row: str, failed: list[str]
) -> None:
    analysis = analyser(Petition(body="请修路"))
    found = conditional(analysis, letter, EVEN, analysis.asking)
    assert found.evidence[-1].id == row
    assert [(item.status, item.note) for item in found.evidence[:-1]] == [("exception", what) for what in failed]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("C1,road,,3", "C1,road,,5", "urgency '5'"),
        ("C2,road,,,town", "C2,road,,,hamlet", "level 'hamlet'"),
        ("C3,road,,,,50", "C3,road,,,,many", "people 'many'"),
        ("C3,road,,,,50,,labour", "C3,road,,3,,,,works", "contradicts"),
        ("C3,road,,,,50,,labour,works", "C3,road,,3,,,,labour,", "says the same"),
        ("C2,road,,,town,,", "C2,road,,,,,", "C3: cannot be reached"),
        ("C4,,,,,", "C4,,idea,,,", "category water has no row"),
    ],
)
def test_faults_of_the_table_are_told(own_home: Path, old: str, new: str, fault: str) -> None:
    assert old in CONDITIONS
    (own_home / "taxonomy" / "routing.csv").write_text(CONDITIONS.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_taxonomy(own_home)
    assert any(fault in found for found in caught.value.faults)
