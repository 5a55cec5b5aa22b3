"""One JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage.errors import InputError
from triage.intake.encoding import encoding_of
from triage.intake.limits import Limits

__all__ = ["read_jsonl"]


def read_jsonl(path: Path, limits: Limits) -> Iterator[dict[str, Any]]:
    """Yield one object a line; blank lines are passed over."""
    number = 0
    try:
        with open(path, encoding=encoding_of(path)) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise InputError("file_broken", path=path, kind="JSONL", fault=f"line {number}: not an object")
                    yield row
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        fault = f"line {number}: {type(error).__name__}"
        raise InputError("file_broken", path=path, kind="JSONL", fault=fault) from None
