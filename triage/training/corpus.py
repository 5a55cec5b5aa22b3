"""Labelled letters from tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage.errors import DataError
from triage.intake import Columns, read_rows
from triage.schema import Petition
from triage.training.split import near_copies

__all__ = ["Corpus", "read_corpus"]

_SHOWN = 12  # labels, and characters of each, that an error names


@dataclass
class Corpus:
    """Labelled letters.

    Attributes
    ----------
    petitions : list of Petition
    rows : list of Mapping
        The table's rows, for further labels.
    labels : list of str
    groups : ndarray of shape (n_letters,), int64
        Letters that must stay on one side of a split share a number.
    times : list of str
        For splits in order of time; empty strings where there are none.
    """

    petitions: list[Petition]
    rows: list[Mapping[str, Any]]
    labels: list[str]
    groups: NDArray[np.int64]
    times: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.petitions)


def read_corpus(
    sources: Iterable[Path],
    columns: Columns,
    label: str,
    group: str | None = None,
    time: str | None = None,
    least: int = 2,
) -> Corpus:
    """Read labelled letters from one or several tables.

    Near-copies are put into one group, and groups that the table names are kept whole besides.

    Parameters
    ----------
    sources : iterable of Path
        Files that `triage.intake` reads.
    columns : Columns
        Which column is what.
    label : str
        The label's column.
    group, time : str or None
        Columns of groups and of times.
    least : int
        Letters that each label needs.

    Raises
    ------
    InputError
        If a file cannot be read or has no such column.
    DataError
        If labels are missing or too thin.
    """
    petitions: list[Petition] = []
    rows: list[Mapping[str, Any]] = []
    labels: list[str] = []
    paths = list(sources)
    for path in paths:
        parts: dict[str, str] | None = None
        for row in read_rows(path):
            if parts is None:
                named = {"label": label, "group": group, "time": time}
                own = {part: name for part, name in named.items() if name}
                parts = Columns(columns.aliases, {**own, **columns.given}).find(path, list(row))
            code = str(row.get(label) if row.get(label) is not None else "").strip()
            body = str(row.get(parts["text"]) or "")
            if not code or not body.strip():
                continue
            title = str(row.get(parts.get("title", "")) or "").strip()
            petitions.append(Petition(body=body, title=title, id=str(len(petitions) + 1)))
            rows.append(row)
            labels.append(code)
    _check(paths[0], label, labels, least)
    groups = near_copies([petition.text for petition in petitions])
    if group:
        groups = _joined(groups, [str(row.get(group)) for row in rows])
    times = [str(row.get(time) or "") for row in rows] if time else []
    if len(set(groups.tolist())) == 1:
        raise DataError("one_group", path=paths[0])
    return Corpus(petitions, rows, labels, groups, times)


def _check(path: Path, column: str, labels: Sequence[str], least: int) -> None:
    if not labels:
        raise DataError("no_labels", path=path, column=column)
    counts = Counter(labels)
    if len(counts) == 1:
        raise DataError("one_label", path=path, found=next(iter(counts))[:_SHOWN])
    thin = [code for code, count in sorted(counts.items()) if count < least]
    if thin:
        # The wrong column may hold whole letters, and no letter's text goes into an error.
        shown = ", ".join(f"{code[:_SHOWN]} ({counts[code]})" for code in thin[:_SHOWN])
        raise DataError("thin_labels", path=path, count=len(thin), found=shown, allowed=least)


def _joined(groups: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int64]:
    """Return groups that hold together what either numbering holds together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = np.unique(groups, return_inverse=True)[1]
    second = np.unique(np.array(names), return_inverse=True)[1] + len(groups)
    size = int(second.max()) + 1
    graph = coo_array((np.ones(len(groups)), (first, second)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][first], dtype=np.int64)
