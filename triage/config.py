"""Where the policy files are, and how one is read."""

from __future__ import annotations

import csv
import os
import tomllib
from pathlib import Path
from typing import Any

from triage.errors import DataError

__all__ = ["home", "models_home", "read_csv", "read_toml", "shipped_vectors"]

_PACKAGE = Path(__file__).parent


def _shipped(name: str) -> Path:
    """Return a folder of the project: inside an installed package, or beside the package in a checkout."""
    installed = _PACKAGE / "_home" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def home(folder: str | Path | None = None) -> Path:
    """Return the policy folder: the argument, else ``TRIAGE_HOME``, else the shipped one.

    Raises
    ------
    DataError
        If it holds no ``taxonomy`` folder.
    """
    chosen = Path(folder or os.environ.get("TRIAGE_HOME") or _shipped("data"))
    if not (chosen / "taxonomy").is_dir():
        raise DataError("no_policy_folder", path=chosen)
    return chosen


def models_home() -> Path:
    """Return the folder that holds the shipped bundles."""
    return _shipped("models")


def shipped_vectors() -> Path:
    """Return the folder of the word-vector table; a policy folder need not carry one."""
    return _shipped("data") / "embeddings"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DataError
        If it is missing or not TOML; the message names the file and the place in it.
    """
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise DataError("policy_missing", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError("policy_unreadable", path=path, fault=error) from None


def read_csv(path: Path, columns: tuple[str, ...], schema_version: int | None = None) -> list[dict[str, str]]:
    """Read a CSV file with exactly these columns.

    With a ``schema_version`` its first line must be ``# schema_version = N``.

    Raises
    ------
    DataError
        If it is missing, is not UTF-8, has another version or other columns.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if schema_version is not None:
                first = file.readline().strip().rstrip(",")  # a spreadsheet fills the line up with commas
                if first.replace(" ", "") != f"#schema_version={schema_version}":
                    allowed = f"# schema_version = {schema_version}"
                    raise DataError("policy_version", path=path, found=first, allowed=allowed)
            reader = csv.DictReader(file)
            found = tuple(reader.fieldnames or ())
            if found != columns:
                raise DataError("policy_columns", path=path, found=", ".join(found), allowed=", ".join(columns))
            return [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except FileNotFoundError:
        raise DataError("policy_missing", path=path) from None
    except UnicodeDecodeError as error:
        raise DataError("policy_unreadable", path=path, fault=error) from None
