"""From category, nature and circumstances to departments: the routing table and the trace of what it tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triage.schema import Evidence, Span
from triage.taxonomy import LEVELS, Rule, Taxonomy
from triage.text import Analysis

__all__ = ["EXAMPLE_COLUMNS", "EXAMPLE_VERSION", "Circumstances", "Route", "Router"]

# ``samples/routing.csv``: letters a county knows the department of; ``also`` holds others that would do.
EXAMPLE_VERSION = 1
EXAMPLE_COLUMNS = ("id", "title", "text", "category", "nature", "department", "also")

# The first department of a row is the usual one: another leads where it is more than twice as likely (cross-validated).
_USUAL = 2.0
# Second departments within this share of the lead's score are named as assisting: two fit, so two are shown.
_ASSISTING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the routing table may ask of a letter besides its words.

    Attributes
    ----------
    category, nature : str
        Its codes.
    urgency : int
        1 to 4.
    level : str
        Level of the place it is about, one of `triage.taxonomy.LEVELS`; ``""`` where unknown.
    people : int
        Number of petitioners, 0 where unknown.
    """

    category: str
    nature: str
    urgency: int = 1
    level: str = ""
    people: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a letter goes.

    Attributes
    ----------
    department : str
        Code of the lead department.
    assisting : tuple of str
        Codes of the others that have a part in it.
    evidence : tuple of Evidence
        The row that fitted and the keyword that made it fit; before it the rows of the same category that did not,
        with status ``"exception"`` and the condition that failed.
    """

    department: str
    assisting: tuple[str, ...]
    evidence: tuple[Evidence, ...]


class Router:
    """The routing table: the first row that fits a letter decides.

    Where a row names several departments, the one whose past letters read most like this one leads.

    Parameters
    ----------
    taxonomy : Taxonomy
        Holds the table.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._natures = taxonomy.natures
        # Rows of other categories can never fit: only a letter's own are walked.
        self._rules = {
            code: [rule for rule in taxonomy.rules if rule.category in ("", code)] for code in taxonomy.categories
        }

    def __call__(
        self, analysis: Analysis, letter: Circumstances, likely: Mapping[str, float], asking: Sequence[Span]
    ) -> Route:
        """Route one letter.

        Parameters
        ----------
        analysis : Analysis
            The letter.
        letter : Circumstances
            What else is known of it.
        likely : Mapping[str, float]
            Probability of each department by the letter's words.
        asking : sequence of Span
            Title and asking clauses in ``analysis.text``; keywords count only there, since what is asked decides.
        """
        fixed = self._natures[letter.nature].department
        if fixed:
            law = self._natures[letter.nature]
            return Route(fixed, (), (Evidence("department", "rule", letter.nature, note=law.article),))
        tried: list[Evidence] = []
        for rule in self._rules[letter.category]:
            failed = _failed(rule, letter)
            span = None
            if not failed and rule.keywords is not None:
                hit = next(filter(None, (rule.keywords.search(analysis.text, *place) for place in asking)), None)
                failed = "" if hit else "keywords"
                span = analysis.raw_span(*hit.span()) if hit else None
            if failed:
                tried.append(Evidence("department", "rule", rule.id, "exception", note=failed))
                continue
            why = Evidence("department", "rule", rule.id, span=span, note=rule.basis)
            return _choose(rule, likely, (*tried, why))
        raise LookupError(f"no routing row for category {letter.category!r}")  # load_taxonomy makes this unreachable


def _failed(rule: Rule, letter: Circumstances) -> str:
    """Return the first condition of a row, keywords apart, that a letter does not meet; ``""`` if it meets all."""
    if rule.nature not in ("", letter.nature):
        return "nature"
    if letter.urgency < rule.urgency:
        return "urgency"
    if letter.people < rule.people:
        return "people"
    # A matter of a village is also one of its town: the row names the highest level it is for.
    if rule.level and (not letter.level or LEVELS.index(letter.level) > LEVELS.index(rule.level)):
        return "level"
    return ""


def _choose(rule: Rule, likely: Mapping[str, float], evidence: tuple[Evidence, ...]) -> Route:
    """Return the row's department that reads most like the letter, and who assists it."""
    shares = {code: likely.get(code, 0.0) * (1.0 if place else _USUAL) for place, code in enumerate(rule.departments)}
    lead, *others = sorted(shares, key=lambda code: -shares[code])
    close = [code for code in others[:1] if shares[code] >= _ASSISTING_SHARE * shares[lead] > 0]
    named = [code for code in (*close, *rule.assisting) if code != lead]
    return Route(lead, tuple(dict.fromkeys(named)), evidence)
