"""Settings of a head by trial: each is cross-validated, the best is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage.features import StaticVectors
from triage.training.fit import HeadPlan, Letter, Plan, Report, Spread, here, over_folds
from triage.training.split import folds

__all__ = ["SETTINGS", "search"]

SETTINGS: tuple[dict[str, Any], ...] = tuple(
    {"cost": cost, "bayes": bayes} for cost in (0.2, 0.4, 0.7, 1.2) for bayes in (0.0, 0.05, 0.2)
)


def search(
    letters: Sequence[Letter],
    labels: Sequence[str],
    groups: NDArray[np.int64],
    vectors: StaticVectors | None,
    plan: Plan,
    report: Report = lambda step, done, total: None,
    spread: Spread = here,
) -> tuple[Plan, list[dict[str, Any]]]:
    """Try every setting of `SETTINGS` on the first head of a plan.

    Parameters
    ----------
    letters, labels, groups, vectors, plan, report, spread
        As in `triage.training.fit.fit`, the labels of the first head.

    Returns
    -------
    plan : Plan
        With the setting of the highest macro-F1; of equals the first.
    tried : list of dict
        Each setting with its ``macro_f1``, in order. The best one's is a little too good: it was chosen by it.
    """
    from sklearn.metrics import f1_score

    name, head = next(iter(plan.heads.items()))
    classes = sorted(set(labels))
    index = np.array([classes.index(label) for label in labels])
    heads = [replace(head, **setting) for setting in SETTINGS]
    splits = list(folds(labels, groups, plan.fold_count, plan.seed))
    plans = [replace(plan, heads={name: one}) for one in heads]
    said = np.zeros((len(heads), len(letters)), dtype=np.int64)
    steps = len(plans) * len(splits)
    for step, (_, margins) in enumerate(
        over_folds(letters, {name: index}, {name: classes}, splits, vectors, plans, spread)
    ):
        report("settings", step, steps)
        said[step // len(splits), splits[step % len(splits)][1]] = margins[name].argmax(axis=1)
    report("settings", steps, steps)
    scores = [round(float(f1_score(index, row, average="macro", zero_division=0)), 4) for row in said]
    best: HeadPlan = heads[int(np.argmax(scores))]
    tried = [{**setting, "macro_f1": score} for setting, score in zip(SETTINGS, scores, strict=True)]
    return replace(plan, heads={**plan.heads, name: best}), tried
