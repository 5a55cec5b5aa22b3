"""The legal channel of an appeal or request: the six ways of Article 31, tried in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from triage.schema import Evidence
from triage.text import Analysis
from triage.text.cues import PolicyTable

__all__ = ["Branch", "ChannelTree"]

SCHEMA_VERSION = 1
_FILE = "channels.toml"


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    categories: frozenset[str]
    keywords: re.Pattern[str] | None
    basis: str
    tell: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to pursue a matter.

    Attributes
    ----------
    code, article : str
        Its code, and where the regulations name it.
    names, tell : Mapping[str, str]
        By language: its name, and what the clerk tells the petitioner.
    clocks : tuple of str
        The periods that run beside it.
    """

    code: str
    article: str
    names: Mapping[str, str]
    tell: Mapping[str, str]
    clocks: tuple[str, ...]


class ChannelTree:
    """The branches and the rules that lead into them.

    Parameters
    ----------
    table : Mapping
        ``channels.toml`` as read.
    categories, clocks : iterable of str
        The codes a rule may name.

    Raises
    ------
    DataError
        With every fault of the file in ``faults``.

    Source
    ------
    Regulations on Petition Work (2022) Art. 31.
    """

    def __init__(self, table: Mapping[str, Any], categories: Iterable[str], clocks: Iterable[str]) -> None:
        root = PolicyTable(table, _FILE)
        root.header(SCHEMA_VERSION, "branch")
        known, periods = frozenset(categories), frozenset(clocks)
        self.branches: list[tuple[Branch, tuple[_Rule, ...]]] = []
        for sub in root.subs("branch"):
            sub.only("code", "zh", "en", "article", "clocks", "tell_zh", "tell_en", "rule")
            for code in sub.words("clocks"):
                if code not in periods:
                    sub.fault("clocks", f"no such clock: {code}")
            branch = Branch(
                sub.text("code"), sub.text("article"), _both(sub, ""), _both(sub, "tell_"), sub.words("clocks")
            )
            self.branches.append((branch, tuple(_rule(rule, branch, known) for rule in sub.subs("rule"))))
        self._check(root)
        root.close()

    def _check(self, root: PolicyTable) -> None:
        ids = [rule.id for _, rules in self.branches for rule in rules]
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            root.fault("branch", f"rule {name} stands twice")
        if not self.branches:
            root.fault("branch", "there must be one at least")
        for branch, rules in self.branches[:-1]:
            if not rules:
                root.fault("branch", f"{branch.code} has no rule, so no letter reaches it; only the last may be so")
        if self.branches and self.branches[-1][1]:
            root.fault("branch", f"{self.branches[-1][0].code}, the last, takes what is left and needs no rule")
        caught: set[str] = set()
        for _, rules in self.branches:
            for rule in rules:
                if rule.categories and rule.categories <= caught:
                    root.fault("branch", f"rule {rule.id} cannot be reached: rules above it take all its categories")
                if rule.keywords is None:
                    caught |= rule.categories

    def __call__(self, analysis: Analysis, category: str, lang: str) -> tuple[Branch, str, tuple[Evidence, ...]]:
        """Return the branch of one letter, what its clerk says in ``lang``, and why.

        Parameters
        ----------
        analysis : Analysis
            The letter.
        category : str
            Its code.
        lang : {"zh", "en"}
        """
        for branch, rules in self.branches[:-1]:
            for rule in rules:
                if rule.categories and category not in rule.categories:
                    continue
                hit = None
                if rule.keywords is not None:
                    hit = next(
                        filter(None, (rule.keywords.search(analysis.lowered, *span) for span in analysis.requests)),
                        None,
                    )
                    if hit is None:
                        continue
                span = analysis.raw_span(*hit.span()) if hit else None
                why = Evidence("channel", "rule", rule.id, span=span, note=f"{branch.article}；{rule.basis}")
                return branch, rule.tell[lang], (why,)
        branch = self.branches[-1][0]
        return branch, branch.tell[lang], (Evidence("channel", "rule", branch.code, note=branch.article),)


def _both(table: PolicyTable, prefix: str) -> dict[str, str]:
    return {lang: table.text(prefix + lang) for lang in ("zh", "en")}


def _rule(table: PolicyTable, branch: Branch, known: frozenset[str]) -> _Rule:
    table.only("id", "categories", "keywords", "basis", "tell_zh", "tell_en")
    categories = table.words("categories")
    for code in categories:
        if code not in known:
            table.fault("categories", f"no such category: {code}")
    source = table.text("keywords", "")
    if not categories and not source:
        table.fault("keywords", "a rule needs categories or keywords")
    keywords = table.pattern("keywords", source) if source else None
    tell = {lang: table.text(f"tell_{lang}", branch.tell[lang]) for lang in ("zh", "en")}
    return _Rule(table.text("id"), frozenset(categories), keywords, table.text("basis"), tell)
