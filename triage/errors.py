"""The error tree: one root, stable codes, texts in Chinese and English.

The texts stand in ``messages.toml`` beside this file. Each says what was found, what is allowed and what to do;
no text ever quotes a letter.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

__all__ = ["BundleError", "DataError", "InputError", "TriageError", "message"]

LANGUAGES = ("en", "zh")


@cache
def _catalogue() -> dict[str, dict[str, str]]:
    with open(Path(__file__).with_name("messages.toml"), "rb") as file:
        return tomllib.load(file)


def message(key: str, lang: str = "en", **values: object) -> str:
    """Return the text of one message in one language.

    Parameters
    ----------
    key : str
        A table name of ``messages.toml``.
    lang : str
        ``"en"`` or ``"zh"``.
    **values : object
        The values of the text's placeholders.

    Raises
    ------
    KeyError
        If there is no such message.
    """
    return _catalogue()[key][lang].format(**values)


class TriageError(Exception):
    """Root of every error that triage raises on purpose.

    Parameters
    ----------
    code : str
        Stable code, also the key of the text in ``messages.toml``.
    **values : object
        What was found and what is allowed; never the text of a letter.
    """

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values: Mapping[str, object] = values
        super().__init__(self.text())

    def text(self, lang: str = "en") -> str:
        """Return the message in one language."""
        return message(self.code, lang, **self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.code, **self.values), (), self.__dict__  # on its way to or from a worker


class InputError(TriageError, ValueError):
    """A letter or a file that cannot be read or judged."""


class DataError(TriageError, ValueError):
    """A policy file, a lexicon or a training table with faults; ``faults`` lists each one."""

    def __init__(self, code: str, faults: tuple[str, ...] = (), **values: object) -> None:
        self.faults = faults
        super().__init__(code, **values)


class BundleError(TriageError, ValueError):
    """A model bundle that is missing, damaged or does not fit the policy files."""
