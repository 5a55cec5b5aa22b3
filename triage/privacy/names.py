"""Names of persons in Chinese and English, by surname, the words around, and what given names are made of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise

from triage.privacy.numbers import HIDDEN_ANY, HIDDEN_NAME, Found, any_char, any_of, text_before
from triage.schema import Span
from triage.text.automaton import Automaton
from triage.text.cues import PolicyTable
from triage.text.normalise import HAN

__all__ = ["ChineseNames", "EnglishNames", "repeated"]

_IS_HAN = re.compile(f"[{HAN}{HIDDEN_ANY}]")
_ENDS = re.compile(f"(?![{HAN}{HIDDEN_ANY}·])")
_NICKS = ("小", "老")
_DOTS = "·•・‧"
_PARTED = re.compile(f"[ 　]{{1,2}}[{HAN}]{{1,2}}(?![{HAN}{HIDDEN_ANY}·])")
_LINKS = ' 　::是为叫“"(（《_'
_LINK = re.compile('[ 　]{0,2}(?:[::]|[是为叫])?[ 　“"(（《_]{0,3}$')
_CUE_WINDOW = 12
_LIST_BREAK = re.compile("、 ?|[,，/] ?|[ 　]{1,4}|[ 　]?\n[ 　]{0,4}|以及|[和与及]")
_LIST_BREAK_BEFORE = re.compile("(?:、 ?|[,，/] ?|[ 　]{1,4}|[ 　]?\n[ 　]{0,4}|以及|[和与及])$")
_SENTENCE_END = re.compile("[。!！?？;；\n]")
_SIGNATURE_LINES = 5
_TOKEN = re.compile("[^ 　\t、,，:：()（）]+")
_DATE = re.compile(f"[0-9〇○零一二三四五六七八九十廿元年月日号./-]{{2,20}}|[{HIDDEN_ANY}]+")
_CUT = re.compile("[A-Za-z][A-Za-z0-9]|[0-9][A-Za-z]")
_CAPITAL = re.compile("[A-Z]")
_CAPITALISED = re.compile("(?<![A-Za-z0-9])[A-Z][A-Za-z]*(?:['’-](?!s\\b)[A-Za-z]+)*(?![A-Za-z0-9])")
_LATIN_CUE_END = ' \n\t:,-("“'
_SYLLABLE = (
    "(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?"
    "(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uai|uan|ai|an|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue|ui|un|uo|[aeiouv])"
)
_TWO_SYLLABLES = re.compile(f"(?:{_SYLLABLE.replace(')?', ')', 1)}){{2}}")
_PINYIN = re.compile(f"{_SYLLABLE}(?:['’-]?{_SYLLABLE})?")


def repeated(view: str, names: Collection[str]) -> Iterator[Found]:
    """Yield every place of names found elsewhere, the longest first; Latin ones as whole words only."""
    lengths = sorted({len(name) for name in names}, reverse=True)
    last = 0
    # Not one expression of all names: a register may hold thousands.
    for match in re.finditer(any_char("".join({name[0] for name in names})), view):
        start = match.start()
        for end in [start + length for length in lengths if start >= last]:
            if view[start:end] in names and _is_whole(view, start, end):
                yield Found(start, end, "name", True)
                last = end
                break


def _is_whole(view: str, start: int, end: int) -> bool:
    """Tell whether no Latin word is cut at either side."""
    return not (_CUT.match(view, end - 1) or (start and _CUT.match(view, start - 1)))


class ChineseNames:
    """Find Chinese names.

    A surname alone proves nothing. A name needs a word before it ("我叫", "村支书") or behind it ("同志", ", 男"), a
    place in a list of names or in the signature, or two characters of which hardly anything but names is made.

    Parameters
    ----------
    table : PolicyTable
        ``[chinese]`` of the policy file.
    """

    def __init__(self, table: PolicyTable) -> None:
        table.only(
            "surnames", "weak", "particles", "compound", "given", "common_given", "stop", "soft", "told", "roles",
            "after", "titles", "never", "never_left", "place_after", "after_name", "surname_told", "surname_never",
            "nick_left", "nick_after", "nick_never", "translit", "signature_words",
        )  # fmt: skip
        singles, compound = table.text("surnames"), table.words("compound", shortest=2)
        self._surname = re.compile(f"{any_of(compound)}|{any_char(singles)}")
        self._singles = frozenset(singles)
        longest_first = sorted(compound, key=len, reverse=True)
        self._compounds = {word[0]: [own for own in longest_first if own[0] == word[0]] for word in compound}
        self._firsts = self._singles | self._compounds.keys()
        # Before two characters that names are made of, behind a mark that may follow "name", or perhaps a compound.
        first, usual = any_char("".join(sorted(self._firsts))), any_char(table.text("common_given"))
        double = any_char("".join(self._compounds))
        self._likely = re.compile(f"{first}(?:(?={usual}{{2}})|(?<={any_char(_LINKS)}.)|(?<={double}))")
        self._weak = frozenset(table.text("weak"))
        self._particles = frozenset(table.text("particles"))
        self._common = frozenset(table.text("common_given"))
        self._given = frozenset(table.text("given")) | self._common
        self._stop, self._soft = frozenset(table.text("stop")), frozenset(table.text("soft"))
        self._after_name = frozenset(table.text("after_name"))
        self._told, self._roles = table.words("told"), table.words("roles")
        self._cue_ends = frozenset(word[-1] for word in (*self._told, *self._roles)) | frozenset(_LINKS)
        after, titles = table.words("after"), table.words("titles")
        self._after = re.compile(any_of(after))
        self._title = re.compile(f"副?(?:{any_of(titles)})")
        self._never = frozenset(table.text("never").split())
        self._never_left = frozenset(table.text("never_left").split())
        self._place = re.compile(f"{any_of(table.words('place_after'))}")
        self._surname_told = table.words("surname_told")
        cues = (*self._told, *self._roles, *self._surname_told)
        self._beside, self._cues = Automaton([*cues, *after, *titles, *("副" + title for title in titles)]), len(cues)
        self._surname_never = table.words("surname_never")
        self._nick = re.compile(f"[小老阿](?<!{any_char(table.text('nick_left'))}[小老阿])(?=[{HAN}])")
        self._nick_after = re.compile(f"(?![{HAN}{HIDDEN_ANY}])|[头汉太]?(?:{any_of(table.words('nick_after'))})")
        self._nick_never = frozenset(table.text("nick_never").split())
        sound = any_char(table.text("translit"))
        self._dotted = re.compile(f"{sound}{{1,8}}(?:[{_DOTS}]{sound}{{1,8}}){{1,3}}")
        self._signature_words = frozenset(table.words("signature_words"))
        self.stages = (self._dotted_names, self._names, self._nicknames, self._signatures)

    def _dotted_names(self, view: str) -> Iterator[Found]:
        if any(dot in view for dot in _DOTS):
            for match in self._dotted.finditer(view):
                yield Found(*match.span(), "name", True)

    def _cue(self, view: str, start: int) -> str:
        """Return ``"told"`` behind words like "我叫", ``"role"`` behind words like "村支书", else ``""``."""
        if view[start - 1 : start] not in self._cue_ends:
            return ""
        left = text_before(view, start, _CUE_WINDOW)
        link = _LINK.search(left)
        bare = left[: link.start()] if link else left
        if left.endswith(self._told) or bare.endswith(self._told):
            return "told"
        return "role" if left.endswith(self._roles) or bare.endswith(self._roles) else ""

    def _nicknames(self, view: str) -> Iterator[Found]:
        """Yield "老王" and "小李"; "小芳" and "阿强" only behind a word for persons."""
        for match in self._nick.finditer(view):
            start, cue = match.start(), self._cue(view, match.start())
            surname = self._surname.match(view, start + 1)
            if view[start : start + 2] in self._nick_never or view[start : start + 3] in self._nick_never:
                continue
            if surname and (cue or surname.group() not in self._weak) and view[start] != "阿":
                end = surname.end()
            elif cue and view[start] != "老" and view[start + 1] in self._given:
                end = start + 2
            else:
                continue
            if self._nick_after.match(view, end):
                yield Found(start, end, "name", True)

    def _names(self, view: str) -> Iterator[Found]:
        found: dict[int, Found] = {}
        last = 0
        for start, middle in self._surnames(view):
            name = self._name(view, start, middle) if start >= last else None
            if name:
                found[name.start] = name
                last = name.end
        for name in list(found.values()):
            self._extend(view, name, found)
        names = {view[name.start : name.end]: name.certain for name in found.values() if name.end - name.start > 1}
        everywhere = [item._replace(certain=names[view[item.start : item.end]]) for item in repeated(view, set(names))]
        taken = {place for item in everywhere for place in range(item.start, item.end)}
        yield from everywhere
        yield from (name for name in found.values() if name.end - name.start == 1 and name.start not in taken)

    def _surnames(self, view: str) -> Iterator[Span]:
        """Yield the surnames that have any of what a name needs: a word beside it, or a usual given name."""
        starts = {match.start() for match in self._likely.finditer(view)}
        for number, start, end in self._beside(view):
            # Titles follow a surname, other words also a given name of one or two characters.
            starts |= {end} if number < self._cues else {start - 1, start - 2, start - 3}
        last = 0
        for start in sorted(starts):
            first = view[start : start + 1]
            if start < last or first not in self._firsts:
                continue
            last = start + (self._length(view, start) if first in self._compounds else 1)
            if last > start:
                yield start, last

    def _length(self, view: str, start: int) -> int:
        """Return how long the surname at a place is; 0 if it is only the first half of one."""
        compound = next((word for word in self._compounds[view[start]] if view.startswith(word, start)), "")
        return len(compound) or int(view[start] in self._singles)

    def _name(self, view: str, start: int, middle: int) -> Found | None:
        """Return the name whose surname is ``view[start:middle]``."""
        if view[start - 1 : start] == HIDDEN_NAME:
            return None
        cue = self._cue(view, start)
        left = text_before(view, start, 2)
        particle = view[start:middle] in self._particles
        told = len(left) == min(2, start) and not particle
        if told and left.endswith(self._surname_told) and not left.endswith(self._surname_never):
            return Found(start, middle, "name", True)
        if view[max(0, start - 1) : start + 1] in self._never_left:
            return None
        if particle and cue != "told":
            return None
        weak = view[start:middle] in self._weak
        title = self._title.match(view, middle)
        alone = cue or not weak or left[-1:] == "的" or not _IS_HAN.match(left[-1:])
        if title and alone and view[start : max(title.end(), middle + 1)] not in self._never:
            return Found(start, middle, "name", True)
        for length in (2,) if particle else (2, 1):
            if self._fits(view, start, middle, middle + length, cue, weak):
                return Found(start, middle + length, "name", bool(cue))
        if cue == "told":
            return self._parted(view, start, middle)
        return None

    def _parted(self, view: str, start: int, middle: int) -> Found | None:
        """Return a name written with a space, as forms do: "王 芳"."""
        match = _PARTED.match(view, middle)
        if match and self._given.issuperset(match.group().strip()):
            return Found(start, match.end(), "name", True)
        return None

    def _fits(self, view: str, start: int, middle: int, end: int, cue: str, weak: bool) -> bool:
        """Tell whether ``view[start:end]`` is a name, by what it is made of and what stands around it."""
        given = view[middle:end]
        if len(given) < end - middle or not self._may_be_given(given) or view[start:end] in self._never:
            return False
        after, follower = self._after.match(view, end), view[end : end + 1]
        common, plausible = self._common.issuperset(given), self._given.issuperset(given)
        ends = bool(after or _ENDS.match(view, end))
        whole = ends or (len(given) == 2 and common and follower in self._after_name)
        if self._place.match(view, end) or (given[-1] in self._soft and not whole):
            return False
        bounded = ends or follower in self._soft or follower in self._after_name
        closed = bounded or follower in self._stop
        if cue != "told" and view[start : start + 2] in self._never and not (cue and common and closed):
            return False
        usual = common or (plausible and (not weak or bounded or given[1:] in self._common))
        if cue == "told":
            return (usual or (closed and not weak)) and (len(given) == 2 or closed)
        if after and after.group()[0] in ",，、(" and not weak:
            return True
        if cue == "role" or (after and (common or not weak)):
            return usual and (len(given) == 2 or bounded or not (weak or follower in self._given))
        apart = bounded and not _IS_HAN.match(view, start - 1) if start else bounded
        return len(given) == 2 and common and (apart or not weak) and view[max(0, start - 1) : start] not in _NICKS

    def _may_be_given(self, given: str) -> bool:
        return all("\u3400" <= char <= "\u9fff" for char in given) and self._stop.isdisjoint(given)

    def _extend(self, view: str, name: Found, found: dict[int, Found]) -> None:
        """Add the names that stand in one list with a name: "张三、李四和王五"."""
        end = name.end
        while gap := _LIST_BREAK.match(view, end):
            item = self._item(view, gap.end())
            if not item or item.start in found:
                break
            found[item.start] = item
            end = item.end
        start = name.start
        while gap := _LIST_BREAK_BEFORE.search(view, max(0, start - 6), start):
            item = self._item_before(view, gap.start())
            if not item or item.start in found:
                break
            found[item.start] = item
            start = item.start

    def _item(self, view: str, start: int) -> Found | None:
        surname = self._surname.match(view, start)
        if not surname:
            return None
        for end in (surname.end() + 2, surname.end() + 1):
            given = view[surname.end() : end]
            closed = _ENDS.match(view, end) or self._after.match(view, end) or _LIST_BREAK.match(view, end)
            usual = self._given.issuperset(given) or (surname.group() not in self._weak and self._may_be_given(given))
            if closed and given and usual and self._never.isdisjoint({view[start:end], view[start : start + 2]}):
                return Found(start, end, "name", True)
        return None

    def _item_before(self, view: str, end: int) -> Found | None:
        for start in (end - 2, end - 3, end - 4):
            if start < 0 or (start and not _ENDS.match(view, start - 1)):
                continue
            item = self._item(view, start)
            if item and item.end == end:
                return item
        return None

    def _signatures(self, view: str) -> Iterator[Found]:
        """Yield the names in the last lines that hold nothing else but a date."""
        breaks = [match.start() for match in _SENTENCE_END.finditer(view)][-_SIGNATURE_LINES:]
        for start, end in pairwise([*breaks, len(view)]):
            yield from self._signature(view[start + 1 : end], start + 1)

    def _signature(self, line: str, offset: int) -> list[Found]:
        names = []
        for token in _TOKEN.finditer(line):
            word = token.group()
            surname = self._surname.match(word)
            if _DATE.fullmatch(word) or word in self._signature_words:
                continue
            given = word[surname.end() :] if surname else ""
            if not 1 <= len(given) <= 2 or not self._given.issuperset(given) or word in self._never:
                return []
            names.append(Found(offset + token.start(), offset + token.end(), "name", True))
        return names


class EnglishNames:
    """Find names in English text: Chinese ones by pinyin, any by the words before.

    Parameters
    ----------
    table : PolicyTable
        ``[english]`` of the policy file.
    """

    def __init__(self, table: PolicyTable) -> None:
        table.only("surnames", "ambiguous", "told", "roles", "titles", "never", "places")
        self._ambiguous = frozenset(table.text("ambiguous").split())
        self._surnames = frozenset(table.text("surnames").split())
        self._titles = frozenset(table.words("titles"))
        self._title_ends = tuple(f" {title}{dot}" for title in self._titles for dot in ("", "."))
        self._told = tuple(" " + word for word in table.words("told"))
        self._roles = tuple(" " + word for word in table.words("roles"))
        self._never = frozenset(table.text("never").split()) | self._titles
        self._places = frozenset(table.text("places").split())
        self.stages = (self._names,)

    def _names(self, view: str) -> Iterator[Found]:
        for run in _runs(view):
            first = 0
            while first < len(run):
                last = self._last(view, run, first)
                if last:
                    yield Found(run[first].start(), run[last - 1].end(), "name", True)
                first = last or first + 1

    def _last(self, view: str, run: list[re.Match[str]], first: int) -> int:
        """Return the number of the word behind the name that begins with word ``first``; 0 if none does."""
        words = [match.group().lower() for match in run[first : first + 4]]
        name = []
        for word in words[:3]:
            if word in self._never or word in self._places:
                break
            name.append(word)
        behind = words[len(name)] if len(name) < len(words) else ""
        if not name or behind in self._places or not self._accepts(name, self._cue(view, run[first].start())):
            return 0
        return first + len(name)

    def _accepts(self, name: list[str], cue: str) -> bool:
        if cue == "title" or (cue == "told" and (len(name) > 1 or name[0] not in self._ambiguous)):
            return True
        chinese = name[0] in self._surnames
        if cue == "role":
            return len(name) > 1 or chinese
        if len(name) == 1:
            return False
        given = "".join(name[1:])
        sure = name[0] not in self._ambiguous or (len(given) > 5 and _TWO_SYLLABLES.fullmatch(given))
        forward = chinese and bool(sure and _PINYIN.fullmatch(given))
        return forward or (name[1] in self._surnames - self._ambiguous and bool(_PINYIN.fullmatch(name[0])))

    def _cue(self, view: str, start: int) -> str:
        left = " " + text_before(view, start, 30).lower().rstrip(_LATIN_CUE_END)
        if left.endswith(self._title_ends):
            return "title"
        if left.endswith(self._told):
            return "told"
        return "role" if left.endswith(self._roles) else ""


def _runs(view: str) -> Iterator[list[re.Match[str]]]:
    """Yield the capitalised words that stand side by side."""
    run: list[re.Match[str]] = []
    for match in _CAPITALISED.finditer(view) if _CAPITAL.search(view) else ():
        if run and view[run[-1].end() : match.start()] != " ":
            yield run
            run = []
        run.append(match)
    if run:
        yield run
