"""Which column of a table is what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from triage.config import read_toml
from triage.errors import InputError

__all__ = ["Columns"]


@dataclass(frozen=True)
class Columns:
    """Headings of the parts of a letter.

    Attributes
    ----------
    aliases : Mapping[str, Sequence[str]]
        Part to the headings it may have, best first.
    given : Mapping[str, str]
        Part to the heading the user named.
    """

    aliases: Mapping[str, Sequence[str]]
    given: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, **given: str | None) -> Columns:
        """Read ``lexicons/columns.toml`` of a policy folder.

        Parameters
        ----------
        folder : Path
            The policy folder.
        **given : str or None
            Headings that the user names: ``id``, ``title``, ``text``, ``date``.
        """
        aliases = read_toml(folder / "lexicons" / "columns.toml")
        aliases.pop("schema_version", None)
        return cls(aliases, {part: name for part, name in given.items() if name})

    def find(self, path: Path, headings: Sequence[str]) -> dict[str, str]:
        """Return part to heading for one table.

        Raises
        ------
        InputError
            If a heading that the user named is missing, or none holds the text.
        """
        for part, name in self.given.items():
            if name not in headings:
                raise InputError("no_column", path=path, wanted=name, found=", ".join(headings), option=part)
        found = self.match(headings)
        if "text" not in found:
            raise InputError("no_column", path=path, wanted="text", found=", ".join(map(str, headings)), option="text")
        return found

    def match(self, headings: Sequence[str]) -> dict[str, str]:
        """Return part to heading as far as there are any."""
        folded = {str(heading).strip().lower(): heading for heading in reversed(headings)}
        found = dict(self.given)
        for part, names in self.aliases.items():
            match = next((folded[name.lower()] for name in names if name.lower() in folded), None)
            if part not in found and match is not None and match not in found.values():
                found[part] = match
        return found
