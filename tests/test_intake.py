from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from triage.errors import InputError
from triage.intake import READERS, Columns, read_letters, read_rows
from triage.schema import Petition

SHIPPED = Path(__file__).parents[1] / "data"
HEADINGS = ("编号", "标题", "内容", "日期")
ROWS = (
    ("A1", "停水", "三楼停水五天，请尽快恢复。物业说不归他们管，自来水公司也不接电话", "2026-03-02"),
    ("A2", "路灯", "桥上的路灯坏了半个月，晚上摔了两个人，请派人修理", "2026-03-03"),
    ("A3", "", "老板拖欠工资三个月，“说好”年底发，至今没有", "2026-03-04"),
)
TRADITIONAL = (
    ("A1", "停水", "三樓停水五天，請儘快恢復。物業說不歸他們管，自來水公司也不接電話", "2026-03-02"),
    ("A2", "路燈", "橋上的路燈壞了半個月，晚上摔了兩個人，請派人修理", "2026-03-03"),
)


@pytest.fixture(scope="module")
def columns() -> Columns:
    return Columns.load(SHIPPED)


def table(rows: tuple[tuple[str, ...], ...] = ROWS, delimiter: str = ",", headings: tuple[str, ...] = HEADINGS) -> str:
    return "".join(delimiter.join(row) + "\r\n" for row in (headings, *rows))


def expected(rows: tuple[tuple[str, ...], ...] = ROWS) -> list[Petition]:
    return [Petition(id=row[0], title=row[1], body=row[2], fields={"date": row[3]}) for row in rows]


def refused(path: Path, columns: Columns, code: str) -> InputError:
    with pytest.raises(InputError) as caught:
        list(read_letters(path, columns))
    assert caught.value.code == code
    assert str(path) in caught.value.text("zh")
    return caught.value


def reason(error: InputError) -> str:
    """Return the code; the texts of new codes may not stand in the catalogue yet."""
    kind = str(error.values.get("kind", ""))
    return kind if error.code == "file_broken" and "_" in kind else error.code


def sheet(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t"), ("A.CSV", ",")]
)
def test_delimited_tables(tmp_path: Path, columns: Columns, encoding: str, name: str, delimiter: str) -> None:
    path = tmp_path / name
    path.write_bytes(table(delimiter=delimiter).encode(encoding))
    assert list(read_letters(path, columns)) == expected()


def test_a_table_in_big5(tmp_path: Path) -> None:
    headings = ("編號", "標題", "內容", "日期")
    columns = Columns({"id": ["編號"], "title": ["標題"], "text": ["內容"], "date": ["日期"]})
    path = tmp_path / "a.csv"
    path.write_bytes(table(TRADITIONAL, headings=headings).encode("big5"))
    assert list(read_letters(path, columns)) == expected(TRADITIONAL)


@pytest.mark.parametrize("row", ROWS)
def test_short_texts_in_gb18030(tmp_path: Path, columns: Columns, row: tuple[str, ...]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(row[2].encode("gb18030"))
    assert next(read_letters(path, columns)).body == row[2]


@pytest.mark.parametrize("row", TRADITIONAL)
def test_short_texts_in_big5(tmp_path: Path, columns: Columns, row: tuple[str, ...]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(row[2].encode("big5"))
    assert next(read_letters(path, columns)).body == row[2]


def test_quoted_cells_keep_breaks_and_delimiters(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.csv"
    path.write_text('编号,内容\r\n1,"第一行\r\n第二行，a,b"\r\n', encoding="utf-8", newline="")
    assert next(read_letters(path, columns)).body == "第一行\r\n第二行，a,b"


def test_a_cell_of_a_whole_report_is_read(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.csv"
    path.write_text("内容\n" + "长" * 200_000 + "\n", encoding="utf-8")
    assert len(next(read_letters(path, columns)).body) == 200_000


def test_a_short_first_row_does_not_lose_the_last_columns(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,内容,日期\n1,停水\n2,停电,2026-03-02\n", encoding="utf-8")
    first, second = read_letters(path, columns)
    assert (first.body, first.fields["date"]) == ("停水", "")
    assert second.fields["date"] == "2026-03-02"


def test_spreadsheets(tmp_path: Path, columns: Columns) -> None:
    path = sheet(
        tmp_path / "a.xlsx",
        [
            [None, None, None, None],
            list(HEADINGS),
            [7, "停水", "三楼停水五天", datetime(2026, 3, 2)],
            [None, None, None, None],
            ["8", None, "=桥上的路灯坏了"[1:], "2026-03-03"],
        ],
    )
    first, second = read_letters(path, columns)
    assert (first.id, first.title, first.body) == ("7", "停水", "三楼停水五天")
    assert first.fields["date"].startswith("2026-03-02")
    assert (second.id, second.title, second.body) == ("8", "", "桥上的路灯坏了")


def test_cells_merged_downwards_count_for_every_row(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for row in (["村", "内容"], ["甲村", "停水"], [None, "停电"], [None, "没路"], ["乙村", "路灯"]):
        book.active.append(row)
    book.active.merge_cells("A2:A4")
    book.save(path)
    assert [letter.fields["address"] for letter in read_letters(path, columns)] == ["甲村", "甲村", "甲村", "乙村"]


def test_a_title_above_the_headings_is_passed_over(tmp_path: Path, columns: Columns) -> None:
    path = sheet(tmp_path / "a.xlsx", [["2026年信访台账", None, None], ["编号", "标题", "内容"], ["7", "水", "停水"]])
    assert [(letter.id, letter.body) for letter in read_letters(path, columns)] == [("7", "停水")]
    path = sheet(tmp_path / "b.xlsx", [["内容", None], ["停水", "备注"]])
    assert next(read_letters(path, columns)).body == "停水"


def test_dates_as_serials(tmp_path: Path, columns: Columns) -> None:
    path = sheet(tmp_path / "a.xlsx", [["内容", "日期"], ["停水", 46083], ["停电", "46083"], ["没路", "2026年3月2日"]])
    assert [letter.fields["date"] for letter in read_letters(path, columns)] == ["2026-03-02"] * 2 + ["2026年3月2日"]


def test_numbers_that_lost_their_last_digits_are_reported_and_not_used(tmp_path: Path, columns: Columns) -> None:
    path = sheet(tmp_path / "a.xlsx", [["编号", "内容"], [110105194912310021, "停水"], ["110105194912310021", "停电"]])
    first, second = read_letters(path, columns)
    assert (first.id, first.fields["lost_digits"]) == ("1", "id")
    assert second.id == "110105194912310021"
    assert "lost_digits" not in second.fields
    (tmp_path / "a.csv").write_text("编号,内容\n1.10105E+17,停水\n", encoding="utf-8")
    assert next(read_letters(tmp_path / "a.csv", columns)).fields["lost_digits"] == "id"


def test_a_stray_cell_far_out_is_refused_before_it_fills_the_memory(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active["A1"] = "内容"
    book.active["XFD1048576"] = "停水"
    book.save(path)
    with pytest.raises(InputError) as caught:
        list(read_rows(path))
    assert reason(caught.value) == "many_cells"


def test_a_spreadsheet_that_unpacks_to_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (4 << 20))
    with pytest.raises(InputError) as caught:
        list(read_rows(path))
    assert reason(caught.value) == "unpacks_large"


def test_jsonl(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(dict(zip(HEADINGS, row, strict=True)), ensure_ascii=False) for row in ROWS]
    path.write_text("\ufeff" + "\n\n".join(lines), encoding="utf-8")
    assert list(read_letters(path, columns)) == expected()


def test_jsonl_whose_first_object_lacks_a_title(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "停水"}\n{"text": "停电", "title": "电", "id": 5}\n{"title": "无"}\n', encoding="utf-8")
    first, second, third = read_letters(path, columns)
    assert (first.id, first.title) == ("1", "")
    assert (second.id, second.title, second.body) == ("5", "电", "停电")
    assert (third.title, third.body) == ("无", "")


@pytest.mark.parametrize("line", ["[1]", '"text"', "{", "停水"])
def test_a_line_that_is_no_object(tmp_path: Path, columns: Columns, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "停水"}\n' + line + "\n", encoding="utf-8")
    assert "line 2" in str(refused(path, columns, "file_broken"))


def test_parquet(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.parquet"
    cells = {name: [row[place] for row in ROWS] * 500 for place, name in enumerate(HEADINGS)}
    pq.write_table(pa.table(cells), path, row_group_size=700)
    assert list(read_letters(path, columns)) == expected() * 500


def test_a_text_file_is_one_letter(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "来信7.txt"
    path.write_text("尊敬的领导：\n请修路。\n", encoding="utf-8")
    assert list(read_letters(path, columns)) == [Petition(id="来信7", body="尊敬的领导：\n请修路。\n")]


@pytest.mark.parametrize(
    ("headings", "parts"),
    [
        (["ID", "Title", "Text"], {"id": "ID", "title": "Title", "text": "Text"}),
        (
            ["信访件编号", "留言主题", "留言详情", "留言时间"],
            {"id": "信访件编号", "title": "留言主题", "text": "留言详情", "date": "留言时间"},
        ),
        ([" 内容 ", "姓名"], {"text": " 内容 ", "name": "姓名"}),
        (["内容", "诉求"], {"text": "内容"}),  # the better alias
        (["诉求", "内容"], {"text": "内容"}),
        (["内容", "内容"], {"text": "内容"}),
    ],
)
def test_headings_have_aliases(columns: Columns, headings: list[str], parts: dict[str, str]) -> None:
    assert columns.find(Path("a.csv"), headings) == parts


def test_a_heading_that_the_user_names_wins() -> None:
    columns = Columns.load(SHIPPED, text="情况", title=None)
    assert columns.find(Path("a.csv"), ["内容", "情况", "标题"]) == {"text": "情况", "title": "标题"}
    with pytest.raises(InputError, match=r"情况.*内容, 标题.*--text-column"):
        columns.find(Path("a.csv"), ["内容", "标题"])


def test_one_column_is_not_two_parts() -> None:
    columns = Columns.load(SHIPPED, title="内容")
    with pytest.raises(InputError):
        columns.find(Path("a.csv"), ["内容"])


def test_no_column_with_the_text(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,备注\n1,停水\n", encoding="utf-8")
    error = refused(path, columns, "no_column")
    assert "编号, 备注" in str(error)
    assert "停水" not in str(error)


def test_letters_without_a_number_get_that_of_their_row(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,内容\n,停水\nB,停电\n,没路\n", encoding="utf-8")
    assert [letter.id for letter in read_letters(path, columns)] == ["1", "B", "3"]


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods", "a.parquet"])
@pytest.mark.parametrize("content", [b"", b"no such file kind", b"PK\x03\x04 broken"])
def test_a_broken_file(tmp_path: Path, columns: Columns, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, columns, "file_broken")


def test_a_spreadsheet_cut_short(tmp_path: Path, columns: Columns) -> None:
    path = sheet(tmp_path / "a.xlsx", [["内容"], ["停水"]])
    path.write_bytes(path.read_bytes()[:-400])
    refused(path, columns, "file_broken")


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl", "a.tsv"])
def test_binary_data(tmp_path: Path, columns: Columns, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00")
    refused(path, columns, "file_broken")


def test_an_encoding_that_is_none_of_the_known(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\n" + bytes([0xFF, 0x80, 0xFE, 0xFF]) * 40 + b"\n")
    with pytest.raises(InputError) as caught:
        list(read_letters(path, columns))
    assert caught.value.code in ("file_encoding", "file_broken")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", ""), ("a.csv", "编号,内容\n"), ("a.tsv", "\n\n"), ("a.jsonl", ""), ("a.jsonl", "\n\n")],
)
def test_an_empty_file(tmp_path: Path, columns: Columns, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    refused(path, columns, "file_empty")


@pytest.mark.parametrize("rows", [[], [["内容"]]])
def test_an_empty_spreadsheet(tmp_path: Path, columns: Columns, rows: list[list[Any]]) -> None:
    refused(sheet(tmp_path / "a.xlsx", rows), columns, "file_empty")


def test_an_empty_parquet_file(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"内容": pa.array([], pa.string())}), path)
    refused(path, columns, "file_empty")


def test_what_is_not_there_or_not_known(tmp_path: Path, columns: Columns) -> None:
    refused(tmp_path / "a.csv", columns, "no_file")
    refused(tmp_path, columns, "file_empty")
    (tmp_path / "a.mp4").write_bytes(b"film")
    error = refused(tmp_path / "a.mp4", columns, "file_kind")
    assert all(ending in str(error) for ending in READERS)


def test_rows_come_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "停水"}\nbroken\n', encoding="utf-8")
    assert next(read_rows(path)) == {"text": "停水"}
