"""One normalisation of a letter's text, with a way back to the raw characters."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from triage.text.automaton import Automaton

__all__ = ["HAN", "Normalised", "Normaliser", "lower_keep_length"]

# Chinese characters, for use inside a character class.
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe00-\ufe0f\x00-\x08\x0b\x0c\x0e-\x1f\x7f\r"
# "不 想 活 了": a single character set apart from others, as typed to be overlooked or for emphasis.
_APART = rf"(?P<apart> (?:(?<=[{HAN}] )(?=[{HAN}](?:[^{HAN}]|$))|(?<=[^{HAN}][{HAN}] )(?=[{HAN}])))"
_MARKS = "!?。,;:~-=_*#.·、^"
_WIDE_MARKS = tuple((mark, chr(ord(mark) - 0xFEE0)) for mark in "，！？：；（）")
_REPEATED = rf"(?P<repeat>(?P<mark>[{re.escape(_MARKS)}])(?P=mark)+|\s{{2,}})"
# Copies from old forums carry control noise between characters: at least two symbols, no word of three letters, and
# not just figures ("10%~15%", "1#,2#").
_FIGURES = rf"(?=[ -~]{{0,13}}\d)[-+.,:%~#$&*/()\d ]+[{HAN}]"
_NOISE = (
    rf"(?P<noise>(?<=[{HAN}])(?!{_FIGURES})(?![^{HAN}]*[A-Za-z]{{3}})"
    rf"(?=[ -~]{{0,13}}[!^&$#@%~|`][ -~]{{0,12}}[!^&$#@%~|`])[ -~]{{4,14}}(?=[{HAN}]))"
)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and where each of its characters stood in the raw one.

    Attributes
    ----------
    text : str
        The normalised text.
    offsets : array of int or None
        Raw index of every character, ``len(text) + 1`` of them, rising; None where nothing moved.
    """

    text: str
    offsets: array[int] | None

    def over(self, earlier: Normalised) -> Normalised:
        """Return the same text with its way back through an earlier step, whose text this one was made of."""
        if self.offsets is None or earlier.offsets is None:
            return Normalised(self.text, earlier.offsets if self.offsets is None else self.offsets)
        return Normalised(self.text, array("l", [earlier.offsets[place] for place in self.offsets]))

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the raw text that ``text[start:end]`` came from."""
        if self.offsets is None:
            return start, end
        if end <= start:
            return self.offsets[start], self.offsets[start]
        # The next character's start would swallow what was dropped in between.
        return self.offsets[start], max(self.offsets[end - 1] + 1, self.offsets[start] + 1)


def lower_keep_length(text: str) -> str:
    """Return the text in lower case, every character still at its place."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _ranges(chars: Sequence[str]) -> str:
    """Return rising characters as ranges of a character class, which compile sooner than each alone."""
    cuts = [place for place in range(1, len(chars)) if ord(chars[place]) != ord(chars[place - 1]) + 1]
    edges = zip([0, *cuts], [*cuts, len(chars)], strict=True)
    return "".join(f"{re.escape(chars[first])}-{re.escape(chars[last - 1])}" for first, last in edges)


@cache
def _tables() -> tuple[dict[int, str], dict[str, str]]:
    """Return the table of one-to-one foldings and that of characters which become none or several."""
    import opencc

    single: dict[str, str] = {}
    other: dict[str, str] = {}
    for code in range(0x80, 0x30000):
        if 0xD800 <= code < 0xF900 or 0xAC00 <= code < 0xD7B0:
            continue
        char = chr(code)
        folded = unicodedata.normalize("NFKC", char)
        if folded != char:
            (single if len(folded) == 1 else other)[char] = folded
    han = [chr(code) for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0xF900, 0xFB00))]
    folded_han = [single.get(char, char) for char in han]
    for char, plain in zip(han, opencc.OpenCC("t2s").convert("\n".join(folded_han)).split("\n"), strict=True):
        if plain != char and len(plain) == 1:
            single[char] = plain
    # Radicals and compatibility forms fold to characters that are traditional themselves.
    single = {char: single.get(plain, plain) for char, plain in single.items()}
    single.update({"「": "“", "」": "”", "『": "“", "』": "”", "〇": "零", "…": ".", "‥": "."})
    return {ord(char): plain for char, plain in single.items()}, other


class Normaliser:
    """Fold a text to one spelling.

    Compatibility forms (NFKC), full width, traditional characters (character by character, OpenCC ``t2s``),
    invisible characters, forum noise, repeated marks and the misspellings of the lexicon.

    Parameters
    ----------
    misspellings : Mapping[str, str]
        Wrong spelling to right one.
    """

    def __init__(self, misspellings: Mapping[str, str]) -> None:
        self._single, self._other = _tables()
        self._misspellings = dict(misspellings)
        several = f"(?P<several>[{re.escape(''.join(self._other))}])"
        common = [r"(?P<line>\r(?!\n)\s*)", f"(?P<drop>[{_INVISIBLE}]|_x000D_)", _APART, _REPEATED]
        if self._misspellings:
            longest_first = sorted(self._misspellings, key=lambda word: (-len(word), word))
            common.append("(?P<word>" + "|".join(map(re.escape, longest_first)) + ")")
        self._common = re.compile("|".join(common))
        self._rare = re.compile("|".join([several, _NOISE, *common]))
        self._needs_rare = frozenset(self._other) | frozenset("^&$#@%~|`")
        # Few letters need more than their marks in half width: no edit but at other characters and at these words.
        plain = (chr(code) for code in (10, *range(0x21, 0x7F), *map(ord, "‘’“”、。《》"), *range(0x4E00, 0xA000)))
        kept = [char for char in plain if ord(char) not in self._single and char not in self._needs_rare]
        self._unusual = re.compile(f"[^{_ranges(kept)}]")
        self._words = Automaton([*self._misspellings, *(2 * mark for mark in (*_MARKS, "\n")), "_x000D_"])

    def __call__(self, raw: str) -> Normalised:
        """Normalise one text."""
        plain = raw
        for mark, half in _WIDE_MARKS:
            plain = plain.replace(mark, half)
        if not self._unusual.search(plain) and not self._words(plain):
            return Normalised(plain, None)
        first, hidden = self._fold(raw.translate(self._single))
        if not hidden:
            return first
        # What stood apart only because of an invisible character has met now.
        second, _ = self._fold(first.text)
        return second.over(first)

    def _fold(self, text: str) -> tuple[Normalised, bool]:
        """Return a text after one search, and whether it held invisible characters besides carriage returns."""
        pieces: list[str] = []
        offsets: array[int] = array("l")
        moved = hidden = False
        last = 0
        # Most letters hold none of the characters that make the slow half of the search necessary.
        edits = self._common if self._needs_rare.isdisjoint(text) else self._rare
        for match in edits.finditer(text):
            start, end = match.span()
            new = self._replacement(match)
            pieces += (text[last:start], new)
            offsets.extend(range(last, start))
            hidden |= match.lastgroup == "drop" and match.group() != "\r"
            moved |= len(new) != end - start
            if match.lastgroup == "word" and new:
                # The last character answers for all that is left, so that the whole word maps to the whole word.
                offsets.extend([*(min(start + place, end - 1) for place in range(len(new) - 1)), end - 1])
            else:
                offsets.extend([start] * len(new))
            last = end
        if not pieces:
            return Normalised(text, None), False
        pieces.append(text[last:])
        joined = "".join(pieces)
        if not moved:
            return Normalised(joined, None), hidden
        offsets.extend(range(last, len(text) + 1))
        return Normalised(joined, offsets), hidden

    def _replacement(self, match: re.Match[str]) -> str:
        kind, found = match.lastgroup, match.group()
        if kind == "word":
            return self._misspellings[found]
        if kind == "several":
            return self._other[found].translate(self._single)
        if kind == "line":
            return "\n"
        if kind == "repeat":
            return "\n" if "\n" in found or "\r" in found else " " if found.isspace() else found[0]
        return "" if kind in ("drop", "apart") else " "
