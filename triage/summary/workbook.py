"""A summary as a workbook: numbers are numbers, a rate is its numerator, its denominator and their quotient."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.summary.charts import Chart, charts_of
from triage.summary.tables import Rate, Table
from triage.summary.texts import Words

if TYPE_CHECKING:
    from triage.summary.report import Summary

__all__ = ["write_xlsx"]

_PERCENT, _SIGNED, _COUNT, _MEAN = "0.0%", "+0.0%;-0.0%;0.0%", "#,##0", "#,##0.0"
_PICTURE_ROWS = 20  # that a picture takes
_FORBIDDEN = str.maketrans("[]:*?/\\", "()     ")


def write_xlsx(summary: Summary, path: Path) -> str:
    """Write a sheet for the overview and one for each table; the charts stand on a sheet of their own."""
    from openpyxl import Workbook

    words = Words(summary.lang)
    charts, note = charts_of(summary)
    book = Workbook()
    _front(book.active, summary, words, note)
    for table in (*summary.tables, summary.hot, summary.missing):
        if table.rows:
            _fill(book.create_sheet(table.title.translate(_FORBIDDEN)[:31]), table, words)
    if charts:
        _pictures(book.create_sheet(_heading(words, "charts")), charts)
    book.save(path)
    return note


def _heading(words: Words, section: str) -> str:
    return words(f"section_{section}").partition("、" if words.lang == "zh" else ". ")[2]


def _front(sheet: Any, summary: Summary, words: Words, note: str) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.title = _heading(words, "summary")
    sheet.column_dimensions["A"].width = 100
    lines = [summary.title, summary.about, "", *summary.overview, "", *summary.hot_lines, "", summary.units]
    lines += [*summary.notes, *filter(None, [note])]
    for number, text in enumerate(lines, 1):
        _text(sheet.cell(number, 1), text).alignment = Alignment(wrap_text=True, vertical="top")
    sheet["A1"].font = Font(bold=True, size=16)
    _page(sheet)


def _text(cell: Any, text: str) -> Any:
    """Put text into a cell; a name that begins as a formula is none."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    return cell


def _fill(sheet: Any, table: Table, words: Words) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.utils import get_column_letter

    thin = Side(style="thin", color="BBBBBB")
    border, shade = Border(thin, thin, thin, thin), PatternFill("solid", fgColor="DCE6F1")
    heads: list[str] = []
    for column in table.columns:
        heads.append(column.title)
        if column.kind == "rate":
            heads[-1:] = [words("column_part"), words("column_whole"), column.title]
    _text(sheet.cell(1, 1), table.title).font = Font(bold=True, size=14)
    for place, text in enumerate(heads, 1):
        cell = _text(sheet.cell(2, place), text)
        cell.font, cell.fill, cell.border = Font(bold=True), shade, border
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    for number, row in enumerate(table.rows, 3):
        place = 0
        for column, value in zip(table.columns, row.cells, strict=True):
            for one, form in _cells(value, column.kind):
                place += 1
                cell = sheet.cell(number, place)
                cell.border = border
                if isinstance(one, str):
                    _text(cell, one).alignment = Alignment(vertical="center", wrap_text=True)
                else:
                    cell.value, cell.number_format = one, form
    for place, text in enumerate(heads, 1):
        texts = [str(row.cells[0]) for row in table.rows] if place == 1 else []
        width = max([_width(text) + 2, *(_width(one) + 2 for one in texts)])
        wide = table.columns[min(place, len(table.columns)) - 1].kind == "text" and place > 1 and table.key == "missing"
        sheet.column_dimensions[get_column_letter(place)].width = 50 if wide else min(60, max(11, width))
    sheet.freeze_panes = "B3"
    sheet.print_title_rows = "1:2"
    _page(sheet)


def _cells(value: Any, kind: str) -> list[tuple[Any, str]]:
    if kind == "rate":
        rate = value if isinstance(value, Rate) else None
        return [
            (rate.part if rate else None, _COUNT), (rate.whole if rate else None, _COUNT),
            (rate.value if rate else None, _PERCENT),
        ]  # fmt: skip
    if isinstance(value, Rate):
        return [(value.value, _SIGNED if kind == "change" else _PERCENT)]
    return [(value, _MEAN if isinstance(value, float) else _COUNT)]


def _width(text: str) -> int:
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def _page(sheet: Any) -> None:
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _pictures(sheet: Any, charts: list[Chart]) -> None:
    from openpyxl.drawing.image import Image

    for number, chart in enumerate(charts):
        picture = Image(BytesIO(chart.png))
        picture.width, picture.height = picture.width * 0.6, picture.height * 0.6
        sheet.add_image(picture, f"A{1 + number * _PICTURE_ROWS}")
