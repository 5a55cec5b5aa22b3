"""CSV and TSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from triage.errors import InputError
from triage.intake.encoding import encoding_of
from triage.intake.limits import Limits

__all__ = ["read_delimited"]

_LONGEST_CELL = 1 << 24  # characters


def read_delimited(path: Path, limits: Limits) -> Iterator[dict[str, str]]:
    """Yield rows; the delimiter is a tab in ``.tsv``, else that of comma, semicolon, tab the header has most of."""
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with open(path, encoding=encoding_of(path), newline="") as file:
            header = file.readline()
            file.seek(0)
            delimiter = "\t" if path.suffix == ".tsv" else max(",;\t", key=header.count)
            rows = csv.DictReader(file, delimiter=delimiter, restval="")
            last = (rows.fieldnames or [""])[-1]
            for row in rows:
                extra = row.pop(None, None)
                if extra:  # an unquoted delimiter in the last cell must not cut a letter short
                    row[last] = delimiter.join([row[last], *extra])
                yield {str(key).strip(): value for key, value in row.items()}
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError("file_broken", path=path, kind="CSV", fault=type(error).__name__) from None
