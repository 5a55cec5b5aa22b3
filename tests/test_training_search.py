from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triage import Petition
from triage.bundle import verify
from triage.cli import main
from triage.features import StaticVectors
from triage.training import HeadPlan, Plan, fit, here
from triage.training.search import SETTINGS, search

# Browsers and clusters have limits of time of their own, which a busy machine may miss.
pytestmark = pytest.mark.flaky(reruns=2)

Letters = list[tuple[Petition, str]]
Blocks = list[dict[str, list[str]]]


def codes(letters: Letters) -> list[str]:
    return [code for _, code in letters]


def test_the_best_setting_is_taken(
    tiny_letters: Letters, tiny_blocks: Blocks, tiny_plan: Plan, vectors: StaticVectors
) -> None:
    told: list[tuple[str, int, int]] = []
    plan, tried = search(
        tiny_blocks, codes(tiny_letters), np.arange(60), vectors, tiny_plan, lambda *step: told.append(step)
    )
    assert [{"cost": row["cost"], "bayes": row["bayes"]} for row in tried] == list(SETTINGS)
    best = max(row["macro_f1"] for row in tried)
    head = plan.heads["category"]
    first = next(row for row in tried if row["macro_f1"] == best)
    assert (head.cost, head.bayes) == (first["cost"], first["bayes"])
    assert plan.blocks == tiny_plan.blocks
    assert told[-1] == ("settings", 60, 60)


def test_other_heads_and_settings_stay(tiny_letters: Letters, tiny_blocks: Blocks, vectors: StaticVectors) -> None:
    plan = Plan(
        blocks={"word": 1.0},
        heads={"category": HeadPlan(caution={"road": 0.1}), "nature": HeadPlan(3.0)},
        fold_count=2,
        min_df=1,
    )
    found, _ = search(tiny_blocks, codes(tiny_letters), np.arange(60), vectors, plan)
    assert found.heads["nature"] == plan.heads["nature"]
    assert found.heads["category"].caution == {"road": 0.1}


def test_what_all_folds_read_is_shared(
    tiny_letters: Letters, tiny_blocks: Blocks, tiny_plan: Plan, vectors: StaticVectors
) -> None:
    shared: list[Any] = []

    @contextmanager
    def spread(*data: Any) -> Iterator[None]:
        shared.extend(data)
        yield

    labels = {"category": codes(tiny_letters)}
    fitted = fit(tiny_blocks, labels, np.arange(60), vectors, tiny_plan, spread=spread)
    assert [id(item) for item in shared] == [id(tiny_blocks), id(vectors)]
    alone = fit(tiny_blocks, labels, np.arange(60), vectors, tiny_plan, spread=here)
    assert (fitted.held_out["category"] == alone.held_out["category"]).all()


@pytest.mark.slow
def test_a_cluster_trains_the_same_bundle(
    tmp_path: Path, tiny_home: Path, tiny_letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    from distributed import LocalCluster

    table = tmp_path / "letters.jsonl"
    rows = [{"text": letter.body, "category": code} for letter, code in tiny_letters]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ["train", str(table), "--label-column", "category", "--search", "--data", str(tiny_home), "--lang", "en"]
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
        local_directory=str(tmp_path / "s"),
    ) as cluster:
        assert main([*words, "--out", str(tmp_path / "far" / "own"), "--scheduler", cluster.scheduler_address]) == 0
    assert main([*words, "--out", str(tmp_path / "near" / "own")]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert verify(tmp_path / "far" / "own")["files"] == verify(tmp_path / "near" / "own")["files"]
    figures = json.loads((tmp_path / "far" / "own" / "metrics.json").read_text(encoding="utf-8"))
    assert len(figures["settings"]) == len(SETTINGS)


def test_a_cluster_that_is_not_there_is_told(
    tmp_path: Path, tiny_home: Path, tiny_letters: Letters, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    from triage.batch import dask_engine

    monkeypatch.setattr(dask_engine, "_PATIENCE", 0.5)
    table = tmp_path / "letters.jsonl"
    rows = [{"text": letter.body, "category": code} for letter, code in tiny_letters]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = [
        "train",
        str(table),
        "--label-column",
        "category",
        "--out",
        str(tmp_path / "own"),
        "--data",
        str(tiny_home),
    ]
    assert main([*words, "--scheduler", "tcp://127.0.0.1:9", "--lang", "en"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "own").exists()
