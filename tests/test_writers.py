from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from triage.batch import writers
from triage.batch.files import whole_file
from triage.batch.writers import WRITERS
from triage.errors import InputError
from triage.schema import Decision, Evidence

HARMFUL = ["=1+1", '=HYPERLINK("http://x","y")', "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1"]


def record(title: str = "停水", urgency: int = 1, **values: Any) -> dict[str, Any]:
    """Return a record as a run makes it: id, title, then the decision."""
    decision = Decision(
        id="7",
        category="water",
        category_name="用水",
        confidence=0.875,
        candidates=("water", "road"),
        scores=(0.875, 0.1),
        candidate_set=("water",),
        secondary=(),
        nature="ask",
        urgency=urgency,
        urgency_rules=("U1",),
        department="works",
        department_name="建设科",
        assisting=("labour",),
        handler="水管站",
        principle="属地管理",
        channel="转办",
        channel_code="ask",
        channel_article="第一条",
        channel_tell="我们转办",
        due={"answer": "2026-03-17", "object": "2026-03-09"},
        due_provisional=("object",),
        place="三楼",
        place_level="village",
        place_certainty="stated",
        area="ours",
        forward="",
        persons=None,
        collective=False,
        repeat=True,
        needs_review=False,
        review_reason=(),
        evidence=(
            Evidence("urgency", "rule", "U1", span=(0, 2), weight=2, note="停水"),
            Evidence("urgency", "rule", "U2", status="past"),
        ),
        model="tiny 1",
    )
    whole = decision.to_dict()
    return {"id": whole.pop("id"), "title": title, **whole, **values}


def sheet_of(path: Path) -> Any:
    return openpyxl.load_workbook(path).active


def csv_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("text", HARMFUL)
def test_formulas_are_text_in_a_spreadsheet(tmp_path: Path, text: str) -> None:
    WRITERS[".xlsx"](tmp_path / "a.xlsx", [record(text)])
    cell = sheet_of(tmp_path / "a.xlsx")["B2"]
    assert cell.data_type == "s"
    assert cell.value.strip() == text.strip()


@pytest.mark.parametrize("text", HARMFUL)
def test_formulas_are_text_in_csv(tmp_path: Path, text: str) -> None:
    WRITERS[".csv"](tmp_path / "a.csv", [record(text, place=text)])
    (row,) = csv_of(tmp_path / "a.csv")
    assert row["title"] == row["place"] == f"'{text}"


def test_plain_cells_are_not_touched_in_csv(tmp_path: Path) -> None:
    WRITERS[".csv"](tmp_path / "a.csv", [record('他说"停水",a=b')])
    (row,) = csv_of(tmp_path / "a.csv")
    assert row["title"] == '他说"停水",a=b'
    assert row["confidence"] == "0.875"


@pytest.mark.parametrize("kind", [".csv", ".xlsx"])
def test_lists_and_objects_are_readable_in_tables(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{kind}"
    WRITERS[kind](path, [record()])
    if kind == ".csv":
        row: dict[str, Any] = dict(csv_of(path)[0])
    else:
        heads, cells = sheet_of(path).iter_rows(values_only=True)
        row = {name: "" if cell is None else str(cell) for name, cell in zip(heads, cells, strict=True)}
    assert list(row) == list(record())
    assert row["candidates"] == "water, road"
    assert row["due"] == "answer 2026-03-17; object 2026-03-09"
    assert row["due_provisional"] == "object"
    assert (row["collective"], row["repeat"], row["persons"]) == ("", "yes", "")
    assert row["evidence"] == "urgency: U1 停水, urgency: U2 (past)"


def test_a_ledger_has_a_frozen_header_filters_and_colours(tmp_path: Path) -> None:
    WRITERS[".xlsx"](tmp_path / "a.xlsx", [record(urgency=level) for level in (1, 2, 3, 4)])
    sheet = sheet_of(tmp_path / "a.xlsx")
    assert sheet.freeze_panes == "C2"
    assert [cell.value for cell in sheet[1]] == list(record())
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.auto_filter.ref == f"A1:{sheet.cell(5, len(record())).coordinate}"
    colours = [sheet.cell(row, 1).fill.fgColor.rgb for row in (2, 3, 4, 5)]
    assert len(set(colours)) == 4
    assert sheet["E2"].value == 0.875


def test_characters_that_a_spreadsheet_cannot_hold(tmp_path: Path) -> None:
    WRITERS[".xlsx"](tmp_path / "a.xlsx", [record("停\x00水\x0b", place="长" * 40_000)])
    rows = list(sheet_of(tmp_path / "a.xlsx").iter_rows(values_only=True))
    cells = dict(zip(*rows, strict=True))
    assert cells["title"] == "停水"
    assert len(cells["place"]) == 32_767


def test_jsonl_keeps_everything(tmp_path: Path) -> None:
    WRITERS[".jsonl"](tmp_path / "a.jsonl", [record("=1"), record("二\n行\u2028")])
    lines = (tmp_path / "a.jsonl").read_bytes().decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == [record("=1"), record("二\n行\u2028")]
    assert lines[-1] == ""
    assert "停水" in lines[0]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    WRITERS[".parquet"](path, (record(f"第{number}封", persons=number or None) for number in range(1500)))
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == 1500
    assert [rows[0]["persons"], rows[7]["persons"]] == [None, 7]
    assert rows[0]["scores"] == [0.875, 0.1]
    assert rows[0]["secondary"] == []
    assert rows[0]["due_provisional"] == ["object"]
    assert rows[0]["repeat"] is True
    assert json.loads(rows[0]["due"]) == record()["due"]
    assert json.loads(rows[0]["evidence"]) == record()["evidence"]


@pytest.mark.parametrize("kind", list(WRITERS))
def test_a_run_without_letters_gives_a_file_that_opens(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{kind}"
    with whole_file(path) as draft:
        WRITERS[kind](draft, [])
    if kind == ".parquet":
        assert pq.read_table(path).num_rows == 0
    elif kind == ".xlsx":
        assert sheet_of(path).max_row == 1
    else:
        assert not path.read_text(encoding="utf-8-sig").strip()


@pytest.mark.parametrize("kind", list(WRITERS))
def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{kind}"
    path.write_text("the one before", encoding="utf-8")

    def records() -> Iterator[dict[str, Any]]:
        yield from (record() for _ in range(1200))
        assert path.read_text(encoding="utf-8") == "the one before"
        raise OSError("no room")

    def write() -> None:
        with whole_file(path) as draft:
            WRITERS[kind](draft, records())

    with pytest.raises(OSError, match="no room"):
        write()
    assert path.read_text(encoding="utf-8") == "the one before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with whole_file(path) as draft:
        WRITERS[".jsonl"](draft, [record()])
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_same_letters_give_the_same_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WRITERS[".xlsx"](tmp_path / "a.xlsx", [record()])
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    WRITERS[".xlsx"](tmp_path / "b.xlsx", [record()])
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


@pytest.mark.parametrize(("count", "sizes"), [(4, [4]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])])
def test_what_a_sheet_cannot_hold_goes_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(writers, "_SHEET", 4)
    WRITERS[".xlsx"](tmp_path / "a.xlsx", [record(str(number)) for number in range(count)])
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == [f"ledger {n}" if n > 1 else "ledger" for n in range(1, len(sizes) + 1)]
    assert [sheet.max_row - 1 for sheet in book] == sizes
    assert all([cell.value for cell in sheet[1]] == list(record()) for sheet in book)
    titles = [row[1] for sheet in book for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert titles == [str(number) for number in range(count)]


def test_a_sheet_holds_what_a_spreadsheet_allows() -> None:
    assert writers._SHEET + 1 == 1_048_576


def test_row_groups_are_neither_tiny_nor_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_ROWS", 10)
    WRITERS[".parquet"](tmp_path / "a.parquet", (record(str(number)) for number in range(365)))
    data = pq.read_metadata(tmp_path / "a.parquet")
    assert [data.row_group(place).num_rows for place in range(data.num_row_groups)] == [160, 160, 45]


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (3, [3]), (7, [3, 3, 1])])
def test_a_folder_of_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, sizes: list[int]) -> None:
    monkeypatch.setattr(writers, "_PART", 3)
    folder = tmp_path / "ledger"
    for _ in range(2):  # the second replaces the first
        with whole_file(folder) as draft:
            writers.write_parts(draft, (record(str(number)) for number in range(count)))
    assert sorted(path.name for path in folder.iterdir()) == [f"part-{n:05}.parquet" for n in range(len(sizes))]
    assert [pq.read_metadata(path).num_rows for path in sorted(folder.iterdir())] == sizes
    assert list(tmp_path.iterdir()) == [folder]


def test_which_outputs_are_folders(tmp_path: Path) -> None:
    assert writers.writer_of(f"{tmp_path}/new/") is writers.write_parts
    assert writers.writer_of(tmp_path / "a.parquet") is WRITERS[".parquet"]
    for name in ("there", "there.parquet"):
        (tmp_path / name).mkdir()
        assert writers.writer_of(tmp_path / name) is writers.write_parts
    (tmp_path / "there" / "part-00000.parquet").touch()
    assert writers.writer_of(tmp_path / "there") is writers.write_parts
    (tmp_path / "there" / "notes.txt").touch()
    with pytest.raises(InputError) as caught:
        writers.writer_of(tmp_path / "there")
    assert caught.value.code == "output_folder"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_kill_left_behind_is_gone_with_the_next_run(tmp_path: Path, kind: str) -> None:
    for name in (".a.draft", ".a.old"):
        if kind == "folder":
            (tmp_path / name).mkdir()
            (tmp_path / name / "part-00000.parquet").touch()
        else:
            (tmp_path / name).touch()
    with whole_file(tmp_path / "a") as draft:
        draft.write_text("x", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
