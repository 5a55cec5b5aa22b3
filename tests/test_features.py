from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from triage.classify import LetterModel
from triage.errors import DataError
from triage.features import Featuriser, StaticBlock, StaticVectors, WordBlock, block_words
from triage.schema import Petition
from triage.text import Analyser

Blocks = list[dict[str, list[str]]]
Letters = list[tuple[Petition, str]]
BAGS = st.lists(
    st.lists(st.sampled_from(["水", "路", "工资", "pay", "road", "water", "欠"]), max_size=9), min_size=1, max_size=8
)


def sklearns(min_df: int = 1, norm: str | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=lambda words: words, sublinear_tf=True, min_df=min_df, norm=norm)


def restored(part: WordBlock | StaticBlock) -> WordBlock | StaticBlock:
    """Return a part from its state, as a bundle does."""
    twin = type(part).__new__(type(part))
    twin.__setstate__(part.__getstate__())
    return twin


def with_rare_words_counted(theirs: TfidfVectorizer, bags: list[list[str]]) -> np.ndarray:
    """scikit-learn's rows before their length is taken, over the length that words it does not know would add."""
    raw = theirs.transform(bags).toarray()
    rarest = theirs.idf_.max()
    unknown = np.array([len({word for word in bag if word not in theirs.vocabulary_}) for bag in bags])
    lengths = np.sqrt((raw**2).sum(axis=1) + unknown * rarest**2)
    return raw / np.where(lengths, lengths, 1)[:, None]


@pytest.mark.parametrize("min_df", [1, 2, 3])
@pytest.mark.parametrize("block", ["word", "every"])
def test_tfidf_is_that_of_scikit_learn(tiny_blocks: Blocks, block: str, min_df: int) -> None:
    bags = [letter[block] for letter in tiny_blocks]
    theirs = sklearns(min_df).fit(bags)
    ours = WordBlock(block, min_df=min_df).fit(bags)
    assert ours.words_ == theirs.get_feature_names_out().tolist()
    np.testing.assert_allclose(ours.idf_, theirs.idf_, rtol=1e-6)
    rows = ours.transform(bags).toarray()
    np.testing.assert_allclose(rows, with_rare_words_counted(theirs, bags), atol=1e-6)
    if min_df == 1:
        np.testing.assert_allclose(rows, sklearns(1, "l2").fit_transform(bags).toarray(), atol=1e-6)


def test_unknown_words_make_the_known_ones_weigh_less() -> None:
    block = WordBlock("word", min_df=1).fit([["水", "路"], ["水"]])
    alone, among = (np.linalg.norm(block.transform([bag]).toarray()) for bag in (["水"], ["水", "甲", "乙"]))
    assert alone == pytest.approx(1)
    assert among < 0.7


@given(BAGS, BAGS)
def test_tfidf_of_unseen_letters_is_that_of_scikit_learn(seen: list[list[str]], unseen: list[list[str]]) -> None:
    if not any(seen):
        seen = [*seen, ["水"]]
    theirs = sklearns().fit(seen)
    ours = WordBlock("word", min_df=1).fit(seen)
    np.testing.assert_allclose(ours.transform(unseen).toarray(), with_rare_words_counted(theirs, unseen), atol=1e-6)


def test_rows_have_the_weight_as_length_and_unknown_letters_are_nought(tiny_blocks: Blocks) -> None:
    block = WordBlock("word", weight=0.7, min_df=1).fit([letter["word"] for letter in tiny_blocks])
    rows = block.transform([tiny_blocks[0]["word"], ["闻所未闻"], []]).toarray()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [0.7, 0, 0], atol=1e-6)
    assert rows.dtype == np.float32


def test_rare_words_and_words_with_a_line_break_are_left_out() -> None:
    block = WordBlock("word", min_df=2).fit([["水", "路", "a\nb"], ["水", "a\nb"]])
    assert block.words_ == ["水"]


def test_blocks_of_a_letter(analyser: Analyser) -> None:
    analysis = analyser(Petition(title="路灯", body="自来水管爆了。要求修好 12345"))
    words = block_words(analysis, "word")
    assert {"自来水管", "路灯", "爆 了"} <= set(words)
    assert not {"。", "12345", "\n"} & set(words)
    assert {"自来水管", "自来水", "自来", "水管"} <= set(block_words(analysis, "every"))
    assert block_words(analysis, "title") == ["路灯"]
    assert block_words(analysis, "titlechars") == ["路灯"]
    assert "修好" in block_words(analysis, "request")
    assert "自来水管" not in block_words(analysis, "request")
    with pytest.raises(ValueError, match="word, every, title, titlechars, request"):
        block_words(analysis, "nonsense")


def test_asking_spans_leave_the_title_out(analyser: Analyser) -> None:
    analysis = analyser(Petition(title="请修路", body="路坏了，请派人修。谢谢"))
    assert [analysis.text[first:last] for first, last in analysis.asking] == ["请派人修"]


@pytest.mark.parametrize("body", ["Please mend the road", "HOW do I apply for a permit", "We hope for help"])
def test_english_asking_spans_are_found_in_any_case(analyser: Analyser, body: str) -> None:
    assert analyser(Petition(body=body)).asking == [(0, len(body))]


def test_static_rows_are_weighted_means(vectors: StaticVectors, tiny_blocks: Blocks) -> None:
    bags = [letter["word"] for letter in tiny_blocks]
    block = StaticBlock("word", weight=0.5).fit(bags, vectors)
    rows = block.transform([*bags, ["闻所未闻闻所"], []])
    assert rows.shape == (62, vectors.table.shape[1])
    np.testing.assert_allclose(np.linalg.norm(rows[:60], axis=1), 0.5, atol=1e-5)
    assert not rows[60:].any()
    words = bags[0]
    known = sorted({word for word in words if word in vectors.row})
    share = {word: sum(word in bag for bag in bags) for word in known}
    mean = sum(
        (1 + np.log(words.count(word)))
        * (np.log(61 / (1 + share[word])) + 1)
        * vectors.table[vectors.row[word]].astype(float)
        for word in known
    )
    np.testing.assert_allclose(rows[0], 0.5 * mean / np.linalg.norm(mean), atol=1e-5)


def test_contributions_add_up_to_the_margin(
    tiny_model: LetterModel, tiny_blocks: Blocks, tiny_letters: Letters, analyser: Analyser
) -> None:
    head = tiny_model.heads["category"]
    features = tiny_model.featuriser.transform(tiny_blocks).astype(float)
    margins = features @ head.coef.astype(float) + head.intercept
    for place, (petition, _) in enumerate(tiny_letters):
        for column, code in enumerate(head.classes):
            parts, intercept = tiny_model.explain(analyser(petition), (), "category", code)
            assert sum(part.weight for part in parts) + intercept == pytest.approx(margins[place, column], abs=1e-6)
            weights = [abs(part.weight) for part in parts]
            assert weights == sorted(weights, reverse=True)


def test_telling_words_speak_for_the_class(tiny_model: LetterModel, tiny_blocks: Blocks) -> None:
    words = dict(tiny_model.telling_words(tiny_model.featuriser.transform(tiny_blocks[40:41]), "category", "pay", 4))
    assert 1 <= len(words) <= 4
    assert any("工资" in word for word in words)
    assert all(weight > 0 for weight in words.values())


def test_every_column_has_its_word(tiny_model: LetterModel) -> None:
    featuriser = tiny_model.featuriser
    width = tiny_model.heads["category"].coef.shape[0]
    names = [featuriser.word_of(column) for column in range(width)]
    assert names.count("") == featuriser.parts_[-1].width_
    assert [name for name in names if name] == featuriser.parts_[0].words_ + featuriser.parts_[1].words_
    with pytest.raises(IndexError):
        featuriser.word_of(width)


def test_state_round_trip(tiny_model: LetterModel, tiny_blocks: Blocks, vectors: StaticVectors) -> None:
    for part in tiny_model.featuriser.parts_:
        bags = [letter[part.block] for letter in tiny_blocks]
        twin = restored(part)
        if isinstance(twin, StaticBlock):
            twin.vectors = vectors
        before, after = part.transform(bags), twin.transform(bags)
        assert (before != after).sum() == 0
        state, again = part.__getstate__(), twin.__getstate__()
        assert np.array_equal(state.pop("idf"), again.pop("idf"))
        assert state == again


def test_state_round_trip_of_blocks_that_learnt_nothing(vectors: StaticVectors) -> None:
    assert restored(WordBlock("word").fit([["水"]])).words_ == []
    twin = restored(StaticBlock("word").fit([["闻所未闻闻所"]], vectors))
    twin.vectors = vectors
    assert not twin.transform([["闻所未闻闻所"]]).any()


def test_a_block_without_its_table_can_still_be_saved(vectors: StaticVectors) -> None:
    part = StaticBlock("word").fit([["水"]], vectors)
    assert restored(part).__getstate__()["fingerprint"] == vectors.fingerprint


def test_known_share(tiny_model: LetterModel, tiny_blocks: Blocks) -> None:
    assert tiny_model.featuriser.known_share(tiny_blocks[0]) == 1.0
    assert tiny_model.featuriser.known_share({"word": ["闻所未闻", "路灯", "闻所未闻 路灯"], "every": []}) == 0.5
    assert tiny_model.featuriser.known_share({"word": [], "every": []}) == 0.0


def test_a_featuriser_of_word_vectors_alone_works(vectors: StaticVectors, tiny_blocks: Blocks) -> None:
    featuriser = Featuriser({"static:word": 1.0}).fit(tiny_blocks, vectors)
    assert featuriser.needed == ("word",)
    assert featuriser.transform(tiny_blocks).shape == (60, vectors.table.shape[1])
    assert 0 < featuriser.known_share(tiny_blocks[0]) <= 1


def test_without_a_table_static_blocks_are_left_out(tiny_blocks: Blocks) -> None:
    featuriser = Featuriser({"word": 1.0, "static:word": 1.0}, min_df=1).fit(tiny_blocks, None)
    assert len(featuriser.parts_) == 1


def test_a_damaged_table_is_refused(tmp_path, vectors: StaticVectors) -> None:
    with pytest.raises(DataError) as caught:
        StaticVectors.load(tmp_path)
    assert caught.value.code == "vectors_unreadable"
    (tmp_path / "words.txt").write_text("水\n路", encoding="utf-8")
    np.save(tmp_path / "words.npy", np.zeros((3, 4), np.int8))
    with pytest.raises(DataError, match="2 words"):
        StaticVectors.load(tmp_path)
    np.save(tmp_path / "words.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="ValueError"):
        StaticVectors.load(tmp_path)
    np.save(tmp_path / "words.npy", np.zeros((2, 4), np.int8))
    assert StaticVectors.load(tmp_path).fingerprint != vectors.fingerprint
