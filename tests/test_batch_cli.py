from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from triage.batch import watcher
from triage.cli import main
from triage.cli.common import Progress

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "share" / "letters.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps({"id": n, "text": f"停水{n}天了"}) + "\n" for n in range(9)), encoding="utf-8")
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tiny_bundle: Path, tiny_home: Path) -> Call:
    """Return what runs ``triage batch`` and gives its status and messages."""

    def run(*words: object, lang: str = "en") -> tuple[int, str]:
        common = ["--model", str(tiny_bundle), "--data", str(tiny_home), "--lang", lang]
        status = main(["batch", *map(str, words), *common])
        return status, capsys.readouterr().err

    return run


def test_a_slash_makes_a_folder(call: Call, source: Path, tmp_path: Path) -> None:
    for _ in range(2):
        status, told = call(source, f"{tmp_path}/ledger/", "--workers", "2")
        assert status == 0
        assert "letters     9" in told
    assert parquet.read_table(tmp_path / "ledger").num_rows == 9
    status, told = call(tmp_path / "ledger", tmp_path / "again.csv", "--text-column", "title")
    assert status == 0
    assert "rejects     9" in told  # titles are empty, but the folder was read


@pytest.mark.parametrize(
    "words", [["--resume"], ["--workers", "2"], ["--engine", "dask"], ["--scheduler", "tcp://x:1"]]
)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_does_not_go_with_a_watch(call: Call, source: Path, tmp_path: Path, words: list[str], lang: str) -> None:
    status, told = call("--watch", source.parent, tmp_path / "a.csv", *words, lang=lang)
    assert (status, told.count("\n")) == (1, 1)
    assert "--watch" in told
    assert not (tmp_path / "a.csv").exists()


def test_a_watch_from_the_command_line(call: Call, source: Path, tmp_path: Path) -> None:
    status, told = call("--watch", source.parent, tmp_path / "a.csv", "--once", "--interval", "0.05")
    assert status == 0
    assert "letters     9" in told
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()) == 10


@pytest.mark.parametrize(
    "words", [["--workers", "0"], ["--workers", "two"], ["--interval", "-1"], ["--engine", "spark"]]
)
def test_numbers_that_are_none(call: Call, source: Path, tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call(source, tmp_path / "a.csv", *words)
    assert caught.value.code == 2


def test_names_that_say_not_yet_are_small_letters() -> None:
    assert all(name == name.lower() and name.startswith(".") for name in watcher._HELD)


class Bar:
    """Keeps what a bar was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def update(self, task: int, **values: object) -> None:
        self.told.append(values)


def bar_of(monkeypatch: pytest.MonkeyPatch, total: int | None) -> tuple[Progress, Bar, list[float]]:
    now = [100.0]
    monkeypatch.setattr("triage.cli.common.time.monotonic", lambda: now[0])
    progress, bar = Progress(total, "letters", "time left unknown"), Bar()
    progress._bar, progress._task = bar, 0
    return progress, bar, now


def test_the_rate_is_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, bar, now = bar_of(monkeypatch, 1000)
    now[0] += 5  # loading is not judging
    progress(500, 3)
    now[0] += 2
    progress(700, 4)
    assert bar.told[-1] == {"total": 1000, "completed": 700, "note": "100 letters/s, rejects 4"}


@pytest.mark.parametrize("total", [None, 10])
def test_a_time_left_that_nobody_knows_is_said_so(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    progress, bar, now = bar_of(monkeypatch, total)
    progress(0)
    now[0] += 1
    progress(20)
    assert bar.told[-1] == {"total": None, "completed": 20, "note": "20 letters/s, time left unknown"}
