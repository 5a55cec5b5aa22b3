"""Personal data in a letter: where it stands, and the letter without it."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triage.privacy.names import ChineseNames, EnglishNames, repeated
from triage.privacy.numbers import HIDDEN, HIDDEN_ANY, HIDDEN_NAME, Found, NumberRules, any_char, any_of
from triage.schema import Span
from triage.text.cues import PolicyTable
from triage.text.normalise import HAN, Normalised

__all__ = ["KINDS", "PersonalData", "PrivacyFinder"]

SCHEMA_VERSION = 1
_FILE = "privacy.toml"
KINDS = (
    "id_number", "phone", "landline", "bank_card", "plate", "passport", "email", "account", "name", "address",
    "other_id",
)  # fmt: skip
LANGUAGES = ("zh", "en")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "！，；？"}
_NEEDS_FOLDING = re.compile("[\uff0b\uff0d\uff0e\uff10-\uff1a\uff20-\uff3a\uff3f\uff41-\uff5a\uff08\uff09]")
_IS_HAN = re.compile(f"[{HAN}]")
_GOES_ON = re.compile(f"[{HAN}{HIDDEN_ANY}]")
_NO_DAY = re.compile("(?:3[2-9]|[4-9][0-9]|[0-9]{3,}) ?号")
_LATIN_WORD = re.compile("[A-Z][a-z]")
_SURROUNDINGS = 16
_NUMBER = "(?:[A-Za-z]?[0-9]{1,5}[A-Za-z]?(?:[-—~][0-9]{1,4}){0,3}|[一二三四五六七八九十百零〇廿]{1,5})"


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One piece of personal data.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    span : tuple of int
        Where it stands in the raw text.
    certain : bool
        False where a check digit fails, a character was read as another, or no word nearby says what it is.
    """

    kind: str
    span: Span
    certain: bool


class _Addresses:
    """Find what stands below the village or the street: group, house, flat.

    Source: domain.md 5.5, addresses are kept to village level.
    """

    def __init__(self, table: PolicyTable) -> None:
        table.only(
            "units", "group_units", "house_units", "weak_units", "villages", "houses", "not_after", "hamlets",
            "not_in_hamlet", "english_units", "english_alone", "english_places", "english_streets", "english_not",
        )  # fmt: skip
        unit = any_of(table.words("units"))
        piece = f"{_NUMBER} ?(?:{unit})"
        self._chain = re.compile(
            f"(?<![0-9A-Za-z.])第?{_NUMBER} ?(?P<unit>{unit})(?:[ ,，]?附?{piece}){{0,5}}"
            "(?:[ -]?[0-9]{2,5}(?![0-9年月.元万亩]))?"
        )
        self._hint = re.compile(f"[0-9A-Za-z一二三四五六七八九十百零〇廿] ?(?:{unit})")
        self._units = re.compile(f"(?:{unit})")
        self._groups, self._house_units = frozenset(table.words("group_units")), frozenset(table.words("house_units"))
        self._weak = frozenset(table.words("weak_units"))
        self._villages, self._houses = table.words("villages"), table.words("houses")
        self._not_after = re.compile(any_of(table.words("not_after")))
        hamlet = any_of(table.words("hamlets"))
        han = f"(?!{any_char(table.text('not_in_hamlet'))})[{HAN}]"
        han = f"(?:{han})"
        self._hamlet = re.compile(
            f"(?<=村)(?:{han}{{1,2}}家(?:{hamlet})(?![村乡镇])|{han}{{1,3}}(?:{hamlet})(?={piece}))(?:{piece}){{0,4}}"
        )
        self._english = re.compile(_english_homes(table))
        self.stages = (self._hamlets, self._chinese, self._latin)

    def _hamlets(self, view: str) -> Iterator[Found]:
        for match in self._hamlet.finditer(view) if "村" in view else ():
            yield Found(*match.span(), "address", True)

    def _chinese(self, view: str) -> Iterator[Found]:
        for match in self._chain.finditer(view) if self._hint.search(view) else ():
            if self._is_home(view, match):
                yield Found(*match.span(), "address", True)

    def _is_home(self, view: str, match: re.Match[str]) -> bool:
        units = self._units.findall(match.group())
        if self._not_after.match(view, match.end()):
            return False
        if len(units) > 1 and not self._house_units.isdisjoint(units):
            return True
        left = view[max(0, match.start() - 6) : match.start()].rstrip(" ")
        unit = match.group("unit")
        if len(units) == 1 and unit in self._weak:
            return False
        if left.endswith(self._villages):
            # "我村5号停水" is the fifth of the month.
            house = len(units) > 1 or not _GOES_ON.match(view, match.end()) or bool(_NO_DAY.match(match.group()))
            return unit != "号" or house
        return unit not in self._groups and left.endswith(self._houses)

    def _latin(self, view: str) -> Iterator[Found]:
        for match in self._english.finditer(view) if _LATIN_WORD.search(view) else ():
            yield Found(*match.span(), "address", True)


def _english_homes(table: PolicyTable) -> str:
    """Return the expression for "Room 3, Building 5", "Group 2" beside a village, and the number before a street."""
    number = " ?(?:[Nn]o\\.? ?)?#?[A-Z]?[0-9]{1,5}[A-Z]?"
    unit, alone = any_of(table.words("english_units")), any_of(table.words("english_alone"))
    places, streets = any_of(table.words("english_places")), any_of(table.words("english_streets"))
    behind = "|".join(f"(?<={re.escape(place)}{gap})" for place in table.words("english_places") for gap in (", ", " "))
    capital = "(?:[A-Z][A-Za-z']{1,20} ){1,3}"
    ways = (
        f"(?:{unit}){number}(?:,? (?:{unit}){number}){{1,4}}",
        f"(?:{alone}){number}",
        f"(?:{behind or '(?!)'})(?:{unit}){number}",
        f"(?:{unit}){number}(?=,? (?:of |in )?{capital}(?:{places})\\b)",
        f"(?:[Nn]o\\.? ?)?[0-9]{{1,5}}[A-Z]?(?= (?!{any_of(table.words('english_not'))}){capital}(?:{streets})\\b)",
    )
    return f"(?<![A-Za-z0-9])(?:{'|'.join(ways)})(?![0-9A-Za-z])"


class PrivacyFinder:
    """Find personal data and hide it, by the words of a policy file.

    Parameters
    ----------
    policy : Mapping
        The tables of ``taxonomy/privacy.toml``.

    Raises
    ------
    DataError
        If the policy has faults; ``faults`` names each with file and key.

    Notes
    -----
    Source: domain.md 5.5; 个人信息保护法 Art. 6, 28. A number with a wrong check digit is still personal data.
    """

    def __init__(self, policy: Mapping[str, Any]) -> None:
        root = PolicyTable(policy, _FILE)
        root.header(SCHEMA_VERSION, "masks", "numbers", "address", "chinese", "english")
        self._masks = _read_masks(root.sub("masks"))
        # An address holds no person's name, and a number is no part of either.
        numbers, addresses = NumberRules(root.sub("numbers")), _Addresses(root.sub("address"))
        chinese, english = ChineseNames(root.sub("chinese")), EnglishNames(root.sub("english"))
        self._stages = (*numbers.stages, *addresses.stages, *chinese.stages, *english.stages)
        self._name_masks = frozenset(masks["name"] for masks in self._masks.values())
        self._masked = re.compile(any_of({mask for masks in self._masks.values() for mask in masks.values()}))
        root.close()

    def __call__(self, text: str) -> tuple[PersonalData, ...]:
        """Return the personal data of a text in its order, without overlaps."""
        view = text.translate(_WIDE) if _NEEDS_FOLDING.search(text) else text
        if "[" in view:
            view = self._masked.sub(lambda match: _hidden(match.group() in self._name_masks) * len(match.group()), view)
        found: list[Found] = []
        for stage in self._stages:
            view = _hide(view, list(stage(view)), found)
        names = {text[name.start : name.end] for name in found if name.kind == "name" and name.end - name.start > 1}
        if names:
            _hide(view, list(repeated(view, names)), found)
        return tuple(PersonalData(item.kind, (item.start, item.end), item.certain) for item in sorted(found))

    def mask(self, text: str) -> str:
        """Return the text with a mask for each piece of personal data; masking twice is masking once."""
        return self.masked(text).text

    def masked(self, text: str) -> Normalised:
        """Return the masked text with the place of every character in the raw one."""
        return self.hide(text, self(text))

    def hide(self, text: str, found: Sequence[PersonalData]) -> Normalised:
        """Return the text with what was found in it masked, and the place of every character in the raw one.

        A span that covers a mask leads back to all that the mask stands for.
        """
        pieces: list[str] = []
        offsets: array[int] = array("l")
        last = 0
        for item in found:
            start, end = item.span
            mask = self._masks[_language(text, start, end)][item.kind]
            pieces += (text[last:start], mask)
            offsets.extend(range(last, start))
            offsets.extend([*(min(start + place, end - 1) for place in range(len(mask) - 1)), end - 1])
            last = end
        if not pieces:
            return Normalised(text, None)
        offsets.extend(range(last, len(text) + 1))
        return Normalised("".join([*pieces, text[last:]]), offsets)


def _read_masks(table: PolicyTable) -> dict[str, dict[str, str]]:
    table.only(*LANGUAGES)
    masks: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        own = table.sub(language)
        own.only(*KINDS)
        masks[language] = {kind: own.text(kind) for kind in KINDS}
        for kind, mask in masks[language].items():
            if not re.fullmatch(r"\[[^\[\]\d]{1,20}\]", mask):
                own.fault(kind, "must be a few words in square brackets, without a digit")
    return masks


def _language(text: str, start: int, end: int) -> str:
    """Return the language of the surroundings."""
    around = text[max(0, start - _SURROUNDINGS) : end + _SURROUNDINGS]
    if _IS_HAN.search(around):
        return "zh"
    return "en" if re.search("[A-Za-z]", around) else "zh"


def _hidden(is_name: bool) -> str:
    return HIDDEN_NAME if is_name else HIDDEN


def _hide(view: str, new: list[Found], found: list[Found]) -> str:
    """Note what was found and return the text without it."""
    if not new:
        return view
    new.sort()
    found += new
    pieces: list[str] = []
    last = 0
    for item in new:
        pieces += (view[last : item.start], _hidden(item.kind == "name") * (item.end - item.start))
        last = item.end
    return "".join([*pieces, view[last:]])
