from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.classify import Head, LetterModel, softmax
from triage.features import StaticVectors
from triage.schema import Petition
from triage.text import Analyser
from triage.training.evaluate import expected_calibration_error
from triage.training.fit import Fitted, HeadPlan, Plan, conformal_quantiles, fit

Blocks = list[dict[str, list[str]]]
Letters = list[tuple[Petition, str]]
WORDS_ONLY = {"word": 1.0}


def margins(count: int, width: int) -> np.ndarray:
    return np.random.default_rng(count).normal(0, 3, (count, width))


def head(width: int, **settings: object) -> Head:
    return Head([f"c{place}" for place in range(width)], np.zeros((1, width), np.float32), np.zeros(width), **settings)


def drawn(count: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true margins of made-up letters and classes drawn from their softmax."""
    random = np.random.default_rng(seed)
    true = random.normal(0, spread, (count, 4))
    chosen = np.array([random.choice(4, p=row) for row in softmax(true)])
    return true, chosen


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=5))
def test_softmax_sums_to_one(rows: list[list[float]]) -> None:
    shares = softmax(np.array(rows))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all()


@pytest.mark.parametrize("ordinal", [False, True])
def test_probabilities_sum_to_one(ordinal: bool) -> None:
    own = Head(["1", "2", "3", "4"], np.zeros((1, 4), np.float32), np.zeros(4), scale=1.7, shift=-0.2, ordinal=ordinal)
    shares = own.probabilities(margins(50, 3 if ordinal else 4))
    assert shares.shape == (50, 4)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@given(st.lists(st.floats(-900, 900), min_size=3, max_size=3))
def test_an_ordinal_head_never_contradicts_itself(row: list[float]) -> None:
    shares = head(4, ordinal=True).probabilities(np.array([row]))[0]
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1)
    above = 1 - np.cumsum(shares)[:3]
    assert (np.diff(above) <= 1e-12).all()


def test_a_higher_margin_makes_higher_levels_likelier() -> None:
    rows = np.array([[step, step - 1.0, step - 2.0] for step in np.linspace(-5, 5, 21)])
    levels = head(4, ordinal=True).probabilities(rows) @ np.arange(4)
    assert (np.diff(levels) > 0).all()


def test_the_candidate_set_keeps_what_passes_its_own_threshold() -> None:
    own = head(3, quantiles=np.array([0.5, 0.8, 0.7]))
    assert own.candidate_set(np.array([0.45, 0.3, 0.25])) == ["c1"]
    assert own.candidate_set(np.array([0.1, 0.4, 0.5])) == ["c2", "c1"]
    assert own.candidate_set(np.array([0.4, 0.15, 0.1])) == []
    assert head(3).candidate_set(np.array([0.4, 0.3, 0.3])) == []


@pytest.mark.parametrize("error", [0.05, 0.1, 0.3])
def test_conformal_quantiles_are_those_of_a_naive_count(error: float) -> None:
    random = np.random.default_rng(3)
    shares = random.dirichlet([1, 2, 3], 120)
    index = random.choice(3, 120, p=[0.1, 0.3, 0.6])
    for place, threshold in enumerate(conformal_quantiles(shares, index, error)):
        misses = [1 - row[place] for row, own in zip(shares, index, strict=True) if own == place]
        enough = math.ceil((len(misses) + 1) * (1 - error))
        passing = [level for level in misses if sum(miss <= level for miss in misses) >= enough]
        assert threshold == (min(passing) if passing else 1.0)


def test_a_class_with_few_letters_always_passes() -> None:
    shares = np.full((12, 2), 0.5)
    index = np.array([0] * 3 + [1] * 9)
    assert conformal_quantiles(shares, index, 0.1).tolist() == [1.0, 0.5]
    assert conformal_quantiles(shares, index, 0.09).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_candidate_sets_hold_the_right_class_as_often_as_promised(error: float) -> None:
    true, chosen = drawn(8000, 1.5, seed=11)
    shares = softmax(true * 2.5)  # badly calibrated: the promise must hold nevertheless
    own = head(4, quantiles=conformal_quantiles(shares[:4000], chosen[:4000], error))
    held = np.array(
        [own.classes[right] in own.candidate_set(row) for row, right in zip(shares[4000:], chosen[4000:], strict=True)]
    )
    for place in range(4):
        assert held[chosen[4000:] == place].mean() == pytest.approx(1 - error, abs=0.03)


def test_a_temperature_lowers_the_calibration_error() -> None:
    from triage.training.fit import _calibrate

    true, chosen = drawn(6000, 2.0, seed=5)
    raw = true * 3  # three times too sure
    scale, shift = _calibrate(raw[:3000], chosen[:3000], False)
    assert scale == pytest.approx(1 / 3, rel=0.1)
    assert shift == 0

    def error(own: Head) -> float:
        shares = own.probabilities(raw[3000:])
        return expected_calibration_error(shares.max(axis=1), shares.argmax(axis=1) == chosen[3000:])

    assert error(head(4, scale=scale)) < 0.03 < error(head(4))


def test_sigmoids_calibrate_an_ordinal_head() -> None:
    from triage.training.fit import _calibrate

    random = np.random.default_rng(2)
    latent = random.normal(0, 2, 6000)
    level = np.array([np.searchsorted([-1.0, 0.0, 2.0], value + random.logistic()) for value in latent])
    raw = np.stack([4 * (latent - edge) + 1 for edge in (-1.0, 0.0, 2.0)], axis=1)
    scale, shift = _calibrate(raw, level, True)
    shares = head(4, scale=scale, shift=shift, ordinal=True).probabilities(raw)
    np.testing.assert_allclose(shares.mean(axis=0), np.bincount(level) / 6000, atol=0.01)
    np.testing.assert_allclose(scale, 0.25, rtol=0.15)


def test_the_model_scores_letters(tiny_model: LetterModel, analyser: Analyser) -> None:
    texts = ["老板拖欠工资，请帮忙", "No tap water since Monday, please repair the pipe", "路灯坏了，晚上摔人"]
    judgements = tiny_model([analyser(Petition(body=text)) for text in texts], [()] * 3)
    scores = [judgement.scores["category"] for judgement in judgements]
    assert [own.best for own in scores] == ["pay", "water", "road"]
    for own in scores:
        shares = [share for _, share in own.ranked]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
        assert own.confidence == shares[0] == own.of(own.best)
        assert own.of("no such code") == 0.0
        assert set(own.candidate_set) <= {"water", "road", "pay"}


def test_a_letter_scores_alone_as_in_company(
    tiny_model: LetterModel, analyser: Analyser, tiny_letters: Letters
) -> None:
    analyses = [analyser(petition) for petition, _ in tiny_letters]
    together = tiny_model(analyses, [()] * len(analyses))
    for analysis, judgement in zip(analyses, together, strict=True):
        (alone,) = tiny_model([analysis], [()])
        assert alone.scores["category"].ranked == judgement.scores["category"].ranked


@pytest.mark.parametrize(
    ("text", "familiar"),
    [
        ("桥上的路灯坏了，请换灯", True),
        ("量子纠缠与暗物质", False),  # words it does not know
        ("路灯", False),  # too few words
        ("路灯" * 200, False),
        ("桥上的路灯坏了，请换灯。" * 100, False),  # the same over and over
    ],
)
def test_a_letter_is_familiar_by_enough_different_known_words(
    tiny_model: LetterModel, analyser: Analyser, text: str, familiar: bool
) -> None:
    (judgement,) = tiny_model([analyser(Petition(body=text))], [()])
    assert judgement.familiar == familiar
    assert sum(share for _, share in judgement.scores["category"].ranked) == pytest.approx(1)


def test_held_out_scores_are_good_and_calibrated_coverage_holds(tiny_fitted: Fitted, tiny_letters: Letters) -> None:
    own = tiny_fitted.model.heads["category"]
    shares = tiny_fitted.held_out["category"]
    right = np.array([own.classes.index(code) for _, code in tiny_letters])
    assert own.classes == ["pay", "road", "water"]
    assert (shares.argmax(axis=1) == right).mean() > 0.8
    assert (1 - shares[np.arange(60), right] <= own.quantiles[right]).mean() >= 0.9


def test_training_twice_gives_the_same_model(tiny_blocks: Blocks, tiny_letters: Letters) -> None:
    plan = Plan(heads={"category": HeadPlan()}, blocks=WORDS_ONLY, seed=3)
    labels = {"category": [code for _, code in tiny_letters]}
    first, second = (fit(tiny_blocks, labels, np.arange(60), None, plan) for _ in range(2))
    assert np.array_equal(first.model.heads["category"].coef, second.model.heads["category"].coef)
    assert np.array_equal(first.held_out["category"], second.held_out["category"])


def test_two_classes_have_two_margins(tiny_blocks: Blocks, tiny_letters: Letters) -> None:
    labels = {"category": ["pay" if code == "pay" else "rest" for _, code in tiny_letters]}
    fitted = fit(tiny_blocks, labels, np.arange(60), None, Plan(blocks=WORDS_ONLY))
    own = fitted.model.heads["category"]
    assert own.coef.shape[1] == 2
    np.testing.assert_allclose(own.coef[:, 0], -own.coef[:, 1])
    np.testing.assert_allclose(fitted.held_out["category"].sum(axis=1), 1)


def test_an_ordinal_head_is_fitted(tiny_blocks: Blocks) -> None:
    labels = {"urgency": [str(1 + place // 20) for place in range(60)]}
    plan = Plan(heads={"urgency": HeadPlan(balance=1.0, ordinal=True)}, blocks=WORDS_ONLY)
    fitted = fit(tiny_blocks, labels, np.arange(60), None, plan)
    own = fitted.model.heads["urgency"]
    assert own.ordinal
    assert own.coef.shape[1] == 2
    assert own.quantiles is None
    np.testing.assert_allclose(fitted.held_out["urgency"].sum(axis=1), 1)


@pytest.mark.parametrize("ordinal", [False, True])
def test_a_class_that_one_fold_holds_whole_does_not_stop_training(
    tiny_blocks: Blocks, vectors: StaticVectors, ordinal: bool
) -> None:
    # Near-copies stay on one side, so a class of near-copies is missing from one training side.
    labels = {"level": ["1"] * 20 + ["2"] * 20 + ["3"] * 14 + ["4"] * 6}
    groups = np.arange(60)
    groups[54:] = 54
    plan = Plan(heads={"level": HeadPlan(ordinal=ordinal)}, blocks=WORDS_ONLY, fold_count=3)
    fitted = fit(tiny_blocks, labels, groups, vectors, plan)
    assert fitted.held_out["level"].shape == (60, 4)
    np.testing.assert_allclose(fitted.held_out["level"].sum(axis=1), 1)
