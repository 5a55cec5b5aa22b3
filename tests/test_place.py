"""Where a letter's matter is: names, levels, certainty, gazetteer and the country's list."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.config import read_toml
from triage.errors import DataError
from triage.place import Place, PlaceFinder
from triage.place.divisions import Divisions
from triage.place.gazetteer import Gazetteer
from triage.place.policy import LEVELS, PlacePolicy

DATA = Path(__file__).parents[1] / "data"
POLICY = PlacePolicy.load(DATA)
GAZETTEER = Gazetteer.load(DATA / "samples" / "gazetteer.csv")
OFFICE = SimpleNamespace(place=Place("安徽省", "安平市", "清源县", "新河镇", level="town", certainty="office"))
PLAIN = PlaceFinder(POLICY)
LOCAL = PlaceFinder(POLICY, GAZETTEER, OFFICE)


@pytest.mark.parametrize(
    ("text", "name", "detail", "level"),
    [
        ("我是湖北省随州市曾都区洛阳镇永兴村三组村民", "湖北省随州市曾都区洛阳镇永兴村", "三组", "village"),
        ("家住湖北随州曾都洛阳镇永兴村", "湖北省随州市曾都区洛阳镇永兴村", "", "village"),
        ("襄阳南漳县武安镇的路", "湖北省襄阳市南漳县武安镇", "", "town"),
        ("和县乌江镇", "安徽省马鞍山市和县乌江镇", "", "town"),
        ("恩施州利川市团堡镇", "湖北省恩施土家族苗族自治州利川市团堡镇", "", "town"),
        ("仙桃市彭场镇", "湖北省仙桃市彭场镇", "", "town"),
        ("阳泉市郊区荫营镇", "山西省阳泉市郊区荫营镇", "", "town"),
        ("上海市嘉定区", "上海市嘉定区", "", "county"),
        ("朝阳区的路", "朝阳区", "", "county"),  # two of them: not completed
        ("北京市朝阳区的路", "北京市朝阳区", "", "county"),
        ("请修柳树沟村的桥", "柳树沟村", "", "village"),
        ("锦绣小区5号楼漏水", "锦绣小区5号楼", "锦绣小区5号楼", ""),
        ("Shangping Village, Xinhe Township, Qingyuan County", "Shangping Village, Xinhe Township, Qingyuan County", "", "village"),
        ("the road in Our Taiping village floods", "Taiping Village", "", "village"),
        ("Block 7, Jinxiu Garden leaks", "Block 7, Jinxiu Garden", "Block 7, Jinxiu Garden", ""),
    ],
)  # fmt: skip
def test_a_place_is_read(text, name, detail, level):
    place = PLAIN(text)
    assert (place.name, place.detail, place.level, place.certainty) == (name, detail, level, "stated")
    assert place.span is not None
    assert place.source.startswith("text")


@pytest.mark.parametrize(
    "text",
    [
        "", "农村信用社", "超市和夜市", "我们县里镇里都不管", "镇政府去年答复", "需要村里开证明", "老旧小区改造", "修路架桥",
        "派出所要街道的证明", "求你们回村看看", "安平市", "Dear Township", "down town",
    ],
)  # fmt: skip
def test_common_words_are_no_place(text):
    assert PLAIN(text) == Place()


@pytest.mark.parametrize(
    ("text", "level"),
    [("A市B区的老师", "county"), ("K县", "county"), ("L2县高岭乡", "town"), ("某县某镇", "town"), ("X省", "province")],
)
def test_hidden_names_give_a_level_and_no_certainty(text, level):
    place = LOCAL(text)
    assert (place.level, place.certainty, place.source) == (level, "", "text")


def test_where_the_writer_worked_or_petitioned_is_not_the_place():
    assert LOCAL("去年到北京市上访，又去广东省东莞市打工，柳树沟村的地没了").village == "柳树沟村"
    assert PLAIN("向随州市国土局反映，我是曾都区洛阳镇人。").name == "湖北省随州市曾都区洛阳镇"


def test_the_gazetteer_completes_villages_estates_firms_and_old_names():
    assert LOCAL("红旗大队的地").name == "安徽省安平市清源县新河镇王家湾村"
    estate = LOCAL("锦绣花园7栋漏水")
    assert (estate.town, estate.village, estate.detail) == ("城关街道", "东关社区", "锦绣花园7栋")
    assert LOCAL("恒发石料厂放炮").village == "石磨岭村"
    assert LOCAL("Block 7, Jinxiu Garden leaks").village == "东关社区"
    assert LOCAL("Wangjiawan Village, Xinhe Township, Qingyuan County").name == "安徽省安平市清源县新河镇王家湾村"
    assert "gazetteer" in LOCAL("老鹰嘴塌方").source


def test_of_two_villages_with_one_name_the_town_decides_and_without_it_none():
    assert LOCAL("太平镇青龙村修路").town == "太平镇"
    assert LOCAL("石门乡青龙村修路").town == "石门乡"
    assert PlaceFinder(POLICY, GAZETTEER)("青龙村修路").town == ""


def test_a_longer_name_is_not_the_listed_one_inside_it():
    finder = PlaceFinder(POLICY, Gazetteer.load(DATA / "samples" / "gazetteer.csv"))
    assert finder("石磨岭北村的井").village == "石磨岭村"
    assert finder("石磨岭社区的井").village == "石磨岭社区"


def test_the_address_stands_in_and_completes():
    given = PLAIN("请修路", "湖北省随州市曾都区洛阳镇永兴村三组")
    assert (given.name, given.certainty, given.span) == ("湖北省随州市曾都区洛阳镇永兴村", "address", None)
    both = PLAIN("永兴村的路", "随州市曾都区洛阳镇")
    assert (both.name, both.certainty, both.source) == (
        "湖北省随州市曾都区洛阳镇永兴村",
        "stated",
        "text+address+divisions",
    )
    assert (
        PLAIN("南漳县的路", "随州市曾都区洛阳镇").name == "湖北省襄阳市南漳县"
    )  # what contradicts the text is left out
    assert PLAIN("A市B区", "随州市曾都区").certainty == "address"
    assert PLAIN("请修路", "A市B区") == Place()


def test_the_office_stands_in_where_nothing_is_said():
    place = LOCAL("请修路")
    assert (place.name, place.level, place.certainty, place.span) == (
        "安徽省安平市清源县新河镇",
        "town",
        "office",
        None,
    )


def test_the_office_never_completes_a_place_that_may_lie_elsewhere():
    assert LOCAL("石桥镇的路").county == ""
    assert LOCAL("随州市的路").county == ""
    assert LOCAL("高家岭村的路").town == "新河镇"


def test_a_span_points_at_the_names():
    text = "你好，我是随州市曾都区洛阳镇永兴村二组的村民。"
    place = PLAIN(text)
    assert text[slice(*place.span)] == "随州市曾都区洛阳镇永兴村二组"


def test_house_and_room_numbers_are_left_out():
    assert PLAIN("锦绣小区5号楼2单元301室").detail == "锦绣小区5号楼"


@given(
    st.text(alphabet="省市县区镇乡村组社区路A某XX新河王家湾0123一二, \nVillage TownB", max_size=120),
    st.text(max_size=20),
)
def test_any_text_gives_a_consistent_place(text, address):
    place = LOCAL(text, address)
    assert place.level in ("", *LEVELS)
    assert place.certainty in ("", "stated", "address", "office")
    if place.level:
        assert getattr(place, place.level)
    if place.span:
        start, end = place.span
        assert 0 <= start < end <= len(text)


def test_a_very_long_letter_is_read():
    for piece in ("村", "王家湾村", "A", "Xinhe ", "向镇政府", "湖北省"):
        PLAIN(piece * (200_000 // len(piece)))


def test_divisions_fill_in_only_what_is_sure():
    known = {"county": "南漳县"}
    assert POLICY.divisions.complete(known)
    assert known == {"province": "湖北省", "city": "襄阳市", "county": "南漳县"}
    assert not POLICY.divisions.complete({"county": "鼓楼区"})


def test_every_fault_of_a_gazetteer_is_told_at_once(tmp_path):
    path = tmp_path / "gazetteer.csv"
    path.write_text(
        "# schema_version = 1\nname,kind,county,town,village,other_names\n,village,,新河镇,,\n村,hill,,,,\n",
        encoding="utf-8",
    )
    with pytest.raises(DataError) as caught:
        Gazetteer.load(path)
    assert len(caught.value.faults) == 4
    assert all("row" in fault for fault in caught.value.faults)


def test_every_fault_of_the_policy_is_told_at_once():
    policy = copy.deepcopy(read_toml(DATA / "taxonomy" / "place.toml"))
    policy["beside"]["here_before"] = "(a+)+"
    policy["forward"] = [{"needs": ["street"], "same": "", "zh": "{nowhere}", "en": ""}]
    with pytest.raises(DataError) as caught:
        PlacePolicy(policy, POLICY.divisions)
    told = "\n".join(caught.value.faults)
    for part in ("beside.here_before", "street", "nowhere", "the last rule"):
        assert part in told


def test_a_row_of_the_countrys_list_needs_a_province(tmp_path):
    path = tmp_path / "divisions.csv"
    path.write_text("# schema_version = 1\nprovince,city,counties\n,安平市,清源县\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Divisions.load(path)
    assert "row 3" in caught.value.faults[0]
