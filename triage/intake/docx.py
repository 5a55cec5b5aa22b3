"""Word documents, DOCX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from triage.intake.limits import Limits
from triage.intake.parts import Document, Part, attached, broken
from triage.intake.zips import check_packed

__all__ = ["read_docx"]

_FEW = 50  # characters
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_PIECES = {f"{_WORD}br": "\n", f"{_WORD}cr": "\n", f"{_WORD}tab": "\t", f"{_WORD}noBreakHyphen": "-"}


def read_docx(path: Path, limits: Limits) -> Iterator[Document | Part]:
    """Yield the document as one letter: paragraphs, tables and text boxes; deleted text is left out.

    Where there is next to no text, its pictures are yielded too: they are the letter.
    """
    import docx

    check_packed(path, limits)
    try:
        main = docx.Document(str(path)).part
        text = "".join(_pieces(main.element.body)).strip("\n")
        related = main.related_parts.values() if len(text) < _FEW else ()
        pictures = [(str(part.partname), part.blob) for part in related if part.content_type.startswith("image/")]
    except Exception as error:  # the parser raises whatever it stumbles on
        raise broken(path, "DOCX", error) from None
    if text or not pictures:
        yield Document(id=path.stem, text=text)
    with TemporaryDirectory() as folder:
        for name, data in pictures:
            yield from attached(Path(folder), name, data)


def _pieces(body: Any) -> Iterator[str]:
    """Yield text and what divides it; a text box is written twice, the second time for old programs."""
    from lxml import etree

    twice = 0
    for event, node in etree.iterwalk(body, events=("start", "end")):
        if node.tag == _FALLBACK:
            twice += 1 if event == "start" else -1
        if twice:
            continue
        if event == "start":
            if node.tag == f"{_WORD}t":
                yield node.text or ""
            elif node.tag != f"{_WORD}tab" or node.getparent().tag == f"{_WORD}r":  # else a tab stop of the style
                yield _PIECES.get(node.tag, "")
        elif node.tag == f"{_WORD}p":
            yield " " if _in_cell(node) else "\n"
        elif node.tag == f"{_WORD}tr":
            yield "\n"


def _in_cell(paragraph: Any) -> bool:
    """Say whether it is the last paragraph of a table's cell."""
    return paragraph.getparent().tag == f"{_WORD}tc" and paragraph.getnext() is None
