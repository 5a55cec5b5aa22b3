"""Numbers and codes that belong to one person: what they look like and whether their check digits hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from triage.text.cues import PolicyTable

__all__ = [
    "HIDDEN", "HIDDEN_ANY", "HIDDEN_NAME", "Found", "NumberRules", "any_char", "any_of", "id_number_holds",
    "luhn_holds", "text_before",
]  # fmt: skip

# What was found stands as one of these characters in the text that later rules read, names as the second. No rule
# reads across them or takes them for the end of a word, so hiding one thing never brings another to light: masking
# twice is masking once.
HIDDEN, HIDDEN_NAME = HIDDEN_ANY = "\0\1"
_NEAR = 14
_END = f"(?![0-9A-Za-z{HIDDEN_ANY}])"
_GAP = "[ \\-–—]{0,2}"
_DIGIT = "[0-9OoIlQ|]"
_MISREAD = str.maketrans("OoQIl|x×", "000111XX")
_SPOKEN_DIGITS = "零〇○洞一幺二两三四五六七拐八九勾"
_SPOKEN = str.maketrans(_SPOKEN_DIGITS, "00001122345677899")
_GAPS = re.compile("[ .()\\-–—、,+]")

_START = re.compile(
    f"(?:(?<![0-9])(?<![0-9]\\.)|(?=[+(]))(?:[+(]{{0,2}}[0-9]|[Il](?={_DIGIT}))(?=(?:[). ]?{_GAP}{_DIGIT}){{6}})"
)
_ID18 = re.compile(f"{_DIGIT}(?:{_GAP}{_DIGIT}){{16}}{_GAP}[0-9OoIlQ|Xx×]{_END}")
_ID15 = re.compile(f"{_DIGIT}(?:{_GAP}{_DIGIT}){{14}}{_END}")
_ID_TOLD = re.compile(f"[0-9](?:{_GAP}{_DIGIT}){{13,18}}[Xx]?{_END}")
_COUNTRY = f"(?:(?:\\+|00)?86{_GAP}|\\(\\+?86\\) ?|0)?"
_MOBILE = re.compile(f"{_COUNTRY}([1Il]{_GAP}[3-9](?:[ .]?{_GAP}{_DIGIT}){{9}})(?![0-9]|\\.[0-9])")
_CARD = re.compile(f"[0-9](?:{_GAP}[0-9]){{15,18}}{_END}")
_ACCOUNT_NUMBER = re.compile(f"[0-9](?:{_GAP}[0-9]){{8,24}}{_END}")
_AREA = f"(?:\\(0[0-9]{{2,3}}\\)|(?:\\+86{_GAP})?0[0-9]{{2,3}}){_GAP}"
_LOCAL_NUMBER = f"[1-9][0-9]{{2,3}}[ -]?[0-9]{{4}}(?:(?:-|转) ?[0-9]{{1,5}})?{_END}"
_LANDLINE = re.compile(_AREA + _LOCAL_NUMBER)
_LOCAL = re.compile(_LOCAL_NUMBER)
_SPOKEN_CLASS = f"[{_SPOKEN_DIGITS}]"
_SPOKEN_RUN = re.compile(
    f"(?<!{_SPOKEN_CLASS})(?<!{HIDDEN_NAME})(?:{_SPOKEN_CLASS}[ 、,-]?){{6,18}}{_SPOKEN_CLASS}(?!{_SPOKEN_CLASS})"
)
_HOST = "[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){0,4}\\.[A-Za-z]{2,12}"
# A text is searched only if these fit somewhere, which is soon seen: they begin with a plain class of characters.
_NUMBER_HINT = re.compile(f"{_DIGIT}(?:[). ]?{_GAP}{_DIGIT}){{6}}")
_SPOKEN_HINT = re.compile(f"(?:{_SPOKEN_CLASS}[ 、,-]?){{6}}")
_PASSPORT_HINT = re.compile("[A-Z][0-9]{7}")
_CREDIT_HINT = re.compile("[159NY][1-39][0-9]{6}[0-9A-Z]{10}")
_EMAIL = re.compile(f"(?<![A-Za-z0-9._%+{HIDDEN_ANY}-])[A-Za-z0-9._%+-]{{1,64}}@{_HOST}{_END}")
_PASSPORT = re.compile(f"(?<![A-Za-z0-9])[A-Z]{{1,2}}[0-9]{{7,8}}{_END}")
_PASSPORT_SHAPE = re.compile("[EG][0-9]{8}|E[A-Z][0-9]{7}")
_CREDIT_CODE = re.compile(f"(?<![A-Za-z0-9])[159NY][1-39][0-9]{{6}}[0-9A-HJ-NP-RTUWXY]{{10}}{_END}")
_CREDIT_DIGITS = {char: value for value, char in enumerate("0123456789ABCDEFGHJKLMNPQRTUWXY")}
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
    ]
)


class Found(NamedTuple):
    """Personal data in the text that the rules read."""

    start: int
    end: int
    kind: str
    certain: bool


def any_of(words: Iterable[str]) -> str:
    """Return an expression that fits any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word)))) or "(?!)"


def any_char(chars: str) -> str:
    """Return an expression that fits any of the characters."""
    return f"[{re.escape(chars)}]" if chars else "(?!)"


def text_before(view: str, start: int, length: int = _NEAR) -> str:
    """Return the characters before a place, back to what is hidden."""
    return view[max(0, start - length) : start].replace(HIDDEN_NAME, HIDDEN).rpartition(HIDDEN)[2]


def id_number_holds(number: str) -> bool:
    """Tell whether the check digit of an 18-digit ID number holds.

    Source: domain.md 5.5; GB 11643-1999, ISO 7064 MOD 11-2.

    >>> id_number_holds("11010519491231002X"), id_number_holds("110105194912310021")
    (True, False)
    """
    total = sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[17]


def luhn_holds(number: str) -> bool:
    """Tell whether the check digit of a card number holds.

    >>> luhn_holds("4111111111111111"), luhn_holds("4111111111111112")
    (True, False)
    """
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (sum(map(int, number[-1::-2])) + sum(doubled)) % 10 == 0


def _credit_code_holds(code: str) -> bool:
    """Tell whether the check character of a unified credit code holds (GB 32100-2015)."""
    total = sum(_CREDIT_DIGITS[char] * pow(3, place, 31) for place, char in enumerate(code[:17]))
    return (total + _CREDIT_DIGITS[code[17]]) % 31 == 0


def _is_id_number(digits: str) -> bool:
    """Tell whether 15 or 18 characters hold a province and a birthday."""
    born = digits[6:14] if len(digits) == 18 else "19" + digits[6:12]
    if digits[:2] not in _PROVINCES or not born.isdigit() or not 1880 <= int(born[:4]) <= 2099:
        return False
    try:
        date(int(born[:4]), int(born[4:6]), int(born[6:]))
    except ValueError:
        return False
    return "X" not in digits[:17]


def _plain(text: str) -> tuple[str, bool]:
    """Return the characters of a number, and whether each was a digit."""
    bare = _GAPS.sub("", text)
    return bare.translate(_MISREAD), bare[:-1].isdigit() and (bare[-1:].isdigit() or bare[-1:] in "Xx")


class NumberRules:
    """Find numbers by their shape and the words before them.

    Parameters
    ----------
    table : PolicyTable
        ``[numbers]`` of the policy file.
    """

    def __init__(self, table: PolicyTable) -> None:
        table.only(
            "never_before", "latin_before", "id_before", "card_before", "landline_before", "passport_before",
            "document_before", "account_before", "issuers", "provinces",
        )  # fmt: skip

        def cue(key: str, link: str = "") -> re.Pattern[str]:
            return re.compile(f"(?i:{any_of(table.words(key))}){link}")

        directly = "(?:号码|号|编号| no\\.?| number)?[::#是为 ]{0,3}$"
        self._never = cue("never_before", directly)
        self._latin = cue("latin_before", "$")
        nearby = "[^0-9,;。,；\n]{0,6}$"
        self._id_before, self._card_before = cue("id_before", nearby), cue("card_before", nearby)
        self._landline_before = cue("landline_before", directly)
        self._passport_before = cue("passport_before")
        link = '(?P<link>(?:号码|号|账号|帐号|编号| ?[Ii][Dd]| [Nn]umber| [Nn]o\\.?)?(?:[::是为]| is ?)?[ ]?[(“"]?)'
        self._account = re.compile(
            f"(?:{any_of(table.words('account_before'))}){link}"
            f"(?P<value>[A-Za-z][A-Za-z0-9_\\-]{{4,29}}|[1-9][0-9]{{4,10}})(?![0-9A-Za-z_]|[.,][0-9]|[元块万千个人年月日])"
        )
        self._document = re.compile(
            f"(?:{any_of(table.words('document_before'))})(?:号码|号|编号| [Nn]umber| [Nn]o\\.?)?"
            "(?:[::是为]| is)?[ ]{0,2}"
            f"(?P<value>(?:[\u4e00-\u9fff]{{1,3}}字)?第?[A-Z]{{0,3}}[0-9][A-Z0-9-]{{4,24}}号?){_END}"
        )
        # A province, its letter, and five or six more: the sixth of electric cars.
        self._plate = re.compile(
            f"{any_char(table.text('provinces'))}[A-Z] ?[·•.-]? ?[A-Z0-9]{{4,5}}[A-Z0-9挂学警港澳]{_END}"
        )
        self._issuers = table.words("issuers")
        self.stages = (
            self._emails, self._numbers, self._spoken, self._plates, self._documents, self._passports,
            self._credit_codes, self._accounts,
        )  # fmt: skip

    def _emails(self, view: str) -> Iterator[Found]:
        if "@" in view:
            for match in _EMAIL.finditer(view):
                yield Found(*match.span(), "email", True)

    def _numbers(self, view: str) -> Iterator[Found]:
        if not _NUMBER_HINT.search(view):
            return
        last = 0
        for match in _START.finditer(view):
            start = match.start()
            if start < last:
                continue
            found = self._number(view, start)
            if found:
                last = found.end
                yield found

    def _number(self, view: str, start: int) -> Found | None:
        before = text_before(view, start)
        latin = before[-1:].isascii() and before[-1:].isalpha()
        if self._never.search(before) or (latin and not self._latin.search(before)):
            return None
        return (
            self._id_number(view, start, before)
            or self._mobile(view, start)
            or self._card(view, start, before)
            or self._landline(view, start, before)
        )

    def _id_number(self, view: str, start: int, before: str) -> Found | None:
        told = bool(self._id_before.search(before))
        for shape in (_ID18, _ID15):
            match = shape.match(view, start)
            if match:
                digits, clean = _plain(match.group())
                if _is_id_number(digits):
                    return Found(
                        *match.span(), "id_number", clean and (id_number_holds(digits) if digits[17:] else told)
                    )
        match = _ID_TOLD.match(view, start) if told else None
        return Found(*match.span(), "id_number", False) if match else None

    @staticmethod
    def _mobile(view: str, start: int) -> Found | None:
        match = _MOBILE.match(view, start)
        if not match:
            return None
        digits, clean = _plain(match.group(1))
        gaps = re.split("[0-9OoIlQ|]{1,11}", match.group(1))[1:-1]
        # "1 3 5 6 7 8 9 10 11" is a row of numbers: a phone number is parted twice, or at every digit.
        if 3 < len(gaps) != 10 or digits[1] in "012":
            return None
        return Found(*match.span(), "phone", clean)

    def _card(self, view: str, start: int, before: str) -> Found | None:
        told = bool(self._card_before.search(before))
        match = _CARD.match(view, start)
        if match:
            digits, _ = _plain(match.group())
            holds = luhn_holds(digits)
            if told or digits.startswith(self._issuers):
                return Found(*match.span(), "bank_card", holds)
        match = _ACCOUNT_NUMBER.match(view, start) if told else None
        return Found(*match.span(), "bank_card", False) if match else None

    def _landline(self, view: str, start: int, before: str) -> Found | None:
        match = _LANDLINE.match(view, start)
        if match:
            return Found(*match.span(), "landline", True)
        match = _LOCAL.match(view, start) if self._landline_before.search(before) else None
        return Found(*match.span(), "landline", False) if match else None

    @staticmethod
    def _spoken(view: str) -> Iterator[Found]:
        for match in _SPOKEN_RUN.finditer(view) if _SPOKEN_HINT.search(view) else ():
            digits = _GAPS.sub("", match.group()).translate(_SPOKEN)
            if len(digits) == 11 and digits[0] == "1" and digits[1] > "2":
                yield Found(*match.span(), "phone", True)
            elif 10 <= len(digits) <= 12 and digits[0] == "0":
                yield Found(*match.span(), "landline", False)
            elif len(digits) in (15, 18) and _is_id_number(digits):
                yield Found(*match.span(), "id_number", len(digits) == 18 and id_number_holds(digits))

    def _plates(self, view: str) -> Iterator[Found]:
        for match in self._plate.finditer(view):
            if any(char.isdigit() for char in match.group()):
                yield Found(*match.span(), "plate", True)

    def _documents(self, view: str) -> Iterator[Found]:
        for match in self._document.finditer(view):
            yield Found(*match.span("value"), "other_id", True)

    def _passports(self, view: str) -> Iterator[Found]:
        for match in _PASSPORT.finditer(view) if _PASSPORT_HINT.search(view) else ():
            told = bool(self._passport_before.search(text_before(view, match.start(), 2 * _NEAR)))
            if told or (_PASSPORT_SHAPE.fullmatch(match.group()) and match.group()[1:3] not in ("19", "20")):
                yield Found(*match.span(), "passport", told)

    @staticmethod
    def _credit_codes(view: str) -> Iterator[Found]:
        for match in _CREDIT_CODE.finditer(view) if _CREDIT_HINT.search(view) else ():
            if _credit_code_holds(match.group()):
                yield Found(*match.span(), "other_id", True)

    def _accounts(self, view: str) -> Iterator[Found]:
        for match in self._account.finditer(view):
            link, value = match.group("link"), match.group("value")
            # "WeChat group", "微信 zhang": a word is an account only if it is told or looks like one.
            if value.isdigit() or "号" in link or ":" in link or not value.isalpha():
                yield Found(*match.span("value"), "account", True)
