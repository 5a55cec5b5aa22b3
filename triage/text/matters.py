"""Where a letter turns from one matter to the next: its requests, one piece each."""

from __future__ import annotations

import re

from triage.schema import Span
from triage.text.analyse import Analysis

__all__ = ["matters"]

_LEAST = 16  # characters of a piece that can name a matter of its own
# A numbered point, or a word that opens another matter, at the start of a clause.
_TURN = re.compile(
    r"(?:^|(?<=[\n。;!?,:.]))\s{0,2}(?:(?:第[二三四五]|[二三四五][、是来]|[(][二三四五2-5][)]|[2-5][、.)](?!\d)|另外|此外|另有|"
    r"再者|其次|还有(?:一|就是|个)|再(?:有|一个|就是)|顺便|同时(?:还|也){0,1}(?:想|要|希望|请|建议|反映)|另(?:一|反映|请|建议))"
    r"|(?:second(?:ly)?|third(?:ly)?|also|another|in addition|besides|separately|my other)\b)",
    re.IGNORECASE,
)


def matters(analysis: Analysis) -> list[Span]:
    """Return the pieces of a letter that each ask for something, as spans of ``analysis.text``.

    Returns
    -------
    list of tuple of int
        Two or more pieces in order, the title with the first; empty where the letter turns to no other matter.
    """
    cuts = [match.start() for match in _TURN.finditer(analysis.text, analysis.title_end)]
    if not cuts:
        return []
    asked = [start for start, _ in analysis.asking]
    pieces: list[Span] = []
    first = 0
    for cut in [*cuts, len(analysis.text)]:
        if cut - first >= _LEAST and any(first <= start < cut for start in asked):
            pieces.append((first, cut))
            first = cut
    if pieces and pieces[-1][1] < len(analysis.text):
        pieces[-1] = (pieces[-1][0], len(analysis.text))
    return pieces if len(pieces) > 1 else []
