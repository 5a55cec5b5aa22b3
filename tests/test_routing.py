from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from triage.features import asking_spans
from triage.routing import Route, Router
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
    asking = [(0, analysis.title_end), *asking_spans(analysis)] if analysis.title_end else asking_spans(analysis)
    return router(analysis, category, nature, likely, asking), petition


def test_the_first_row_that_fits_decides(router: Router, analyser: Analyser) -> None:
    found, petition = route(router, analyser, "水\u200b压低。請核對收費", "water")
    assert (found.department, found.evidence[0].id) == ("works", "T1")
    (evidence,) = found.evidence
    assert (evidence.field, evidence.source, evidence.note) == ("department", "rule", "第十条")
    assert evidence.span is not None
    assert petition.text[slice(*evidence.span)] == "收費"


def test_without_its_keyword_the_next_row_decides(router: Router, analyser: Analyser) -> None:
    found, _ = route(router, analyser, "水压低。请加压", "water")
    assert (found.department, found.assisting) == ("works", ("labour",))
    assert found.evidence[0].id == "T2"
    assert found.evidence[0].span is None


def test_a_keyword_counts_only_where_something_is_asked(router: Router, analyser: Analyser) -> None:
    assert route(router, analyser, "他们乱收费。请加压", "water")[0].evidence[0].id == "T2"
    assert route(router, analyser, "水压低", "water", title="乱收费")[0].evidence[0].id == "T1"


def test_english_keywords_are_found_in_any_case(router: Router, analyser: Analyser) -> None:
    assert route(router, analyser, "please check my BILL", "water")[0].evidence[0].id == "T1"


def test_the_nature_can_be_a_condition(router: Router, analyser: Analyser) -> None:
    assert route(router, analyser, "建议加宽", "road", "idea")[0].evidence[0].id == "T3"
    assert route(router, analyser, "建议加宽", "road", "ask")[0].evidence[0].id == "T4"


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
        path.read_text(encoding="utf-8").replace("T4,road,,,works,,", "T4,road,,,works|labour,labour|works,"),
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
