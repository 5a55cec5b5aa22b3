"""The letters of a job's file into the register, each once, however often the work is broken off."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from service import jobs
from service.context import Service
from service.db.tables import Job, JobReject, Letter
from service.letters import Entry, Judged, enter, judge, ready
from service.logs import LOG
from service.problems import Problem
from service.uploads import entry_of, readings
from triage import Decision, InputError, TriageError, Triager
from triage.intake import Reading

__all__ = ["Intake"]

_CHUNK = 25  # letters of a transaction: a clerk who saves meanwhile waits for it, some 50 ms
_TRIES = 5
_PAUSE = 0.5  # seconds
_LONGEST = 300


class _Item(NamedTuple):
    """What stands at one place of the file: a letter as it was judged, or why there is none."""

    place: int
    name: str
    entry: Entry | None
    letter: Judged | None
    fault: TriageError | None


class Intake:
    """Enters the letters of one job.

    Parameters
    ----------
    service : Service
    job : Job
        Claimed by this process.
    """

    def __init__(self, service: Service, job: Job) -> None:
        self._service, self._job = service, job
        self._fault: InputError | None = None

    def run(self, path: Path) -> None:
        """Enter what was not entered before.

        Raises
        ------
        InputError
            If the file cannot be read to its end; what was read before is entered.
        Lost
            If the job was cancelled or is another process's.
        """
        found = enumerate(self._readings(path))
        for _ in islice(found, self._job.done):
            pass
        while chunk := list(islice(found, _CHUNK)):
            triager = self._service.triager
            self._enter(triager, self._judged(triager, chunk))
        if self._fault:
            raise self._fault

    def _readings(self, path: Path) -> Iterator[Reading | InputError]:
        try:
            yield from readings(self._service, path)
        except InputError as error:
            self._fault = error

    def _judged(self, triager: Triager, chunk: Sequence[tuple[int, Reading | InputError]]) -> list[_Item]:
        items = [self._item(place, found) for place, found in chunk]
        waiting = [item.entry.letter for item in items if item.entry]
        try:
            decisions = iter(judge(self._service, triager, waiting) if waiting else [])
        except Exception:  # one of them cannot be judged; which, shows when each is alone
            return [self._alone(triager, item) for item in items]
        return [self._ready(triager, item, next(decisions)) if item.entry else item for item in items]

    def _item(self, place: int, found: Reading | InputError) -> _Item:
        if isinstance(found, InputError):
            return _Item(place, "", None, None, found)
        entry = entry_of(found, self._job.id, place)
        if isinstance(entry, TriageError):
            return _Item(place, found.number, None, None, entry)
        return _Item(place, found.number, entry, None, None)

    def _alone(self, triager: Triager, item: _Item) -> _Item:
        if item.entry is None:
            return item
        try:
            return self._ready(triager, item, judge(self._service, triager, [item.entry.letter])[0])
        except TriageError as error:
            return item._replace(entry=None, fault=error)
        except Exception as error:
            return self._broken(item, error)

    def _ready(self, triager: Triager, item: _Item, decision: Decision) -> _Item:
        return item._replace(letter=ready(triager, [item.entry], [decision])[0]) if item.entry else item

    def _broken(self, item: _Item, error: Exception) -> _Item:
        LOG.error("letter", extra={"job": self._job.id, "place": item.place, "fault": type(error).__name__})
        return item._replace(entry=None, letter=None, fault=Problem("letter_fault", fault=type(error).__name__))

    def _enter(self, triager: Triager, items: Sequence[_Item]) -> None:
        try:
            self._keep(triager, items)
        except (OperationalError, jobs.Lost):
            raise
        except Exception as error:
            if len(items) > 1:  # one of them is not taken; which, shows when each is alone
                for item in items:
                    self._enter(triager, [item])
            elif items[0].entry:
                self._enter(triager, [self._broken(items[0], error)])
            else:
                raise

    def _keep(self, triager: Triager, items: Sequence[_Item]) -> None:
        for tried in range(1, _TRIES + 1):
            try:
                with self._service.database.write() as session:
                    self._write(session, triager, items)
                return
            except (Problem, IntegrityError, OperationalError) as error:
                # Somebody else took a number meanwhile, two writers waited for each other, or the database is away.
                if tried == _TRIES:
                    raise
                time.sleep(_PAUSE if isinstance(error, OperationalError) else 0)

    def _write(self, session: Session, triager: Triager, items: Sequence[_Item]) -> None:
        row = session.get(Job, self._job.id, with_for_update=True)
        if row is None or row.runner != self._job.runner or row.state != "running" or row.done != items[0].place:
            raise jobs.Lost
        taken = self._taken(session, items)
        refused: list[_Item] = []
        good: list[tuple[Entry, Judged]] = []
        for item in items:
            if item.entry is None or item.letter is None:
                refused.append(item)
            elif (number := item.entry.petition.id) and number in taken:
                refused.append(item._replace(fault=Problem("exists", what="letter", name=number)))
            else:
                taken.add(number)
                good.append((item.entry, item.letter))
        enter(self._service, session, triager, row.by, [one for one, _ in good], [one for _, one in good])
        session.add_all(self._reject(triager, item) for item in refused)
        row.done, row.rejects, row.attempts = row.done + len(items), row.rejects + len(refused), 0

    def _taken(self, session: Session, items: Sequence[_Item]) -> set[str]:
        numbers = {item.entry.petition.id for item in items if item.entry and item.entry.petition.id}
        return set(session.scalars(select(Letter.number).where(Letter.number.in_(numbers))))

    def _reject(self, triager: Triager, item: _Item) -> JobReject:
        fault: Any = item.fault
        # A file inside an archive may be called by a person's name; its place tells which it is.
        path = fault.values.get("path")
        text = fault.text(self._service.settings.lang).replace(str(path), f"*{Path(str(path)).suffix}" if path else "-")
        text = triager.mask(text)
        return JobReject(
            job_id=self._job.id,
            place=item.place,
            name=_plain(triager.mask(item.name))[:_LONGEST],
            code=fault.code,
            reason=_plain(text),
        )


def _plain(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
