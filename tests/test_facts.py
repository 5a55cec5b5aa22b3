"""Facts: who speaks, for how many, whether again, when, how much, where."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.config import read_toml
from triage.errors import DataError
from triage.facts import FactFinder, Facts, Limit
from triage.schema import Petition
from triage.text import Analyser
from triage.text.cues import Spans, WordScanner, compile_bounded
from triage.text.normalise import lower_keep_length
from triage.text.numerals import parse

POLICY = read_toml(Path(__file__).parents[1] / "data" / "taxonomy" / "facts.toml")
FINDER = FactFinder(POLICY)
ANALYSER = Analyser()


def facts(text, title="", **fields):
    return FINDER(ANALYSER(Petition(body=text, title=title, fields=fields)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("两万三", 23_000), ("三千五", 3_500), ("一百五", 150), ("1万2", 12_000), ("3万5千", 35_000), ("12.6万", 126_000),
        ("廿", 20), ("卅五", 35), ("贰仟", 2_000), ("一亿两千万", 120_000_000), ("一千零五", 1_005), ("俩", 2),
        ("二零一八", 2018), ("十", 10), ("一百零三", 103), ("1,200", 1_200), ("sixty-three", 63),
    ],
)  # fmt: skip
def test_a_number_is_read(text, value):
    assert parse(text).value == value
    assert not parse(text).approximate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("几十", 30),
        ("上百", 100),
        ("十来", 10),
        ("好几百", 300),
        ("七八", 7),
        ("三五万", 30_000),
        ("百八十", 100),
        ("三百多", 300),
    ],
)
def test_a_vague_number_gives_the_least(text, value):
    assert parse(text) == (value, True)


@pytest.mark.parametrize("text", ["", "多", "万岁", "abc", "1.2.3", "，"])
def test_what_is_no_number_is_none(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "persons", "households"),
    [
        ("我们23人联名反映", 23, None),
        ("我们小区136户业主签名", 340, 136),
        ("我们上百口人盼着通水", 100, None),
        ("八十七名工人按了手印", 87, None),
        ("我们二十三户村民共六十人签名", 60, 23),
        ("我们是钢筋班组的十九个工人", 19, None),
        ("We, sixty-three families, have signed this.", 158, 63),
        ("全县有二十万人", None, None),
        ("欠我三万元，占地五亩，住了三年，买了两套房", None, None),
        ("派了三名工作人员来", None, None),
        ("我家五口人", None, None),
    ],
)
def test_petitioners_are_counted_and_nobody_else(text, persons, households):
    found = facts(text)
    assert (found.persons, found.households) == (persons, households)


@pytest.mark.parametrize(
    "text",
    [
        "我们是龙泽城一期286户业主，请督促复工", "全体业主恳请解决", "全班家长签名附后", "我们村民联名请求修桥", "我们二十三户农户请求清渠",
        "十四家商户联名", "名单附后，大家一起写的", "我们11个战友请求落实补助", "We, the undersigned residents, ask for a lamp.",
        "来信人：11家店主。请恢复供电，我们11家店主都等着",
    ],
)  # fmt: skip
def test_a_joint_letter_is_seen(text):
    assert facts(text).collective


@pytest.mark.parametrize(
    "text",
    [
        "我住在三百多户的小区，物业不修灯", "请公布这些属于全体业主的钱", "我家的路灯坏了", "我们夫妻想问孩子上学的事", "他们签到表上让人按手印",
        "全县有二十万人，就一家医院", "我个人反映，就代表我自己：我们小区四百户都没暖气", "My street lamp is broken.",
    ],
)  # fmt: skip
def test_a_single_writer_is_not_many(text):
    assert not facts(text).collective


@pytest.mark.parametrize(
    "text",
    [
        "打过12345，一直没有答复", "找过街道，街道说归城管，城管说归住建", "去年在这里留言反映过", "多次向镇里反映无果", "贵局回复已立案，但是至今没有结果",
        "我跑了五趟民政局，每次都让我等", "派出所登记了就没下文", "三个部门互相推诿，踢皮球", "向县信访局递过材料，石沉大海",
        "I have written to the township three times and nothing was done.", "局里答复“正在研究”，研究了一年",
    ],
)  # fmt: skip
def test_a_repeat_is_seen(text):
    assert facts(text).repeat


@pytest.mark.parametrize(
    "text",
    [
        "请问居住证怎么办理", "找物业说了，物业不修", "开发商一直不理我们", "跟邻居谈过两次都没谈拢", "第一次反映，请领导关注", "建议街道多装几个路灯",
        "老板说下个月发工资", "感谢派出所民警帮我找回钱包", "请民政局答复：补贴标准是多少", "How do I apply for a permit?",
    ],
)  # fmt: skip
def test_a_first_letter_is_no_repeat(text):
    assert not facts(text).repeat


@pytest.mark.parametrize(
    ("text", "visits"),
    [("我跑了五趟民政局", 5), ("多次找镇里", 3), ("反映过十二次", 12), ("请修路", None), ("来了几趟信访局", 3)],
)
def test_visits_are_counted(text, visits):
    assert facts(text).visits == visits


@pytest.mark.parametrize(
    ("text", "date", "dates"),
    [
        ("2018年3月5日签的合同", "", ["2018-03-05"]),
        ("2018.3.5和2019-04-06", "", ["2018-03-05", "2019-04-06"]),
        ("二零一八年十二月三日", "", ["2018-12-03"]),
        ("1998年二轮承包", "", ["1998"]),
        ("2016年2月开始", "", ["2016-02"]),
        ("3月8日开始停水", "2024-04-01", ["2024-03-08"]),
        ("3月8日开始停水", "", []),
        ("昨天停水，后天开庭", "2024-03-01", ["2024-02-29", "2024-03-03"]),
        ("去年12月1日起", "2024-03-01", ["2023-12-01"]),
        ("2018年2月30日", "", ["2018"]),
    ],
)
def test_dates_are_resolved(text, date, dates):
    found = facts(text, date=date) if date else facts(text)
    assert [item.iso for item in found.dates] == dates
    assert all(text[start:end] for start, end in (item.span for item in found.dates))


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("欠我三万二", (32_000,)),
        ("押金5000元", (5_000,)),
        ("每亩820块，一共12.6万元", (820, 126_000)),
        ("五百户", ()),
        ("上亿元", (1e8,)),
    ],
)
def test_sums_are_read(text, money):
    assert facts(text).money == money


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("四亩二分责任田", (2_800,)), ("2亩3分5厘", (1_566.67,)), ("占了4.2亩和两亩半", (2_800, 1_666.67)), ("半亩地", (333.33,)),
        ("三分地被占", (200,)), ("流转五百多亩", (333_333.33,)), ("15公顷", (150_000,)), ("2垧地", (20_000,)), ("3平方公里", (3_000_000,)),
        ("120㎡的房,89.5平米", (120, 89.5)), ("房子120平方米", (120,)), ("4.2 mu of land were taken", (2_800,)),
        ("two hectares and 1,200.5 square metres", (20_000, 1_200.5)), ("a yard of 80 sq m", (80,)),
    ],
)  # fmt: skip
def test_areas_are_read_in_square_metres(text, area):
    assert facts(text).area == area


@pytest.mark.parametrize(
    "text",
    [
        "每亩820元",
        "820元一亩",
        "一亩地八百块",
        "一亩给800元",
        "820元/亩",
        "亩产一千斤",
        "十分感谢,等了三分钟",
        "it must be much",
        "mu",
        "部分地方",
    ],
)
def test_a_price_per_area_is_no_area(text):
    assert facts(text).area == ()


def test_an_area_is_shown_with_its_unit():
    petition = Petition(body="村里占了我家四畝二分責任田")
    [item] = [item for item in FINDER(ANALYSER(petition)).evidence if item.field == "area"]
    assert (petition.text[slice(*item.span)], item.weight, item.note) == ("四畝二分", 2_800, "亩")


def test_a_county_measures_as_it_is_used_to():
    policy = copy.deepcopy(POLICY)
    policy["area"]["units"]["垧"] = 6_666.67
    assert FactFinder(policy)(ANALYSER(Petition(body="一垧半地"))).area == (10_000.01,)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("找过街道，街道说归城管，城管说再等等", ("街道", "城管")),
        ("我跑了五趟民政局，每次都让我等", ("民政局",)),
        ("多次向县信访局反映，信访局没人管", ("信访局",)),
        ("去年在这里留言反映过", ()),
        ("请民政局答复：补贴标准是多少", ()),
    ],
)
def test_the_offices_asked_before_are_named_once(text, asked):
    found = facts(text)
    assert found.asked == asked
    noted = [(item.note, text[slice(*item.span)]) for item in found.evidence if item.field == "asked"]
    assert noted == [(name, name) for name in asked]


def test_an_office_a_matter_was_passed_on_to_was_not_asked():
    text = "打过12345，12345说该归林业局管"
    assert facts(text).asked == ("12345",)
    policy = copy.deepcopy(POLICY)
    for sign in policy["repeat"]["signs"]:
        sign["asked"] = bool(sign.get("anchor"))
    assert FactFinder(policy)(ANALYSER(Petition(body=text))).asked == ("12345", "林业局")


def test_lunar_dates_are_among_the_dates():
    found = facts("去年腊月廿三停水，3月8日又停", date="2024-04-01")
    assert [item.iso for item in found.dates] == ["2024-02-02", "2024-03-08"]


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("2023年4月10日我被厂里辞退", [("labour_arbitration", "2024-04-10", 40)]),
        ("公司2023年2月10日解除了劳动合同", [("labour_arbitration", "2024-02-10", -20)]),
        ("2023年4月我被公司辞退", [("labour_arbitration", "", None)]),
        ("2023年3月20日在工地施工时受伤", [("work_injury", "2024-03-20", 19)]),
        ("2024年1月10日收到征收补偿决定", [("reconsideration", "2024-03-10", 9)]),
        ("2023年9月20日收到行政处罚决定书", [("administrative_suit", "2024-03-20", 19)]),
        ("昨天收到信访处理意见书", [("petition_review", "2024-03-30", 29)]),
        ("去年腊月廿三收到答复意见", [("petition_review", "2024-03-03", 2)]),
        ("2024年2月20日收到复查意见", [("petition_re_review", "2024-03-21", 20)]),
        ("2022年3月30日承包地被村里收回", [("land_arbitration", "2024-03-30", 29)]),
        ("2021年4月5日在县医院做手术", [("medical_suit", "2024-04-05", 35)]),
        ("I was dismissed on 2023-04-10.", [("labour_arbitration", "2024-04-10", 40)]),
        ("2015年5月1日进厂，2023年4月10日被辞退，2024年2月1日来找过", [("labour_arbitration", "2024-04-10", 40)]),
    ],
)
def test_a_period_running_out_is_seen(text, limits):
    found = facts(text, date="2024-03-01").limits
    assert [(item.code, item.last, item.days_left) for item in found] == limits
    assert facts(text).limits == ()


@pytest.mark.parametrize(
    "text",
    [
        "2020年4月10日我被厂里辞退", "2024年2月3日在工地干活受伤", "2023年4月10日签的合同。我被公司辞退了", "我被公司辞退了", "2023年我被公司辞退",
        "2024年2月10日没收到处罚决定书", "2024年6月1日承包地被收回", "2023年4月10日停水",
    ],
)  # fmt: skip
def test_a_period_that_is_over_or_far_or_undated_is_left_out(text):
    assert facts(text, date="2024-03-01").limits == ()


def test_a_period_stands_where_its_event_does():
    text = "我２０２３年４月１０日被廠裡辭退"
    found = facts(text, date="2024-03-01")
    assert found.limits == (Limit("labour_arbitration", (11, 16), "2024-04-10", 40),)
    [item] = [item for item in found.evidence if item.field == "limit"]
    assert (item.id, item.span, item.note) == (
        "labour_arbitration",
        (11, 16),
        FINDER.limits["labour_arbitration"].article,
    )


def test_a_county_adds_a_period_and_widens_the_window():
    policy = copy.deepcopy(POLICY)
    policy["limit_window"]["ahead"] = 400
    policy["limits"] = [
        {"code": "x", "zh": "某期限", "en": "some period", "article": "某条", "days": 365, "when": ["停水"]}
    ]
    petition = Petition(body="2024年2月1日停水", fields={"date": "2024-03-01"})
    [limit] = FactFinder(policy)(ANALYSER(petition)).limits
    assert (limit.code, limit.last, limit.days_left) == ("x", "2025-01-31", 336)


def test_a_file_without_areas_and_periods_still_works():
    policy = {key: table for key, table in POLICY.items() if key not in ("area", "limits", "limit_window")}
    found = FactFinder(policy)(ANALYSER(Petition(body="四亩地，昨天收到信访处理意见书", fields={"date": "2024-03-01"})))
    assert (found.area, found.limits) == ((), ())


def test_evidence_stands_where_it_says():
    petition = Petition(title="反映", body="我們 ２３ 戶業主聯名，打過 １２３４５ 没有答复")
    found = FINDER(ANALYSER(petition))
    assert found.collective
    assert found.repeat
    fields = {item.field for item in found.evidence if item.status == "active"}
    assert {"collective", "repeat", "households"} <= fields
    spans = [item.span for item in found.evidence if item.field == "collective"]
    assert any("聯名" in petition.text[start:end] for start, end in spans)


def test_an_empty_letter_states_nothing():
    assert facts("") == Facts()


def test_a_county_adds_a_word_without_python():
    policy = copy.deepcopy(POLICY)
    policy["anchors"]["authority"].append("苏木")
    text = "找过苏木，苏木说再等等"
    assert not facts(text).repeat
    assert FactFinder(policy)(ANALYSER(Petition(body=text))).repeat


def test_every_fault_is_told_at_once():
    policy = copy.deepcopy(POLICY)
    policy["counts"]["rules"].append({"role": "king"})
    policy["repeat"]["signs"].append({"id": "x", "weight": "heavy", "anchor": "nobody"})
    policy["repeat"]["signs"].append({"id": "y", "weight": 1, "find": "甲*"})
    policy["visits"]["patterns"] = ["("]
    policy["extra"] = 1
    policy["area"]["units"]["亩"] = -1
    policy["area"]["price_after"] = "乙*"
    policy["repeat"]["signs"].append({"id": "z", "weight": 1, "anchor": "authority", "asked": "yes"})
    policy["limits"].append({"code": "reconsideration", "zh": "", "en": "", "article": "", "days": 1, "when": ["丙丙"]})
    policy["limits"].append({"code": "w", "zh": "", "en": "", "days": 1, "years": 1, "kind": 1})
    policy["limit_window"]["over"] = "long"
    with pytest.raises(DataError) as caught:
        FactFinder(policy)
    faults = "\n".join(caught.value.faults)
    for part in ("king", "must be one of", "weight", "nobody", "upper bound", "when", "visits.patterns", "extra", "area.units.亩",
                 "area.price_after", "true or false", "listed twice", "needs one of days", "article", "kind", "limit_window.over"):  # fmt: skip
        assert part in faults
    assert all(fault.startswith("facts.toml: ") for fault in caught.value.faults)


@pytest.mark.parametrize("pattern", ["a*", "a+", "a{2,}", "(a{1,3}){0,9}", "a{0,200}", "("])
def test_an_unbounded_expression_is_refused(pattern):
    with pytest.raises(ValueError, match=":"):
        compile_bounded(pattern)


def test_a_bounded_expression_is_compiled():
    assert compile_bounded(r"[+*]a{0,3}(?:b{1,2})?").search("+aab")


def test_words_are_found_overlapping_and_whole():
    scanner = WordScanner([("没人管", 1), ("人管", 2), ("icu", 3), ("help", 4)])
    assert [(hit.start, hit.tag) for hit in scanner.scan("没人管")] == [(0, 1), (1, 2)]
    assert [hit.tag for hit in scanner.scan("在icu里 help helpless")] == [3, 4]


def test_pieces_are_found_by_place():
    spans = Spans([(0, 3), (5, 8)])
    assert spans.around(1) == spans.around(4) == (0, 3)
    assert spans.around(7) == (5, 8)
    assert Spans([(2, 3)]).around(0) == (0, 0)


def test_lower_case_keeps_every_place():
    assert len(lower_keep_length("İX")) == 2


WORDS = st.sampled_from(
    [
        "我们",
        "三十户",
        "街道",
        "说",
        "12345",
        "去年",
        "3月5日",
        "正月初八",
        "四亩二分",
        "收到处罚决定书",
        "2 mu ",
        "2018年",
        "五万元",
        "清水镇",
        "联名",
        "，",
        "。",
        "\n",
        "（",
        "two",
        " families",
        "１２",
        "👍",
        "İ",
    ]
)
LETTERS = st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=30).map("".join)


@settings(max_examples=150, deadline=None)
@given(LETTERS, LETTERS, st.sampled_from(["", "2024-03-01", "today", "2024-13-01"]))
def test_any_text_is_read_and_every_span_is_inside(title, body, date):
    petition = Petition(title=title, body=body, fields={"date": date})
    found = FINDER(ANALYSER(petition))
    spans = [item.span for item in (*found.evidence, *found.dates, *found.limits)]
    assert all(0 <= start < end <= len(petition.text) for start, end in spans)
    assert found.persons is None or found.persons >= 2


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="零一二三四五六七八九十百千万亿两几上多来0123456789.,廿", max_size=12))
def test_any_row_of_numerals_is_read_or_refused(text):
    number = parse(text)
    assert number is None or number.value >= 0
