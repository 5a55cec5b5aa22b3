"""The words of a summary."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from triage.config import read_toml

__all__ = ["Words", "figures_to_fill"]

_FOLDER = Path(__file__).parent


@cache
def _read(name: str) -> dict[str, Any]:
    return read_toml(_FOLDER / name)


class Words:
    """The texts of one language; ``words("key", value=...)`` fills one in."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def __call__(self, key: str, **values: object) -> str:
        return str(_read("texts.toml")[key][self.lang]).format(**values)

    def known(self, key: str) -> str:
        """Return a text, or ``""`` where there is none."""
        return str(_read("texts.toml").get(key, {}).get(self.lang, ""))


def figures_to_fill(lang: str, columns: frozenset[str]) -> list[tuple[str, str]]:
    """Return each figure that columns cannot give, and what it needs."""
    return [
        (entry[lang], entry[f"needs_{lang}"])
        for entry in _read("missing.toml")["figure"]
        if not entry["columns"] or not columns >= set(entry["columns"])
    ]
