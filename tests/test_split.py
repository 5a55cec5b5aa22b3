from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.schema import Petition
from triage.training.split import folds, near_copies

LETTER = "我们小区三号楼自来水停了五天，物业说不归他们管，自来水公司也不接电话，老人孩子都要下楼提水，请尽快恢复供水"
OTHER = "包工头跑了，欠我们八个人三个月工资，一共十二万元，劳动监察大队让我们等消息，等到现在也没有结果，请帮忙"


def groups_of(texts: list[str]) -> list[set[int]]:
    numbers = near_copies(texts)
    assert len(numbers) == len(texts)
    return sorted(({place for place, own in enumerate(numbers) if own == number} for number in set(numbers)), key=min)


def test_copies_and_near_copies_share_a_group() -> None:
    texts = [LETTER, OTHER, LETTER, LETTER.replace("五天", "六天"), f"{OTHER}。谢谢", LETTER.replace("，", "，\n ")]
    assert groups_of(texts) == [{0, 2, 3, 5}, {1, 4}]


def test_letters_on_the_same_matter_are_no_copies() -> None:
    assert groups_of([LETTER, "五楼停水好几天，没有人管，请派人来看看", OTHER, "厂里欠了我两个月工资，请帮忙"]) == [
        {0},
        {1},
        {2},
        {3},
    ]


def test_copies_of_copies_are_one_group() -> None:
    chain = [LETTER]
    for start in (0, 14, 28):
        chain.append(chain[-1][:start] + "另外的几个字" + chain[-1][start + 6 :])
    assert groups_of(chain) == [{0, 1, 2, 3}]


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", LETTER], ["水", "水", "路"]])
def test_short_and_empty_texts(texts: list[str]) -> None:
    numbers = near_copies(texts)
    assert numbers.dtype.kind == "i"
    for place, text in enumerate(texts):
        for other, again in enumerate(texts):
            assert (numbers[place] == numbers[other]) == (text.strip() == again.strip())


@given(
    st.lists(st.sampled_from([LETTER, OTHER, LETTER[:30], "水", "No water for five days, please help us"]), max_size=8)
)
def test_equal_texts_are_always_together(texts: list[str]) -> None:
    numbers = near_copies(texts)
    for place, text in enumerate(texts):
        assert numbers[place] == numbers[texts.index(text)]


def test_most_copies_of_the_limit_are_found() -> None:
    random = np.random.default_rng(1)
    alphabet = [chr(0x4E00 + place) for place in range(3000)]
    found = 0
    for _ in range(60):
        text = "".join(random.choice(alphabet, 100))
        found += len(set(near_copies([text, text[:80] + "".join(random.choice(alphabet, 20))]))) == 1
    assert found >= 50  # Jaccard index 0.65


@pytest.mark.parametrize("seed", [0, 1])
def test_folds_keep_groups_whole_and_hold_out_every_letter_once(seed: int) -> None:
    random = np.random.default_rng(seed)
    groups = random.integers(0, 60, 200)
    labels = [("water", "road", "pay")[number % 3] for number in groups]
    held_out: list[int] = []
    for train, test in folds(labels, groups, 5, seed):
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == 200
        held_out += test.tolist()
        shares = [sum(labels[place] == code for place in test) / len(test) for code in ("water", "road", "pay")]
        assert all(
            abs(share - labels.count(code) / 200) < 0.12
            for share, code in zip(shares, ("water", "road", "pay"), strict=True)
        )
    assert sorted(held_out) == list(range(200))


def test_folds_are_the_same_for_the_same_seed() -> None:
    labels, groups = ["a", "b"] * 20, np.arange(40)

    def tests(seed: int) -> list[list[int]]:
        return [test.tolist() for _, test in folds(labels, groups, 4, seed)]

    assert tests(3) == tests(3)
    assert tests(3) != tests(4)


def test_a_label_with_fewer_letters_than_folds_is_no_fault() -> None:
    labels = ["a"] * 20 + ["b"] * 3
    held_out = [place for _, test in folds(labels, np.arange(23), 5, 0) for place in test]
    assert sorted(held_out) == list(range(23))


def test_few_letters_make_fewer_folds() -> None:
    parts = list(folds(["a", "a", "b", "b"], np.arange(4), 5, 0))
    assert sorted(place for _, test in parts for place in test) == [0, 1, 2, 3]
    assert all(len(train) and len(test) for train, test in parts)


def test_fewer_groups_than_folds_make_no_empty_fold() -> None:
    parts = list(folds(["a", "b"] * 10, np.repeat([0, 1, 2], [8, 6, 6]), 5, 0))
    assert sorted(place for _, test in parts for place in test) == list(range(20))
    assert all(len(train) and len(test) for train, test in parts)


def test_tiny_letters_are_no_copies_of_one_another(tiny_letters: list[tuple[Petition, str]]) -> None:
    assert len(set(near_copies([petition.text for petition, _ in tiny_letters]))) == 60


def test_the_corpus_is_grouped_fast_enough() -> None:
    path = sorted((Path(__file__).parents[1] / "data" / "corpora").glob("*.jsonl"))[0]
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    numbers = near_copies(texts * 2)
    assert (numbers[: len(texts)] == numbers[len(texts) :]).all()
