"""Fit the heads on labelled letters: cross-validate, calibrate, refit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from triage.classify import Head, LetterModel, softmax
from triage.features import STATIC, Featuriser, StaticVectors
from triage.training.split import folds

__all__ = ["Fitted", "HeadPlan", "Plan", "Spread", "fit", "held_out_newest", "here", "over_folds"]

Floats = NDArray[np.float64]
_SMOOTHING = 0.1
Letter = Mapping[str, Sequence[str]]
Report = Callable[[str, int, int], None]
Spread = Callable[..., AbstractContextManager[Any]]
Split = tuple[NDArray[np.int64], NDArray[np.int64]]


def here(*shared: Any) -> AbstractContextManager[Any]:
    """Leave the work in this process."""
    return nullcontext()


@dataclass(frozen=True)
class HeadPlan:
    """How one head is fitted.

    Attributes
    ----------
    cost : float
        C of the linear support vector machine.
    balance : float
        How far rare classes are weighed up: 0 not at all, 1 until each weighs the same.
    bayes : float
        Weight of complement naive Bayes beside the support vector machine: both are linear, so their weights add up.
        It is steadier where letters of another hand are judged (Rennie and others 2003).
    caution : Mapping[str, float]
        Class to what is taken off its margin: a class that means "nothing else fits" must win clearly.
    ordinal : bool
        One margin for "above each class but the last" (Frank and Hall 2001).
    doubt : float
        How often two careful readers disagree; see `triage.classify.Head`.
    blocks : tuple of str or None
        The blocks it reads, of those of the plan; all if None.
    """

    cost: float = 1.0
    balance: float = 0.0
    bayes: float = 0.0
    caution: Mapping[str, float] = field(default_factory=dict)
    ordinal: bool = False
    doubt: float = 0.0
    blocks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Plan:
    """The settings of a training run.

    Attributes
    ----------
    heads : Mapping[str, HeadPlan]
        The fields to learn.
    blocks : Mapping[str, float] or None
        Passed to `Featuriser`.
    min_df : int
        Passed to `Featuriser`.
    fold_count : int
        Folds of the cross-validation.
    error : float
        Share of letters whose candidate set may miss the right code.
    novelty_quantile : float
        Share of training letters that would count as off-topic.
    seed : int
        Of folds and solver.
    """

    heads: Mapping[str, HeadPlan] = field(default_factory=lambda: {"category": HeadPlan(0.7, bayes=0.05)})
    blocks: Mapping[str, float] | None = None
    min_df: int = 2
    fold_count: int = 5
    error: float = 0.05
    novelty_quantile: float = 0.003
    seed: int = 0


@dataclass(frozen=True)
class Fitted:
    """A model and what cross-validation said of it.

    Attributes
    ----------
    model : LetterModel
        Refitted on all letters.
    held_out : Mapping[str, ndarray of shape (n_letters, n_classes)]
        Calibrated probabilities of letters by models that had not seen them.
    """

    model: LetterModel
    held_out: Mapping[str, Floats]


def fit(
    letters: Sequence[Letter],
    labels: Mapping[str, Sequence[str]],
    groups: NDArray[np.int64],
    vectors: StaticVectors | None,
    plan: Plan,
    report: Report = lambda step, done, total: None,
    spread: Spread = here,
) -> Fitted:
    """Train every head of a plan.

    Parameters
    ----------
    letters : sequence of Mapping
        Each letter's words by block.
    labels : Mapping[str, sequence of str]
        By head, one label a letter.
    groups : ndarray of shape (n_letters,)
        Letters of one group are never on both sides of a split.
    vectors : StaticVectors or None
        The table of word vectors, if the blocks want one.
    plan : Plan
        The settings.
    report : callable
        Told the step, how many are done and how many there are.
    spread : callable
        Given what all folds read, a context in which joblib has other machines work.

    Returns
    -------
    Fitted
    """
    classes = {name: sorted(set(labels[name])) for name in plan.heads}
    indices = {name: np.array([classes[name].index(label) for label in labels[name]]) for name in plan.heads}
    margins: dict[str, Floats] = {}
    known = np.zeros(len(letters))  # of words, by models that had not seen the letter
    first = next(iter(plan.heads))
    splits = list(folds(labels[first], groups, plan.fold_count, plan.seed))
    for number, (shares, unseen) in enumerate(over_folds(letters, indices, classes, splits, vectors, [plan], spread)):
        report("folds", number, len(splits))
        test = splits[number][1]
        known[test] = shares
        for name, part in unseen.items():
            margins.setdefault(name, np.zeros((len(letters), part.shape[1])))[test] = part
    report("folds", len(splits), len(splits))
    featuriser = Featuriser(plan.blocks, plan.min_df).fit(letters, vectors)
    features = featuriser.transform(letters)
    heads, held_out = {}, {}
    for number, (name, head) in enumerate(plan.heads.items()):
        report("heads", number, len(plan.heads))
        coef, intercept = _solve(featuriser, features, indices[name], classes[name], head, plan.seed)
        fitted = Head(
            classes[name], coef.astype(np.float16).astype(np.float32), intercept, ordinal=head.ordinal, doubt=head.doubt
        )
        fitted.scale, fitted.shift = _calibrate(margins[name], indices[name], head.ordinal)
        held_out[name] = fitted.probabilities(margins[name])
        if not head.ordinal:
            fitted.quantiles = conformal_quantiles(held_out[name], indices[name], plan.error)
        heads[name] = fitted
    report("heads", len(plan.heads), len(plan.heads))
    model = LetterModel(featuriser, heads)
    model.novelty = float(np.quantile(known, plan.novelty_quantile))
    return Fitted(model, held_out)


def over_folds(
    letters: Sequence[Letter],
    indices: Mapping[str, NDArray[np.int64]],
    classes: Mapping[str, list[str]],
    splits: Sequence[Split],
    vectors: StaticVectors | None,
    plans: Sequence[Plan],
    spread: Spread = here,
) -> Iterator[tuple[Floats, dict[str, Floats]]]:
    """Yield, plan by plan and fold by fold, what a model says of the letters it has not seen.

    Yields
    ------
    known : ndarray of shape (n_held_out,)
        Each letter's share of known words.
    margins : dict of str to ndarray of shape (n_held_out, n_margins)
        By head.
    """
    from joblib import Parallel, delayed

    work = delayed(_fold)
    with spread(letters, vectors):
        yield from Parallel(return_as="generator")(
            work(letters, vectors, indices, classes, split, plan) for plan in plans for split in splits
        )


def _fold(
    letters: Sequence[Letter],
    vectors: StaticVectors | None,
    indices: Mapping[str, NDArray[np.int64]],
    classes: Mapping[str, list[str]],
    split: Split,
    plan: Plan,
) -> tuple[Floats, dict[str, Floats]]:
    train, test = split
    featuriser, seen, unseen = _apart(letters, train, test, vectors, plan)
    margins = {}
    for name, head in plan.heads.items():
        coef, intercept = _solve(featuriser, seen, indices[name][train], classes[name], head, plan.seed)
        margins[name] = np.asarray(unseen @ coef, float) + intercept
    return np.array([featuriser.known_share(letters[place]) for place in test]), margins


def _apart(
    letters: Sequence[Letter],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    vectors: StaticVectors | None,
    plan: Plan,
) -> tuple[Featuriser, sparse.csr_matrix, sparse.csr_matrix]:
    """Return a featuriser fitted on some letters, and the features of those and of others it has not seen."""
    own, others = ([letters[place] for place in part] for part in (train, test))
    featuriser = Featuriser(plan.blocks, plan.min_df).fit(own, vectors)
    return featuriser, featuriser.transform(own), featuriser.transform(others)


def _solve(
    featuriser: Featuriser,
    features: sparse.csr_matrix,
    index: NDArray[np.int64],
    classes: list[str],
    head: HeadPlan,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return weights of shape (n_features, n_margins) and intercepts; blocks a head does not read weigh nothing."""
    names = head.blocks or featuriser.names
    columns = featuriser.columns(names)
    part, intercept = _margins(features[:, columns], index, classes, head, seed)
    coef = np.zeros((features.shape[1], part.shape[1]))
    coef[columns] = part
    if head.bayes:
        words = featuriser.columns(name for name in names if not name.startswith(STATIC))
        coef[words] += head.bayes * _bayes(features[:, words], index, len(classes))
    return coef, intercept


def _bayes(counts: sparse.csr_matrix, index: NDArray[np.int64], count: int) -> Floats:
    """Return naive Bayes's weights of shape (n_words, n_classes), each word's mean taken out."""
    from sklearn.naive_bayes import ComplementNB

    fitted = ComplementNB(alpha=_SMOOTHING).fit(counts, index)
    weights = np.zeros((counts.shape[1], count))
    weights[:, fitted.classes_] = fitted.feature_log_prob_.T
    return np.asarray(weights - weights.mean(axis=1, keepdims=True))


def _margins(
    features: sparse.csr_matrix, index: NDArray[np.int64], classes: list[str], head: HeadPlan, seed: int
) -> tuple[Floats, Floats]:
    if head.ordinal:
        parts = [_svm(features, (index > level).astype(int), 2, head, seed) for level in range(len(classes) - 1)]
        return np.hstack([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    coef, intercept = _one_each(*_svm(features, index, len(classes), head, seed))
    return coef, intercept - np.array([head.caution.get(code, 0.0) for code in classes])


def _one_each(coef: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """Return a margin for each class; two classes have one between them, so that all heads look alike."""
    if coef.shape[1] > 1:
        return coef, intercept
    return np.hstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2


def _svm(features: sparse.csr_matrix, target: Any, count: int, head: HeadPlan, seed: int) -> tuple[Floats, Floats]:
    """Return weights and intercepts; one column for two classes, else one a class.

    A class that is missing here, as its near-copies are all held out, gets the margin of what is surely not it.
    """
    from sklearn.svm import LinearSVC

    present = np.unique(target)
    if len(present) < count:
        coef, intercept = np.zeros((features.shape[1], count)), np.full(count, -1.0)
        if len(present) == 1:
            intercept[present] = 1.0
        else:
            own = np.searchsorted(present, target)
            coef[:, present], intercept[present] = _one_each(*_svm(features, own, len(present), head, seed))
        return (coef[:, 1:], intercept[1:]) if count == 2 else (coef, intercept)
    classes, sizes = np.unique(target, return_counts=True)
    weights = (len(target) / (len(classes) * sizes)) ** head.balance
    machine = LinearSVC(C=head.cost, class_weight=dict(zip(classes, weights, strict=True)), random_state=seed)
    machine.fit(features, target)
    return machine.coef_.T, machine.intercept_


def _calibrate(margins: Floats, index: NDArray[np.int64], ordinal: bool) -> tuple[Any, Any]:
    """Return scale and shift that make held-out margins probabilities.

    Source
    ------
    Guo and others 2017 (temperature scaling); Platt 1999 (sigmoid), for each "above" of an ordinal head.
    """
    if not ordinal:
        places = np.arange(len(index))

        def loss(log_scale: float) -> float:
            return float(-np.log(softmax(math.exp(log_scale) * margins)[places, index] + 1e-12).mean())

        best = optimize.minimize_scalar(loss, bounds=(-3, 4), method="bounded")
        return math.exp(best.x), 0.0
    scales, shifts = [], []
    for level in range(margins.shape[1]):
        above = (index > level).astype(float)

        def loss_above(pair: Floats, column: Floats = margins[:, level], above: Floats = above) -> float:
            signed = (2 * above - 1) * (pair[0] * column + pair[1])
            return float(np.logaddexp(0, -signed).mean())

        best = optimize.minimize(loss_above, np.array([1.0, 0.0]), method="L-BFGS-B")
        scales.append(best.x[0])
        shifts.append(best.x[1])
    return np.array(scales), np.array(shifts)


def conformal_quantiles(probabilities: Floats, index: NDArray[np.int64], error: float) -> Floats:
    """Return each class's threshold on ``1 - probability``: right codes pass it in ``1 - error`` of letters.

    A class with fewer than ``1 / error - 1`` letters can promise nothing and always passes.

    Source
    ------
    Sadinle, Lei and Wasserman 2019, Least ambiguous set-valued classifiers with bounded error levels.
    """
    thresholds = np.ones(probabilities.shape[1])
    for place in range(len(thresholds)):
        misses = np.sort(1 - probabilities[index == place, place])
        rank = math.ceil((len(misses) + 1) * (1 - error))
        if rank <= len(misses):
            thresholds[place] = misses[rank - 1]
    return thresholds


def held_out_newest(
    letters: Sequence[Letter],
    labels: Sequence[str],
    order: NDArray[np.int64],
    vectors: StaticVectors | None,
    plan: Plan,
    fitted: Head,
    share: float = 0.2,
) -> tuple[NDArray[np.int64], Floats]:
    """Judge the newest letters by a model of the older ones, as it will be in use.

    Parameters
    ----------
    letters, labels
        As in `fit`, the labels of the first head.
    order : ndarray of shape (n_letters,)
        Positions, oldest first.
    vectors : StaticVectors or None
    plan : Plan
    fitted : Head
        Whose classes and calibration are used.
    share : float
        Of letters that count as new.

    Returns
    -------
    positions : ndarray of shape (n_new,)
    probabilities : ndarray of shape (n_new, n_classes)
    """
    cut = int(len(order) * (1 - share))
    older, newest = order[:cut], order[cut:]
    featuriser, seen, unseen = _apart(letters, older, newest, vectors, plan)
    index = np.array([fitted.classes.index(labels[place]) for place in older])
    head = next(iter(plan.heads.values()))
    coef, intercept = _solve(featuriser, seen, index, fitted.classes, head, plan.seed)
    return newest, fitted.probabilities(np.asarray(unseen @ coef, float) + intercept)
