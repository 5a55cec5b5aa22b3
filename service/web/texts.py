"""The words of the pages, in both languages; ``texts*.toml`` beside this file."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

__all__ = ["LANGUAGES", "texts", "word"]

LANGUAGES = ("zh", "en")
_HERE = Path(__file__).parent


@cache
def texts() -> dict[str, dict[str, str]]:
    """Return every text by its key, such as ``queue.title``; each stands in both languages.

    Raises
    ------
    ValueError
        If a text lacks a language, or stands twice.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(_HERE.glob("texts*.toml")):
        for section, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for name, text in entries.items():
                key = f"{section}.{name}"
                if set(text) != set(LANGUAGES) or not all(text.values()):
                    raise ValueError(f"{path.name}: {key}: needed are {', '.join(LANGUAGES)}")
                if key in found:
                    raise ValueError(f"{path.name}: {key}: stands twice")
                found[key] = text
    return found


def word(lang: str, key: str, **values: object) -> str:
    """Return a text in one language.

    Raises
    ------
    KeyError
        If there is none of this key.
    """
    text = texts()[key][lang]
    return text.format(**values) if values else text
