"""Every figure of docs/performance.md, in about ten minutes: ``make bench``, or ``make bench MILLION=1`` for more.

Prints tables and writes ``results.json`` beside this file; ``python docs/figures.py`` then writes the document's block.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bench_rates
import bench_runs
import bench_service
import bench_similar

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"


def apart(script: str) -> dict[str, Any]:
    """Return what a script of this folder measures in a process of its own, whose memory no other part has filled."""
    command = [sys.executable, str(HERE / script), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return found


def machine() -> dict[str, Any]:
    """Return what the figures were taken on, and how many other processes wanted it meanwhile."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def main(million: bool) -> None:
    """Measure, print and write."""
    start = time.perf_counter()
    found: dict[str, Any] = {"machine": machine()}
    found["rates"] = apart("bench_rates.py")
    bench_rates.show(found["rates"])
    print(flush=True)
    found |= bench_runs.measure(million)
    bench_runs.show(found)
    print(flush=True)
    found["similar"] = apart("bench_similar.py")
    bench_similar.show(found["similar"])
    print(flush=True)
    found["service"] = apart("bench_service.py")
    bench_service.show(found["service"])
    found["minutes"] = (time.perf_counter() - start) / 60
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"\n{found['minutes']:.1f} minutes; written to {RESULTS.relative_to(HERE.parents[1])}")


if __name__ == "__main__":
    main("--million" in sys.argv[1:])
