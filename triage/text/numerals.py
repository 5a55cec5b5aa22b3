"""Numbers as Chinese letters write them.

Digits, Chinese and formal numerals, mixtures of both and vague counts become a value and the word whether it is
approximate; a vague count gives the least number that the words allow.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["COUNT", "DIGITS", "ENGLISH_COUNT", "Number", "parse", "pure"]

DIGITS = {
    **dict(zip("零一二三四五六七八九", range(10), strict=True)),
    **dict(zip("壹贰叁肆伍陆柒捌玖", range(1, 10), strict=True)),
    "〇": 0,
    "两": 2,
    "俩": 2,
    "仨": 3,
}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS = {"万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_JOINED = {"廿": 20, "卅": 30}
_VAGUE = frozenset("几数上来余多好近约把成")
_PAIR_LEAP = {(3, 5)}
# What "几" and "数" stand for at the least.
_SOME = 3

#: Regular expression (no groups) of what may be a number in normalised text; `parse` reads what it finds.
COUNT = (
    r"[\d几数上好近一二三四五六七八九十百千万亿两廿卅零壹贰叁肆伍陆柒捌玖拾佰仟]"
    r"[\d.几十百千万亿零一二三四五六七八九两余多来拾佰仟]{0,12}"
)


_ENGLISH = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_ENGLISH_WORD = "|".join(sorted((*_ENGLISH, "hundred", "thousand", "dozen"), key=len, reverse=True))
#: The same for an English number in lower case, words or figures.
ENGLISH_COUNT = rf"(?:\d[\d,]{{0,8}}|(?:(?:{_ENGLISH_WORD}|a|and)[ -]){{0,5}}(?:{_ENGLISH_WORD}))"


class Number(NamedTuple):
    """A number read from text.

    Attributes
    ----------
    value : float
        The number, or the least one that a vague count allows.
    approximate : bool
        Whether the words leave it open.
    """

    value: float
    approximate: bool = False


def pure(text: str) -> int | None:
    """Return the value of digits read one by one, as years are; None for anything else.

    Examples
    --------
    >>> pure("二零一八"), pure("2018"), pure("十八")
    (2018, 2018, None)
    """
    if text.isascii():
        return int(text) if text.isdigit() else None
    digits = [DIGITS.get(char) for char in text]
    return None if None in digits else int("".join(map(str, digits)))


def parse(text: str) -> Number | None:
    """Read one number; None if the text is none.

    Parameters
    ----------
    text : str
        The number alone, without its measure word.

    Examples
    --------
    >>> parse("两万三"), parse("3万5千"), parse("1万2"), parse("12.6万")
    (Number(value=23000, approximate=False), Number(value=35000, approximate=False), Number(value=12000, \
approximate=False), Number(value=126000, approximate=False))
    >>> parse("廿三").value, parse("一百零三").value, parse("三千五").value, parse("1,200").value
    (23, 103, 3500, 1200)
    >>> parse("几十"), parse("上百"), parse("十来")
    (Number(value=30, approximate=True), Number(value=100, approximate=True), Number(value=10, approximate=True))
    >>> parse("七八十"), parse("三五万"), parse("百八十")
    (Number(value=70, approximate=True), Number(value=30000, approximate=True), Number(value=100, approximate=True))
    >>> parse("136").value, parse("壹佰贰拾").value, parse("二零一八").value, parse("多")
    (136, 120, 2018, None)
    >>> parse("one hundred and forty").value, parse("sixty-three").value, parse("a dozen")
    (140, 63, Number(value=12, approximate=False))
    """
    if text[:1].isascii() and text[:1].isalpha():
        return _english(text)
    tokens, vague = _tokens(text)
    if not tokens:
        return None
    if tokens == [100, ("ten", 8), 10] or text.startswith(("百八十", "百十")):
        return Number(100, True)
    digits = [token for token in tokens if isinstance(token, tuple)]
    if len(digits) == len(tokens) and len(digits) > 1:
        return _run_of_digits([int(value) for _, value in digits], vague)
    value, paired = _evaluate(tokens)
    return Number(_whole(value), vague or paired)


def _english(text: str) -> Number | None:
    """Read an English number in words."""
    total = section = 0
    found = False
    for word in re.split(r"[ -]", text):
        if word in _ENGLISH:
            section += _ENGLISH[word]
        elif word == "hundred":
            section = (section or 1) * 100
        elif word == "dozen":
            section = (section or 1) * 12
        elif word == "thousand":
            total, section = total + (section or 1) * 1000, 0
        elif word in ("a", "and"):
            continue
        else:
            return None
        found = True
    return Number(total + section) if found else None


_Token = float | tuple[str, float]


def _tokens(text: str) -> tuple[list[_Token], bool]:
    """Return powers of ten as numbers, digits as pairs, and whether a vague word stood among them."""
    tokens: list[_Token] = []
    vague = False
    place = 0
    text = text.replace(",", "")
    while place < len(text):
        char = text[place]
        if char.isascii() and char.isdigit():
            end = place
            while end < len(text) and text[end].isascii() and (text[end].isdigit() or text[end] == "."):
                end += 1
            number = text[place:end].rstrip(".")
            if number.count(".") > 1:
                return [], False
            tokens.append(("figure", float(number)))
            place = end
            continue
        if char in DIGITS:
            tokens.append(("ten", DIGITS[char]))
        elif char in _TENS or char in _MYRIADS:
            tokens.append(_TENS.get(char) or _MYRIADS[char])
        elif char in _JOINED:
            tokens += [("ten", _JOINED[char] // 10), 10]
        elif char in _VAGUE:
            vague = True
            if char in "几数":
                tokens.append(("ten", _SOME))
        else:
            return [], False
        place += 1
    return tokens, vague


def _run_of_digits(digits: list[int], vague: bool) -> Number:
    """Read "二零一八" digit by digit and "七八" as seven or eight."""
    if len(digits) == 2 and _is_pair(digits[0], digits[1]):
        return Number(digits[0], True)
    return Number(int("".join(map(str, digits))), vague)


def _is_pair(first: float, second: float) -> bool:
    return first > 0 and (second == first + 1 or (first, second) in _PAIR_LEAP)


def _evaluate(tokens: list[_Token]) -> tuple[float, bool]:
    """Add up digits and powers of ten; the flag says that two neighbouring digits left it open."""
    total = section = digit = 0.0
    unit = 1.0
    has_digit = zero = paired = False
    for token in tokens:
        if isinstance(token, tuple):
            value = token[1]
            if has_digit and token[0] == "ten" and _is_pair(digit, value):
                paired = True
                continue
            zero = zero or value == 0
            digit = digit * 10 + value if has_digit and not zero else value
            has_digit = True
        elif token >= 10_000:
            total = (total + section + digit) * token if total < token else total + (section + digit) * token
            total = total or token
            section = digit = 0.0
            unit, has_digit, zero = token, False, False
        else:
            section += (digit if has_digit else 1.0) * token
            unit, digit, has_digit, zero = token, 0.0, False, False
    # "两万三" leaves out the last power of ten, "一百零三" does not.
    if has_digit and unit >= 100 and not zero and 0 < digit < 10:
        digit *= unit / 10
    return total + section + digit, paired


def _whole(value: float) -> float:
    return int(value) if value == int(value) else round(value, 6)
