from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from triage import BundleError, InputError, Petition, Triager
from triage.batch import Dask, Local, alone, dask_engine, local, run, work
from triage.batch.local import in_order
from triage.batch.work import Chunk, Recipe, chunks, triager_of
from triage.config import models_home
from triage.errors import DataError, TriageError
from triage.intake import Columns, Reading

# Browsers and clusters have limits of time of their own, which a busy machine may miss.
pytestmark = pytest.mark.flaky(reruns=2)

LETTERS = 60


@pytest.fixture(scope="module")
def clerk(tiny_home: Path, tiny_bundle: Path) -> Triager:
    return Triager.load(tiny_bundle, tiny_home, "en")


@pytest.fixture
def columns(tiny_home: Path) -> Columns:
    return Columns.load(tiny_home)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a folder with a table of letters, some of which cannot be judged, and a file that cannot be read."""
    folder = tmp_path_factory.mktemp("in") / "letters"
    folder.mkdir()
    rows = [
        {"id": f"L{n}", "title": f"标题{n}", "text": "" if n % 13 == 4 else f"停水{n}天了，请修自来水管"}
        for n in range(LETTERS)
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "b.docx").write_text("no document", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_LETTERS", 4)
    monkeypatch.setattr(local, "_START", 0.0)


def both(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), path.with_name(f"{path.name}.rejects.jsonl").read_bytes()


@pytest.fixture
def whole(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> tuple[bytes, bytes]:
    run(source, tmp_path / "whole.jsonl", clerk, columns)
    return both(tmp_path / "whole.jsonl")


def letter(number: int, text: str = "停水") -> Reading:
    return Reading(Petition(text, id=str(number)))


def test_chunks_are_small_in_letters_and_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(chunk) for chunk in chunks(letter(n) for n in range(9))] == [4, 4, 1]
    monkeypatch.setattr(work, "_CHARACTERS", 5)
    assert [len(chunk) for chunk in chunks(letter(n, "停水了") for n in range(5))] == [2, 2, 1]


def test_slow_reading_does_not_hold_letters_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_SECONDS", -1.0)
    assert [len(chunk) for chunk in chunks(letter(n) for n in range(3))] == [1, 1, 1]


class Away:
    """A chunk that is judged when it is asked for."""

    def __init__(self, chunk: Chunk, log: list[str]) -> None:
        self.chunk, self.log = chunk, log

    def result(self) -> list[str]:
        self.log.append("back")
        return [str(len(self.chunk))]

    def cancel(self) -> None:
        self.log.append("dropped")


def test_few_chunks_are_away_and_they_come_back_in_order() -> None:
    log: list[str] = []

    def submit(chunk: Chunk) -> Away:
        log.append("away")
        return Away(chunk, log)

    sizes = [[letter(0)] * n for n in (3, 1, 2, 5)]
    assert list(in_order(submit, iter(sizes), lambda: 2)) == [["3"], ["1"], ["2"], ["5"]]
    assert log == ["away", "away", "back", "away", "back", "away", "back", "back"]


def test_what_is_away_when_a_run_ends_is_dropped() -> None:
    log: list[str] = []
    sizes = [[letter(0)]] * 5
    found = in_order(lambda chunk: Away(chunk, log), iter(sizes), lambda: 3)
    next(found)
    found.close()
    assert log == ["back", "dropped", "dropped"]


def test_what_was_read_before_a_fault_comes_back() -> None:
    def broken() -> Iterator[Chunk]:
        yield [letter(0)]
        raise InputError("file_empty", path="a")

    found = in_order(lambda chunk: Away(chunk, []), broken(), lambda: 9)
    assert next(found) == ["1"]
    with pytest.raises(InputError):
        next(found)


def test_errors_travel_between_processes() -> None:
    errors: list[TriageError] = [
        InputError("long_letter", id="1", found=3, allowed=2),
        DataError("policy_faults", ("a", "b"), path=Path("x"), count=2),
    ]
    for error in errors:
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), other.code, other.values, str(other)) == (
            type(error),
            error.code,
            error.values,
            str(error),
        )
        assert getattr(other, "faults", None) == getattr(error, "faults", None)


def test_a_short_run_stays_in_one_process(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_START", 60.0)
    monkeypatch.setattr(local, "_several", None)
    run(source, tmp_path / "a.jsonl", clerk, columns, engine=Local(2))


def test_one_worker_is_one_process(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_several", None)
    run(source, tmp_path / "a.jsonl", clerk, columns, engine=Local(1))


def test_several_processes_give_the_same_bytes(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, whole: tuple[bytes, bytes]
) -> None:
    output = tmp_path / "several.jsonl"
    told: list[int] = []
    summary = run(source, output, clerk, columns, report=lambda letters, _: told.append(letters), engine=Local(2))
    assert both(output) == whole
    assert summary.letters + summary.rejects == LETTERS + 1
    assert told == sorted(told)


def test_a_lost_worker_is_told_and_the_run_can_go_on(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    whole: tuple[bytes, bytes],
) -> None:  # fmt: skip
    output = tmp_path / "lost.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(local, "judge_chunk", lambda recipe, chunk: os._exit(9))
        with pytest.raises(InputError) as caught:
            run(source, output, clerk, columns, engine=Local(2))
    assert caught.value.code == "worker_lost"
    run(source, output, clerk, columns, resume=True)
    assert both(output) == whole


def test_a_recipe_names_what_is_shipped_by_name(clerk: Triager, tiny_bundle: Path, tiny_home: Path) -> None:
    own = Recipe.of(clerk)
    assert (own.model, own.data, own.lang) == (str(tiny_bundle), str(tiny_home), "en")
    assert triager_of(own).bundle.name == clerk.bundle.name
    assert triager_of(own) is triager_of(own)
    shipped = Recipe.of(Triager(clerk.policy, clerk.bundle.__class__(models_home() / "base", {}, ())))
    assert shipped.model == "base"


def test_a_worker_with_another_policy_is_refused(clerk: Triager, own_home: Path, tiny_bundle: Path) -> None:
    recipe = Recipe.of(Triager.load(tiny_bundle, own_home))
    path = own_home / "taxonomy" / "routing.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("第十条", "第九条"), encoding="utf-8")
    with pytest.raises(BundleError) as caught:
        triager_of(recipe)
    assert caught.value.code == "worker_differs"


def test_a_run_does_not_go_on_with_another_policy(
    own_home: Path, tiny_bundle: Path, source: Path, columns: Columns, tmp_path: Path
) -> None:
    def stop(triager: Triager, chunks: Iterator[Chunk]) -> local.Judged:
        yield from alone(triager, islice(chunks, 1))
        raise KeyboardInterrupt

    output = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt):
        run(source, output, Triager.load(tiny_bundle, own_home), columns, engine=stop)
    path = own_home / "taxonomy" / "routing.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("第十条", "第九条"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run(source, output, Triager.load(tiny_bundle, own_home), columns, resume=True)
    assert caught.value.code == "output_other"


def test_without_the_extra_dask_is_refused(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_engine, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        run(source, tmp_path / "a.csv", clerk, columns, engine=Dask())
    assert caught.value.code == "scale_missing"
    assert "triage[scale]" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_scheduler_that_does_not_answer_is_told(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_engine, "_PATIENCE", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(InputError) as caught:
            run(source, tmp_path / "a.csv", clerk, columns, engine=Dask(address))
        assert caught.value.code == "no_scheduler"
        assert address in str(caught.value)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give a cluster of two real worker processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50,
        local_directory=str(tmp_path_factory.mktemp("scratch")),
    ) as cluster:  # fmt: skip
        yield cluster


@pytest.mark.slow
def test_dask_gives_the_same_bytes_and_loads_once(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, whole: tuple[bytes, bytes], workers: Any
) -> None:
    from distributed import Client

    output = tmp_path / "dask.jsonl"
    for _ in range(2):
        run(source, output, clerk, columns, engine=Dask(workers.scheduler_address))
        assert both(output) == whole
    with Client(workers.scheduler_address) as client:
        assert list(client.run(lambda: triager_of.cache_info().misses).values()) == [1, 1]


@pytest.mark.slow
def test_a_killed_worker_loses_and_doubles_nothing(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, whole: tuple[bytes, bytes], workers: Any
) -> None:
    from distributed import Client

    with Client(workers.scheduler_address) as client:
        pids = list(client.run(os.getpid).values())
    killed: list[int] = []

    def kill(letters: int, rejects: int) -> None:
        if letters >= 8 and not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    output = tmp_path / "killed.jsonl"
    run(source, output, clerk, columns, report=kill, engine=Dask(workers.scheduler_address))
    assert killed
    assert both(output) == whole
    with Client(workers.scheduler_address) as client:
        client.wait_for_workers(2, timeout=30)
        assert pids[0] not in client.run(os.getpid).values()


@pytest.mark.slow
def test_faults_in_a_workers_policy_are_told_as_such(
    own_home: Path, tiny_bundle: Path, source: Path, columns: Columns, tmp_path: Path, workers: Any
) -> None:
    clerk = Triager.load(tiny_bundle, own_home)
    (own_home / "taxonomy" / "natures.toml").write_text("broken [", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        run(source, tmp_path / "a.csv", clerk, columns, engine=Dask(workers.scheduler_address))
    assert caught.value.code == "policy_faults"
    assert not list(tmp_path.glob("a.csv*"))
