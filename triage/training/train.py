"""Train a bundle on somebody's labels; evaluate a bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triage.bundle import MODEL, SIGNALS, resolve, save_bundle, verify
from triage.classify import LetterModel
from triage.config import shipped_vectors
from triage.engine import Triager
from triage.errors import DataError
from triage.features import Featuriser, StaticVectors
from triage.policy import Policy
from triage.text import Analysis
from triage.training.card import card
from triage.training.corpus import Corpus
from triage.training.evaluate import category_figures, decision_figures
from triage.training.fit import Fitted, Plan, Report, Spread, fit, held_out_newest, here
from triage.training.search import search

__all__ = ["evaluate_bundle", "letters_of", "manifest_of", "train"]


def letters_of(
    analyses: Sequence[Analysis], plan: Plan, signs: Sequence[Sequence[str]] | None = None
) -> list[dict[str, list[str]]]:
    """Return each letter's words by the blocks that a plan needs; ``signs`` is what rules saw in each."""
    featuriser = Featuriser(plan.blocks, plan.min_df)
    return [featuriser.blocks_of(*pair) for pair in zip(analyses, signs or [()] * len(analyses), strict=True)]


def manifest_of(name: str, corpus: Corpus, policy: Policy, plan: Plan, own_labels: bool) -> dict[str, Any]:
    """Return what a bundle records of how it was made."""
    digest = hashlib.sha256()
    for petition, label in sorted(zip((p.text for p in corpus.petitions), corpus.labels, strict=True)):
        digest.update(f"{label}\0{petition}\0".encode())
    from sklearn import __version__ as scikit_learn

    from triage import __version__

    segmenter = policy.analyser.segmenter
    return {
        "name": name,
        "version": digest.hexdigest()[:8],
        "letters": len(corpus),
        "data": digest.hexdigest(),
        "seed": plan.seed,
        "own_labels": own_labels,
        "taxonomy": policy.taxonomy.fingerprint,
        "taxonomy_version": policy.taxonomy.version,
        "segmenter": {"name": segmenter.backend, "version": segmenter.version, "terms": segmenter.fingerprint},
        "scikit_learn": scikit_learn,
        "triage": __version__,
    }


def train(
    corpus: Corpus,
    policy: Policy,
    out: Path,
    plan: Plan | None = None,
    own_labels: bool = False,
    source: Path = Path("letters"),
    report: Report = lambda step, done, total: None,
    try_settings: bool = False,
    spread: Spread = here,
) -> dict[str, Any]:
    """Train, cross-validate, calibrate and write a bundle for the corpus's labels.

    Nature, urgency and the other fields are taken from the shipped bundle.

    Parameters
    ----------
    corpus : Corpus
    policy : Policy
    out : Path
        The bundle's folder.
    plan : Plan or None
        Defaults if None.
    own_labels : bool
        The labels are not the taxonomy's categories.
    source : Path
        Named in errors.
    report : callable
        Told the progress.
    try_settings : bool
        Take the best of several settings by cross-validation; see `triage.training.search`.
    spread : callable
        See `triage.training.fit.fit`.

    Returns
    -------
    dict
        The figures, as in ``metrics.json``.

    Raises
    ------
    DataError
        If labels are not in the taxonomy and ``own_labels`` is false.
    """
    plan = plan or Plan()
    labels = corpus.labels if own_labels else [policy.taxonomy.current(code) for code in corpus.labels]
    if not own_labels:
        _known(labels, policy.taxonomy.categories, source)
    analyses = [policy.analyser(petition) for petition in corpus.petitions]
    vectors = StaticVectors.load(shipped_vectors())
    letters = letters_of(analyses, plan)
    tried: list[dict[str, Any]] = []
    if try_settings:
        plan, tried = search(letters, labels, corpus.groups, vectors, plan, report, spread)
    fitted = fit(letters, {"category": labels}, corpus.groups, vectors, plan, report, spread)
    metrics: dict[str, Any] = {
        "category": head_figures(fitted, "category", labels),
        "validation": validation(corpus, plan),
    }
    if tried:
        metrics["settings"] = tried
    if any(corpus.times):
        head = fitted.model.heads["category"]
        order = np.argsort(np.array(corpus.times), kind="stable")
        newest, probabilities = held_out_newest(letters, labels, order, vectors, plan, head)
        metrics["newest"] = category_figures(head.classes, probabilities, [labels[place] for place in newest])
    manifest = manifest_of(out.name, corpus, policy, plan, own_labels)
    models: dict[str, LetterModel | Path] = {MODEL: fitted.model}
    shipped = resolve()
    theirs = verify(shipped)
    if theirs["segmenter"]["terms"] == policy.analyser.segmenter.fingerprint:
        models[SIGNALS] = shipped / MODEL
        manifest["thresholds"] = theirs.get("thresholds", {})
    save_bundle(out, models, manifest, papers(manifest, metrics))
    return metrics


def _known(labels: Sequence[str], allowed: Collection[str], source: Path) -> None:
    """Refuse labels that are not among those allowed."""
    unknown = sorted(set(labels) - set(allowed))
    if unknown:
        count = sum(label in unknown for label in labels)
        raise DataError("unknown_labels", path=source, count=count, found=", ".join(unknown[:8]))


def papers(manifest: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of ``metrics.json`` and ``MODEL_CARD.md``."""
    figures = json.dumps(metrics, ensure_ascii=False, indent=1, sort_keys=True)
    return {"metrics.json": figures + "\n", "MODEL_CARD.md": card(manifest, metrics)}


def validation(corpus: Corpus, plan: Plan) -> dict[str, Any]:
    """Return how the figures were measured."""
    return {
        "method": f"{plan.fold_count}-fold cross-validation, near-copies kept on one side",
        "groups": len(np.unique(corpus.groups)),
        "seed": plan.seed,
    }


def head_figures(fitted: Fitted, name: str, labels: list[str]) -> dict[str, Any]:
    """Return the held-out figures of one head."""
    head = fitted.model.heads[name]
    return category_figures(head.classes, fitted.held_out[name], labels, head.quantiles)


def evaluate_bundle(
    triager: Triager, corpus: Corpus, report: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Measure a bundle on labelled letters it was not trained on.

    Returns
    -------
    dict
        ``category`` and, where the rows know them, the other fields' figures.
    """
    taxonomy = triager.policy.taxonomy
    classes = triager.bundle.models[0].heads["category"].classes
    truth = [taxonomy.current(label) for label in corpus.labels]
    _known(truth, classes, Path("letters"))
    decisions = []
    for decision in triager.triage_many(corpus.petitions):
        decisions.append(decision)
        report(len(decisions))
    place = {code: number for number, code in enumerate(classes)}
    probabilities = np.zeros((len(decisions), len(classes)))
    for row, decision in zip(probabilities, decisions, strict=True):
        row[place[decision.category]] = decision.confidence
        for code, score in zip(decision.candidates, decision.scores, strict=True):
            row[place[code]] = score
    return {
        "model": triager.bundle.name,
        "category": category_figures(classes, probabilities, truth),
        "decision": decision_figures(decisions, corpus.rows),
    }
