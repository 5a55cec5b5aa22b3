"""What is done with some letters, here or in a worker: judged and made lines of the journal."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from triage.batch.journal import OK, REJECT, line
from triage.bundle import resolve
from triage.config import models_home, shipped_vectors
from triage.engine import Triager
from triage.errors import BundleError, TriageError
from triage.intake import Reading
from triage.schema import Decision

__all__ = ["Chunk", "Item", "Recipe", "chunks", "judge_chunk", "judge_lines", "mark_of", "triager_of"]

Item = Reading | TriageError
Chunk = Sequence[Item]
_LETTERS = 256
_CHARACTERS = 1 << 22
_SECONDS = 5.0  # of reading, as of scans: what was read must not wait for long to be judged and kept
_POLICY = frozenset({".toml", ".csv", ".txt", ".json"})
_one = threading.Lock()


def chunks(letters: Iterable[Item]) -> Iterator[Chunk]:
    """Yield letters a few at a time; where the borders fall does not change a decision."""
    chunk: list[Item] = []
    size, began = 0, 0.0
    for item in letters:
        if not chunk:
            size, began = 0, time.monotonic()
        chunk.append(item)
        size += len(item.petition.body) if isinstance(item, Reading) else 0
        if len(chunk) == _LETTERS or size > _CHARACTERS or time.monotonic() - began > _SECONDS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@dataclass(frozen=True)
class Recipe:
    """How a worker comes by the triager that the run has.

    Attributes
    ----------
    model, data : str or None
        Bundle and policy folder; None for the shipped one, wherever it is installed there.
    lang : str
    mark : str
        What `mark_of` said of the run's own.
    """

    model: str | None
    data: str | None
    lang: str
    mark: str

    @classmethod
    def of(cls, triager: Triager) -> Recipe:
        """Return the recipe of a triager that was loaded from folders."""
        model, data = triager.bundle.path.absolute(), triager.policy.folder.absolute()
        shipped = model.name if model.parent == models_home().absolute() else str(model)
        own = None if data == shipped_vectors().parent.absolute() else str(data)
        return cls(shipped, own, triager.lang, mark_of(triager.bundle.path, triager.policy.folder))


def mark_of(model: Path, data: Path) -> str:
    """Return a digest of release, bundle and policy folder: where it is the same, the decisions are."""
    from triage import __version__

    digest = hashlib.sha256(__version__.encode())
    files = [model / "manifest.json", *sorted(data.glob("*.*"))]
    files += [path for name in ("taxonomy", "lexicons") for path in sorted((data / name).iterdir())]
    for path in files:
        if path.suffix in _POLICY and path.is_file():
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=2)  # two runs may share a cluster
def triager_of(recipe: Recipe) -> Triager:
    """Return the triager of a recipe, loaded once in a process.

    Raises
    ------
    BundleError
        If what is installed here would decide otherwise than the run.
    """
    triager = Triager.load(recipe.model, recipe.data, recipe.lang)
    found = mark_of(resolve(recipe.model), triager.policy.folder)
    if found != recipe.mark:
        raise BundleError("worker_differs", found=found, allowed=recipe.mark)
    return triager


def judge_chunk(recipe: Recipe, chunk: Chunk) -> list[str]:
    """Judge letters in a worker; one thread at a time, as they share one triager."""
    with _one:
        return judge_lines(triager_of(recipe), chunk)


def judge_lines(triager: Triager, chunk: Chunk) -> list[str]:
    """Judge letters together; where one is refused, one by one. A file that was not read is a reject in its place."""
    readings = [item for item in chunk if isinstance(item, Reading)]
    try:
        decisions = triager.judge([reading.petition for reading in readings])
        judged = iter([_record(triager, *pair) for pair in zip(readings, decisions, strict=True)])
    except TriageError:
        judged = iter([_judge_one(triager, reading) for reading in readings])
    return [
        next(judged) if isinstance(item, Reading) else _reject(triager, item, item.values["path"]) for item in chunk
    ]


def _judge_one(triager: Triager, reading: Reading) -> str:
    try:
        return _record(triager, reading, triager.triage(reading.petition))
    except TriageError as error:
        return _reject(triager, error, reading.petition.id)


def _reject(triager: Triager, error: TriageError, name: object) -> str:
    reason = triager.mask(error.text(triager.lang))
    return line(REJECT, {"id": triager.mask(str(name)), "code": error.code, "reason": reason})


def _record(triager: Triager, reading: Reading, decision: Decision) -> str:
    """Return a ledger's row: personal data masked, and of an accusation a stub that says nothing of its content.

    Source
    ------
    Regulations on Petition Work (2022) Art. 30: an accusation must not reach the accused, so no ledger carries it.
    """
    petition, whole = reading.petition, decision.to_dict()
    for item in whole["evidence"]:
        if reading.layout and item["span"]:
            item["boxes"] = [{"page": page, "box": list(box)} for page, box in reading.layout.boxes(item["span"])]
    closed = triager.policy.taxonomy.natures[decision.nature].closed
    # A name in a title may be known for one by the body alone, so both are masked together.
    masked = "" if closed or not petition.title else triager.masked(petition, decision).text
    if closed:
        whole |= {"place": "", "place_level": "", "place_certainty": "", "area": "", "forward": "", "evidence": []}
    row: dict[str, Any] = {"id": triager.mask(whole.pop("id")), "title": petition.heading(masked), **whole}
    return line(OK, row)
