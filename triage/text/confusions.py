"""Characters that OCR takes for one another, set right where the words around leave no doubt.

The list stands in ``lexicons/confusions.toml`` of the policy folder. No correction changes the length of a text, so
that every character keeps its place on the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from triage.config import home, read_toml
from triage.errors import DataError

__all__ = ["Swaps", "corrected", "read_swaps"]

Swaps = tuple[tuple[re.Pattern[str], str], ...]

# A run of digits that must not touch a letter or another sign of the kind: a serial number may hold O and I rightly.
_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9OoQlI|〇]{3,}(?![A-Za-z0-9])")
_AS_DIGITS = str.maketrans("OoQ〇lI|", "0000111")
_MOST = 0.6  # of a run are digits already
_YEAR = re.compile(r"(?<=[一二三四五六七八九])[0Oo〇]+(?=[一二三四五六七八九年])")
_KEYS = frozenset({"seen", "meant", "after", "before", "not_after", "not_before"})


def corrected(text: str) -> str:
    """Return a text with the confusions set right; its length stays.

    Source
    ------
    domain.md 5.2: OCR text.

    Examples
    --------
    >>> corrected("自已的工资末付，周末曰期，电话l38OO001234，二O二六年")
    '自己的工资未付，周末日期，电话13800001234，二〇二六年'
    """
    for pattern, meant in _swaps(home()):
        text = pattern.sub(meant, text)
    text = _NUMBER.sub(_digits, text)
    return _YEAR.sub(lambda match: "〇" * len(match[0]), text)


def _digits(match: re.Match[str]) -> str:
    run = match[0]
    return run.translate(_AS_DIGITS) if sum("0" <= char <= "9" for char in run) > _MOST * len(run) else run


@cache
def _swaps(folder: Path) -> Swaps:
    return read_swaps(folder)


def read_swaps(folder: Path) -> Swaps:
    """Read the list of a policy folder.

    Raises
    ------
    DataError
        If it is missing, no TOML, or an entry is not of one character for one character.
    """
    path = folder / "lexicons" / "confusions.toml"
    table = read_toml(path)
    entries = table.pop("swap", [])
    faults = [f"{path.name}: {key}: is not known" for key in table.keys() - {"schema_version"}]
    if table.get("schema_version") != 1:
        faults.append(f"{path.name}: schema_version: must be 1")
    if not isinstance(entries, list):
        entries = [entries]
    faults += [
        f"{path.name}: swap {number}: needs `seen` and `meant` of one character, and a list of words"
        for number, entry in enumerate(entries, 1)
        if not _is_sound(entry)
    ]
    if faults:
        raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
    return tuple((re.compile(_pattern(entry)), entry["meant"]) for entry in entries)


def _is_sound(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    lists = [value for key, value in entry.items() if key not in ("seen", "meant")]
    return (
        entry.keys() <= _KEYS
        and all(isinstance(char := entry.get(key), str) and len(char) == 1 for key in ("seen", "meant"))
        and bool(lists)
        and all(isinstance(words, list) and all(isinstance(word, str) and word for word in words) for words in lists)
    )


def _pattern(entry: dict[str, list[str]]) -> str:
    """Return the expression of one entry."""
    seen = re.escape(str(entry["seen"]))
    barred = "".join(f"(?<!{re.escape(word)})" for word in entry.get("not_after", ()))
    ahead = _either(entry.get("not_before", ()))
    barred_ahead = f"(?!{ahead})" if ahead else ""
    behind = [f"(?<={re.escape(word)}){seen}" for word in entry.get("after", ())]
    following = _either(entry.get("before", ()))
    either = [*behind, *([f"{seen}(?={following})"] if following else [])]
    return f"{barred}(?:{'|'.join(either) or seen}){barred_ahead}"


def _either(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))
