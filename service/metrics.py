"""Measures for Prometheus; summed over all processes of a host where there are several."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from triage import Decision

__all__ = ["CONTENT_TYPE_LATEST", "REQUESTS", "WAITING", "bundle_in_use", "judged", "queue_depth", "text"]

_BUCKETS = (0.002, 0.004, 0.006, 0.008, 0.012, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 30.0)
REQUESTS = Histogram(
    "triage_request_seconds", "Time of requests in seconds.", ["method", "route", "status"], buckets=_BUCKETS
)
WAITING = Gauge("triage_waiting_letters", "Callers waiting for a processor.", multiprocess_mode="livesum")
_JUDGED = Counter("triage_judged_letters", "Letters judged.", ["category", "review"])
_QUEUE = Gauge("triage_open_letters", "Open letters in the register.", ["urgency"], multiprocess_mode="mostrecent")
_BUNDLE = Gauge("triage_bundle_in_use", "1 for the bundle in use.", ["bundle"], multiprocess_mode="livemax")


def judged(decisions: Iterable[Decision]) -> None:
    """Count decisions by category and whether a person should look."""
    for one in decisions:
        _JUDGED.labels(one.category, "yes" if one.needs_review else "no").inc()


def bundle_in_use(name: str, earlier: str = "") -> None:
    """Note which bundle is in use."""
    if earlier:
        _BUNDLE.labels(earlier).set(0)
    _BUNDLE.labels(name).set(1)


def queue_depth(by_urgency: dict[int, int]) -> None:
    """Note how many letters are open, by urgency."""
    for level in (1, 2, 3, 4):
        _QUEUE.labels(str(level)).set(by_urgency.get(level, 0))


def text() -> bytes:
    """Return all measures as Prometheus reads them."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
