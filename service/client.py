"""A client of the API for other programs: ``pip install triage[client]``.

Examples
--------
>>> from service.client import Client
>>> with Client("http://127.0.0.1:8000", "tk_…") as client:  # doctest: +SKIP
...     letter = client.enter({"body": "村口的路灯坏了半年。"})
...     for waiting in client.queue(urgency=[3, 4]):
...         print(waiting["number"])
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Self, cast
from uuid import uuid4

import httpx2

from service.client_types import (
    Correction,
    Decision,
    Entered,
    Job,
    Judgements,
    Letter,
    Model,
    NewLetter,
    Reject,
    Similar,
    Statistics,
    Stub,
    TrainingRun,
)

__all__ = [
    "Client", "Correction", "Decision", "Entered", "Job", "Judgements", "Letter", "Model", "NewLetter", "Reject",
    "ServiceError", "Similar", "Statistics", "Stub", "TrainingRun",
]  # fmt: skip

_TRIES = 6
_LONGEST_WAIT = 30.0  # seconds
_BUSY = (429, 503)
_SAFE = frozenset({"GET", "DELETE"})
Filter = str | int | bool | Sequence[str] | Sequence[int] | None


class ServiceError(Exception):
    """What the service refused, or that it did not answer.

    Attributes
    ----------
    code : str
        Stable code, such as ``stale``; ``unreachable`` if nobody answered.
    status : int
        HTTP status; 0 if nobody answered.
    detail : str
        For a person, in the language of the service.
    """

    def __init__(self, code: str, status: int, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.code, self.status, self.detail = code, status, detail


class Client:
    """Calls the service with a key.

    A busy service, or one whose database is away, is asked again after the time that it names; so is one that did not
    answer. That is safe: what is made carries an idempotency key of its own, so it is made once.

    Parameters
    ----------
    url : str
        Of the service, such as ``http://127.0.0.1:8000``.
    key : str
        ``tk_…``
    timeout : float
        Seconds for one answer.
    lang : {"zh", "en"}
        Language of the texts of errors.
    http : httpx2.Client or None
        One that is set up otherwise, such as with certificates of an office's own; it is not closed here.
    """

    def __init__(
        self, url: str, key: str, timeout: float = 60.0, lang: str = "en", http: httpx2.Client | None = None
    ) -> None:
        self._own = http is None
        self._http = http or httpx2.Client(timeout=timeout)
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Language": lang}

    def close(self) -> None:
        """Let go of the connections."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Judging without keeping.

    def triage(self, letter: NewLetter) -> Decision:
        """Judge one letter; nothing is kept."""
        return cast(Decision, self._post("/v1/triage", letter, again=True))

    def triage_many(self, letters: Sequence[NewLetter]) -> Judgements:
        """Judge up to a thousand letters; nothing is kept."""
        return cast(Judgements, self._post("/v1/triage/many", {"letters": list(letters)}, again=True))

    def triage_file(self, path: Path) -> Judgements:
        """Judge the letters of a file, up to a thousand; nothing is kept."""
        return cast(Judgements, self._upload("/v1/triage/file", path))

    # The register.

    def enter(self, letter: NewLetter) -> Letter | Stub:
        """Judge one letter and enter it."""
        return cast("Letter | Stub", self._post("/v1/letters", letter))

    def enter_many(self, letters: Sequence[NewLetter]) -> Entered:
        """Enter up to a thousand letters."""
        return cast(Entered, self._post("/v1/letters/many", {"letters": list(letters)}))

    def enter_file(self, path: Path) -> Entered:
        """Enter the letters of a file, up to a thousand; larger files are jobs."""
        return cast(Entered, self._upload("/v1/letters/file", path))

    def letter(self, number: int) -> Letter | Stub:
        """Read one letter by its id."""
        return cast("Letter | Stub", self._get(f"/v1/letters/{number}"))

    def letters(self, **filters: Filter) -> Iterator[Letter | Stub]:
        """Yield letters, the newest first; filters as ``GET /v1/letters`` takes them."""
        return cast("Iterator[Letter | Stub]", self._pages("/v1/letters", filters))

    def queue(self, **filters: Filter) -> Iterator[Letter | Stub]:
        """Yield open letters, the most urgent and the next due first."""
        return cast("Iterator[Letter | Stub]", self._pages("/v1/queue", filters))

    def history(self, number: int) -> dict[str, Any]:
        """Tell everything that happened to a letter."""
        return cast("dict[str, Any]", self._get(f"/v1/letters/{number}/history"))

    def similar(self, number: int, limit: int = 5) -> list[Similar]:
        """Name earlier letters about the same matter."""
        return cast("list[Similar]", self._get(f"/v1/letters/{number}/similar", {"limit": limit}))

    def decide(self, letter: Letter, corrections: Mapping[str, Correction] | None = None, note: str = "") -> Letter:
        """Accept a letter as it was read, or correct fields of it.

        Raises
        ------
        ServiceError
            ``stale`` if somebody changed the letter since it was read.
        """
        sent = {"corrections": dict(corrections or {}), "note": note}
        return cast(Letter, self._change(letter, "decision", sent))

    def answer(self, letter: Letter) -> Letter:
        """Mark a decided letter as answered; see `decide`."""
        return cast(Letter, self._change(letter, "answer", None))

    def reopen(self, letter: Letter) -> Letter:
        """Take the last step back; see `decide`."""
        return cast(Letter, self._change(letter, "reopen", None))

    def statistics(self, received_from: str = "", received_to: str = "") -> Statistics:
        """Count letters."""
        given = {"received_from": received_from or None, "received_to": received_to or None}
        return cast(Statistics, self._get("/v1/statistics", given))

    def export(self, path: Path, **filters: Filter) -> Path:
        """Write the ledger of the letters chosen by filters, as XLSX or CSV by the ending of the path."""
        return self._save("/v1/ledger", {**filters, "format": path.suffix[1:]}, path)

    def taxonomy(self) -> dict[str, Any]:
        """Give categories, natures, clocks and the codes of reasons."""
        return cast("dict[str, Any]", self._get("/v1/taxonomy"))

    def departments(self) -> list[dict[str, Any]]:
        """Give the departments that answer."""
        return cast("list[dict[str, Any]]", self._get("/v1/departments"))

    # Files and training runs.

    def start_job(self, path: Path, kind: Literal["register", "ledger"] = "register") -> Job:
        """Send a file of letters."""
        return cast(Job, self._upload("/v1/jobs", path, {"kind": kind}))

    def job(self, number: int) -> Job:
        """Tell how far a file is."""
        return cast(Job, self._get(f"/v1/jobs/{number}"))

    def jobs(self) -> Iterator[Job]:
        """Yield the files that were sent, the newest first."""
        return cast("Iterator[Job]", self._pages("/v1/jobs", {}))

    def cancel_job(self, number: int) -> Job:
        """Cancel a file; letters that were entered stay."""
        return cast(Job, self._post(f"/v1/jobs/{number}/cancel", None, once=False))

    def wait(self, number: int, every: float = 1.0) -> Job:
        """Wait until a file has ended, however."""
        while (job := self.job(number))["state"] in ("queued", "running"):
            time.sleep(every)
        return job

    def job_result(self, number: int, path: Path) -> Path:
        """Write a file's ledger as XLSX, CSV or JSON lines by the ending of the path."""
        return self._save(f"/v1/jobs/{number}/result", {"format": path.suffix[1:]}, path)

    def job_rejects(self, number: int, path: Path) -> Path:
        """Write what was refused of a file, as JSON lines."""
        return self._save(f"/v1/jobs/{number}/result", {"part": "rejects"}, path)

    def train(self, path: Path, name: str, label_column: str, **columns: str) -> TrainingRun:
        """Train a bundle on a table; ``text_column``, ``title_column`` and others as ``POST /v1/training-runs``."""
        return cast(
            TrainingRun,
            self._upload("/v1/training-runs", path, {"name": name, "label_column": label_column, **columns}),
        )

    def training_run(self, number: int) -> TrainingRun:
        """Tell how far a training run is."""
        return cast(TrainingRun, self._get(f"/v1/training-runs/{number}"))

    # Bundles.

    def models(self) -> list[Model]:
        """List the bundles."""
        return cast("list[Model]", self._get("/v1/models"))

    def model(self, name: str) -> Model:
        """Show a bundle with its papers."""
        return cast(Model, self._get(f"/v1/models/{name}"))

    def promote(self, name: str, note: str = "") -> Model:
        """Put a bundle into use."""
        return cast(Model, self._post(f"/v1/models/{name}/promote", {"note": note}, again=True))

    def roll_back(self, note: str = "") -> Model:
        """Put the bundle before into use again."""
        return cast(Model, self._post("/v1/models/rollback", {"note": note}, once=False))

    # How it is sent.

    def _get(self, path: str, query: Mapping[str, Filter] | None = None) -> Any:
        return self._ask("GET", path, query=query).json()

    def _post(self, path: str, sent: object, once: bool = True, again: bool = False) -> Any:
        headers = {"Idempotency-Key": uuid4().hex} if once and not again else {}
        return self._ask("POST", path, json=sent, headers=headers, again=once).json()

    def _change(self, letter: Letter, step: str, sent: object) -> Any:
        match = {"If-Match": f'"{letter["version"]}"'}
        return self._ask("POST", f"/v1/letters/{letter['id']}/{step}", json=sent, headers=match).json()

    def _upload(self, path: str, file: Path, form: Mapping[str, str] | None = None) -> Any:
        headers = {"Idempotency-Key": uuid4().hex}
        return self._ask("POST", path, file=file, form=form, headers=headers, again=True).json()

    def _pages(self, path: str, filters: Mapping[str, Filter]) -> Iterator[Any]:
        cursor = ""
        while True:
            page = self._get(path, {**filters, "cursor": cursor or None})
            yield from page["items"]
            cursor = page["next"]
            if not cursor:
                return

    def _save(self, path: str, query: Mapping[str, Filter], target: Path) -> Path:
        draft = target.with_name(f".{target.name}.part")
        try:
            with self._stream(path, query) as parts, open(draft, "wb") as file:
                for part in parts:
                    file.write(part)
            shutil.move(draft, target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    @contextmanager
    def _stream(self, path: str, query: Mapping[str, Filter]) -> Iterator[Iterable[bytes]]:
        answer = self._ask("GET", path, query=query, stream=True)
        try:
            yield answer.iter_bytes()
        finally:
            answer.close()

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Filter] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        file: Path | None = None,
        form: Mapping[str, str] | None = None,
        again: bool = False,
        stream: bool = False,
    ) -> httpx2.Response:
        again = again or method in _SAFE
        given = {name: value for name, value in (query or {}).items() if value is not None}
        wait = 0.5
        for tried in range(1, _TRIES + 1):
            last = tried == _TRIES or not again
            try:
                with ExitStack() as ends:
                    files = {"file": (file.name, ends.enter_context(open(file, "rb")))} if file else None
                    request = self._http.build_request(
                        method, self._url + path, params=given, json=json, data=dict(form or {}) or None, files=files,
                        headers={**self._headers, **(headers or {})},
                    )  # fmt: skip
                    answer = self._http.send(request, stream=True)
                    if answer.is_success and stream:
                        return answer
                    answer.read()
            except httpx2.TransportError as error:
                if last:
                    raise ServiceError("unreachable", 0, type(error).__name__) from error
            else:
                if answer.is_success:
                    return answer
                if last or answer.status_code not in _BUSY:
                    raise _error(answer)
                wait = _named(answer) or wait
            time.sleep(min(wait, _LONGEST_WAIT) * random.uniform(1.0, 1.2))
            wait = min(2 * wait, _LONGEST_WAIT)
        raise AssertionError


def _named(answer: httpx2.Response) -> float:
    """Return the seconds after which to come again, 0 if the answer does not say."""
    after = answer.headers.get("Retry-After", "")
    return float(after) if after.isdigit() else 0.0


def _error(answer: httpx2.Response) -> ServiceError:
    try:
        told = answer.json()
        return ServiceError(str(told["code"]), answer.status_code, str(told["detail"]))
    except (ValueError, KeyError, TypeError):  # whatever stands between may answer otherwise
        return ServiceError("http", answer.status_code, answer.reason_phrase)
