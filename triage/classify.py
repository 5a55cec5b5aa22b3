"""Linear heads over one featuriser: calibrated scores, guaranteed candidate sets, exact explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.features import Contribution, Featuriser, StaticBlock, StaticVectors
from triage.text import Analysis
from triage.vocabulary import Vocabulary

__all__ = ["Head", "Judgement", "LetterModel", "Row", "Scores", "softmax"]

Floats = NDArray[np.float64]
# A letter of fewer different words says too little; one that repeats a few over and over says no more.
_LEAST_WORDS = 3
_LEAST_VARIETY = 0.02


def softmax(margins: Floats) -> Floats:
    """Return probabilities from margins, along the last axis."""
    shifted = np.exp(margins - margins.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


class Head:
    """One linear decision with calibrated probabilities.

    Parameters
    ----------
    classes : list of str
        The codes, in the order of the margins.
    coef : ndarray of shape (n_features, n_margins)
        Weights. ``n_margins`` is ``n_classes``; for an ordinal head ``n_classes - 1``, the margins of "above the
        first class", "above the second" ... (Frank and Hall 2001).
    intercept : ndarray of shape (n_margins,)
    scale, shift : float or ndarray
        Margins become ``scale * margin + shift`` before they become probabilities: one number a head for a
        temperature, one a margin for a sigmoid (Platt).
    ordinal : bool
        The classes have an order.
    doubt : float
        Share of probability spread evenly over all classes: two careful readers disagree so often, so nothing is
        surer.
    quantiles : ndarray of shape (n_classes,) or None
        Class-conditional conformal thresholds on ``1 - probability``.
    """

    def __init__(
        self,
        classes: list[str],
        coef: NDArray[np.float32],
        intercept: Floats,
        scale: Floats | float = 1.0,
        shift: Floats | float = 0.0,
        ordinal: bool = False,
        doubt: float = 0.0,
        quantiles: Floats | None = None,
    ) -> None:
        self.classes = classes
        self.coef = coef
        self.intercept = intercept
        self.scale = scale
        self.shift = shift
        self.ordinal = ordinal
        self.doubt = doubt
        self.quantiles = quantiles

    def __getstate__(self) -> dict[str, Any]:
        # Half precision halves the bundle; `fit` rounds the weights to it, so nothing is lost here.
        return {**self.__dict__, "coef": self.coef.astype(np.float16)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.coef = state["coef"].astype(np.float32)

    def probabilities(self, margins: Floats) -> Floats:
        """Return an array of shape (n_letters, n_classes) from margins of shape (n_letters, n_margins)."""
        scaled = self.scale * margins + self.shift
        if not self.ordinal:
            return (1 - self.doubt) * softmax(scaled) + self.doubt / len(self.classes)
        above = 0.5 + 0.5 * np.tanh(scaled / 2)  # the logistic function; scipy.special would take longest to load
        above = np.minimum.accumulate(above, axis=1)  # "above two" cannot be likelier than "above one"
        edges = np.hstack([np.ones((len(above), 1)), above, np.zeros((len(above), 1))])
        return np.asarray(edges[:, :-1] - edges[:, 1:])

    def candidate_set(self, probabilities: Floats) -> list[str]:
        """Return the codes that the conformal thresholds keep, best first; empty where none is near enough."""
        if self.quantiles is None:
            return []
        order = np.argsort(-probabilities, kind="stable")
        return [self.classes[place] for place in order[(1 - probabilities <= self.quantiles)[order]].tolist()]


class Scores:
    """What one head says of one letter; sorted only when somebody asks, since most heads are read for their best.

    Parameters
    ----------
    head : Head
    probabilities : ndarray of shape (n_classes,)
        Calibrated.
    """

    def __init__(self, head: Head, probabilities: Floats) -> None:
        self._head = head
        self._probabilities = probabilities

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scores) and (self.ranked, self.candidate_set) == (other.ranked, other.candidate_set)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def ranked(self) -> list[tuple[str, float]]:
        """Codes with calibrated probabilities, best first."""
        classes, shares = self._head.classes, self._probabilities.tolist()
        return [(classes[place], shares[place]) for place in np.argsort(-self._probabilities, kind="stable").tolist()]

    @cached_property
    def candidate_set(self) -> list[str]:
        """The conformal set."""
        return self._head.candidate_set(self._probabilities)

    @property
    def best(self) -> str:
        return self._head.classes[int(self._probabilities.argmax())]

    @property
    def confidence(self) -> float:
        return float(self._probabilities.max())

    @property
    def shares(self) -> dict[str, float]:
        """Probability of each code."""
        return dict(zip(self._head.classes, self._probabilities.tolist(), strict=True))

    def of(self, code: str) -> float:
        """Return one code's probability; 0 for a code the head does not know."""
        return float(self._probabilities[self._head.classes.index(code)]) if code in self._head.classes else 0.0


class Row(NamedTuple):
    """One letter's features that are not 0: columns and values."""

    indices: NDArray[np.int32]
    data: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model says of one letter.

    Attributes
    ----------
    scores : Mapping[str, Scores]
        By head.
    features : Row
    familiar : bool
        False for a letter whose words the model hardly knows.
    """

    scores: Mapping[str, Scores]
    features: Row
    familiar: bool


class LetterModel:
    """A featuriser and the heads that read its features.

    Parameters
    ----------
    featuriser : Featuriser
        Fitted.
    heads : Mapping[str, Head]
        By the name of the decision's field.
    novelty : float
        Letters with a smaller share of known words are off-topic or in another language.
    """

    def __init__(self, featuriser: Featuriser, heads: Mapping[str, Head], novelty: float = 0.0) -> None:
        self.featuriser = featuriser
        self.heads = dict(heads)
        self.novelty = novelty

    def bind(self, vectors: StaticVectors) -> None:
        """Give the static blocks their table, which is not part of a bundle."""
        for part in self.featuriser.parts_:
            if isinstance(part, StaticBlock):
                part.vectors = vectors

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.featuriser)

    @cached_property
    def _words(self) -> list[str]:
        """The word of each column; ``""`` for a dimension of the word vectors."""
        parts = self.featuriser.parts_
        return [
            word for part in parts for word in ([""] * part.width_ if isinstance(part, StaticBlock) else part.words_)
        ]

    @cached_property
    def _blocks_read(self) -> dict[str, set[str]]:
        """By head, the blocks whose words weigh anything in it."""
        read: dict[str, set[str]] = {}
        for head_name, head in self.heads.items():
            names = zip(self.featuriser.names, self.featuriser.parts_, strict=True)
            read[head_name] = {part.block for name, part in names if head.coef[self.featuriser.columns([name])].any()}
        return read

    def __call__(
        self, analyses: Sequence[Analysis], signs: Sequence[Sequence[str]], heads: Sequence[str] = ()
    ) -> list[Judgement]:
        """Score letters with every head, or those named; ``signs`` is what rules saw in each."""
        wanted = set().union(*(self._blocks_read[name] for name in heads)) if heads else None
        reading = self._vocabulary(analyses, signs, wanted)
        features = reading.features
        scores: list[dict[str, Scores]] = [{} for _ in analyses]
        for name in heads or self.heads:
            head = self.heads[name]
            margins = np.asarray(features @ head.coef, dtype=float) + head.intercept
            for result, row in zip(scores, head.probabilities(margins), strict=True):
                result[name] = Scores(head, row)
        # Enough known words, and enough different ones, to be judged by.
        varied = reading.different >= np.maximum(_LEAST_WORDS, _LEAST_VARIETY * reading.length)
        familiar = (varied & (reading.known >= self.novelty)).tolist()
        ends = features.indptr.tolist()
        rows = [Row(features.indices[first:last], features.data[first:last]) for first, last in pairwise(ends)]
        return [Judgement(*found) for found in zip(scores, rows, familiar, strict=True)]

    def telling_words(self, features: Row, name: str, code: str, count: int) -> list[tuple[str, float]]:
        """Return the words that speak most for a class, with what each added to its margin, over all word blocks."""
        head = self.heads[name]
        places = features.indices * head.coef.shape[1] + head.classes.index(code)
        moves = features.data * head.coef.ravel().take(places)
        most = min(4 * count, len(moves))
        # Of equal moves the first columns count, so all that reach the last of the best are ordered.
        best = np.flatnonzero(moves >= np.partition(moves, -most)[-most]) if most else np.zeros(0, np.intp)
        best = best[np.argsort(-moves[best], kind="stable")][:most]
        found: dict[str, float] = {}
        for column, move in zip(features.indices[best].tolist(), moves[best].tolist(), strict=True):
            word = self._words[column]
            if word and move > 0:
                found[word] = found.get(word, 0.0) + move
        return sorted(found.items(), key=lambda item: -item[1])[:count]

    def explain(
        self, analysis: Analysis, signs: Sequence[str], name: str, code: str
    ) -> tuple[list[Contribution], float]:
        """Return what each word added to a class's margin, and the margin's intercept.

        Their sum is the margin.
        """
        head = self.heads[name]
        place = head.classes.index(code)
        coef = head.coef[:, place].astype(float)
        return self.featuriser.contributions(self.featuriser.blocks_of(analysis, signs), coef), float(
            head.intercept[place]
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"featuriser": self.featuriser, "heads": self.heads, "novelty": self.novelty}
