"""Reading letters from files: one reader a kind, one registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.errors import InputError
from triage.intake.cells import date_text, lost_digits, text_of
from triage.intake.columns import Columns
from triage.intake.doc import read_doc
from triage.intake.docx import read_docx
from triage.intake.image import read_image
from triage.intake.jsonl import read_jsonl
from triage.intake.layout import Layout
from triage.intake.limits import Limits
from triage.intake.mail import read_eml
from triage.intake.outlook import read_msg
from triage.intake.parquet import read_parquet
from triage.intake.parts import Document, Reader, Row
from triage.intake.pdf import read_pdf
from triage.intake.plain import read_plain
from triage.intake.sheets import read_sheet
from triage.intake.tables import read_delimited
from triage.intake.walk import Walk
from triage.intake.web import read_html
from triage.intake.zips import read_zip
from triage.schema import Petition

__all__ = ["READERS", "Columns", "Layout", "Limits", "Reading", "read_all", "read_letters", "read_rows"]

READERS: dict[str, Reader] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_plain,
    ".jsonl": read_jsonl,
    ".parquet": read_parquet,
    ".xlsx": read_sheet,
    ".xls": read_sheet,
    ".ods": read_sheet,
    ".docx": read_docx,
    ".doc": read_doc,
    ".wps": read_doc,
    ".rtf": read_doc,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".jpg": read_image,
    ".jpeg": read_image,
    ".png": read_image,
    ".tif": read_image,
    ".tiff": read_image,
    ".bmp": read_image,
    ".webp": read_image,
    ".eml": read_eml,
    ".msg": read_msg,
    ".zip": read_zip,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A letter and where it stood.

    Attributes
    ----------
    petition : Petition
        ``fields["reading"]`` is ``"uncertain"`` where OCR guessed; ``fields["lost_digits"]`` names the columns whose
        long numbers a spreadsheet had cut, and which are left empty for it.
    layout : Layout or None
        The places of its body's characters, where it came from pages.
    number : str
        The office's own number, where a table gave one; a petition's id is else its place or its file's name.
    """

    petition: Petition
    layout: Layout | None = None
    number: str = ""


def read_rows(path: Path, limits: Limits | None = None) -> Iterator[Row]:
    """Yield the rows of a table, or the letters of any other file or folder, as column name to cell.

    Raises
    ------
    InputError
        If the file or one inside it is missing, of an unknown kind, broken, empty, encrypted or too large.
    """
    for _, row in Walk(READERS, limits or Limits())(path):
        if isinstance(row, InputError):
            raise row
        yield row


def read_letters(path: Path, columns: Columns, limits: Limits | None = None) -> Iterator[Petition]:
    """Yield the letters of a file or folder.

    Raises
    ------
    InputError
        As `read_rows`, and if no column holds the text.
    """
    for reading in read_all(path, columns, limits):
        if isinstance(reading, InputError):
            raise reading
        yield reading.petition


def read_all(
    path: Path, columns: Columns, limits: Limits | None = None, called: str = ""
) -> Iterator[Reading | InputError]:
    """Yield letters, and in their place the faults of files inside the file or folder that could not be read.

    A letter from inside is called by its place, such as ``a.zip/b.docx`` or, in a table, ``a.zip/b.csv/17``; where
    a table has no ids, the rows' numbers are taken. With ``called`` the file itself is taken for one inside a
    folder, of that name.

    Raises
    ------
    InputError
        If the file itself cannot be read or no column of it holds the text.
    """
    tables: dict[str, _Table] = {}
    barred: set[str] = set()
    inside = False
    for name, row in Walk(READERS, limits or Limits())(path, called):
        inside = inside or bool(name)
        if isinstance(row, InputError):
            if not inside:  # what came out of an archive before it ran over a limit still counts
                raise row
            yield row
        elif isinstance(row, Document):
            yield _document(row, name)
        elif name not in barred:
            try:
                yield tables.setdefault(name, _Table(columns, name or path)).reading(row, name)
            except InputError as error:
                if not name:
                    raise
                barred.add(name)
                yield error


def _document(row: Document, name: str) -> Reading:
    fields = {"date": row.get("date", ""), "reading": "uncertain" if row.get("uncertain") else ""}
    petition = Petition(
        body=row["text"],
        title=row.get("title", ""),
        id=name or row["id"],
        fields={key: value for key, value in fields.items() if value},
    )
    return Reading(petition, row.get("layout"))


class _Table:
    """The columns of one table, and how many rows of it were read."""

    def __init__(self, columns: Columns, path: str | Path) -> None:
        self.columns = columns
        self.path = Path(path)
        self.known: dict[tuple[str, ...], dict[str, str]] = {}
        self.rows = 0

    def reading(self, row: Row, name: str) -> Reading:
        """Return one row as a letter."""
        self.rows += 1
        cells = {part: row.get(heading) for part, heading in self._parts(tuple(row)).items()}
        lost = [part for part, cell in cells.items() if part not in ("text", "title") and lost_digits(cell)]
        texts = {part: _text(part, "" if part in lost else cell) for part, cell in cells.items()}
        if lost:
            texts["lost_digits"] = ", ".join(lost)
        body, title, number = (texts.pop(part, "") for part in ("text", "title", "id"))
        place = number or str(self.rows)
        petition = Petition(body, title.strip(), f"{name}/{place}" if name else place, texts)
        return Reading(petition, number=number)

    def _parts(self, headings: tuple[str, ...]) -> dict[str, str]:
        """Return part to heading; lines of JSONL need not have the same names, but the first must hold a text."""
        if headings not in self.known:
            read = self.columns.match(headings) if self.known else self.columns.find(self.path, headings)
            self.known[headings] = read
        return self.known[headings]


def _text(part: str, cell: Any) -> str:
    return date_text(cell) if part == "date" else text_of(cell)
