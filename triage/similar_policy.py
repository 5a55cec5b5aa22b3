"""The policy of earlier letters as checked values: what ``taxonomy/similar.toml`` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triage.text.cues import PolicyTable

__all__ = ["RELATIONS", "SimilarPolicy"]

#: What an earlier letter can be, strongest first; the policy file names them.
RELATIONS = ("copy", "repeat", "joint", "alike")

SCHEMA_VERSION = 1
_FILE = "similar.toml"


@dataclass(frozen=True)
class SimilarPolicy:
    """When letters are copies, one matter, or alike; see ``taxonomy/similar.toml`` for each threshold.

    Attributes
    ----------
    names : Mapping[str, Mapping[str, str]]
        Relation to language to name.
    """

    names: Mapping[str, Mapping[str, str]]
    copy_pieces: float
    copy_characters: float
    shortest_copy: int
    repeat: float
    joint: float
    place: float
    category: float
    place_names: int
    joint_days: int
    alike: float

    @classmethod
    def from_toml(cls, policy: Mapping[str, Any]) -> SimilarPolicy:
        """Check the tables of ``taxonomy/similar.toml``.

        Raises
        ------
        DataError
            With every fault in ``faults``.
        """
        root = PolicyTable(policy, _FILE)
        root.header(SCHEMA_VERSION, "relation", "copy", "matter", "alike")
        names = {}
        for table in root.subs("relation"):
            table.only("code", "zh", "en")
            names[table.text("code")] = {"zh": table.text("zh"), "en": table.text("en")}
        if tuple(names) != RELATIONS:
            root.fault("relation", f"must be {', '.join(RELATIONS)}, each once and in this order")
        copy, matter, alike = root.sub("copy"), root.sub("matter"), root.sub("alike")
        copy.only("pieces", "characters", "shortest")
        matter.only("repeat", "joint", "place", "category", "place_names", "joint_days")
        alike.only("words")
        checked = cls(
            names,
            _share(copy, "pieces"),
            _share(copy, "characters"),
            copy.integer("shortest", 1, 1000),
            _share(matter, "repeat"),
            _share(matter, "joint"),
            _share(matter, "place"),
            _share(matter, "category"),
            matter.integer("place_names", 1, 100),
            matter.integer("joint_days", 0, 36_500),
            _share(alike, "words"),
        )
        root.close()
        return checked

    def name(self, relation: str, lang: str) -> str:
        """Return what a relation is called."""
        return self.names[relation][lang]


def _share(table: PolicyTable, key: str) -> float:
    value = table.number(key)
    if not 0 <= value <= 1:
        table.fault(key, "must be a number from 0 to 1")
    return value
