"""The runner on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from triage.batch.journal import Journal
from triage.batch.summary import Summary
from triage.batch.writers import WRITERS, Writer, whole_file, write_jsonl
from triage.engine import Triager
from triage.errors import InputError, TriageError
from triage.intake import Columns, Limits, Reading, read_all
from triage.privacy import PersonalData
from triage.schema import Decision, Petition

__all__ = ["run"]

_CHUNK = 256
Report = Callable[[int, int], None]
_Item = Reading | InputError


def run(
    source: Path,
    output: Path,
    triager: Triager,
    columns: Columns,
    resume: bool = False,
    report: Report = lambda letters, rejects: None,
    limits: Limits | None = None,
) -> Summary:
    """Judge every letter of a file or folder and write the decisions in order.

    Parameters
    ----------
    source : Path
        A file or folder that `triage.intake` reads.
    output : Path
        CSV, XLSX, JSONL or Parquet by its ending. Letters that cannot be judged go to ``OUTPUT.rejects.jsonl``.
    triager : Triager
        Judges.
    columns : Columns
        Which column is what.
    resume : bool
        Go on where a killed run stopped.
    report : callable
        Told the numbers of letters and rejects so far.
    limits : Limits or None
        How much is read of one file, archive or page.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If the input cannot be read, the output cannot be written or another run is writing it.
    """
    writer = WRITERS.get(output.suffix.lower())
    if writer is None:
        raise InputError("output_kind", path=output, found=output.suffix, allowed=" ".join(WRITERS))
    inside = source.is_dir() and output.resolve().is_relative_to(source.resolve())
    if inside or (source.exists() and output.exists() and output.samefile(source)):
        raise InputError("output_is_input", path=output)
    letters = read_all(source, columns, limits)
    first = list(islice(letters, 1))  # a file that cannot be read leaves nothing behind
    try:
        with FileLock(f"{output}.lock", timeout=0):
            try:
                return _run(chain(first, letters), source, output, writer, triager, resume, report)
            finally:
                Path(f"{output}.lock").unlink(missing_ok=True)
    except Timeout:
        raise InputError("output_busy", path=output) from None
    except OSError as error:
        raise InputError("cannot_write", path=output, fault=error.strerror or type(error).__name__) from None


def _run(
    letters: Iterator[_Item],
    source: Path,
    output: Path,
    writer: Writer,
    triager: Triager,
    resume: bool,
    report: Report,
) -> Summary:
    started = time.monotonic()
    about = {"input": source.name, "bytes": _size(source), "model": triager.bundle.name, "lang": triager.lang}
    journal = Journal(output, about)
    done = journal.open(resume)
    total = rejected = 0
    kept = done > 0
    try:
        while chunk := list(islice(letters, _CHUNK)):
            total += len(chunk)
            if total <= done:
                continue
            entries = _judge(triager, chunk[len(chunk) - (total - done) :] if total - len(chunk) < done else chunk)
            kept = True
            journal.append(entries)
            rejected += sum("reject" in entry for entry in entries)
            report(total, rejected)
    except BaseException:
        journal.close()
        if not kept:  # nothing was judged: nothing to go on with
            journal.path.unlink()
        raise
    journal.close()
    summary = Summary()
    with whole_file(output) as draft:
        writer(draft, _counted(journal, summary))
    rejects = output.with_name(f"{output.name}.rejects.jsonl")
    if summary.rejects:
        with whole_file(rejects) as draft:
            write_jsonl(draft, (entry["reject"] for entry in journal.entries() if "reject" in entry))
    else:
        rejects.unlink(missing_ok=True)
    journal.path.unlink()
    summary.seconds = time.monotonic() - started
    return summary


def _size(source: Path) -> int:
    files = source.rglob("*") if source.is_dir() else [source]
    return sum(file.stat().st_size for file in files if file.is_file())


def _judge(triager: Triager, chunk: Sequence[_Item]) -> list[dict[str, Any]]:
    """Judge letters together; where one is refused, one by one. A file that was not read is a reject in its place."""
    readings = [item for item in chunk if isinstance(item, Reading)]
    try:
        decisions: Iterable[Any] = triager.judge([reading.petition for reading in readings])
        judged = iter([_record(triager, *pair) for pair in zip(readings, decisions, strict=True)])
    except TriageError:
        judged = iter([_judge_one(triager, reading) for reading in readings])
    return [
        next(judged) if isinstance(item, Reading) else _reject(triager, item, item.values["path"]) for item in chunk
    ]


def _judge_one(triager: Triager, reading: Reading) -> dict[str, Any]:
    try:
        return _record(triager, reading, triager.triage(reading.petition))
    except TriageError as error:
        return _reject(triager, error, reading.petition.id)


def _reject(triager: Triager, error: TriageError, name: object) -> dict[str, Any]:
    reason = triager.mask(error.text(triager.lang))
    return {"reject": {"id": triager.mask(str(name)), "code": error.code, "reason": reason}}


def _record(triager: Triager, reading: Reading, decision: Decision) -> dict[str, Any]:
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
    title = "" if closed else _masked_title(triager, petition, decision)
    if closed:
        whole |= {"place": "", "place_level": "", "place_certainty": "", "area": "", "forward": "", "evidence": []}
    return {"ok": {"id": triager.mask(whole.pop("id")), "title": title, **whole}}


def _masked_title(triager: Triager, petition: Petition, decision: Decision) -> str:
    """Return the title without personal data.

    A name in it may be known for one by the body alone, so both are masked together, by what the decision found.
    """
    if not petition.title:
        return ""
    found = [
        PersonalData(item.id, item.span, True) for item in decision.evidence if item.field == "personal" and item.span
    ]
    lines = triager.policy.privacy.hide(petition.text, found).text.split("\n")
    return "\n".join(lines[: petition.title.count("\n") + 1])


def _counted(journal: Journal, summary: Summary) -> Iterator[dict[str, Any]]:
    for entry in journal.entries():
        if "ok" in entry:
            summary.add(entry["ok"])
            yield entry["ok"]
        else:
            summary.rejects += 1
