"""Personal data: found wherever it stands, hidden for good, and nothing else with it."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.config import read_toml
from triage.errors import DataError
from triage.privacy import KINDS, PrivacyFinder
from triage.privacy.numbers import id_number_holds, luhn_holds

DATA = Path(__file__).parents[1] / "data"
POLICY = read_toml(DATA / "taxonomy" / "privacy.toml")
FINDER = PrivacyFinder(POLICY)
GOLDEN = [json.loads(line) for line in (DATA / "golden" / "privacy.jsonl").read_text(encoding="utf-8").splitlines()]


def found(text):
    return [(item.kind, text[slice(*item.span)]) for item in FINDER(text)]


def values(text, kind):
    return [value for other, value in found(text) if other == kind]


def scores(cases, kinds=KINDS):
    """Return recall and precision; every occurrence counts."""
    hits = wanted = given_out = 0
    for case in cases:
        want = Counter((item["kind"], item["value"]) for item in case["found"] if item["kind"] in kinds)
        got = Counter(item for item in found(case["text"]) if item[0] in kinds)
        hits += (want & got).total()
        wanted += want.total()
        given_out += got.total()
    return hits / wanted, hits / given_out


def test_the_written_cases_are_many_and_of_all_sorts():
    assert len(GOLDEN) == len({case["text"] for case in GOLDEN}) == 300
    assert Counter(case["lang"] for case in GOLDEN) == {"zh": 230, "en": 70}
    assert sum(not case["found"] for case in GOLDEN) >= 75
    assert {item["kind"] for case in GOLDEN for item in case["found"]} == set(KINDS)
    for case in GOLDEN:
        for value, count in Counter(item["value"] for item in case["found"]).items():
            assert case["text"].count(value) >= count


def test_the_written_cases_are_found():
    recall, precision = scores(GOLDEN)
    assert recall >= 0.98
    assert precision >= 0.95


@pytest.mark.parametrize("kind", ["id_number", "phone"])
def test_no_number_of_a_person_is_missed(kind):
    assert scores(GOLDEN, (kind,))[0] == 1.0


def test_the_written_cases_are_masked_once_and_for_all():
    for case in GOLDEN:
        masked = FINDER.mask(case["text"])
        assert FINDER.mask(masked) == masked
        assert not FINDER(masked)


@pytest.mark.parametrize(
    ("text", "value", "certain"),
    [
        ("身份证号11010519491231002X", "11010519491231002X", True),
        ("身份证号11010519491231002x，", "11010519491231002x", True),
        ("身份证号110105194912310021", "110105194912310021", False),
        ("110105 19491231 002X", "110105 19491231 002X", True),
        ("110105-19491231-002X", "110105-19491231-002X", True),
        ("１１０１０５１９４９１２３１００２Ｘ", "１１０１０５１９４９１２３１００２Ｘ", True),
        ("11O1O5194912310O2X", "11O1O5194912310O2X", False),
        ("l10105194912310O2X", "l10105194912310O2X", False),
        ("身份证 110105491231002", "110105491231002", True),
        ("身份证号：1101051949123100", "1101051949123100", False),
    ],
)  # fmt: skip
def test_an_id_number_is_found_however_written(text, value, certain):
    (item,) = FINDER(text)
    assert (item.kind, text[slice(*item.span)], item.certain) == ("id_number", value, certain)


@pytest.mark.parametrize(
    "value",
    [
        "13800001234", "138 0000 1234", "138-0000-1234", "+86 138 0000 1234", "+8613800001234", "(86)13800001234",
        "１３８００００１２３４", "l380000l234", "138OOOO1234", "1 3 8 0 0 0 0 1 2 3 4", "幺三八零零零零幺二三四", "一三八〇〇〇〇一二三四",
    ],
)  # fmt: skip
def test_a_mobile_number_is_found_however_written(value):
    assert values(f"电话：{value}，多谢", "phone") == [value]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("座机0728-1234567", "landline", "0728-1234567"), ("(010) 65550000", "landline", "(010) 65550000"),
        ("传真 0728-65550000转801", "landline", "0728-65550000转801"), ("固话 65550000", "landline", "65550000"),
        ("卡号 6217 0000 0055 9446 103", "bank_card", "6217 0000 0055 9446 103"),
        ("川A·12345撞人", "plate", "川A·12345"), ("粤AD12345", "plate", "粤AD12345"), ("皖K2345学", "plate", "皖K2345学"),
        ("护照号E12345678", "passport", "E12345678"), ("写信到a.b@example.com。", "email", "a.b@example.com"),
        ("QQ：123456789", "account", "123456789"), ("微信号zhang_8", "account", "zhang_8"),
        ("社保卡号A12345678", "other_id", "A12345678"), ("石桥村三组15号，", "address", "三组15号"),
        ("翠湖小区7栋2单元301室", "address", "7栋2单元301室"), ("人民路128号", "address", "128号"),
        ("Shiqiao Village, Group 3, No. 18", "address", "Group 3, No. 18"), ("at 128 Renmin Road", "address", "128"),
        ("我叫蒋 伟。", "name", "蒋 伟"), ("和阿不都·热合曼吵架", "name", "阿不都·热合曼"), ("姓唐的", "name", "唐"),
        ("村支书老王说", "name", "老王"), ("王支书说", "name", "王"), ("张建国把路挖断了", "name", "张建国"),
        ("Mr. Chen's dog", "name", "Chen"), ("I told Zhang Jianguo", "name", "Zhang Jianguo"),
    ],
)  # fmt: skip
def test_other_data_is_found(text, kind, value):
    assert values(text, kind) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "马上就办，大家都高兴，方便的话周末去王府井", "江苏的石头便宜", "〔2018〕12号文件", "(2018)京0105民初12345号", "G318国道坏了", "2018年3月5日至2018.4.6",
        "欠工资28600元，占地12.35亩", "工单编号20180315000123", "订单号2018031512345678901", "向书记反映过，和主任谈过", "石桥村、李家湾村、张集镇",
        "王府井百货公司", "我村5号停水", "一栋五层楼", "张某某说", "12345没人接", "张建国小学", "查询码13800001234", "3.13800001234", "微信转账5000元",
        "He lives in Long Street", "WeChat group", "Zhang Family Village", "Document No. 12 of 2018", "Highway 318", "",
    ],
)  # fmt: skip
def test_nothing_else_is_taken(text):
    assert found(text) == []


def test_a_name_told_once_is_hidden_everywhere():
    text = "信访人：兰晓。兰晓的地被占，镇里叫兰晓等。"
    assert FINDER.mask(text) == "信访人：[姓名]。[姓名]的地被占，镇里叫[姓名]等。"
    assert FINDER.mask("Signed: Amy Stone. Ask Amy Stone.") == "Signed: [name]. Ask [name]."


def test_a_list_and_a_signature_are_names():
    assert values("举报人：张三立、李四海和王五常", "name") == ["张三立", "李四海", "王五常"]
    assert values("请修路。\n丁永贵 周大福\n2019年1月8日", "name") == ["丁永贵", "周大福"]


def test_the_mask_speaks_the_language_around_and_keeps_the_role():
    assert FINDER.mask("村支书王德发，电话13800001234") == "村支书[姓名]，电话[手机号]"
    assert FINDER.mask("Call Secretary Wang on 13800001234") == "Call Secretary [name] on [phone]"


def test_a_span_of_the_masked_text_leads_back():
    text = "我叫张建国，电话13800001234，地被占了。"
    masked = FINDER.masked(text)
    assert len(masked.offsets) == len(masked.text) + 1
    for mask, value in (("[姓名]", "张建国"), ("[手机号]", "13800001234"), ("地被占", "地被占")):
        start = masked.text.index(mask)
        assert text[slice(*masked.raw(start, start + len(mask)))] == value


def test_check_digits():
    assert id_number_holds("440524188001010014")
    assert not id_number_holds("440524188001010015")
    assert luhn_holds("4111111111111111")
    assert not luhn_holds("4111111111111112")


def test_a_county_adds_a_word_without_python():
    policy = copy.deepcopy(POLICY)
    policy["chinese"]["told"].append("牧主")
    assert not values("牧主李图", "name")
    assert [item.kind for item in PrivacyFinder(policy)("牧主李图")] == ["name"]


def test_every_fault_is_told_at_once():
    policy = copy.deepcopy(POLICY)
    policy["masks"]["zh"]["name"] = "张某"
    policy["masks"]["en"]["phone"] = "[call 1]"
    policy["chinese"]["told"].append(1)
    policy["numbers"]["extra"] = []
    del policy["english"]["never"]
    policy["schema_version"] = 2
    with pytest.raises(DataError) as caught:
        PrivacyFinder(policy)
    faults = "\n".join(caught.value.faults)
    for part in ("masks.zh.name", "masks.en.phone", "chinese.told", "numbers.extra", "english.never", "schema_version"):
        assert part in faults
    assert all(fault.startswith("privacy.toml: ") for fault in caught.value.faults)


def test_an_empty_policy_is_refused_whole():
    with pytest.raises(DataError) as caught:
        PrivacyFinder({})
    for table in ("masks", "numbers", "address", "chinese", "english"):
        assert any(f": {table}" in fault for fault in caught.value.faults)


PIECES = st.sampled_from(
    [
        *["我叫", "张建国", "王芳", "老王", "小李", "村支书", "镇长", "电话", "13800001234", "1", "3", "8", "身份证号", "110105191510181348", "11010519", "，", "。", "、", "和"],
        *["石桥村", "三组", "12号", "5栋", "2单元", "翠湖小区", "京A12345", "订单号", "微信", "abc_123", "QQ", "12345678", "a@b.cn", "护照", "E12345678", "姓", "同志"],
        *["女士", "说", "的", "高兴", "钱", "[姓名]", "[手机号]", "[name]", "0728-1234567", "幺三八零零零零五六七八", "一", "阿不都·热合曼", "2018年3月5日"],
        *["此致敬礼", "账号", "6222020000539743104", "欧阳", "住", "村", "Mr.", "Zhang", "Jianguo", "Li", "Road", "Village", "Room", "１３", "：", "O"],
        "\n", " ", "My name is ", "Group 3, ",
    ]
)  # fmt: skip
LETTERS = st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=14).map("".join)


@settings(max_examples=400)
@given(LETTERS)
def test_masking_twice_is_masking_once(text):
    masked = FINDER.masked(text)
    assert FINDER.mask(masked.text) == masked.text
    assert masked.offsets is None or len(masked.offsets) == len(masked.text) + 1


@settings(max_examples=200)
@given(LETTERS)
def test_spans_are_inside_in_order_and_apart(text):
    items = FINDER(text)
    places = [0, *(place for item in items for place in item.span), len(text)]
    assert places == sorted(places)
    assert all(item.kind in KINDS and item.span[0] < item.span[1] for item in items)


@settings(max_examples=200)
@given(LETTERS)
def test_all_else_stays_and_offsets_rise(text):
    masked = FINDER.masked(text)
    if masked.offsets is None:
        assert masked.text == text
        return
    assert list(masked.offsets) == sorted(masked.offsets)
    hidden = {place for item in FINDER(text) for place in range(*item.span)}
    kept = "".join(char for place, char in enumerate(text) if place not in hidden)
    reached = [place for place in masked.offsets[:-1] if place not in hidden]
    assert "".join(text[place] for place in reached) == kept


@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "12345-", "张", "老", "(", "Li ", "a@", "村1号", "一二", "、王芳", "我叫", "A1", "·阿", "No. 1, "],
)
def test_a_long_row_of_anything_is_read(piece):
    text = piece * (60_000 // len(piece))
    assert FINDER.mask(FINDER.mask(text)) == FINDER.mask(text)


def test_a_register_of_thousands_is_masked():
    given = "伟芳娜秀敏静丽强磊军洋勇艳杰娟涛超霞刚桂玉梅琴素云莲荣妹莉英芬淑惠娥娇菊芝萍燕鹃娣琼珍珠翠兰凤建国志"
    names = [f"张{one}{two}" for one in given for two in given]
    masked = FINDER.mask("联名人：" + "、".join(names))
    assert masked == "联名人：" + "、".join(["[姓名]"] * len(names))
