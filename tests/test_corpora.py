from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from triage.config import home
from triage.intake import Columns, read_letters
from triage.taxonomy import Taxonomy, load_taxonomy
from triage.text import language

DATA = Path(__file__).parents[1] / "data"
FILES = sorted((DATA / "corpora").glob("*.jsonl"))
REGISTERS = {"message", "joint", "letter", "enquiry", "hotline", "suggestion", "report", "elderly", "visit", "chat"}
KINDS = {
    "lang": str, "title": str, "text": str, "category": str, "secondary": list, "nature": str, "urgency": int,
    "urgency_rules": list, "collective": bool, "repeat": bool, "department": str, "register": str,
}  # fmt: skip
# Names of statutes are the same in whoever's letter.
STATUTES = re.compile("中华人民共和国[\u4e00-\u9fff]{2,14}?(?:法|条例|办法)")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
RUN = 12
Where = tuple[str, int]
Letters = list[tuple[Where, dict[str, Any]]]


@pytest.fixture(scope="module")
def letters() -> Letters:
    return [
        ((path.name, number), json.loads(line))
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    ]


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy(home(DATA))


def shared(pieces: Iterable[tuple[Where, Iterator[str]]]) -> dict[str, set[Where]]:
    """Return the pieces that stand in more than one letter."""
    first: dict[str, Where] = {}
    found: dict[str, set[Where]] = {}
    for where, own in pieces:
        for piece in own:
            other = first.setdefault(piece, where)
            if other != where:
                found.setdefault(piece, set()).update((other, where))
    return found


def runs(text: str) -> Iterator[str]:
    for start in range(len(text) - RUN + 1):
        yield text[start : start + RUN]


def test_there_is_a_corpus(letters: Letters) -> None:
    assert len(FILES) >= 10
    assert len(letters) >= 5000


def test_every_letter_has_the_fields(letters: Letters) -> None:
    wrong = [(where, name) for where, row in letters for name, kind in KINDS.items() if type(row.get(name)) is not kind]
    assert not wrong
    assert not [where for where, row in letters if set(row) != set(KINDS)]
    assert not [where for where, row in letters if not row["text"].strip()]


def test_every_code_is_in_the_taxonomy(letters: Letters, taxonomy: Taxonomy) -> None:
    for name, allowed in (
        ("category", set(taxonomy.categories)),
        ("nature", set(taxonomy.natures)),
        ("department", set(taxonomy.departments)),
        ("urgency", {1, 2, 3, 4}),
        ("lang", {"zh", "en"}),
        ("register", REGISTERS),
    ):
        assert not [(where, row[name]) for where, row in letters if row[name] not in allowed], name


def test_secondary_matters_are_other_categories(letters: Letters, taxonomy: Taxonomy) -> None:
    wrong = [
        where
        for where, row in letters
        if row["category"] in row["secondary"]
        or len(set(row["secondary"])) != len(row["secondary"])
        or not set(row["secondary"]) <= set(taxonomy.categories)
    ]
    assert not wrong


def test_urgency_rules_are_those_of_the_policy(letters: Letters) -> None:
    criteria = set(tomllib.loads((DATA / "taxonomy" / "urgency.toml").read_text(encoding="utf-8"))["criteria"])
    assert not [where for where, row in letters if not set(row["urgency_rules"]) <= criteria]
    assert not [where for where, row in letters if row["urgency"] >= 3 and not row["urgency_rules"]]


def test_every_category_and_nature_can_be_learnt(letters: Letters, taxonomy: Taxonomy) -> None:
    for name, codes in (("category", taxonomy.categories), ("nature", taxonomy.natures)):
        counts = Counter(row[name] for _, row in letters)
        assert min(counts[code] for code in codes) >= 50, name


def test_the_language_is_that_of_the_text(letters: Letters) -> None:
    wrong = [where for where, row in letters if {row["lang"], language(row["text"])} == {"zh", "en"}]
    assert len(wrong) <= len(letters) // 1000, wrong


def test_no_letter_stands_twice(letters: Letters) -> None:
    counts = Counter("".join(row["text"].split()) for _, row in letters)
    assert counts.most_common(1)[0][1] == 1


def test_no_two_letters_share_twelve_characters_in_a_row(letters: Letters) -> None:
    def pieces(row: dict[str, Any]) -> Iterator[str]:
        for stretch in HAN.findall(STATUTES.sub(" ", f"{row['title']}\n{row['text']}")):
            yield from runs(stretch)

    assert not shared((where, pieces(row)) for where, row in letters)


def test_hardly_any_two_do_when_punctuation_is_left_out(letters: Letters) -> None:
    # One pair has the same salutation, 尊敬的县农业农村局领导.
    found = shared(
        (where, runs("".join(HAN.findall(STATUTES.sub("", f"{row['title']}\n{row['text']}")))))
        for where, row in letters
    )
    assert len({frozenset(places) for places in found.values()}) <= 3, found


def test_no_two_english_letters_share_twelve_words_in_a_row(letters: Letters) -> None:
    def pieces(row: dict[str, Any]) -> Iterator[str]:
        words = re.findall(r"[a-z']+", row["text"].lower())
        return (" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1))

    assert not shared((where, pieces(row)) for where, row in letters if row["lang"] == "en")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_can_be_read_as_letters(path: Path) -> None:
    letter = next(read_letters(path, Columns.load(DATA)))
    assert letter.body
