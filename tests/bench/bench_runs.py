"""Whole runs of the command line: start-up, one process against two, and growth with the number of letters.

``python tests/bench/bench_runs.py [--million]``
"""

from __future__ import annotations

import csv
import importlib.util
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bench_rates import corpus, whole

SIZES = (1_000, 10_000, 100_000)
FEW, MANY, ROUNDS = 2_000, 10_000, 2
_NUMBER = re.compile(r"\d")


class Run(NamedTuple):
    """What a finished command took: seconds by the clock and of the processor, and its highest memory in MB."""

    clock: float
    processor: float
    memory: float


def run(*arguments: str) -> Run:
    """Run triage and wait for it.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    start = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ
    )
    said = command.stderr.read() if command.stderr else b""
    _, status, used = os.wait4(command.pid, 0)
    if status:
        raise RuntimeError(f"{arguments}: {said.decode()[-400:]}")
    return Run(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3)


def letters(count: int) -> Iterator[list[str]]:
    """Yield letters of the corpora over and over, with other digits each time: id, title, text."""
    rng, rows = random.Random(3), corpus()
    for number in range(count):
        row = rows[number % len(rows)]
        yield [str(number), row["title"], _NUMBER.sub(lambda _: str(rng.randrange(10)), row["text"])]


def table(path: Path, count: int) -> Path:
    """Write a table of letters."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "text"])
        writer.writerows(letters(count))
    return path


def start_up() -> dict[str, float]:
    """Return how long an import and the command for one letter take, in seconds, the median of five."""
    code = "import time; start = time.perf_counter(); import triage; print(time.perf_counter() - start)"
    imports = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) for _ in range(5)
    ]
    letter = whole(corpus()[0])
    commands = [run("-m", "triage", "classify", letter).clock for _ in range(5)]
    return {"import": statistics.median(imports), "classify": statistics.median(commands)}


def parallel(folder: Path) -> dict[str, Any]:
    """Return the rates of one worker and of two, here and on Dask, in letters a second by the clock.

    They are of the letters that a longer run has more, so that start-up, of which a backlog has little, does not count.
    """
    few, many = table(folder / "few.csv", FEW), table(folder / "many.csv", MANY)
    ways = ["local"]
    if importlib.util.find_spec("distributed"):
        ways.append("dask")
    else:
        print("Dask is not installed (pip install 'triage[scale]'): its figures are left out")
    times: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        for way in ways:
            for workers in ("1", "2"):
                clocks = []
                for source in (few, many):
                    out = folder / f"{way}{workers}{number}{source.stem}.jsonl"
                    options = ("--workers", workers, "--engine", way)
                    clocks.append(run("-m", "triage", "batch", str(source), str(out), *options).clock)
                times.setdefault(way + workers, []).append(clocks[1] - clocks[0])
    rates = {name: (MANY - FEW) / statistics.median(found) for name, found in times.items()}
    gains = {way: rates[f"{way}2"] / rates[f"{way}1"] for way in ways}
    return {"letters": MANY - FEW, "rates": rates, "gains": gains}


def growth(folder: Path, sizes: Sequence[int]) -> dict[str, Any]:
    """Return processor time and memory by the number of letters, and the straight line through them."""
    found = []
    for count in sizes:
        source, out = table(folder / f"{count}.csv", count), folder / f"{count}.jsonl"
        used = run("-m", "triage", "batch", str(source), str(out), "--workers", "1")
        found.append({"letters": count, "seconds": used.processor, "clock": used.clock, "memory": used.memory})
        source.unlink()
        out.unlink()
    x = np.array(sizes, float)
    seconds = np.array([row["seconds"] for row in found])
    slope, start = np.polyfit(x, seconds, 1)
    bend = float(1 - ((seconds - slope * x - start) ** 2).sum() / ((seconds - seconds.mean()) ** 2).sum())
    memory = np.polyfit(x, [row["memory"] for row in found], 1)[0]
    return {
        "rows": found,
        "seconds_per_1000": 1000 * float(slope),
        "seconds_at_start": float(start),
        "straightness": bend,
        "memory_per_1000": 1000 * float(memory),
    }


def measure(million: bool = False) -> dict[str, Any]:
    """Return all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = (*SIZES, 1_000_000) if million else SIZES
        return {"start": start_up(), "parallel": parallel(folder), "growth": growth(folder, sizes)}


def show(found: dict[str, Any]) -> None:
    """Print aligned tables."""
    print(f"{'import triage, ms':44}{1000 * found['start']['import']:>16,.0f}")
    print(f"{'triage classify of one letter, s':44}{found['start']['classify']:>16.2f}")
    for way, gain in found["parallel"]["gains"].items():
        for workers in ("1", "2"):
            title = f"triage batch, {way}, workers: {workers}, letters a second"
            print(f"{title:44}{found['parallel']['rates'][way + workers]:>16,.0f}")
        print(f"{'two workers / one, ' + way:44}{gain:>16.2f}")
    print(f"\n{'letters':>12}{'seconds':>12}{'memory, MB':>12}")
    for row in found["growth"]["rows"]:
        print(f"{row['letters']:>12,}{row['seconds']:>12.1f}{row['memory']:>12,.0f}")
    growth = found["growth"]
    print(f"slope: {growth['seconds_per_1000']:.2f} s and {growth['memory_per_1000']:.2f} MB a thousand letters")
    print(f"straight line: R2 {growth['straightness']:.4f}, {growth['seconds_at_start']:.1f} s at the start")


if __name__ == "__main__":
    show(measure("--million" in sys.argv[1:]))
