"""A run: letters in, a ledger out, every letter once, however often it is interrupted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from triage.batch.files import only_run, whole_file, writing
from triage.batch.journal import OK, REJECT, Journal, is_reject
from triage.batch.local import Engine, alone
from triage.batch.sources import letters_of
from triage.batch.summary import Summary
from triage.batch.work import Item, chunks, mark_of
from triage.batch.writers import Writer, write_jsonl, writer_of
from triage.engine import Triager
from triage.errors import InputError
from triage.intake import Columns, Limits

__all__ = ["Report", "beside", "digest", "run", "write_ledger"]

Report = Callable[[int, int], None]


def run(
    source: Path,
    output: str | Path,
    triager: Triager,
    columns: Columns,
    resume: bool = False,
    report: Report = lambda letters, rejects: None,
    limits: Limits | None = None,
    engine: Engine = alone,
) -> Summary:
    """Judge every letter of a file or folder and write the decisions in order.

    Parameters
    ----------
    source : Path
        A file or folder that `triage.intake` reads.
    output : str or Path
        CSV, XLSX, JSONL or Parquet by its ending; with a slash at its end, or where it is a folder, a folder of Parquet
        files. Letters that cannot be judged go to ``OUTPUT.rejects.jsonl``.
    triager : Triager
        Judges, or tells the engine's workers how to.
    columns : Columns
        Which column is what.
    resume : bool
        Go on where a killed run stopped.
    report : callable
        Told the numbers of letters and rejects so far, first those that a killed run had done.
    limits : Limits or None
        How much is read of one file, archive or page.
    engine : Engine
        Where letters are judged: `alone` in this process, `Local` in several, `Dask` on a cluster. The output does
        not depend on it.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If the input cannot be read, the output cannot be written or another run is writing it.
    """
    writer, output = writer_of(output), Path(output)
    inside = source.is_dir() and output.resolve().is_relative_to(source.resolve())
    if inside or (source.exists() and output.exists() and output.samefile(source)):
        raise InputError("output_is_input", path=output)
    letters = letters_of(source, columns, limits)
    first = list(islice(letters, 1))  # a file that cannot be read leaves nothing behind
    with only_run(output):
        return _run(chain(first, letters), source, output, writer, triager, resume, report, engine)


def _run(
    letters: Iterator[Item],
    source: Path,
    output: Path,
    writer: Writer,
    triager: Triager,
    resume: bool,
    report: Report,
    engine: Engine,
) -> Summary:
    started = time.monotonic()
    about = {
        "input": digest(source.name),  # a file's name may hold a person's
        "bytes": _size(source),
        "model": triager.bundle.name,
        "mark": mark_of(triager.bundle.path, triager.policy.folder),
        "lang": triager.lang,
    }
    journal = Journal(beside(output, "part"), about, output)
    before = done = journal.open(resume)
    rejected, kept = journal.rejects, done > 0
    report(done, rejected)
    try:
        for _ in islice(letters, done):
            pass
        with closing(engine(triager, chunks(letters))) as judged:
            for lines in judged:
                kept = True
                journal.append(lines)
                done += len(lines)
                rejected += sum(map(is_reject, lines))
                report(done, rejected)
        with writing(output):
            journal.sync()
    except BaseException:
        journal.close()
        if not kept:  # nothing was judged: nothing to go on with
            journal.path.unlink()
        raise
    journal.close()
    summary = write_ledger(journal, output, writer)
    with writing(output):
        journal.path.unlink()
    summary.seconds, summary.earlier = time.monotonic() - started, before
    return summary


def write_ledger(journal: Journal, output: Path, writer: Writer) -> Summary:
    """Write the output and the rejects from a journal, each whole or not at all; return the counts."""
    summary = Summary()

    def counted() -> Iterator[dict[str, Any]]:
        for entry in journal.entries():
            if OK in entry:
                summary.add(entry[OK])
                yield entry[OK]
            elif REJECT in entry:
                summary.rejects += 1

    rejects = beside(output, "rejects.jsonl")
    with writing(output):
        with whole_file(output) as draft:
            writer(draft, counted())
        if summary.rejects:
            with whole_file(rejects) as draft:
                write_jsonl(draft, (entry[REJECT] for entry in journal.entries(REJECT)))
        else:
            rejects.unlink(missing_ok=True)
    return summary


def beside(output: Path, kind: str) -> Path:
    """Return the path of a further file of an output."""
    return output.with_name(f"{output.name}.{kind}")


def digest(name: str) -> str:
    """Return what a name can be known again by, without saying it."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _size(source: Path) -> int:
    files = source.rglob("*") if source.is_dir() else [source]
    return sum(file.stat().st_size for file in files if file.is_file())
