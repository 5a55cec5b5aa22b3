from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from triage import InputError
from triage.batch import expected_letters
from triage.batch.sources import letters_of
from triage.intake import Columns, Reading


@pytest.fixture
def columns(tiny_home: Path) -> Columns:
    return Columns.load(tiny_home)


def table(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(arrow.Table.from_pylist(list(rows)), path)


def found(path: Path, columns: Columns) -> list[tuple[str, str]]:
    return [
        (item.petition.id, item.petition.body) if isinstance(item, Reading) else (str(item.values["path"]), item.code)
        for item in letters_of(path, columns)
    ]


def test_a_folder_of_parquet_is_one_table(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    table(folder / "part-1.parquet", {"id": "C", "text": "三"})
    table(folder / "part-0.parquet", {"id": "A", "text": "一"}, {"id": "B", "text": "二"})
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").touch()
    assert found(folder, columns) == [("A", "一"), ("B", "二"), ("C", "三")]
    assert expected_letters(folder) == 3


def test_parts_without_numbers_are_called_by_their_place(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    table(folder / "year=2025" / "a.parquet", {"text": "一"}, {"text": "二"})
    table(folder / "year=2026" / "a.parquet", {"text": "三"})
    assert [name for name, _ in found(folder, columns)] == [
        "year=2025/a.parquet/1", "year=2025/a.parquet/2", "year=2026/a.parquet/1",
    ]  # fmt: skip


def test_a_part_that_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.parquet").write_text("no parquet", encoding="utf-8")
    table(folder / "b.parquet", {"id": "B", "other": "x"})
    parquet.write_table(
        arrow.table({"id": arrow.array([], arrow.string()), "text": arrow.array([], arrow.string())}),
        folder / "c.parquet",
    )
    table(folder / "d.parquet", {"id": "D", "text": "四"})
    assert found(folder, columns) == [("a.parquet", "file_broken"), ("b.parquet", "no_column"), ("D", "四")]


def test_parts_without_a_letter(tmp_path: Path, columns: Columns) -> None:
    parquet.write_table(arrow.table({"text": arrow.array([], arrow.string())}), tmp_path / "c.parquet")
    with pytest.raises(InputError) as caught:
        found(tmp_path, columns)
    assert caught.value.code == "file_empty"


def test_a_folder_with_something_else_is_a_folder(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    table(folder / "a.parquet", {"id": "A", "text": "一"})
    (folder / "b.txt").write_text("二", encoding="utf-8")
    assert [name for name, _ in found(folder, columns)] == ["in/a.parquet/A", "in/b.txt"]


def test_a_link_among_the_parts_is_refused(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    table(tmp_path / "secret.parquet", {"id": "S", "text": "密"})
    table(folder / "a.parquet", {"id": "A", "text": "一"})
    (folder / "b.parquet").symlink_to(tmp_path / "secret.parquet")
    assert ("in/b.parquet", "member_path") in found(folder, columns)


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("a.csv", 'id,text\n1,"一\n二"\n2,"三 ""四""\n"\n', 2),
        ("a.csv", "id,text\n1,一\n2,二", 2),
        ("a.csv", "", 0),
        ("a.tsv", "id\ttext\n1\t一\n", 1),
        ("a.jsonl", '{"text": "\\"一"}\n{"text": "二"}', 2),
        ("a.txt", "一\n二\n", 1),
        ("a.xlsx", "no workbook", None),
        ("a.parquet", "no parquet", None),
        ("a.xls", "x", None),
        ("a.zip", "x", None),
        ("a.eml", "x", None),
    ],
)
def test_letters_are_counted_beforehand(tmp_path: Path, name: str, content: str, count: int | None) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="gb18030")
    expected = expected_letters(path)
    assert (None if expected is None else max(expected, 0)) == count


def test_a_workbook_says_how_many_rows_it_has(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["id", "text"], [1, "一"], [2, "二"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert expected_letters(tmp_path / "a.xlsx") == 2
    with ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    assert expected_letters(tmp_path / "b.xlsx") is None


def test_a_folder_is_counted_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("一", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "一"}) + "\n", encoding="utf-8")
    (tmp_path / "Thumbs.db").touch()
    assert expected_letters(tmp_path) == 2
    (tmp_path / "c.zip").touch()
    assert expected_letters(tmp_path) is None


def test_what_is_not_there_is_not_counted(tmp_path: Path) -> None:
    assert expected_letters(tmp_path / "a.csv") is None
    assert expected_letters(tmp_path / "a.txt") is None
