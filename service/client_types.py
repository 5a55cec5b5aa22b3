"""What `service.client` sends and gets, as the API's description has it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "Correction",
    "Decision",
    "Entered",
    "Fault",
    "Job",
    "Judgements",
    "Letter",
    "Model",
    "NewLetter",
    "Reject",
    "Similar",
    "Statistics",
    "Stub",
    "TrainingRun",
]


class NewLetter(TypedDict):
    """A letter to be judged or entered."""

    body: str
    title: NotRequired[str]
    number: NotRequired[str]
    received: NotRequired[str]
    source: NotRequired[str]
    petitioner: NotRequired[str]
    phone: NotRequired[str]
    id_number: NotRequired[str]
    address: NotRequired[str]


class Decision(TypedDict):
    """What triage suggests, or what stands decided; see ``docs/api.md`` for the fields that are not named here."""

    id: str
    category: str
    category_name: str
    confidence: float
    candidates: list[str]
    scores: list[float]
    secondary: list[str]
    nature: str
    urgency: int
    department: str
    department_name: str
    assisting: list[str]
    channel: str
    due: dict[str, str]
    place: str
    persons: int | None
    collective: bool
    repeat: bool
    needs_review: bool
    review_reason: list[str]
    evidence: list[dict[str, Any]]
    model: str


class Letter(TypedDict):
    """A letter of the register, personal data masked."""

    sealed: bool
    id: int
    number: str
    received: str
    source: str
    status: Literal["open", "decided", "answered"]
    version: int
    title: str
    text: str
    due_next: str | None
    decision: Decision
    created: str
    changed: str
    answered: str | None
    anonymised: str | None


class Stub(TypedDict):
    """What there is to see of an accusation without the permission to read it: it has no ``decision``."""

    sealed: Literal[True]
    id: int
    number: str
    received: str
    nature: str


class Reject(TypedDict):
    """A letter that was refused, by its place from 0."""

    place: int
    code: str
    detail: str


class Judgements(TypedDict):
    """Decisions in the order of the letters, None for one that was refused."""

    decisions: list[Decision | None]
    rejects: list[Reject]


class Entered(TypedDict):
    """Letters that were entered, and those that were not."""

    letters: list[Letter | Stub]
    rejects: list[Reject]


class Correction(TypedDict):
    """What a field should hold, and the code of the reason."""

    value: Any
    reason: str


class Similar(TypedDict):
    """An earlier letter and what it is to the one asked about."""

    id: int
    number: str
    received: str
    title: str
    score: float
    relation: Literal["copy", "repeat", "joint", "alike"]
    passages: list[dict[str, list[int]]]


class Fault(TypedDict):
    """Why a job failed."""

    code: str
    detail: str


class _Work(TypedDict):
    id: int
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    by: str
    created: str
    started: str | None
    ended: str | None
    done: int
    total: int | None
    error: Fault | None


class Job(_Work):
    """A file of letters and how far it is."""

    kind: Literal["register", "ledger"]
    file: str
    rejects: int
    rate: float


class TrainingRun(_Work):
    """A training run and how far it is."""

    name: str
    step: str
    metrics: dict[str, Any] | None


class Model(TypedDict):
    """A bundle; ``manifest`` and ``metrics`` come only with `Client.model`."""

    name: str
    bundle: str | None
    in_use: bool
    since: str | None
    by: str | None
    note: str | None
    letters: int | None
    own_labels: bool
    accuracy: float | None
    macro_f1: float | None
    fault: str | None
    manifest: NotRequired[dict[str, Any]]
    metrics: NotRequired[dict[str, Any]]


class Statistics(TypedDict):
    """Counts of letters."""

    letters: int
    sealed: int
    open: int
    overdue: int
    review: int
    collective: int
    repeat: int
    category: dict[str, int]
    nature: dict[str, int]
    urgency: dict[str, int]
    department: dict[str, int]
    status: dict[str, int]
    day: dict[str, int]
