"""Earlier letters: sent again, raised again, raised by others, only alike; never merged, never shown to the wrong eyes."""

from __future__ import annotations

import copy
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.config import read_toml
from triage.errors import DataError, InputError
from triage.similar import Entry, SimilarIndex
from triage.similar_policy import RELATIONS, SimilarPolicy
from triage.text.normalise import Normaliser
from triage.text.pieces import Pieces, Postings, shared_runs

TABLES = read_toml(Path(__file__).parents[1] / "data" / "taxonomy" / "similar.toml")
POLICY = SimilarPolicy.from_toml(TABLES)
NORMALISE = Normaliser({})

FIELD = "石桥村三组的机动田四十亩，合同到期后又包给外地老板种西瓜。我们十二户人多地少，请求先分给没有田的新增人口。乡里一直没有答复。"
AGAIN = "上次写过石桥村机动田的事。四十亩田到期了，还是包给种西瓜的老板，新增人口照样没有田，请乡里管一管。"
LAMP = "翠湖小区东门的路灯坏了半个月，晚上漆黑一片，老人摔了两跤。物业说归市政，市政说归物业，请派人修好。"
BUS = "十二路公交末班车八点半就收车，下晚自习的学生只能走回家，希望能往后延一个钟头，哪怕隔天开一班也行。"
DUST = "砖厂白天黑夜往外冒黑烟，晾的衣服一层灰，孩子咳嗽了一个冬天。要求环保所来测一测，超标就停下来整改。"


@pytest.fixture
def index(tmp_path):
    with SimilarIndex.open(tmp_path / "similar.db", POLICY) as opened:
        opened.add_many([Entry("lamp", LAMP), Entry("bus", BUS), Entry("dust", DUST)])
        yield opened


def relations(found):
    return [(item.id, item.relation) for item in found]


@pytest.mark.parametrize(
    "text",
    [
        FIELD,
        "尊敬的领导您好！" + FIELD + "此致敬礼",
        FIELD.replace("乡里一直没有答复。", ""),
        FIELD.replace("机动田", "机动由").replace("请求", "请球").replace("十二", "12"),
        "乡里一直没有答复。" + FIELD.replace("乡里一直没有答复。", ""),
        FIELD.replace("，", "\n").replace("。", "  "),
        "石橋村三組的機動田四十畝，合同到期後又包給外地老闆種西瓜。我們十二戶人多地少，請求先分給沒有田的新增人口。鄉裡一直沒有答覆。",
    ],
)
def test_the_same_text_is_a_copy(index, text):
    index.add(Entry("field", FIELD))
    assert relations(index.query(Entry("new", text))) == [("field", "copy")]


def test_a_letter_typed_anew_with_many_slips_is_a_copy(index):
    slips = "".join(char for place, char in enumerate(FIELD) if place % 4)
    index.add(Entry("field", FIELD))
    assert relations(index.query(Entry("new", slips))) == [("field", "copy")]


@pytest.mark.parametrize(
    ("earlier", "later", "relation"),
    [
        ({"person": "a"}, {"person": "a"}, "copy"),
        ({"person": "a"}, {}, "copy"),
        ({}, {}, "copy"),
        ({"person": "a"}, {"person": "b"}, "joint"),
    ],
)
def test_the_same_text_of_another_person_is_joint(index, earlier, later, relation):
    index.add(Entry("field", FIELD, **earlier))
    assert relations(index.query(Entry("new", FIELD, **later))) == [("field", relation)]


@pytest.mark.parametrize(
    ("earlier", "later", "relation"),
    [
        ({"person": "a", "category": "land"}, {"person": "a", "category": "land"}, "repeat"),
        ({"person": "a", "place": "石桥村"}, {"person": "b", "place": "清水镇石桥村"}, "joint"),
        ({"place": "石桥村", "category": "land"}, {"place": "石桥村", "category": "land"}, "joint"),
        ({"person": "a", "place": "石桥村"}, {"person": "b", "place": "杨树湾"}, "alike"),
        (
            {"person": "a", "place": "石桥村", "date": "2019-01-02"},
            {"person": "b", "place": "石桥村", "date": "2026-01-02"},
            "alike",
        ),
    ],
)
def test_the_same_matter_in_other_words(index, earlier, later, relation):
    index.add(Entry("field", FIELD, **earlier))
    assert relations(index.query(Entry("new", AGAIN, **later))) == [("field", relation)]


def test_another_matter_is_not_shown(index):
    assert index.query(Entry("new", FIELD)) == ()
    index.add(Entry("own", FIELD, person="a", place="石桥村", category="land"))
    other = "门口的垃圾箱满了没人清，臭得开不了窗，请安排人每天来收一次"
    assert index.query(Entry("new", other, person="a", place="城关镇", category="environment")) == ()


def test_english_letters_are_compared_by_words(index):
    first = "The activity room of Nanhu Community is let to a dance school six days a week. We want two mornings."
    index.add(Entry("room", first))
    assert relations(index.query(Entry("new", "Dear sirs, " + first.lower()))) == [("room", "copy")]


def test_passages_stand_where_both_letters_say_it(index):
    text = "再次反映：\n石橋村三组的　机动田，還是沒有分給新增人口"
    index.add(Entry("field", FIELD, person="a"))
    (found,) = index.query(Entry("new", text, person="a"))
    assert found.relation == "repeat"
    pairs = {(text[slice(*own)], FIELD[slice(*other)]) for own, other in found.passages}
    assert ("石橋村三组的　机动田", "石桥村三组的机动田") in pairs
    assert list(found.passages) == sorted(found.passages)


def test_the_strongest_relation_comes_first_and_the_limit_holds(index):
    index.add_many([Entry("alike", FIELD.replace("石桥村三组", "某地")[:30] + DUST), Entry("copy", FIELD)])
    index.add_many([Entry(f"more{number}", FIELD + "盼复" * number, person="b") for number in range(1, 5)])
    found = index.query(Entry("new", FIELD, person="a"), limit=3)
    assert [item.relation for item in found] == ["copy", "joint", "joint"]
    order = [(RELATIONS.index(item.relation), -item.score) for item in found]
    assert order == sorted(order)
    assert all(0 <= item.score <= 1 for item in found)


def test_closed_letters_are_left_out_unless_asked_for(index):
    index.add_many(Entry(f"closed{number}", FIELD, person="a", place="石桥村", closed=True) for number in range(100))
    question = Entry("new", AGAIN, person="a", place="石桥村")
    assert index.query(question) == ()
    assert len(index.query(question, closed=True)) == 5
    index.add(Entry("open", FIELD, person="a"))
    assert relations(index.query(question)) == [("open", "repeat")]


def test_a_letter_that_is_closed_later_is_left_out_from_then_on(index):
    index.add(Entry("field", FIELD))
    assert index.query(Entry("new", FIELD))
    index.add(Entry("field", FIELD, closed=True))
    assert index.query(Entry("new", FIELD)) == ()
    assert len(index) == 4


def test_a_letter_is_not_similar_to_itself(index):
    assert index.query(Entry("lamp", LAMP)) == ()


def test_a_second_entry_replaces_the_first_and_an_equal_one_changes_nothing(index):
    for number in range(100):
        index.add(Entry("lamp", FIELD + str(number)))
        index.add(Entry("lamp", FIELD + str(number)))
    assert len(index) == 3
    assert index.query(Entry("new", LAMP)) == ()
    index.add(Entry("bus", AGAIN))
    assert relations(index.query(Entry("new", FIELD)))[0] == ("lamp", "copy")


def test_a_removed_letter_is_gone_from_answers_and_file(tmp_path):
    path = tmp_path / "similar.db"
    with SimilarIndex.open(path, POLICY) as index:
        index.add(Entry("field", FIELD))
        assert index.query(Entry("new", FIELD))
        assert index.remove("field")
        assert not index.remove("field")
        assert index.query(Entry("new", FIELD)) == ()
    with SimilarIndex.open(path, POLICY) as index:
        assert index.query(Entry("new", FIELD)) == ()
        index.add(Entry("lamp", LAMP))
        assert relations(index.query(Entry("new", LAMP))) == [("lamp", "copy")]
    assert "机动田".encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_a_reader_sees_what_a_writer_adds_and_removes(tmp_path):
    path = tmp_path / "similar.db"
    with SimilarIndex.open(path, POLICY) as writer, SimilarIndex.open(path, POLICY) as reader:
        assert reader.query(Entry("new", FIELD)) == ()
        writer.add(Entry("field", FIELD))
        assert relations(reader.query(Entry("new", FIELD))) == [("field", "copy")]
        writer.remove("field")
        assert reader.query(Entry("new", FIELD)) == ()


def test_a_killed_writer_leaves_whole_letters(tmp_path):
    path = tmp_path / "similar.db"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from triage.config import read_toml\n"
        "from triage.similar import Entry, SimilarIndex\n"
        "from triage.similar_policy import SimilarPolicy\n"
        "def letters():\n"
        "    for number in range(1500):\n"
        "        yield Entry(str(number), '路灯坏了，请修' + str(number))\n"
        "    os._exit(9)\n"
        "policy = SimilarPolicy.from_toml(read_toml(Path(sys.argv[2])))\n"
        "SimilarIndex.open(sys.argv[1], policy).add_many(letters())\n"
    )
    source = Path(__file__).parents[1] / "data" / "taxonomy" / "similar.toml"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program, path, source], env=environment, check=False)
    assert done.returncode == 9
    with SimilarIndex.open(path, POLICY) as index:
        assert len(index) == 1000
        index.add(Entry("field", FIELD))
        assert index.query(Entry("new", FIELD))


def test_letters_without_words_are_kept_and_found_by_nothing(index):
    index.add_many([Entry("empty", ""), Entry("marks", "！！！"), Entry("word", "灯")])
    for text in ("", "。。。", "😀"):
        assert index.query(Entry("new", text)) == ()
    assert relations(index.query(Entry("new", "灯"))) == [("word", "copy")]
    index.add(Entry("photo", "", person="a", place="石桥村", category="land"))
    assert index.query(Entry("new", "见照片", person="a", place="石桥村", category="land")) == ()


def test_two_short_letters_are_no_copies_by_chance(index):
    index.add(Entry("short", "路灯坏了请修"))
    assert index.query(Entry("new", "路灯坏了半月")) == ()


def test_an_entry_needs_an_id(index):
    with pytest.raises(InputError) as caught:
        index.add(Entry("", FIELD))
    assert caught.value.code == "entry_without_id"
    assert len(index) == 3


def test_another_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("路灯坏了" * 1000, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(DataError) as caught:
        SimilarIndex.open(path, POLICY)
    assert caught.value.code == "index_unreadable"
    assert path.read_bytes() == before
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE ledger (id)")
    connection.close()
    with pytest.raises(DataError) as caught:
        SimilarIndex.open(other, POLICY)
    assert caught.value.code == "index_format"
    with pytest.raises(DataError):
        SimilarIndex.open(tmp_path / "missing" / "similar.db", POLICY)


def test_an_index_of_a_later_format_is_refused(tmp_path):
    path = tmp_path / "similar.db"
    SimilarIndex.open(path, POLICY).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataError) as caught:
        SimilarIndex.open(path, POLICY)
    assert caught.value.values["found"] == 99


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_new_index_is_for_the_owner_alone(tmp_path):
    SimilarIndex.open(tmp_path / "similar.db", POLICY).close()
    assert (tmp_path / "similar.db").stat().st_mode & 0o077 == 0


def test_relations_have_names():
    assert all(POLICY.name(relation, lang) for relation in RELATIONS for lang in ("zh", "en"))


def test_every_fault_of_the_policy_is_told_at_once():
    tables = copy.deepcopy(TABLES)
    tables["relation"].pop()
    tables["copy"]["pieces"] = 2
    tables["matter"]["joint_days"] = "never"
    tables["matter"]["weight"] = 1
    del tables["alike"]
    with pytest.raises(DataError) as caught:
        SimilarPolicy.from_toml(tables)
    faults = "\n".join(caught.value.faults)
    for part in ("relation: must be", "copy.pieces", "joint_days", "weight: unknown", "alike"):
        assert part in faults
    assert all(fault.startswith("similar.toml: ") for fault in caught.value.faults)


texts = st.text(st.sampled_from("路灯坏了请修 ，。\nab1電\u200bＡ😀"), max_size=60)


@given(texts, texts)
@settings(max_examples=60)
def test_shared_runs_hold_the_same_words(one, other):
    own, earlier = Pieces(NORMALISE(one)), Pieces(NORMALISE(other))
    for first, second in shared_runs(own, earlier, np.full(len(own.distinct), 2.0), 8):
        assert 0 <= first[0] < first[1] <= len(one)
        assert 0 <= second[0] < second[1] <= len(other)
        assert Pieces(NORMALISE(one[slice(*first)])).plain == Pieces(NORMALISE(other[slice(*second)])).plain


@given(st.lists(st.lists(st.integers(0, 40), max_size=8, unique=True), max_size=30))
@settings(max_examples=60)
def test_postings_find_every_letter_of_a_piece(letters):
    postings = Postings()
    for number, pieces in enumerate(letters, 1):
        postings.add([(number, np.array(sorted(pieces), np.uint32))])
    asked = np.array([*range(0, 41, 5), 2**32 - 1], np.uint32)
    counts, found = postings.find(asked)
    expected = sorted((int(piece), number) for number, own in enumerate(letters, 1) for piece in own if piece in asked)
    pairs = [pair for places, own in found for pair in zip(places, own, strict=True)]
    read = sorted((int(asked[place]), int(letter)) for place, letter in pairs)
    assert read == expected
    assert counts.sum() == len(expected)
