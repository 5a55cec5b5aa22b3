from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import DataError
from triage.intake.cells import date_text, lost_digits, text_of
from triage.intake.layout import Layout, Place
from triage.intake.lines import Line, compose
from triage.policy import load_policy
from triage.text.confusions import corrected

WIDTH = 0.02  # of a character


def line(text: str, row: int, left: float = 0.1, page: int = 1, score: float = 1.0) -> Line:
    box = (left, 0.1 + row * 0.04, left + WIDTH * len(text), 0.125 + row * 0.04)
    return Line(text, page, box, box, score)


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("自已的工资至今末付", "自己的工资至今未付"),
        ("从末收到", "从未收到"),
        ("周未加班", "周末加班"),
        ("三月二曰", "三月二日"),
        ("曰期", "日期"),
        ("己经找过", "已经找过"),
        ("巳被强拆", "已被强拆"),
        ("士地", "土地"),
        ("护土", "护士"),
        ("二O二六年", "二〇二六年"),
        ("二OO六年", "二〇〇六年"),
        ("l38OO00I234", "13800001234"),
        ("11010519491231OO21", "110105194912310021"),
    ],
)
def test_confusions_are_set_right(seen: str, meant: str) -> None:
    assert corrected(seen) == meant


@pytest.mark.parametrize(
    "text",
    [
        "周末能否办理", "年末付款", "期末给分", "周末未付", "年未满十八岁", "本周未付工资", "自己经营", "自己有地", "知己",
        "自己被打", "护士地位", "人士", "土地", "战士", "水土流失", "子曰", "Olympic OIL 100", "BOOL10", "IO24", "已经",
        "三O", "逾期未拆", "两月未定", "一周未洗", "乙巳年", "巳时", "名曰", "戊己庚", "克己奉公", "本月未发工资", "上月未结清", "今年未修", "异己", "末班车", "粉末",
    ],
)  # fmt: skip
def test_what_is_right_stays(text: str) -> None:
    assert corrected(text) == text


@given(st.text(alphabet="未末日曰己已巳土士自经付周年0O〇1lI|二三，。 ", max_size=60))
def test_a_correction_never_changes_the_length(text: str) -> None:
    assert len(corrected(text)) == len(text)


def test_a_sentence_that_the_margin_broke_is_made_whole() -> None:
    first, second, third = (
        "我是东河村三组村民二〇二六年三月二日村里把我家的承包地收回去了",
        "至今没有说法。",
        "请求归还。",
    )
    text, layout = compose([line(first, 0), line(second, 1), line(third, 2)])
    assert text == f"{first}{second}\n{third}"
    assert [text[slice(*place.span)] for place in layout.places] == [first, second, third]


def test_lists_indents_and_ends_of_sentences_keep_their_breaks() -> None:
    assert compose([line("张三", 0), line("李四", 1)])[0] == "张三\n李四"
    full = "字" * 30
    assert (
        compose([line(full, 0), line("新的一段", 1, left=0.1 + 2 * WIDTH), line("下面", 2)])[0]
        == f"{full}\n新的一段\n下面"
    )
    assert compose([line(full[1:] + "。", 0), line("另一句", 1)])[0] == f"{full[1:]}。\n另一句"


def test_marks_outside_of_the_margins_do_not_move_them() -> None:
    lines = [line("字" * 30, row) for row in range(6)]
    text, _ = compose([*lines, line("扫描", 7, left=0.02), line("3", 8, left=0.9)])
    assert text == "字" * 180 + "\n扫描\n3"


def test_english_words_keep_a_space_between_lines() -> None:
    assert compose([line("a" * 30, 0), line("street lamp", 1)])[0] == "a" * 30 + " street lamp"


def test_a_sentence_goes_on_over_the_page() -> None:
    text, layout = compose([line("字" * 30, 0), line("完。", 0, page=2)])
    assert text == "字" * 30 + "完。"
    assert layout.boxes((29, 31)) == [
        (1, pytest.approx((0.68, 0.1, 0.7, 0.125))),
        (2, pytest.approx((0.1, 0.1, 0.12, 0.125))),
    ]


def test_pieces_beside_each_other_are_read_left_to_right() -> None:
    assert compose([line("电话：1", 0, left=0.6), line("姓名：李", 0), line("内容", 1)])[0] == "姓名：李 电话：1\n内容"


def test_boxes_of_nothing() -> None:
    assert compose([]) == ("", Layout(()))
    assert Layout(()).score() == 0.0
    assert Layout((Place((0, 4), 1, (0, 0, 1, 1)),)).boxes((4, 6)) == []


def test_a_line_from_top_to_bottom_is_narrowed_downwards() -> None:
    layout = Layout((Place((0, 4), 1, (0.5, 0.1, 0.52, 0.5)),))
    assert layout.boxes((0, 1)) == [(1, pytest.approx((0.5, 0.1, 0.52, 0.2)))]


def test_the_score_weighs_characters() -> None:
    _, layout = compose([line("一二三", 0, score=1.0), line("四", 1, score=0.2)])
    assert layout.score() == pytest.approx(0.8)


@given(st.lists(st.tuples(st.text(alphabet="字a。", min_size=1, max_size=30), st.integers(1, 3)), max_size=12))
def test_every_character_has_its_place(pieces: list[tuple[str, int]]) -> None:
    lines = [line(text, row, page=page) for row, (text, page) in enumerate(pieces)]
    text, layout = compose(lines)
    assert sorted(text[slice(*place.span)] for place in layout.places) == sorted(line.text for line in lines)
    spans = [place.span for place in layout.places]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("cell", [1.1e17, -1e15, "1.1E+17", "1e17"])
def test_lost_digits(cell: object) -> None:
    assert lost_digits(cell)


@pytest.mark.parametrize(
    "cell", [1e14, 110105194912310021, "110105194912310021", "", None, "E+17", "2.5", float("nan")]
)
def test_digits_that_are_all_there(cell: object) -> None:
    assert not lost_digits(cell)


def test_cells_as_text() -> None:
    assert [text_of(cell) for cell in (None, float("nan"), 7.0, 7.5, "a", 3)] == ["", "", "7", "7.5", "a", "3"]
    assert [date_text(cell) for cell in ("", "2026", "12345678", 46083.5)] == ["", "2026", "12345678", "2026-03-02"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('meant = "未"', 'meant = "没有"', "swap 1: needs `seen` and `meant`"),
        ('seen = "末"', "seen = 3", "swap 1: needs `seen` and `meant`"),
        ("not_after = [", "nor_after = [", "swap 1: needs `seen` and `meant`"),
        ("schema_version = 1", "schema_version = 2", "schema_version: must be 1"),
        ("schema_version = 1", "schema_version = 1\nswaps = 1", "swaps: is not known"),
        ('seen = "末"', 'seen = "末', "cannot be read"),
    ],
)
def test_faults_of_the_confusions_are_found_by_the_check(own_home: Path, old: str, new: str, told: str) -> None:
    path = own_home / "lexicons" / "confusions.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_policy(own_home)
    assert any("confusions.toml" in fault and told in fault for fault in caught.value.faults), caught.value.faults


def test_a_policy_folder_brings_its_own_confusions(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(own_home))
    (own_home / "lexicons" / "confusions.toml").write_text(
        'schema_version = 1\n[[swap]]\nseen = "臼"\nmeant = "白"\nbefore = ["水"]\n', encoding="utf-8"
    )
    assert corrected("臼水，从末收到") == "白水，从末收到"
