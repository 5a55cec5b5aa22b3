"""Letters a second of one process on one core, by what is asked: ``python tests/bench/bench_rates.py``.

The plain pipeline is what a user would write: ``jieba.lcut``, ``TfidfVectorizer`` and ``LinearSVC``, trained on the same
corpora. All take turns on the same letters; the median of the rounds counts, of processor time.
"""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

CORPORA = Path(__file__).parents[2] / "data" / "corpora"
LETTERS, LONG, ROUNDS = 1500, 350, 7


def corpus() -> list[dict[str, Any]]:
    """Return the Chinese letters of all corpora."""
    lines = (line for path in sorted(CORPORA.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines())
    return [row for line in lines if (row := json.loads(line))["lang"] == "zh"]


def whole(row: dict[str, Any]) -> str:
    """Return a letter's title and text."""
    return f"{row['title']}\n{row['text']}" if row["title"] else str(row["text"])


def plain(rows: Sequence[dict[str, Any]]) -> Any:
    """Return the plain pipeline, trained."""
    import jieba
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    jieba.setLogLevel(logging.ERROR)
    pipeline = make_pipeline(TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None), LinearSVC())
    return pipeline.fit([whole(row) for row in rows], [row["category"] for row in rows])


def in_turns(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each, all having their turn in every round."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            start = time.process_time()
            run()
            if number:  # the first round warms up
                times[name].append(time.process_time() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def measure() -> dict[str, Any]:
    """Return the rates on letters as they come, and on long ones alone."""
    import rjieba

    from triage import Petition, Triager

    warnings.filterwarnings("ignore")
    rows = corpus()
    sample = random.Random(7).sample(rows, LETTERS)
    pipeline, triager = plain(rows), Triager.load()
    found: dict[str, Any] = {}
    for name, chosen in (("all", sample), ("long", [row for row in sample if len(whole(row)) >= LONG])):
        texts = [whole(row) for row in chosen]
        letters = [Petition(row["text"], row["title"]) for row in chosen]
        seconds = in_turns(
            {
                "plain": lambda texts=texts: pipeline.predict(texts),
                "category": lambda letters=letters: sum(1 for _ in triager.categorise(letters)),
                "full": lambda letters=letters: sum(1 for _ in triager.triage_many(letters)),
                "rjieba": lambda texts=texts: [rjieba.cut(text) for text in texts],
                "both_cuts": lambda texts=texts: [
                    cut(text)
                    for text in texts
                    for cut in (triager.policy.analyser.segmenter.cut, triager.policy.analyser.segmenter.cut_all)
                ],
            },
            ROUNDS,
        )
        rates = {contender: len(texts) / value for contender, value in seconds.items()}
        found[name] = {
            "letters": len(texts),
            "characters": statistics.mean(map(len, texts)),
            "rates": rates,
            "category_to_plain": rates["category"] / rates["plain"],
            "full_to_plain": rates["full"] / rates["plain"],
            "category_to_rjieba": rates["category"] / rates["rjieba"],
            "both_cuts_to_plain": rates["both_cuts"] / rates["plain"],
        }
    return found


def show(found: dict[str, Any]) -> None:
    """Print one aligned table."""
    print(f"{'letters a second, one process, one core':44}{'as they come':>16}{'long ones':>16}")
    for title, key in (
        ("letters", "letters"),
        ("characters, mean", "characters"),
    ):
        print(f"{title:44}" + "".join(f"{found[kind][key]:>16,.0f}" for kind in ("all", "long")))
    for title, key in (
        ("plain pipeline: jieba, TF-IDF, LinearSVC", "plain"),
        ("category only", "category"),
        ("full triage", "full"),
        ("rjieba.cut alone", "rjieba"),
        ("both cuts that the category reads, alone", "both_cuts"),
    ):
        print(f"{title:44}" + "".join(f"{found[kind]['rates'][key]:>16,.0f}" for kind in ("all", "long")))
    for title, key in (
        ("category only / plain pipeline", "category_to_plain"),
        ("full triage / plain pipeline", "full_to_plain"),
        ("category only / rjieba.cut", "category_to_rjieba"),
        ("both cuts alone / plain pipeline", "both_cuts_to_plain"),
    ):
        print(f"{title:44}" + "".join(f"{found[kind][key]:>16.2f}" for kind in ("all", "long")))


if __name__ == "__main__":
    if sys.argv[1:] == ["--json"]:
        print(json.dumps(measure()))
    else:
        show(measure())
