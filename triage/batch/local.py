"""The runner on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from triage.batch.journal import Journal
from triage.batch.summary import Summary
from triage.batch.writers import WRITERS, whole_file, write_jsonl
from triage.engine import Triager
from triage.errors import InputError, TriageError
from triage.intake import Columns, read_letters
from triage.schema import Petition

__all__ = ["run"]

_CHUNK = 256
Report = Callable[[int, int], None]


def run(
    source: Path,
    output: Path,
    triager: Triager,
    columns: Columns,
    resume: bool = False,
    report: Report = lambda letters, rejects: None,
) -> Summary:
    """Judge every letter of a file and write the decisions in order.

    Parameters
    ----------
    source : Path
        A file that `triage.intake` reads.
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
    if source.exists() and output.exists() and output.samefile(source):
        raise InputError("output_is_input", path=output)
    letters = read_letters(source, columns)
    first = list(islice(letters, 1))  # a file that cannot be read leaves nothing behind
    try:
        with FileLock(f"{output}.lock", timeout=0):
            try:
                return _run([*first], letters, source, output, triager, resume, report)
            finally:
                Path(f"{output}.lock").unlink(missing_ok=True)
    except Timeout:
        raise InputError("output_busy", path=output) from None
    except OSError as error:
        raise InputError("cannot_write", path=output, fault=error.strerror or type(error).__name__) from None


def _run(
    first: list[Petition],
    rest: Iterator[Petition],
    source: Path,
    output: Path,
    triager: Triager,
    resume: bool,
    report: Report,
) -> Summary:
    started = time.monotonic()
    about = {"input": source.name, "bytes": source.stat().st_size, "model": triager.bundle.name, "lang": triager.lang}
    journal = Journal(output, about)
    done = journal.open(resume)
    total = rejected = 0
    kept = done > 0
    try:
        for chunk in _chunks(first, rest):
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
    writer = WRITERS[output.suffix.lower()]
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


def _chunks(first: list[Petition], rest: Iterator[Petition]) -> Iterator[list[Petition]]:
    while chunk := [*first, *islice(rest, _CHUNK - len(first))]:
        first = []
        yield chunk


def _judge(triager: Triager, chunk: Sequence[Petition]) -> list[dict[str, Any]]:
    """Judge letters together; where one is refused, one by one."""
    try:
        decisions: Iterable[Any] = triager.judge(chunk)
        return [_record(petition, decision) for petition, decision in zip(chunk, decisions, strict=True)]
    except TriageError:
        return [_judge_one(triager, petition) for petition in chunk]


def _judge_one(triager: Triager, petition: Petition) -> dict[str, Any]:
    try:
        return _record(petition, triager.triage(petition))
    except TriageError as error:
        return {"reject": {"id": petition.id, "code": error.code, "reason": error.text(triager.lang)}}


def _record(petition: Petition, decision: Any) -> dict[str, Any]:
    whole = decision.to_dict()
    return {"ok": {"id": whole.pop("id"), "title": petition.title, **whole}}


def _counted(journal: Journal, summary: Summary) -> Iterator[dict[str, Any]]:
    for entry in journal.entries():
        if "ok" in entry:
            summary.add(entry["ok"])
            yield entry["ok"]
        else:
            summary.rejects += 1
