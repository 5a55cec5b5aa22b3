"""Figures from probabilities or decisions and the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage.schema import Decision

__all__ = ["category_figures", "decision_figures", "risk_coverage"]

Floats = NDArray[np.float64]
_BINS = 10


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the mean gap between confidence and accuracy over ten bins of confidence, weighted by letters.

    Source
    ------
    Guo and others 2017, On calibration of modern neural networks.
    """
    bins = np.clip((confidence * _BINS).astype(int), 0, _BINS - 1)
    gaps = [
        abs(right[bins == place].mean() - confidence[bins == place].mean()) * (bins == place).mean()
        for place in range(_BINS)
        if (bins == place).any()
    ]
    return float(sum(gaps))


def risk_coverage(confidence: Floats, right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return (share of letters kept, share of those wrong), surest letters first, at each twentieth."""
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    places = np.unique(np.linspace(0, len(order) - 1, 21).astype(int)[1:])
    return [(round(float((place + 1) / len(order)), 4), round(float(wrong[place]), 4)) for place in places]


def coverage_at(confidence: Floats, right: NDArray[np.bool_], accuracy: float = 0.95) -> float:
    """Return the largest share of letters, surest first, that is right at least this often."""
    order = np.argsort(-confidence, kind="stable")
    running = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    reached = np.nonzero(running >= accuracy)[0]
    return float((reached[-1] + 1) / len(order)) if len(reached) else 0.0


def category_figures(
    classes: Sequence[str], probabilities: Floats, truth: Sequence[str], quantiles: Floats | None = None
) -> dict[str, Any]:
    """Return the figures of one head.

    Parameters
    ----------
    classes : sequence of str
    probabilities : ndarray of shape (n_letters, n_classes)
        Of letters the model had not seen.
    truth : sequence of str
    quantiles : ndarray of shape (n_classes,) or None
        Conformal thresholds, to report how often and how small the candidate sets are.
    """
    from sklearn.metrics import f1_score, precision_score, recall_score

    order = np.argsort(-probabilities, axis=1, kind="stable")
    names = np.array(classes)
    guess, gold = names[order[:, 0]], np.array(truth)
    right = guess == gold
    confidence = probabilities.max(axis=1)
    present = sorted(set(truth))
    settings: dict[str, Any] = {"labels": present, "average": None, "zero_division": 0}
    per_code = zip(
        present,
        precision_score(gold, guess, **settings),
        recall_score(gold, guess, **settings),
        f1_score(gold, guess, **settings),
        strict=True,
    )
    table = {
        code: {
            "letters": int((gold == code).sum()),
            "precision": round(float(p), 4),
            "recall": round(float(r), 4),
            "f1": round(float(f), 4),
        }
        for code, p, r, f in per_code
    }
    figures: dict[str, Any] = {
        "letters": len(gold),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(np.mean([row["f1"] for row in table.values()])), 4),
        "top3": round(float(np.mean([code in names[row] for code, row in zip(truth, order[:, :3], strict=True)])), 4),
        "expected_calibration_error": round(expected_calibration_error(confidence, right), 4),
        "coverage_at_95_accuracy": round(coverage_at(confidence, right), 4),
        "risk_coverage": risk_coverage(confidence, right),
        "per_code": table,
    }
    if quantiles is not None:
        kept = 1 - probabilities <= quantiles
        places = [list(classes).index(code) for code in truth]
        figures["set_coverage"] = round(float(kept[np.arange(len(places)), places].mean()), 4)
        figures["set_size"] = round(float(kept.sum(axis=1).mean()), 3)
        figures["single_share"] = round(float((kept.sum(axis=1) == 1).mean()), 4)
    return figures


def decision_figures(decisions: Sequence[Decision], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of whole decisions against rows that carry the true fields they know."""
    from sklearn.metrics import cohen_kappa_score, f1_score

    figures: dict[str, Any] = {"letters": len(decisions)}
    for field in ("nature", "department"):
        if all(row.get(field) for row in rows):
            gold, guess = [row[field] for row in rows], [getattr(decision, field) for decision in decisions]
            figures[f"{field}_accuracy"] = round(float(np.mean([a == b for a, b in zip(gold, guess, strict=True)])), 4)
            macro = f1_score(gold, guess, labels=sorted(set(gold)), average="macro", zero_division=0)
            figures[f"{field}_macro_f1"] = round(float(macro), 4)
    if all(str(row.get("urgency")).strip() in ("1", "2", "3", "4") for row in rows):
        level = np.array([int(row["urgency"]) for row in rows])
        said = np.array([decision.urgency for decision in decisions])
        figures["urgency_quadratic_kappa"] = round(float(cohen_kappa_score(level, said, weights="quadratic")), 4)
        for name, mask, hit in (
            ("urgent_recall", level >= 3, said >= 3),
            ("critical_recall", level == 4, said == 4),
            ("false_alarm_share", level == 1, said >= 3),
        ):
            figures[name] = round(float(hit[mask].mean()), 4) if mask.any() else None
    for field in ("collective", "repeat"):
        if all(field in row for row in rows):
            gold_flags = [str(row[field]).lower() in ("true", "1", "yes") for row in rows]
            said_flags = [bool(getattr(decision, field)) for decision in decisions]
            figures[f"{field}_f1"] = round(float(f1_score(gold_flags, said_flags, zero_division=0)), 4)
    figures["review_share"] = round(float(np.mean([decision.needs_review for decision in decisions])), 4)
    return figures
