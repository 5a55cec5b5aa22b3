from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triage.classify import LetterModel
from triage.features import Featuriser, StaticVectors
from triage.schema import Petition
from triage.text import Analyser, Analysis
from triage.vocabulary import Reading, Vocabulary

Blocks = list[dict[str, list[str]]]
Letters = list[tuple[Petition, str]]
PIECES = [
    "路灯坏了",
    "要求修好",
    "工资",
    "，",
    "。",
    "请 问",
    "abc",
    "Road",
    " ",
    "\n",
    "2026",
    "闻所未闻",
    "x-ray",
    "、",
]


def assert_as_by_the_book(featuriser: Featuriser, analyses: list[Analysis], signs: list[list[str]]) -> Reading:
    letters = [featuriser.blocks_of(*pair) for pair in zip(analyses, signs, strict=True)]
    slow, fast = featuriser.transform(letters), Vocabulary(featuriser)(analyses, signs)
    for name in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(slow, name), getattr(fast.features, name)), name
    assert fast.known.tolist() == [featuriser.known_share(letter) for letter in letters]
    first = [letter[featuriser.needed[0]] for letter in letters]
    assert fast.length.tolist() == [len(words) for words in first]
    assert fast.different.tolist() == [len({word for word in words if " " not in word}) for words in first]
    return fast


def test_the_matrix_is_that_of_the_featuriser_bit_for_bit(
    analyser: Analyser, vectors: StaticVectors, tiny_letters: Letters
) -> None:
    blocks = {
        "word": 1.0, "every": 1.6, "title": 0.5, "titlechars": 1.3, "static:word": 0.25, "request": 0.4, "signs": 0.3,
    }  # fmt: skip
    analyses = [analyser(Petition(petition.body, title=petition.body[:5])) for petition, _ in tiny_letters]
    signs = [["level:1", "U01:active"], []] * (len(analyses) // 2)
    featuriser = Featuriser(blocks)
    featuriser.fit([featuriser.blocks_of(*pair) for pair in zip(analyses, signs, strict=True)], vectors)
    others = [analyser(Petition("闻所未闻的 road，请派人修。", title="请 问")), analyser(Petition("12345"))]
    assert_as_by_the_book(featuriser, [*analyses, *others], [*signs, [], ["never seen"]])


@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join), min_size=1, max_size=5))
def test_any_letters_give_the_matrix_of_the_featuriser(
    analyser: Analyser, tiny_model: LetterModel, bodies: list[str]
) -> None:
    analyses = [analyser(Petition(body, title=body[:3])) for body in bodies]
    assert_as_by_the_book(tiny_model.featuriser, analyses, [[]] * len(bodies))


def test_letters_read_alone_and_together_are_the_same(
    analyser: Analyser, tiny_model: LetterModel, tiny_letters: Letters
) -> None:
    vocabulary = Vocabulary(tiny_model.featuriser)
    analyses = [analyser(petition) for petition, _ in tiny_letters[:9]]
    together = vocabulary(analyses, [()] * 9).features
    for place, analysis in enumerate(analyses):
        alone = vocabulary([analysis], [()]).features
        low, high = list(pairwise(together.indptr))[place]
        assert np.array_equal(alone.indices, together.indices[low:high])
        assert np.array_equal(alone.data, together.data[low:high])


def test_blocks_that_are_not_wanted_stay_empty(
    analyser: Analyser, tiny_model: LetterModel, tiny_letters: Letters
) -> None:
    analysis, vocabulary = analyser(tiny_letters[0][0]), Vocabulary(tiny_model.featuriser)
    words = set(tiny_model.featuriser.columns(["every"]).tolist())
    assert set(vocabulary([analysis], [()], {"every"}).features.indices.tolist()) <= words
    assert vocabulary([analysis], [()], ()).features.nnz == 0
    assert vocabulary([], []).features.shape[0] == 0
