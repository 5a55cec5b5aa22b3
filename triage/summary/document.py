"""A summary as a report in the form that offices hand in: A4, a centred title, numbered sections, black tables."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.summary.charts import charts_of
from triage.summary.tables import Table, shown
from triage.summary.texts import Words

if TYPE_CHECKING:
    from triage.summary.report import Summary

__all__ = ["write_docx"]

# The sizes of official documents in China: the title's 22 pt, the text's 16 pt; tables are as small as they must be.
_FONTS = {"zh": ("宋体", "黑体", "仿宋"), "en": ("Times New Roman", "Arial", "Times New Roman")}
_TITLE, _HEADING, _TEXT, _CELL = 22, 16, {"zh": 15, "en": 12}, 10
_WIDTH = 16.0  # centimetres between the margins
_TABLED = 15  # rows of one table; the workbook holds them all


def write_docx(summary: Summary, path: Path) -> str:
    """Write the report; charts are left out where they cannot be drawn, and a note says so."""
    from docx import Document
    from docx.shared import Cm

    words = Words(summary.lang)
    charts, note = charts_of(summary)
    document = Document()
    _set_up(document, summary)
    _title(document, summary)
    _heading(document, words("section_summary"))
    for line in (*summary.overview, summary.units):
        _paragraph(document, line, summary.lang)
    numbered = iter(range(1, 100))
    for key in ("totals", "rates"):
        if table := summary.table(key):
            _table(document, table, words, next(numbered))
    if charts:
        _heading(document, words("section_charts"))
        for chart in charts:
            document.add_picture(BytesIO(chart.png), width=Cm(_WIDTH))
            picture = document.paragraphs[-1]
            picture.paragraph_format.first_line_indent = Cm(0)
            properties = picture.runs[0]._r.xpath(".//wp:docPr")[0]
            properties.set("descr", chart.title)
    _heading(document, words("section_tables"))
    for table in summary.tables:
        if table.key not in ("totals", "rates"):
            _table(document, table, words, next(numbered))
    _heading(document, words("section_hot"))
    for line in summary.hot_lines:
        _paragraph(document, line, summary.lang)
    if summary.hot.rows:
        _table(document, summary.hot, words, next(numbered))
    _heading(document, words("section_missing"))
    _table(document, summary.missing, words, next(numbered), most=len(summary.missing.rows))
    if notes := [*summary.notes, *filter(None, [note])]:
        _heading(document, words("section_notes"))
        for line in notes:
            _paragraph(document, line, summary.lang)
    document.save(str(path))
    return note


def _set_up(document: Any, summary: Summary) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm((21 - _WIDTH) / 2)
    section.top_margin, section.bottom_margin = Cm(3), Cm(2.5)
    document.core_properties.title = summary.title
    document.core_properties.author = ""
    document.core_properties.comments = ""
    normal = document.styles["Normal"]
    _font(normal, _FONTS[summary.lang][2], _TEXT[summary.lang])
    normal.paragraph_format.space_after = Pt(0 if summary.lang == "zh" else 6)
    normal.paragraph_format.line_spacing = 1.5 if summary.lang == "zh" else 1.25
    _font(document.styles["Title"], _FONTS[summary.lang][0], _TITLE, bold=True)
    _font(document.styles["Heading 1"], _FONTS[summary.lang][1], _HEADING)
    heading = document.styles["Heading 1"].paragraph_format
    heading.space_before, heading.space_after = Pt(14), Pt(6)
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _page_number(footer)


def _font(style: Any, name: str, size: float, bold: bool = False) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    style.font.name, style.font.size, style.font.bold = name, Pt(size), bold
    style.font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for kind in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{kind}"), None)
    fonts.set(qn("w:eastAsia"), name)
    fonts.set(qn("w:ascii"), "Times New Roman")
    fonts.set(qn("w:hAnsi"), "Times New Roman")


def _page_number(paragraph: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        run = paragraph.add_run()
        run.font.size = Pt(_CELL)
        if kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        else:
            mark = OxmlElement("w:instrText")
            mark.text = text
        run._r.append(mark)


def _title(document: Any, summary: Summary) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    title = document.add_paragraph(_clean(summary.title), style="Title")
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for border in title.style.element.xpath(".//w:pBdr"):
        border.getparent().remove(border)
    about = document.add_paragraph(_clean(summary.about))
    about.alignment = WD_ALIGN_PARAGRAPH.CENTER
    about.runs[0].font.size = Pt(_CELL + 1)


def _heading(document: Any, text: str) -> None:
    document.add_paragraph(text, style="Heading 1")


def _paragraph(document: Any, text: str, lang: str) -> None:
    from docx.shared import Pt

    paragraph = document.add_paragraph(_clean(text))
    if lang == "zh":
        paragraph.paragraph_format.first_line_indent = Pt(2 * _TEXT[lang])


def _clean(text: str) -> str:
    """Drop what XML cannot hold."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    return str(ILLEGAL_CHARACTERS_RE.sub("", text))


def _table(document: Any, table: Table, words: Words, number: int, most: int = _TABLED) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt

    caption = document.add_paragraph()
    caption.alignment = WD_ALIGN_PARAGRAPH.CENTER
    caption.paragraph_format.space_before = Pt(10)
    caption.paragraph_format.keep_with_next = True
    run = caption.add_run(f"{words('table_number', number=number)} {table.title}")
    run.bold, run.font.size = True, Pt(_CELL + 1)
    grid = document.add_table(rows=1, cols=len(table.columns), style="Table Grid")
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    widths = _widths(table)
    rows = [tuple(column.title for column in table.columns)]
    rows += [
        tuple(shown(cell, column.kind) for cell, column in zip(row.cells, table.columns, strict=True))
        for row in table.rows[:most]
    ]
    cells = list(grid.rows[0].cells)
    repeat = OxmlElement("w:tblHeader")
    repeat.set(qn("w:val"), "true")
    grid.rows[0]._tr.get_or_add_trPr().append(repeat)
    for place, texts in enumerate(rows):
        cells = list((grid.rows[0] if not place else grid.add_row()).cells)
        for cell, text, column, width in zip(cells, texts, table.columns, widths, strict=True):
            cell.width = Cm(width)
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.line_spacing = 1.0
            paragraph.paragraph_format.space_after = Pt(0)
            run = paragraph.add_run(_clean(text))
            run.font.size, run.bold = Pt(_CELL), not place
            if not place:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            elif column.kind != "text":
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    if len(table.rows) > most:
        note = document.add_paragraph(words("table_more", count=len(table.rows) - most))
        note.runs[0].font.size = Pt(_CELL)


def _widths(table: Table) -> list[float]:
    """Share the page's width out: names get what is left."""
    narrow = {"number": 1.7, "share": 2.2, "change": 1.9, "rate": 3.2, "fill": 3.0, "text": 0.0}
    widths = [1.9 if column.key == "unit" else narrow[column.kind] for column in table.columns]
    names = widths.count(0.0)
    free = max(_WIDTH - sum(widths), 3.0 * names)
    return [width or free / names for width in widths]
