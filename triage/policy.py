"""An office's policy folder as one checked whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.accused import AccusedFinder
from triage.channels import ChannelTree
from triage.config import home, read_csv, read_toml
from triage.errors import DataError
from triage.facts import FactFinder
from triage.levels import Levels
from triage.office import Office
from triage.place import Gazetteer, PlaceFinder, PlacePolicy
from triage.privacy import PrivacyFinder
from triage.similar_policy import SimilarPolicy
from triage.taxonomy import Taxonomy, load_taxonomy
from triage.text import Analyser
from triage.text.confusions import read_swaps
from triage.urgency import UrgencyRules

__all__ = ["Policy", "load_policy"]


@dataclass(frozen=True)
class Policy:
    """Everything that a policy folder says.

    Attributes
    ----------
    folder : Path
    taxonomy : Taxonomy
    facts : FactFinder
    urgency : UrgencyRules
    channels : ChannelTree
    places : PlaceFinder
    accused : AccusedFinder
    privacy : PrivacyFinder
    similar : SimilarPolicy
    office : Office or None
        Who we are, if the folder has an ``office.toml``.
    analyser : Analyser
        With the terms of the categories and of the lexicon; masks personal data first.
    term_count : int
    """

    folder: Path
    taxonomy: Taxonomy
    facts: FactFinder
    urgency: UrgencyRules
    channels: ChannelTree
    places: PlaceFinder
    accused: AccusedFinder
    privacy: PrivacyFinder
    similar: SimilarPolicy
    office: Office | None
    analyser: Analyser
    term_count: int


def load_policy(folder: str | Path | None = None) -> Policy:
    """Read a policy folder; see `triage.config.home` for which one.

    Raises
    ------
    DataError
        With every fault of every file in ``faults``.
    """
    path = home(folder)
    faults: list[str] = []

    def take(read: Callable[[], Any], default: Any = None) -> Any:
        try:
            return read()
        except DataError as error:
            faults.extend(error.faults or [error.text()])
            return default

    taxonomy = take(lambda: load_taxonomy(path))
    facts = take(lambda: FactFinder(read_toml(path / "taxonomy" / "facts.toml")))
    urgency = take(lambda: UrgencyRules(read_toml(path / "taxonomy" / "urgency.toml")))
    channels: Any = None
    places: Any = None
    accused: Any = None
    office: Any = None
    if taxonomy:
        table = take(lambda: read_toml(path / "taxonomy" / "channels.toml"), {})
        channels = take(lambda: ChannelTree(table, taxonomy.categories, taxonomy.clocks))
        accused = take(lambda: AccusedFinder.load(path, taxonomy.departments))
        rules = take(lambda: PlacePolicy.load(path))
        levels = take(lambda: Levels.load(path, taxonomy.categories, taxonomy.departments))
        if rules and levels and (path / "office.toml").is_file():
            office = take(lambda: Office.load(path / "office.toml", rules, levels))
        own = (path / "gazetteer.csv").is_file()
        listed = take(lambda: Gazetteer.load(path / "gazetteer.csv")) if own else None
        places = PlaceFinder(rules, listed, office) if rules else None
    privacy = take(lambda: PrivacyFinder(read_toml(path / "taxonomy" / "privacy.toml")))
    similar = take(lambda: SimilarPolicy.from_toml(read_toml(path / "taxonomy" / "similar.toml")))
    words = take(lambda: _words(path / "lexicons" / "terms.txt"), set())
    misspellings = take(lambda: _misspellings(path / "lexicons" / "misspellings.csv"), {})
    take(lambda: _check_columns(path / "lexicons" / "columns.toml"))
    take(lambda: read_swaps(path))
    if faults:
        raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
    words |= {term for category in taxonomy.categories.values() for term in category.terms}
    analyser = Analyser(words, misspellings, hider=privacy)
    return Policy(
        path, taxonomy, facts, urgency, channels, places, accused, privacy, similar, office, analyser, len(words)
    )


def _words(path: Path) -> set[str]:
    if not path.is_file():
        raise DataError("policy_missing", path=path)
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def _misspellings(path: Path) -> dict[str, str]:
    rows = read_csv(path, ("wrong", "right"))
    faults = [f"{path.name}: row {number}: empty cell" for number, row in enumerate(rows, 2) if not all(row.values())]
    if faults:
        raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
    return {row["wrong"]: row["right"] for row in rows}


def _check_columns(path: Path) -> None:
    """Refuse headings that are not lists of text."""
    parts = read_toml(path)
    parts.pop("schema_version", None)
    faults = [
        f"{path.name}: {part}: must be a list of texts"
        for part, names in parts.items()
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names)
    ]
    if "text" not in parts:
        faults.append(f"{path.name}: text: is missing")
    if faults:
        raise DataError("policy_faults", tuple(faults), path=path, count=len(faults))
