"""Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage.errors import InputError
from triage.intake.limits import Limits

__all__ = ["read_parquet"]

_ROWS = 1000


def read_parquet(path: Path, limits: Limits) -> Iterator[dict[str, Any]]:
    """Yield rows in order."""
    import pyarrow as arrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS):
                yield from batch.to_pylist()
    except (arrow.ArrowInvalid, OSError) as error:
        raise InputError("file_broken", path=path, kind="Parquet", fault=type(error).__name__) from None
