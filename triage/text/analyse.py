"""The one analysis of a letter that all signals share."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from triage.schema import Petition, Span
from triage.text.automaton import Automaton
from triage.text.normalise import HAN, Normalised, Normaliser, lower_keep_length
from triage.text.segment import Segmenter

if TYPE_CHECKING:
    from spacy.tokens import Doc

__all__ = ["Analyser", "Analysis", "language"]

_HAN = re.compile(f"[{HAN}]+")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]+")
# Between the marks; the second expression is for texts with full stops, which may be those of numbers and short forms.
_CLAUSE = re.compile(r"[^,。;!?、\n:]+"), re.compile(r"[,。;!?、\n:]|(?<![A-Za-z])\.|\.(?=\s|$)")
_SENTENCE = re.compile(r"[^。;!?\n]+"), re.compile(r"[。;!?\n]|\.(?=\s|$)")

_ASKING = Automaton(
    [
        "要求", "请求", "恳请", "恳求", "希望", "盼", "望", "建议", "请问", "咨询", "投诉", "举报", "反映", "诉求",
        "能否", "能不能", "可否", "是否", "怎么", "如何", "什么时候", "何时", "求助", "帮", "解决", "请",
    ]
)  # fmt: skip
_ASKING_LATIN = re.compile(
    r"\b(?:ask|request|want|hope|please|suggest|demand|beg|would like|how|when|whether|complain|report)", re.IGNORECASE
)


def language(text: str) -> str:
    """Return ``"zh"``, ``"en"``, ``"mixed"`` or ``"none"``: which words the text is made of."""
    han = sum(map(len, _HAN.findall(text)))
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
    personal : sequence
        What the analyser's `Hider` found in the raw text and masked in ``text``.
    """

    def __init__(
        self, petition: Petition, normalised: Normalised, title_end: int, analyser: Analyser, personal: Sequence[Any]
    ) -> None:
        self.petition = petition
        self.personal = personal
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

    def part(self, start: int, end: int) -> Analysis:
        """Return the analysis of ``text[start:end]`` alone: cut no second time, and without a way back."""
        own = copy(self)
        for name in [name for name in own.__dict__ if isinstance(getattr(Analysis, name, None), cached_property)]:
            del own.__dict__[name]
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        own.text, own.title_end = self.text[start:end], max(0, self.title_end - start)
        own.words, own.starts = self.words[first:last], [place - start for place in self.starts[first:last]]
        return own

    @cached_property
    def lowered(self) -> str:
        """The text in lower case, every character at its place."""
        return lower_keep_length(self.text)

    @cached_property
    def clauses(self) -> list[Span]:
        """Spans between commas, stops and line ends."""
        return _pieces(*_CLAUSE, self.text)

    @cached_property
    def sentences(self) -> list[Span]:
        """Spans between full stops and line ends."""
        return _pieces(*_SENTENCE, self.text)

    @cached_property
    def asking(self) -> list[Span]:
        """Spans of the body's clauses that ask for something."""
        text, first = self.text, self.title_end
        places = [start for _, start, _ in _ASKING(text)]
        if _LATIN_WORD.search(text):
            places += [match.start() for match in _ASKING_LATIN.finditer(text)]
        places.sort()
        return [
            span
            for span in self.clauses
            if span[0] >= first and bisect_left(places, span[0]) < bisect_left(places, span[1])
        ]

    @cached_property
    def requests(self) -> list[Span]:
        """Title and the body's sentences that ask for something: what is asked decides, not what is narrated."""
        asking = iter([*self.asking, (len(self.text), len(self.text))])
        start, _ = next(asking)
        found = [(0, self.title_end)] if self.title_end else []
        for first, last in self.sentences:
            if first <= start < last:
                found.append((first, last))
            while start < last:
                start, _ = next(asking)
        return found

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


def _pieces(inner: re.Pattern[str], ends: re.Pattern[str], text: str) -> list[Span]:
    if "." not in text:
        return [match.span() for match in inner.finditer(text)]
    spans, last = [], 0
    for match in ends.finditer(text):
        if match.start() > last:
            spans.append((last, match.start()))
        last = match.end()
    if last < len(text):
        spans.append((last, len(text)))
    return spans


class Hider(Protocol):
    """Finds what must not be read on, and masks it."""

    def __call__(self, text: str) -> Sequence[Any]:
        """Return what is to be hidden."""

    def hide(self, text: str, found: Sequence[Any]) -> Normalised:
        """Return the text without it."""


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
    hider : Hider or None
        Masks personal data first, so that nothing after it ever reads a name or a number of a person.
    """

    def __init__(
        self,
        terms: Iterable[str] = (),
        misspellings: Mapping[str, str] | None = None,
        backend: str | None = None,
        hider: Hider | None = None,
    ) -> None:
        self._hider = hider
        self.segmenter = Segmenter(terms, backend)
        self.normalise = Normaliser(misspellings or {})
        self._blank: dict[str, Any] = {}
        self._lemmas: Any = None

    def __call__(self, petition: Petition) -> Analysis:
        """Analyse one letter."""
        personal = self._hider(petition.text) if self._hider else ()
        if self._hider and personal:
            masked = self._hider.hide(petition.text, personal)
            normalised = self.normalise(masked.text).over(masked)
        else:
            normalised = self.normalise(petition.text)
        places, length = normalised.offsets, len(petition.title)
        end = length if places is None else bisect_left(places, length)
        return Analysis(petition, normalised, len(normalised.text[:end].rstrip()), self, personal)

    def chinese(self, text: str) -> tuple[list[str], list[int]]:
        """Return words and where they start; Latin words lower-case."""
        words = self.segmenter.cut(text)
        starts = [0, *accumulate(map(len, words))]
        starts.pop()
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
