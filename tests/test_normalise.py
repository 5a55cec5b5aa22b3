from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.text.normalise import Normalised, Normaliser

WORDS = {"宅机地": "宅基地", "补尝": "补偿", "农和": "农村合作", "村民委员会委员会": "村委会"}
HAN = "村里的承包地被收回三年没有补偿請領導解決問題馬路號樓龍"
FULL_WIDTH = "".join(chr(ord(char) + 0xFEE0) for char in string.ascii_letters + string.digits + "!#$%&()*+,-./:;?")
ODD = "😀👨‍👩‍👧🇨🇳㎡℃①㈠½ﷺ…—～「」『』〇⾺\u200b\u200d\ufeff\u00ad\u3000\t\r\n \x00\x07^&$#@%~|`"


@pytest.fixture(scope="module")
def normalise() -> Normaliser:
    return Normaliser(WORDS)


def letters() -> st.SearchStrategy[str]:
    """Texts as they come: Chinese, English, full width, emoji, control characters, lexicon words."""
    pieces = st.one_of(
        st.text(HAN, max_size=8),
        st.text(string.printable, max_size=8),
        st.text(FULL_WIDTH, max_size=6),
        st.text(ODD, max_size=6),
        st.sampled_from([*WORDS, "_x000D_", "……", "!!!", "10%~15%", "^&$#@"]),
        st.text(max_size=4),
    )
    return st.lists(pieces, max_size=10).map("".join)


def origin(normalised: Normalised) -> list[int]:
    places = normalised.offsets
    return list(range(len(normalised.text) + 1)) if places is None else list(places)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("請領導解決馬路問題", "请领导解决马路问题"),
        ("⾺路", "马路"),  # the radical folds to a traditional character first
        ("ＡＢＣ１２３（％）", "ABC123(%)"),
        ("「停水」", "“停水”"),
        ("二〇二六年", "二零二六年"),
        ("120㎡", "120m2"),
        ("停\u200b水\ufeff了\u00ad", "停水了"),
        ("太慢了！！！！！", "太慢了!"),
        ("走了……我们", "走了.我们"),
        ("走了...我们", "走了.我们"),
        ("第一行\r\n\r\n  第二行", "第一行\n第二行"),
        ("第一行\r第二行", "第一行\n第二行"),
        ("多   空\u3000\u3000格", "多 空 格"),
        ("表格_x000D_\n换行", "表格\n换行"),
        ("他占我宅机地，没有补尝", "他占我宅基地,没有补偿"),
        ("宅\u200b机地", "宅基地"),  # an invisible character must not hide a misspelling
        ("好！\u200b！", "好!"),
        ("停水% j4 K# e5了", "停水 了"),  # control noise of an old forum
        ("", ""),
    ],
)
def test_folds_to_one_spelling(normalise: Normaliser, raw: str, text: str) -> None:
    assert normalise(raw).text == text


@pytest.mark.parametrize(
    "text",
    ["水费涨了10%~15%左右", "住在1#,2#楼的人", "补偿款$100~$200每亩", "发到my~mail@box村里", "5&6&7号楼"],
)
def test_figures_and_words_between_symbols_stay(normalise: Normaliser, text: str) -> None:
    assert normalise(text).text == text


def test_a_text_without_changes_of_length_has_no_map(normalise: Normaliser) -> None:
    assert normalise("請修路,宅机地").offsets is None


@pytest.mark.parametrize(
    ("raw", "found", "meant"),
    [
        ("停\u200b水!!!!我家宅机地被占", "宅基地", "宅机地"),
        ("!!!!停\u200b水了", "停水", "停\u200b水"),
        ("好!!!!農和没报销", "农村合作", "農和"),
        ("村民委员会委员会不管", "村委会", "村民委员会委员会"),
        ("一共120㎡的房", "的房", "的房"),
        ("一共120㎡的房", "120m2", "120㎡"),
        ("停水% j4 K# e5了", "了", "了"),
    ],
)
def test_spans_lead_back_to_the_raw_text(normalise: Normaliser, raw: str, found: str, meant: str) -> None:
    normalised = normalise(raw)
    start = normalised.text.index(found)
    first, last = normalised.raw(start, start + len(found))
    assert raw[first:last] == meant


def test_an_empty_span_leads_to_an_empty_span(normalise: Normaliser) -> None:
    normalised = normalise("a!!!b")
    assert normalised.raw(2, 2) == (4, 4)
    assert normalised.raw(3, 3) == (5, 5)


@given(letters())
def test_every_span_lies_in_the_raw_text_and_rises(raw: str) -> None:
    normalised = Normaliser(WORDS)(raw)
    places = origin(normalised)
    assert len(places) == len(normalised.text) + 1
    assert places == sorted(places)
    assert places[-1] == len(raw)
    for start in range(len(normalised.text)):
        first, last = normalised.raw(start, start + 1)
        assert 0 <= first < last <= len(raw)
    if normalised.text:
        first, last = normalised.raw(0, len(normalised.text))
        assert 0 <= first < last <= len(raw)


@given(st.lists(st.one_of(st.text(HAN, max_size=8), st.text(FULL_WIDTH, max_size=6), st.sampled_from(
    ["!", "！！", "……", "。。。", "\r\n", "  ", "\u200b", "\ufeff", "宅机地", "补尝", "😀", "hello world", "㎡"]
)), max_size=12).map("".join))  # fmt: skip
def test_twice_is_as_once(raw: str) -> None:
    normalise = Normaliser({"宅机地": "宅基地", "补尝": "补偿"})
    once = normalise(raw).text
    assert normalise(once).text == once


@given(st.text(HAN + string.ascii_lowercase + ",。", max_size=40))
def test_plain_text_keeps_its_length(raw: str) -> None:
    text = Normaliser({})(raw).text
    if not any(raw[place] == raw[place + 1] for place in range(len(raw) - 1)):
        assert len(text) == len(raw)
