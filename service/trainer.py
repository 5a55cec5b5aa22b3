"""A training run: a labelled table to a bundle that may be promoted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from service.context import Service
from service.db.tables import Job
from triage import Petition, TriageError
from triage import training as library
from triage.config import home
from triage.intake import Columns, read_rows

__all__ = ["train"]

_CHUNK = 64
_OPEN = "letters.jsonl"
Step = Callable[[str, int, int], None]


def train(service: Service, job: Job, path: Path, step: Step) -> dict[str, Any]:
    """Train the bundle that a job asks for; return its name and figures.

    The library masks personal data before it reads a letter, so none gets into a bundle.

    Raises
    ------
    TriageError
        If the table cannot be read or is too thin.
    """
    options = job.options
    name, target = options["name"], service.settings.folder("bundles") / options["name"]
    if not target.is_dir():  # else this job was broken off when all was done
        table = path if options["sealed"] else _open_letters(service, options, path, step)
        policy = service.triager.policy
        plan = library.Plan()
        corpus = library.read_corpus(
            [table], _columns(service, options), options["label"], options.get("group"), options.get("time"),
            plan.fold_count,
        )  # fmt: skip
        own = not set(corpus.labels) & {*policy.taxonomy.categories, *policy.taxonomy.retired_to}
        made = path.parent / "bundles" / name
        library.train(corpus, policy, made, plan, own, Path(_OPEN), step)
        service.bundles.load(made)
        os.replace(made, target)
    for leftover in (path.parent / _OPEN, path.parent / "bundles"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
    metrics = json.loads((target / "metrics.json").read_text(encoding="utf-8"))
    return {"bundle": name, "metrics": metrics}


def _columns(service: Service, options: Mapping[str, Any]) -> Columns:
    return Columns.load(home(service.settings.home), text=options.get("text"), title=options.get("title"))


def _open_letters(service: Service, options: Mapping[str, Any], path: Path, step: Step) -> Path:
    """Copy a table without its accusations: those that it names, or, where it names no nature, those that read so.

    Source
    ------
    Regulations on Petition Work (2022) Art. 30: what an accusation holds goes to nobody who does not deal with it.
    """
    target = path.with_name(_OPEN)
    with open(target, "w", encoding="utf-8") as file:
        for done, row in enumerate(_unsealed(service, options, path), 1):
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            if done % _CHUNK == 0:
                step("accusations", done, 0)
    return target


def _unsealed(service: Service, options: Mapping[str, Any], path: Path) -> Iterator[Mapping[str, Any]]:
    natures = service.triager.policy.taxonomy.natures
    known = {word: one.closed for one in natures.values() for word in (one.code, one.zh, one.en)}
    columns = _columns(service, options)
    parts: dict[str, str] = {}
    waiting: list[Mapping[str, Any]] = []
    for row in read_rows(path):
        parts = parts or columns.find(path, list(row))
        stated = str(row.get(options["nature"]) or "").strip()
        if stated in known:
            if not known[stated]:
                yield row
            continue
        waiting.append(row)
        if len(waiting) == _CHUNK:
            yield from _read_as_open(service, parts, waiting)
            waiting = []
    yield from _read_as_open(service, parts, waiting)


def _read_as_open(
    service: Service, parts: Mapping[str, str], rows: list[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    triager = service.triager
    natures = triager.policy.taxonomy.natures
    for row in rows:
        petition = Petition(str(row.get(parts["text"]) or ""), str(row.get(parts.get("title", "")) or ""))
        if not petition.text.strip():
            continue
        try:
            closed = natures[triager.triage(petition).nature].closed
        except TriageError:
            continue
        if not closed:
            yield row
