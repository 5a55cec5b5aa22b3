"""MODEL_CARD.md from the manifest and the metrics; no figure is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["card"]

_MEANT = """## Meant for

Suggestions to intake clerks of a township or county petition office. A person decides: nothing is sent, closed or
lowered by the model. It judges letters, never people: there is no score per person, and complaining often or going
to a higher office counts for nothing against anybody.

## Not meant for

Deciding without a person; ranking, profiling or watching petitioners; letters in languages other than Chinese and
English.
"""


def card(manifest: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Return the card's text."""
    category = metrics["category"]
    lines = [
        f"# Model card: {manifest['name']} {manifest['version']}",
        "",
        f"Trained on {manifest['letters']} letters (data {manifest['data'][:16]}), seed {manifest['seed']}, triage "
        f"{manifest['triage']}, scikit-learn {manifest['scikit_learn']}, segmenter {manifest['segmenter']['name']} "
        f"{manifest['segmenter']['version']}.",
        "",
        _MEANT,
        "## How it judges",
        "",
        "Blocks of words (TF-IDF) and a table of static word vectors into linear heads; margins become probabilities",
        "by temperature scaling on held-out folds; class-conditional conformal sets say which codes cannot be ruled",
        "out.",
        "",
        "## Figures",
        "",
        f"{metrics['validation']['method']}, {metrics['validation']['groups']} groups.",
        "",
        "| figure | value |",
        "|---|---|",
    ]
    names = {
        "accuracy": "category accuracy",
        "macro_f1": "category macro-F1",
        "top3": "right code among the first three",
        "expected_calibration_error": "expected calibration error",
        "coverage_at_95_accuracy": "share sent at 95 % accuracy",
        "set_coverage": "candidate set holds the right code",
        "set_size": "codes in the candidate set, mean",
        "single_share": "candidate set of one code",
    }
    lines += [f"| {text} | {category[key]} |" for key, text in names.items() if key in category]
    for name, figures in metrics.get("heads", {}).items():
        lines.append(f"| {name} accuracy, macro-F1 | {figures['accuracy']}, {figures['macro_f1']} |")
    for name, value in metrics.get("decision", {}).items():
        lines.append(f"| decision: {name.replace('_', ' ')} | {value} |")
    lines += ["", "| code | letters | precision | recall | F1 |", "|---|---|---|---|---|"]
    for code, row in category["per_code"].items():
        lines.append(f"| {code} | {row['letters']} | {row['precision']} | {row['recall']} | {row['f1']} |")
    return "\n".join(lines) + "\n"
