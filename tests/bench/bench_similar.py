"""Time and memory of the index of earlier letters: ``python tests/bench/bench_similar.py [LETTERS]``.

The letters are sentences of the corpora, recombined; a third of those asked about are earlier letters with slips.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from triage.config import read_toml
from triage.similar import Entry, SimilarIndex
from triage.similar_policy import SimilarPolicy

DATA = Path(__file__).parents[2] / "data"
QUERIES = 500
_SENTENCE = re.compile(r"[^。!?！？\n]+[。!?！？\n]*")


def sentences() -> list[str]:
    """Return the sentences of all corpora."""
    found = []
    for path in sorted((DATA / "corpora").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found += _SENTENCE.findall(json.loads(line)["text"])
    return found


def letters(pool: list[str], count: int, seed: int) -> Iterator[Entry]:
    """Yield invented letters; a person writes three on average, a place has fifty."""
    rng = random.Random(seed)
    for number in range(count):
        text = "".join(rng.choices(pool, k=rng.randint(2, 9)))
        person, place = f"p{rng.randrange(count // 3 + 1)}", f"{rng.randrange(count // 50 + 1)}村"
        yield Entry(f"{seed}-{number}", text, person, place, f"c{rng.randrange(22)}", "2026-03-02")


def slips(text: str, rng: random.Random) -> str:
    """Return a text with one character in thirty left out."""
    return "".join(char for char in text if rng.random() > 1 / 30)


def resident() -> float:
    """Return the memory of this process in MB, now and not at its highest."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def peak() -> float:
    """Return the highest memory of this process so far in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def ask(index: SimilarIndex, entries: list[Entry]) -> tuple[list[tuple[float, float]], int]:
    """Return milliseconds by the clock and of the processor for each question, and how many found a copy."""
    times, copies = [], 0
    for entry in entries:
        clock, processor = time.perf_counter(), time.process_time()
        found = index.query(entry)
        times.append((1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - processor)))
        copies += any(item.relation == "copy" for item in found)
    return times, copies


def measure(count: int) -> dict[str, Any]:
    """Return rates, times and memory of an index of so many letters."""
    policy = SimilarPolicy.from_toml(read_toml(DATA / "taxonomy" / "similar.toml"))
    pool, rng = sentences(), random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "similar.db"
        with SimilarIndex.open(path, policy) as index:
            start = time.perf_counter()
            index.add_many(letters(pool, count, seed=1))
            many = count / (time.perf_counter() - start)
            single = list(letters(pool, 2000, seed=2))
            start = time.perf_counter()
            for entry in single:
                index.add(entry)
            one = len(single) / (time.perf_counter() - start)
        del pool
        with SimilarIndex.open(path, policy) as index:
            before = resident()
            start = time.perf_counter()
            index.query(Entry("first", "路灯坏了"))
            load = time.perf_counter() - start
            known = [Entry(f"k{item.id}", slips(item.text, rng), item.person) for item in single[: QUERIES // 3]]
            fresh = list(letters(sentences(), QUERIES - len(known), seed=3))
            times, copies = ask(index, known + fresh)
            held = resident() - before
            size = sum(file.stat().st_size for file in path.parent.iterdir()) / 1e6
    clock, processor = (np.percentile(column, [50, 95, 100]).tolist() for column in zip(*times, strict=True))
    return {
        "letters": count + len(single),
        "many_per_second": many,
        "single_per_second": one,
        "file_mb": size,
        "first_seconds": load,
        "clock_ms": clock,
        "processor_ms": processor,
        "index_mb": held,
        "process_mb": peak(),
        "copies": copies,
        "copies_asked": len(known),
    }


def show(found: dict[str, Any]) -> None:
    """Print one aligned table."""
    clock, processor = (" / ".join(f"{value:.1f}" for value in found[name]) for name in ("clock_ms", "processor_ms"))
    rows = [
        ("letters in the index", f"{found['letters']:,}"),
        ("insertions a second, add_many", f"{found['many_per_second']:,.0f}"),
        ("insertions a second, add, one by one", f"{found['single_per_second']:,.0f}"),
        ("file, MB", f"{found['file_mb']:,.0f}"),
        ("first question after opening, s", f"{found['first_seconds']:.2f}"),
        ("question, ms: median / 95 % / longest", clock),
        ("the same, processor time", processor),
        ("memory of the index, MB", f"{found['index_mb']:,.0f}"),
        ("memory of the whole process, highest MB", f"{found['process_mb']:,.0f}"),
        ("letters with slips found as copies", f"{found['copies']} of {found['copies_asked']}"),
    ]
    for name, value in rows:
        print(f"{name:42}{value:>22}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    numbers = [int(word) for word in arguments if word.isdigit()] or [100_000]
    result = measure(numbers[0])
    if "--json" in arguments:
        print(json.dumps(result))
    else:
        show(result)
