"""From labelled letters to bundles."""

from triage.training.corpus import Corpus, read_corpus
from triage.training.evaluate import category_figures, decision_figures
from triage.training.fit import HeadPlan, Plan, Spread, fit, here
from triage.training.train import evaluate_bundle, train

__all__ = [
    "Corpus",
    "HeadPlan",
    "Plan",
    "Spread",
    "category_figures",
    "decision_figures",
    "evaluate_bundle",
    "fit",
    "here",
    "read_corpus",
    "train",
]
