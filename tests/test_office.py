"""Who we are: ours or not, whom to forward to, who leads, and who is accused and must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.accused import AccusedFinder
from triage.config import read_toml
from triage.errors import DataError
from triage.levels import Levels
from triage.office import Office
from triage.place import Place, PlaceFinder
from triage.place.gazetteer import Gazetteer
from triage.place.policy import PlacePolicy
from triage.taxonomy import Department

DATA = Path(__file__).parents[1] / "data"
TAXONOMY = DATA / "taxonomy"
CATEGORIES = [row["code"] for row in read_toml(TAXONOMY / "categories.toml")["category"]]
DEPARTMENTS = {
    row["code"]: Department.model_validate(row) for row in read_toml(TAXONOMY / "departments.toml")["department"]
}
POLICY = PlacePolicy.load(DATA)
LEVELS = Levels.load(DATA, CATEGORIES, DEPARTMENTS)
TOWN = Office.load(DATA / "samples" / "office.toml", POLICY, LEVELS)
ACCUSED = AccusedFinder.load(DATA, DEPARTMENTS)
FIND = PlaceFinder(POLICY, Gazetteer.load(DATA / "samples" / "gazetteer.csv"), TOWN)


def write_office(folder: Path, **changes: str) -> Path:
    text = (DATA / "samples" / "office.toml").read_text(encoding="utf-8")
    for key, value in changes.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.splitlines()]
        text = "\n".join(lines)
    path = folder / "office.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Office:
    changes = {"level": '"county"', "town": '""', "name": '"清源县信访局"', "aliases": "[]", "departments": "[]"}
    return Office.load(write_office(tmp_path_factory.mktemp("county"), **changes), POLICY, LEVELS)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("新河镇王家湾村", "ours"),
        ("红旗大队", "ours"),
        ("我要投诉", "ours"),
        ("Xinhe Township", "ours"),
        ("太平镇青龙村", "elsewhere"),
        ("石桥镇的路", "elsewhere"),
        ("南漳县武安镇", "elsewhere"),
        ("随州市", "elsewhere"),
        ("清源县的医院", "above"),
        ("安徽省的政策", "above"),
        ("A市B区", "unknown"),
    ],
)
def test_how_a_place_lies_to_a_township(text, relation):
    assert TOWN.relation(FIND(text)) == relation


def test_how_a_place_lies_to_a_county(county):
    find = PlaceFinder(POLICY, Gazetteer.load(DATA / "samples" / "gazetteer.csv"), county)
    assert county.relation(find("太平镇青龙村")) == "below"
    assert county.relation(find("清源县的医院")) == "ours"
    assert county.relation(find("请修路")) == "ours"
    assert county.relation(find("南漳县武安镇")) == "elsewhere"
    assert county.relation(find("石桥镇的路")) == "unknown"
    assert county.forward(find("太平镇青龙村"))[0] == "清源县太平镇政府(办事处)"


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("南漳县武安镇", "湖北省襄阳市南漳县信访局", "the petition bureau of 南漳县, 襄阳市, 湖北省"),
        ("随州市", "湖北省随州市信访局", "the petition bureau of 随州市, 湖北省"),
        ("北京市朝阳区", "北京市朝阳区信访局", "the petition bureau of 朝阳区, 北京市"),
        ("太平镇青龙村", "清源县太平镇政府(办事处)", "the government of 太平镇, 清源县"),
        ("清源县的医院", "安徽省安平市清源县信访局", "the petition bureau of 清源县, 安平市, 安徽省"),
    ],
)
def test_a_letter_about_another_place_is_forwarded(text, zh, en):
    assert TOWN.forward(FIND(text)) == (zh, en)


def test_a_place_that_cannot_be_found_goes_to_our_superior_and_ours_stays():
    assert "清源县信访局" in TOWN.forward(FIND("石桥镇的路"))[0]
    assert TOWN.forward(FIND("新河镇的路")) == ("", "")
    assert TOWN.forward(Place()) == ("", "")


@pytest.mark.parametrize(
    "category", ["land_contract", "homestead", "village_affairs", "civil_dispute", "wages", "social_assistance"]
)
def test_matters_of_the_township_are_led_by_it(category):
    department = LEVELS.row(category, "")[0].department
    found = TOWN.responsible(category, department)
    assert (found.lead.level, [unit.level for unit in found.assisting]) == ("township", ["county"])
    assert found.named("zh") == "属地管理、分级负责"
    assert "第五条" in found.basis
    assert not found.review


@pytest.mark.parametrize("category", ["environment", "education", "veterans", "market_supervision", "medical_dispute"])
def test_matters_of_a_department_are_led_by_it(category):
    department = LEVELS.row(category, "")[0].department
    found = TOWN.responsible(category, department)
    assert (found.lead.level, found.lead.department) == ("county", department)
    assert found.lead.zh.startswith("清源县")
    assert found.assisting[0].zh.startswith("新河镇")
    assert found.named("zh") == "谁主管、谁负责"


def test_where_two_fit_both_are_named_and_a_person_decides():
    found = TOWN.responsible("environment", "water")
    assert [unit.department for unit in (found.lead, *found.assisting)] == ["water", "ecology", "ecology"]
    assert found.review


def test_a_department_of_our_own_is_handled_here():
    assert TOWN.responsible("environment", "agriculture_rural").lead.level == "township"
    assert TOWN.responsible("infrastructure", "local_government").lead.level == "township"


def test_a_county_names_the_township_of_the_place(county):
    found = county.responsible(
        "land_contract", "agriculture_rural", Place(county="清源县", town="太平镇", certainty="stated")
    )
    assert found.lead.zh.startswith("太平镇")


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("level", ["township", "county"])
def test_an_accused_level_never_gets_any_letter(category, level):
    words = {"township": "举报镇政府", "county": "举报县政府"}
    accused = ACCUSED(words[level])
    assert [item.kind for item in accused] == [level]
    for department in DEPARTMENTS:
        found = TOWN.responsible(category, department, accused=accused)
        assert level not in {unit.level for unit in (found.lead, *found.assisting)}
        assert all(unit.level == level for unit in found.barred)


def test_an_accused_station_is_replaced_by_its_department_and_both_by_the_superior():
    station = TOWN.responsible("public_security", "public_security", accused=ACCUSED("派出所民警收好处费"))
    assert (station.lead.zh, station.assisting, [unit.zh for unit in station.barred]) == (
        "清源县公安局",
        (),
        ["新河镇派出所"],
    )
    both = TOWN.responsible("public_security", "public_security", accused=ACCUSED("举报派出所，控告公安局"))
    assert (both.lead.level, both.named("zh"), both.review) == ("city", "回避", True)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("实名举报村支书套取危改资金", ["village"]),
        ("我到镇政府举报村支书贪污", ["village"]),
        ("村支书王某，贪污低保款", ["village"]),
        ("请镇政府查处村委会私自卖地", ["village"]),
        ("卫健局收好处费，村主任优亲厚友", ["village", "county/health"]),
        ("关于村主任的举报", ["village"]),
        ("I report the village head for bribery", ["village"]),
        ("向派出所报案，有人打人", []),
        ("举报到纪委，没人管", []),
        ("找过镇政府，没人管", []),
        ("村主任没有贪污", []),
        ("感谢村支书。邻居强行占地", []),
        ("Please tell the village committee that a man beat me", []),
        ("", []),
    ],
)
def test_who_is_accused(text, kinds):
    assert sorted(item.kind for item in ACCUSED(text)) == sorted(kinds)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("镇政府强拆我家房子", ["township"]),
        ("派出所民警殴打我", ["township/public_security"]),
        ("卫健局不作为", ["county/health"]),
        ("投诉卫健局办证太慢", ["county/health"]),
    ],
)
def test_a_complaint_about_service_bars_nobody_unless_it_is_an_accusation(text, kinds):
    assert ACCUSED(text) == ()
    assert [item.kind for item in ACCUSED(text, accusation=True)] == kinds


def test_an_accused_department_is_left_out_and_its_superior_takes_over():
    accused = ACCUSED("控告公安局包庇黑恶势力")
    assert ACCUSED.free(("public_security", "transport"), accused) == ("transport",)
    assert ACCUSED.free(("public_security",), accused)[0] == "local_government"
    assert ACCUSED.free(("public_security",), ACCUSED("派出所收好处费")) == ("public_security",)


def test_in_an_accusation_the_first_unit_counts_whatever_it_did():
    text = "村主任上班打牌"
    assert ACCUSED(text) == ()
    assert [item.kind for item in ACCUSED(text, accusation=True)] == ["village"]
    assert TOWN.barred(ACCUSED(text, accusation=True)) == {"village"}


@given(
    st.lists(
        st.sampled_from(
            ["村支书", "镇政府", "举报", "贪污", "向", "请", "，", "。", "\n", "没有", "mayor", " ", "beat"]
        ),
        max_size=40,
    ).map("".join),
    st.booleans(),
)
def test_any_text_gives_spans_in_order(text, accusation):
    found = ACCUSED(text, accusation)
    assert [text[slice(*item.span)] for item in found] == [item.name for item in found]
    assert [item.span for item in found] == sorted(item.span for item in found)
    assert len({item.kind for item in found}) == len(found)


def test_a_very_long_letter_is_read():
    for piece in ("村支书", "举报", "贪污", "向村支书贪污", "不"):
        ACCUSED(piece * (200_000 // len(piece)), True)


def test_every_fault_of_an_office_is_told_at_once(tmp_path):
    path = write_office(tmp_path, level='"street"', province='""', departments='["nobody"]', name="7")
    with pytest.raises(DataError) as caught:
        Office.load(path, POLICY, LEVELS)
    told = "\n".join(caught.value.faults)
    for part in ("level", "province", "nobody", "name"):
        assert part in told


def test_every_fault_of_the_levels_is_told_at_once(tmp_path):
    folder = tmp_path / "taxonomy"
    folder.mkdir()
    text = (TAXONOMY / "levels.csv").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("veterans"))
    text = text.replace("education,中心校,central school,assists,education", "education,,central school,helps,nobody")
    (folder / "levels.csv").write_text(
        text + "\nnothing,所,office,leads,education,\nother,所,office,leads,,\n", encoding="utf-8"
    )
    with pytest.raises(DataError) as caught:
        Levels.load(tmp_path, CATEGORIES, DEPARTMENTS)
    told = "\n".join(caught.value.faults)
    for part in ("veterans has no row", "helps", "nobody", "township_office_zh is empty", "'nothing'", "stands twice"):
        assert part in told


def test_every_fault_of_the_accused_is_told_at_once():
    policy = read_toml(TAXONOMY / "accused.toml")
    policy["denied"] = "(a+)+"
    policy["unit"] = [{"level": "moon", "department": "nobody", "words": ["x"]}]
    with pytest.raises(DataError) as caught:
        AccusedFinder(policy, DEPARTMENTS)
    told = "\n".join(caught.value.faults)
    for part in ("denied", "moon", "nobody", "too short"):
        assert part in told
