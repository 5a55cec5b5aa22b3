"""Which matters a township office leads itself, and which the county department: the table ``levels.csv``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from triage.config import read_csv
from triage.errors import DataError
from triage.taxonomy import Department

__all__ = ["LevelRow", "Levels"]

SCHEMA_VERSION = 1
_COLUMNS = ("category", "township_office_zh", "township_office_en", "township_role", "county_department", "basis")


class LevelRow(NamedTuple):
    """One row: the township's office for a matter, whether it leads, and the county department."""

    category: str
    zh: str
    en: str
    leads: bool
    department: str
    basis: str


class Levels:
    """Which matters a township office leads itself, and which a county department.

    Parameters
    ----------
    rows : iterable of LevelRow
        Several rows of one category are told apart by their county department; the first is the usual one.
    departments : Mapping of str to Department
        The county's departments by code.
    """

    def __init__(self, rows: Iterable[LevelRow], departments: Mapping[str, Department]) -> None:
        self.departments = departments
        self._rows: dict[str, list[LevelRow]] = {}
        for row in rows:
            self._rows.setdefault(row.category, []).append(row)

    @classmethod
    def load(cls, folder: Path, categories: Collection[str], departments: Mapping[str, Department]) -> Levels:
        """Read ``taxonomy/levels.csv`` of a policy folder.

        Raises
        ------
        DataError
            With every fault in ``faults``: unknown codes or roles, a category without a row.
        """
        path = folder / "taxonomy" / "levels.csv"
        rows, faults = [], []
        for number, cells in enumerate(read_csv(path, _COLUMNS, SCHEMA_VERSION), 3):
            where = f"{path.name}: row {number}"
            role = cells["township_role"]
            rows.append(
                LevelRow(
                    cells["category"], cells["township_office_zh"], cells["township_office_en"], role == "leads",
                    cells["county_department"], cells["basis"],
                )
            )  # fmt: skip
            if role not in ("leads", "assists"):
                faults.append(f"{where}: township_role {role!r} is not one of leads, assists")
            if cells["category"] not in categories:
                faults.append(f"{where}: category {cells['category']!r} does not exist")
            if cells["county_department"] not in ("", *departments):
                faults.append(f"{where}: county_department {cells['county_department']!r} does not exist")
            faults += [f"{where}: {key} is empty" for key in _COLUMNS[1:3] if not cells[key]]
        named = {row.category for row in rows}
        faults += [f"{path.name}: category {code} has no row" for code in categories if code not in named]
        keys = Counter((row.category, row.department) for row in rows)
        faults += [f"{path.name}: {' '.join(key)}: stands twice" for key, count in keys.items() if count > 1]
        if faults:
            raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
        return cls(rows, departments)

    def row(self, category: str, department: str) -> tuple[LevelRow, bool]:
        """Return the row of a category and department, or the category's usual one and False."""
        rows = self._rows[category]
        exact = next((row for row in rows if row.department == department), None)
        return exact or rows[0], exact is not None
