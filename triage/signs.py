"""What rules and facts saw in a letter, as words that a model can weigh beside the letter's own."""

from __future__ import annotations

from triage.facts import Facts
from triage.urgency import UrgencyFinding

__all__ = ["signs"]

_CROWDS = (5, 10, 30, 50, 100)


def signs(rules: UrgencyFinding, facts: Facts) -> list[str]:
    """Return one word for each criterion seen, with why it did not fire, and for each fact.

    A model that reads them learns how far each rule can be trusted, and what near-misses are worth.
    """
    found = {f"{item.id}:{item.status}" for item in rules.evidence}
    found.add(f"level:{rules.level}")
    found |= {name for name in ("collective", "repeat") if getattr(facts, name)}
    people = max(facts.persons or 0, facts.households or 0)
    found |= {f"people:{size}" for size in _CROWDS if people >= size}
    if facts.visits:
        found.add("visits")
    return sorted(found)
