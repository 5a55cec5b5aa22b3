from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.schema import Petition
from triage.text import Analyser, language
from triage.text.segment import Segmenter

TERMS = ("自来水管", "水压", "拖欠工资", "路灯")
SENTENCES = (
    "我们村的承包地去年被村委会收回去了，至今没有给补偿。",
    "包工头跑了，欠我们八个人三个月工资，一共12万元。",
    "小区的路灯坏了半个月，晚上老人摔了两跤",
    "自来水管爆裂3天，物业推给自来水公司，水压一直上不来！",
    "孩子在县第二小学上学，学校乱收费，每学期600元。",
    "请问低保怎么申请？需要哪些材料，到哪里办理",
    "化工厂夜里排废水，河里的鱼都死了，味道刺鼻。",
    "退伍军人的优抚金从2019年起就没有发过",
    "微信群里说要停电，到底停到几点",
    "法院判决书下来两年了，执行局一直不执行。",
)
ANY_TEXT = st.lists(
    st.one_of(
        st.text("村里的承包地被收回没有补偿请修路灯自来水管拖欠工资", max_size=10),
        st.text(string.ascii_letters + string.digits + " .,'!?-", max_size=12),
        st.sampled_from(["\n", "  ", "。", "，", "……", "😀", "ＡＢＣ", "\u200b", "don't", "U.S.", "請領導", "12.5%"]),
        st.text(max_size=3),
    ),
    max_size=10,
).map("".join)


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("村里把我家的承包地收回去了", "zh"),
        ("村里的WiFi坏了", "zh"),
        ("The road into our village is full of potholes.", "en"),
        ("The road into 王家村 is full of potholes, please repair it soon, thank you very much", "en"),
        ("我的 boss 不发 salary 已经 three months 了", "mixed"),
        ("12345 !!! 😀", "none"),
        ("", "none"),
    ],
)
def test_language(text: str, lang: str) -> None:
    assert language(text) == lang


def test_a_letter_becomes_words_with_their_places(analyser: Analyser) -> None:
    analysis = analyser(Petition(title="停水", body="自来水管爆了，請派人。"))
    assert analysis.lang == "zh"
    assert analysis.text == "停水\n自来水管爆了,请派人。"
    assert analysis.title_end == 2
    assert "自来水管" in analysis.words
    assert "".join(analysis.words) == analysis.text
    assert [
        analysis.text[start : start + len(word)] for word, start in zip(analysis.words, analysis.starts, strict=True)
    ] == analysis.words


def test_english_words_are_lemmas(analyser: Analyser) -> None:
    analysis = analyser(Petition(body="The pipes were leaking, and our children drank it."))
    assert analysis.lang == "en"
    assert {"pipe", "child", "drink"} <= set(analysis.words)
    assert analysis.every_word == analysis.words


def test_spans_are_in_the_untouched_letter(analyser: Analyser) -> None:
    petition = Petition(title="停\u200b水！！！", body="自\u200b来氺停了")
    analysis = analyser(petition)
    start = analysis.text.index("自来水")
    first, last = analysis.raw_span(start, start + 3)
    assert petition.text[first:last] == "自\u200b来氺"


def test_clauses_and_sentences(analyser: Analyser) -> None:
    analysis = analyser(Petition(body="路坏了，没人修。请派人！谢谢"))
    assert [analysis.text[first:last] for first, last in analysis.clauses] == ["路坏了", "没人修", "请派人", "谢谢"]
    assert [analysis.text[first:last] for first, last in analysis.sentences] == ["路坏了,没人修", "请派人", "谢谢"]


def test_a_figure_is_not_cut_at_its_point(analyser: Analyser) -> None:
    analysis = analyser(Petition(body="We paid 12.50 yuan. Please help"))
    assert [analysis.text[first:last] for first, last in analysis.sentences] == ["We paid 12.50 yuan", " Please help"]


@pytest.mark.parametrize("title", ["", " ", "\u200b", "停水"])
def test_a_title_without_words_ends_at_nought(analyser: Analyser, title: str) -> None:
    analysis = analyser(Petition(title=title, body="第一行\n第二行"))
    assert analysis.title_end == (2 if title == "停水" else 0)


def test_a_title_of_two_lines_counts_whole(analyser: Analyser) -> None:
    analysis = analyser(Petition(title="关于停水\n关于水压", body="请派人修"))
    assert analysis.text[: analysis.title_end] == "关于停水\n关于水压"


@given(ANY_TEXT, ANY_TEXT)
def test_words_cover_the_text_and_the_doc_is_the_text(analyser: Analyser, title: str, body: str) -> None:
    analysis = analyser(Petition(title=title, body=body))
    text = analysis.text
    assert len(analysis.words) == len(analysis.starts)
    assert 0 <= analysis.title_end <= len(text)
    ends = [*analysis.starts[1:], len(text)] if text else []
    assert all(start < end for start, end in zip(analysis.starts, ends, strict=True))
    assert "".join(text[start:end] for start, end in zip(analysis.starts, ends, strict=True)) == text
    assert analysis.doc.text == text
    assert [token.lemma_ for token in analysis.doc] == analysis.words


@given(ANY_TEXT)
def test_pieces_stand_in_order_and_hold_no_stop(analyser: Analyser, body: str) -> None:
    analysis = analyser(Petition(body=body))
    for spans in (analysis.clauses, analysis.sentences):
        flat = [place for span in spans for place in span]
        assert flat == sorted(flat)
        assert all("。" not in analysis.text[first:last] for first, last in spans)


@pytest.fixture(scope="module")
def both() -> tuple[Segmenter, Segmenter]:
    pytest.importorskip("rjieba")
    return Segmenter(TERMS, "rjieba"), Segmenter(TERMS, "jieba")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_both_segmenters_agree(both: tuple[Segmenter, Segmenter], sentence: str) -> None:
    rust, python = both
    assert rust.cut(sentence) == python.cut(sentence)
    # Only words of two characters and more are counted; jieba itself adds single ones in places.
    every = [sorted(word for word in segmenter.cut_all(sentence) if len(word) > 1) for segmenter in both]
    assert every[0] == every[1]


@given(ANY_TEXT)
def test_both_segmenters_lose_nothing(both: tuple[Segmenter, Segmenter], text: str) -> None:
    for segmenter in both:
        assert "".join(segmenter.cut(text)) == text


def test_terms_stay_whole_and_are_in_the_fingerprint(both: tuple[Segmenter, Segmenter]) -> None:
    for segmenter in both:
        assert "自来水管" in segmenter.cut("自来水管爆了")
        assert "拖欠工资" in segmenter.cut("老板拖欠工资")
    assert both[0].fingerprint == both[1].fingerprint
    assert both[0].fingerprint == Segmenter(reversed(TERMS)).fingerprint
    assert both[0].fingerprint != Segmenter(TERMS[:2]).fingerprint
