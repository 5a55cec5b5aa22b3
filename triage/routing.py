"""From category, nature and words to departments, channel and the reasons for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from triage.schema import Evidence, Span
from triage.taxonomy import Taxonomy
from triage.text import Analysis

__all__ = ["Route", "Router"]

# The first department of a row is the usual one: another leads where it is more than twice as likely (cross-validated).
_USUAL = 2.0
# Second departments within this share of the lead's score are named as assisting: two fit, so two are shown.
_ASSISTING_SHARE = 0.5


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
        The row that fitted and the keyword that made it fit.
    """

    department: str
    assisting: tuple[str, ...]
    evidence: tuple[Evidence, ...]


class Router:
    """The routing table at work: the first row that fits a letter decides.

    Where a row names several departments, the one whose past letters read most like this one leads.

    Parameters
    ----------
    taxonomy : Taxonomy
        Holds the table.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._rules = taxonomy.rules
        self._natures = taxonomy.natures

    def __call__(
        self, analysis: Analysis, category: str, nature: str, likely: Mapping[str, float], asking: list[Span]
    ) -> Route:
        """Route one letter.

        Parameters
        ----------
        analysis : Analysis
            The letter.
        category, nature : str
            Its codes.
        likely : Mapping[str, float]
            Probability of each department by the letter's words.
        asking : list of Span
            Title and asking clauses in ``analysis.text``; keywords count only there, since what is asked decides.
        """
        fixed = self._natures[nature].department
        if fixed:
            law = self._natures[nature]
            return Route(fixed, (), (Evidence("department", "rule", nature, note=law.article),))
        for rule in self._rules:
            if rule.category not in ("", category) or rule.nature not in ("", nature):
                continue
            hit = None
            if rule.keywords is not None:
                hit = next(filter(None, (rule.keywords.search(analysis.text, *span) for span in asking)), None)
                if hit is None:
                    continue
            shares = {
                code: likely.get(code, 0.0) * (1.0 if place else _USUAL) for place, code in enumerate(rule.departments)
            }
            lead, *others = sorted(shares, key=lambda code: -shares[code])
            close = [code for code in others[:1] if shares[code] >= _ASSISTING_SHARE * shares[lead] > 0]
            named = [code for code in (*close, *rule.assisting) if code != lead]
            span = analysis.raw_span(*hit.span()) if hit else None
            return Route(
                lead,
                tuple(dict.fromkeys(named)),
                (Evidence("department", "rule", rule.id, span=span, note=rule.basis),),
            )
        raise LookupError(f"no routing row for category {category!r}")  # load_taxonomy makes this unreachable
