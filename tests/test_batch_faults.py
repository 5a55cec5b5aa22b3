"""Real processes that are killed, interrupted, or run out of room."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from triage import InputError, Triager
from triage.batch import run
from triage.intake import Columns

# Browsers and clusters have limits of time of their own, which a busy machine may miss.
pytestmark = pytest.mark.flaky(reruns=2)

ROOT = Path(__file__).parents[1]
LETTERS = 1200
KILLS = 25
# Workers start at once, and chunks are small, so that a kill can fall anywhere.
PROGRAM = """
import sys
from triage.batch import local, work
from triage.cli.main import main
local._START, work._LETTERS = 0.0, 16
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table of letters, some of which cannot be judged."""
    path = tmp_path_factory.mktemp("in") / "letters.jsonl"
    rows = (
        {
            "id": f"L{n}",
            "title": f"第{n}封",
            "text": "停\0" if n % 97 == 5 else f"停水{n}天了，请修自来水管",
            "date": "2026-03-02",
        }
        for n in range(LETTERS)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Job:
    """A command in a process of its own, with its workers."""

    def __init__(self, words: list[str], room: int = 0) -> None:
        self.mark = uuid4().hex
        limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))) if room else None
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "batch", *words, "--lang", "en"],
            cwd=ROOT,
            env={**os.environ, "TRIAGE_TEST": self.mark},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=limit,
        )

    def until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something holds or the process is over; tell whether it is still there."""
        while not holds():
            if self.process.poll() is not None:
                return False
            time.sleep(0.002)
        return True

    def end(self) -> tuple[int, str]:
        """Wait for the end; return status and messages, when no process of the job is left."""
        _, told = self.process.communicate(timeout=60)
        late = time.monotonic() + 10
        while self.alive():
            assert time.monotonic() < late, "a worker outlives its run"
            time.sleep(0.02)
        return self.process.returncode, told.decode()

    def alive(self) -> list[str]:
        """Return the processes that carry the job's mark."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(folder.name)
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def words(tiny_bundle: Path, tiny_home: Path) -> list[str]:
    return ["--model", str(tiny_bundle), "--data", str(tiny_home), "--resume"]


def rejects(output: Path) -> Path:
    return output.with_name(f"{output.name}.rejects.jsonl")


def journal(output: Path) -> Path:
    return output.with_name(f"{output.name}.part")


def reached(path: Path, size: float) -> bool:
    return path.exists() and path.stat().st_size >= size


def content(output: Path) -> list[bytes]:
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    return [file.read_bytes() for file in [*files, rejects(output)]]


@pytest.fixture(scope="module")
def whole(
    source: Path, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path, tiny_home: Path
) -> Callable[[str], list[bytes]]:
    """Return what gives the bytes of an unbroken run by the name of its output."""
    folder = tmp_path_factory.mktemp("whole")
    clerk = Triager.load(tiny_bundle, tiny_home, "en")

    def made(name: str) -> list[bytes]:
        if not (folder / name).exists():
            run(source, f"{folder}/{name}", clerk, Columns.load(tiny_home))
        return content(folder / name)

    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "kills", "seed"), [("1", 13, 1), ("2", 12, 2)])
def test_killed_at_any_moment_every_letter_is_there_once(
    source: Path, words: list[str], whole: Callable[[str], list[bytes]], folder: Path, workers: str, kills: int, seed: int
) -> None:  # fmt: skip
    """Kill runs at random moments, as often in their last second, when files are written, as before."""
    chance = random.Random(seed)
    names = ["a.jsonl", "a.xlsx", "a.csv", "a.parquet", "parts/"]
    done = 0
    finished: list[str] = []
    while done < kills:
        name = names[len(finished) % len(names)]
        output = folder / name
        job = Job([str(source), f"{folder}/{name}", "--workers", workers, *words])
        late = chance.random() < 0.5
        size = chance.uniform(0.9, 1.0) if late else chance.uniform(0.0, 0.9)
        full = len(whole("a.jsonl")[0])

        if job.until(partial(reached, journal(output), size * full)):
            time.sleep(chance.uniform(0.0, 0.5 if late else 0.05))
            job.process.kill()
        status, told = job.end()
        assert status in (0, -signal.SIGKILL), told
        done += status != 0
        if output.exists() and not journal(output).exists():
            assert content(output) == whole(name)
            finished.append(name)
            for file in sorted(output.iterdir()) if output.is_dir() else [output]:
                file.unlink()
            if output.is_dir():
                output.rmdir()
            rejects(output).unlink()
            assert not [path.name for path in folder.iterdir() if not path.name.endswith(".lock")]
    assert done == kills
    assert Job([str(source), f"{folder}/{name}", "--workers", workers, *words]).end()[0] == 0
    assert content(folder / name) == whole(name)
    assert sorted(path.name for path in folder.iterdir()) == sorted([output.name, rejects(output).name])


@pytest.mark.slow
@pytest.mark.parametrize("engine", [["--workers", "1"], ["--workers", "2"], ["--engine", "dask", "--workers", "2"]])
def test_ctrl_c_is_one_line_and_can_be_resumed(
    source: Path, words: list[str], whole: Callable[[str], list[bytes]], folder: Path, engine: list[str]
) -> None:
    output = folder / "a.jsonl"
    job = Job([str(source), str(output), *engine, *words])
    assert job.until(lambda: reached(journal(output), 9000))
    os.killpg(job.process.pid, signal.SIGINT)  # as a terminal does, to workers too
    status, told = job.end()
    assert (status, told) == (130, "triage: interrupted; go on with --resume\n")
    assert [path.name for path in folder.iterdir()] == ["a.jsonl.part"]
    assert Job([str(source), str(output), *engine, *words]).end()[0] == 0
    assert content(output) == whole("a.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_is_one_line_and_can_be_resumed(
    source: Path, words: list[str], whole: Callable[[str], list[bytes]], folder: Path, workers: str
) -> None:
    output = folder / "a.csv"
    command = [str(source), str(output), "--workers", workers, *words]
    status, told = Job(command, room=100_000).end()
    assert status == 1
    assert told.startswith(f"triage: {output}: cannot be written")
    assert told.count("\n") == 1
    assert "--resume" in told
    assert journal(output).stat().st_size == 100_000
    assert Job(command).end()[0] == 0
    assert content(output) == whole("a.csv")


@pytest.mark.slow
def test_a_second_run_is_refused_and_the_lock_of_a_killed_one_is_free(
    source: Path, words: list[str], whole: Callable[[str], list[bytes]], folder: Path
) -> None:
    output = folder / "a.jsonl"
    command = [str(source), str(output), "--workers", "1", *words]
    first = Job(command)
    assert first.until(lambda: journal(output).exists())
    first.process.send_signal(signal.SIGSTOP)
    status, told = Job(command).end()
    assert (status, told.count("\n")) == (1, 1)
    assert "another run is writing" in told
    first.process.kill()
    first.end()
    assert output.with_name("a.jsonl.lock").exists()
    assert Job(command).end()[0] == 0
    assert content(output) == whole("a.jsonl")


def test_a_folder_that_cannot_be_written(source: Path, tiny_bundle: Path, tiny_home: Path) -> None:
    clerk, columns = Triager.load(tiny_bundle, tiny_home, "en"), Columns.load(tiny_home)
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "letters.jsonl"
        table.write_bytes(source.read_bytes())
        run(table, folder / "warm.jsonl", clerk, columns)  # what is imported late is there
        folder.chmod(0o555)
        try:
            if before == 0:  # the administrator may write everywhere
                os.seteuid(65534)
            with pytest.raises(InputError) as caught:
                run(table, folder / "a.jsonl", clerk, columns)
        finally:
            os.seteuid(before)
            folder.chmod(0o755)
        assert caught.value.code == "cannot_write"
        assert "Permission denied" in str(caught.value)
        assert sorted(path.name for path in folder.iterdir()) == [
            "letters.jsonl", "warm.jsonl", "warm.jsonl.rejects.jsonl",
        ]  # fmt: skip
