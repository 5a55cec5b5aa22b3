"""PDF: the text it holds, or what OCR reads where a page is a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage.intake.layout import Box
from triage.intake.limits import Limits
from triage.intake.lines import Line
from triage.intake.ocr import letter_of, need_ocr, read_picture
from triage.intake.parts import Document, broken, refused

__all__ = ["read_pdf"]

_DOTS = 200 / 72  # pixels for a point
_FEW = 50  # characters; a scanner program's own mark on a picture is shorter
_MOST = 0.5  # of the page under a picture, or of the characters unreadable
_UNIT = 100_000  # steps of a page's width and height
_NO_CHARACTERS = dict.fromkeys(map(ord, "\x00\x02\ufffe"))


def read_pdf(path: Path, limits: Limits) -> Iterator[Document]:
    """Yield the document as one letter."""
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise refused("file_encrypted", path) from None
        raise broken(path, "PDF", error) from None
    with document:
        if len(document) > limits.pages:
            raise refused("many_pages", path, allowed=limits.pages)
        try:
            lines = [line for number in range(len(document)) for line in _page(document, number, path, limits)]
        except pdfium.PdfiumError as error:
            raise broken(path, "PDF", error) from None
    yield letter_of(path, lines)


def _page(document: Any, number: int, path: Path, limits: Limits) -> list[Line]:
    page = document[number]
    try:
        lines = list(_printed(page, number + 1))
        if not _is_picture(page, "".join(line.text for line in lines)):
            return lines
        need_ocr(path)
        width, height = page.get_size()
        scale = min(_DOTS, (limits.pixels / max(width * height, 1)) ** 0.5)
        return read_picture(page.render(scale=scale).to_numpy()[..., :3], number + 1)
    finally:
        page.close()


def _printed(page: Any, number: int) -> Iterator[Line]:
    """Yield the page's lines of characters."""
    from pypdfium2 import raw

    text = page.get_textpage()
    characters: list[int] = []
    boxes: list[Box] = []
    for index in range(raw.FPDFText_CountChars(text)):
        code = raw.FPDFText_GetUnicode(text, index)
        if code in (0x0A, 0x0D):
            yield from _line(characters, boxes, number)
            characters, boxes = [], []
            continue
        characters.append(code)
        if not chr(code).isspace() and (box := _box(page, text, index)):
            boxes.append(box)
    yield from _line(characters, boxes, number)


def _line(characters: list[int], boxes: list[Box], number: int) -> Iterator[Line]:
    units = "".join(map(chr, characters)).encode("utf-16-le", errors="surrogatepass")
    text = units.decode("utf-16-le", errors="replace").translate(_NO_CHARACTERS).strip()
    if text and boxes:
        left, top, right, bottom = zip(*boxes, strict=True)
        box = (min(left), min(top), max(right), max(bottom))
        yield Line(text, number, box, box)


def _box(page: Any, text: Any, index: int) -> Box | None:
    """Return a character's box on the page as it is shown, turned and cropped."""
    from ctypes import c_double, c_int

    from pypdfium2 import raw

    left, right, bottom, top = (c_double() for _ in range(4))
    if not raw.FPDFText_GetCharBox(text, index, left, right, bottom, top):
        return None
    corners = []
    for x, y in ((left, top), (right, bottom)):
        across, down = c_int(), c_int()
        raw.FPDF_PageToDevice(page, 0, 0, _UNIT, _UNIT, 0, x, y, across, down)
        corners.append((across.value / _UNIT, down.value / _UNIT))
    (x1, y1), (x2, y2) = corners
    return (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def _is_picture(page: Any, text: str) -> bool:
    """Say whether the page must be read by its looks: it is scanned, drawn, or its characters have no meaning."""
    if text:
        unreadable = sum(char == "\ufffd" or "\ue000" <= char <= "\uf8ff" for char in text)
        if unreadable > _MOST * len(text):
            return True
        return len(text) < _FEW and _pictured(page) >= _MOST
    return next(iter(page.get_objects(max_depth=1)), None) is not None


def _pictured(page: Any) -> float:
    """Return the largest share of the page that one picture covers."""
    from pypdfium2 import raw

    width, height = page.get_size()
    if page.get_rotation() % 180:
        width, height = height, width
    shares = [0.0]
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = item.get_bounds()
        shares.append((right - left) * (top - bottom) / (width * height))
    return max(shares)
