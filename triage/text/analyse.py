"""The one analysis of a letter that all signals share."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from triage.schema import Petition, Span
from triage.text.normalise import Normalised, Normaliser
from triage.text.segment import Segmenter

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["Analyser", "Analysis", "language"]

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]+")
_CLAUSE_END = re.compile(r"[,。;!?、\n:]|(?<![A-Za-z])\.|\.(?=\s|$)")
_SENTENCE_END = re.compile(r"[。;!?\n]|\.(?=\s|$)")


def language(text: str) -> str:
    """Return ``"zh"``, ``"en"``, ``"mixed"`` or ``"none"``: which words the text is made of."""
    han = len(_HAN.findall(text))
    latin = len(_LATIN_WORD.findall(text))
    if not han and not latin:
        return "none"
    share = han / (han + 2 * latin)
    return "zh" if share > 0.7 else "en" if share < 0.15 else "mixed"


class Analysis:
    """A letter after one normalisation and one segmentation.

    Attributes
    ----------
    petition : Petition
        The letter as it came in.
    text : str
        Its normalised text, title first.
    title_end : int
        Where the title ends in ``text``; 0 without one.
    lang : str
        ``"zh"``, ``"en"``, ``"mixed"`` or ``"none"``.
    words : list of str
        The words in order, English ones as lower-case lemmas.
    starts : list of int
        Where each word starts in ``text``.
    """

    def __init__(self, petition: Petition, normalised: Normalised, title_end: int, analyser: Analyser) -> None:
        self.petition = petition
        self._normalised = normalised
        self._analyser = analyser
        self.text = normalised.text
        self.title_end = title_end
        self.lang = language(self.text)
        if self.lang == "en":
            self.words, self.starts = analyser.english(self.text)
        else:
            self.words, self.starts = analyser.chinese(self.text)

    def raw_span(self, start: int, end: int) -> Span:
        """Return where ``text[start:end]`` stands in ``petition.text``."""
        return self._normalised.raw(start, end)

    @cached_property
    def clauses(self) -> list[Span]:
        """Spans between commas, stops and line ends."""
        return _pieces(_CLAUSE_END, self.text)

    @cached_property
    def sentences(self) -> list[Span]:
        """Spans between full stops and line ends."""
        return _pieces(_SENTENCE_END, self.text)

    @cached_property
    def every_word(self) -> list[str]:
        """Every dictionary word of the text, overlapping ones too (jieba's full mode); the words in English."""
        return self.words if self.lang == "en" else self._analyser.segmenter.cut_all(self.text)

    @cached_property
    def doc(self) -> Doc:
        """The same words as a spaCy ``Doc``, for whoever builds on spaCy."""
        from spacy.tokens import Doc

        vocab = self._analyser.blank("en" if self.lang == "en" else "zh").vocab
        surfaces, spaces = [], []
        for place, start in enumerate(self.starts):
            end = self.starts[place + 1] if place + 1 < len(self.starts) else len(self.text)
            surface = self.text[start:end]
            surfaces.append(surface.rstrip(" ") or surface)
            spaces.append(surface != surfaces[-1] and surface.endswith(" "))
        doc = Doc(vocab, words=surfaces, spaces=spaces)
        for token, word in zip(doc, self.words, strict=True):
            token.lemma_ = word
        return doc


def _pieces(ends: re.Pattern[str], text: str) -> list[Span]:
    spans, last = [], 0
    for match in ends.finditer(text):
        if match.start() > last:
            spans.append((last, match.start()))
        last = match.end()
    if last < len(text):
        spans.append((last, len(text)))
    return spans


class Analyser:
    """Turn petitions into analyses.

    Parameters
    ----------
    terms : iterable of str
        Words of the field that the segmenter keeps whole.
    misspellings : Mapping[str, str]
        Wrong spelling to right one.
    backend : str or None
        Passed to `Segmenter`.
    """

    def __init__(
        self, terms: Iterable[str] = (), misspellings: Mapping[str, str] | None = None, backend: str | None = None
    ) -> None:
        self.segmenter = Segmenter(terms, backend)
        self.normalise = Normaliser(misspellings or {})
        self._blank: dict[str, Any] = {}
        self._lemmas: Any = None

    def __call__(self, petition: Petition) -> Analysis:
        """Analyse one letter."""
        normalised = self.normalise(petition.text)
        places, length = normalised.offsets, len(petition.title)
        end = length if places is None else bisect_left(places, length)
        return Analysis(petition, normalised, len(normalised.text[:end].rstrip()), self)

    def chinese(self, text: str) -> tuple[list[str], list[int]]:
        """Return words and where they start; Latin words lower-case."""
        words, starts, place = self.segmenter.cut(text), [], 0
        for word in words:
            starts.append(place)
            place += len(word)
        return [word.lower() if word.isascii() else word for word in words], starts

    def english(self, text: str) -> tuple[list[str], list[int]]:
        """Return lemmas and where their words start."""
        if self._lemmas is None:
            from spacy.lookups import load_lookups

            self._lemmas = load_lookups("en", ["lemma_lookup"]).get_table("lemma_lookup")
        words, starts = [], []
        for token in self.blank("en").make_doc(text):
            lower = token.lower_
            words.append(self._lemmas.get(lower, lower))
            starts.append(token.idx)
        return words, starts

    def blank(self, lang: str) -> Any:
        """Return spaCy's blank pipeline of a language, made once."""
        if lang not in self._blank:
            import spacy

            self._blank[lang] = spacy.blank("en") if lang == "en" else _blank_chinese()
        return self._blank[lang]


def _blank_chinese() -> Any:
    from spacy.lang.zh import Chinese

    return Chinese()
