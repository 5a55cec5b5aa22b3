"""Petition triage for township offices: category, urgency, department and due dates, each with its evidence."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triage.engine import Triager
    from triage.errors import BundleError, DataError, InputError, TriageError
    from triage.schema import Decision, Evidence, Petition

__version__ = "0.1.0"
__all__ = [
    "BundleError",
    "DataError",
    "Decision",
    "Evidence",
    "InputError",
    "Petition",
    "TriageError",
    "Triager",
    "__version__",
]

_HOMES = {
    "Triager": "triage.engine",
    "BundleError": "triage.errors",
    "DataError": "triage.errors",
    "InputError": "triage.errors",
    "TriageError": "triage.errors",
    "Decision": "triage.schema",
    "Evidence": "triage.schema",
    "Petition": "triage.schema",
}


def __getattr__(name: str) -> Any:
    # Loading scikit-learn for `triage --help` would cost a second.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
