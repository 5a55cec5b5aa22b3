"""Full-text search over masked letters, alike in both databases.

Chinese has no spaces, so each of its characters is a word and what is searched for is a phrase: any run of
characters is found, from one on.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import Select, bindparam, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql import column

__all__ = ["matching", "put", "remove"]

_WORDS = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\W_\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_LONGEST = 100_000  # characters of a letter that are searched


def _words(words: str) -> list[str]:
    return _WORDS.findall(unicodedata.normalize("NFKC", words).lower())


def put(session: Session, letter: int, words: str) -> None:
    """Make a letter findable by a text; what it was findable by before must be removed."""
    line = " ".join(_words(words[:_LONGEST]))
    if session.get_bind().dialect.name == "sqlite":
        session.execute(
            text("INSERT INTO letter_words(rowid, words) VALUES (:letter, :line)"), {"letter": letter, "line": line}
        )
    else:
        session.execute(
            text("INSERT INTO letter_words(letter_id, words) VALUES (:letter, to_tsvector('simple', :line))"),
            {"letter": letter, "line": line},
        )


def remove(session: Session, letter: int) -> None:
    """Make a letter unfindable."""
    key = "rowid" if session.get_bind().dialect.name == "sqlite" else "letter_id"
    session.execute(text(f"DELETE FROM letter_words WHERE {key} = :letter"), {"letter": letter})


def matching(session: Session, query: str) -> Select[Any] | None:
    """Return a selection of the ids of letters that hold every phrase of a query; None where it holds no word."""
    phrases = [" ".join(words) for part in query.split() if (words := _words(part))]
    if not phrases:
        return None
    if session.get_bind().dialect.name == "sqlite":
        sought = " AND ".join(f'"{phrase}"' for phrase in phrases)
        found = text("SELECT rowid AS id FROM letter_words WHERE letter_words MATCH :sought")
        return select(found.bindparams(bindparam("sought", sought)).columns(column("id")).subquery().c.id)
    terms = " && ".join(f"phraseto_tsquery('simple', :sought_{place})" for place in range(len(phrases)))
    found = text(f"SELECT letter_id AS id FROM letter_words WHERE words @@ ({terms})")
    given = {f"sought_{place}": phrase for place, phrase in enumerate(phrases)}
    return select(found.bindparams(**given).columns(column("id")).subquery().c.id)
