"""Web pages and the HTML of mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage.intake.encoding import decoded
from triage.intake.limits import Limits
from triage.intake.parts import Document, broken

__all__ = ["read_html", "text_of_html"]

_DECLARED = re.compile(rb"charset\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)
_HEAD = 2048  # bytes in which a page says its encoding
_UNSEEN = frozenset({"script", "style", "template", "noscript", "title", "head", "textarea", "select", "button"})
_CELLS = frozenset({"td", "th"})
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table",
    "tbody", "thead", "tr", "ul",
})  # fmt: skip


def read_html(path: Path, limits: Limits) -> Iterator[Document]:
    """Yield the page as one letter: its title and the text that a reader of the page would see."""
    data = path.read_bytes()
    declared = _DECLARED.search(data[:_HEAD])
    title, text = text_of_html(decoded(data, path, declared[1].decode("ascii") if declared else ""), path)
    yield Document(id=path.stem, title=title, text=text)


def text_of_html(page: str, path: Path) -> tuple[str, str]:
    """Return title and text of a page.

    Raises
    ------
    InputError
        If it is empty or no page at all.
    """
    from lxml import etree, html

    if not page.strip():
        return "", ""
    try:
        # The tree is not handed over as text: a declared encoding would be believed against what was decoded.
        tree = html.document_fromstring(page.encode(), parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
    except etree.ParserError:  # nothing but comments
        return "", ""
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise broken(path, "HTML", error) from None
    title = " ".join("".join(tree.xpath("//title[1]//text()")).split())
    return title, _seen(tree)


def _seen(tree: Any) -> str:
    from lxml import etree

    pieces: list[str] = []
    unseen = 0
    for event, node in etree.iterwalk(tree, events=("start", "end")):
        tag = node.tag if isinstance(node.tag, str) else ""
        hidden = not tag or tag in _UNSEEN
        if event == "start":
            unseen += hidden
            if tag in _BLOCKS:
                pieces.append("\n")
            if not unseen and node.text:
                pieces.append(_flat(node.text, tag))
        else:
            unseen -= hidden
            pieces.append("\n" if tag in _BLOCKS and tag != "br" else " " if tag in _CELLS else "")
            if not unseen and node.tail:
                pieces.append(_flat(node.tail, ""))
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _flat(text: str, tag: str) -> str:
    return text if tag == "pre" else text.replace("\n", " ").replace("\r", " ")
