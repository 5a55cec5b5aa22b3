from __future__ import annotations

import csv
import io
import json
import sys
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest

from triage.batch import WRITERS as LEDGERS
from triage.cli import main as command
from triage.config import home
from triage.errors import InputError
from triage.summary import WRITERS, Period, Summary, Villages, charts_of, summarise, write
from triage.summary import charts as drawing

HEADS = (
    "id", "title", "received", "status", "source", "answered", "category", "nature", "urgency", "department",
    "collective", "repeat", "needs_review", "persons", "place", "due",
)  # fmt: skip
BATCH = ("id", "title", *HEADS[6:])
TODAY = date(2026, 11, 24)
DUE = "notice {0}-{1}-17; objection {0}-{1}-09; close {0}-{2}-01"
SECRET = "张伟家的地被占"


def letter(number: int, received: str, **values: Any) -> dict[str, Any]:
    year, month = received[:4], int(received[5:7])
    row = {
        "id": f"L{number}", "title": SECRET, "received": received, "status": "answered", "source": "letter",
        "answered": received, "category": "wages", "nature": "appeal", "urgency": 1, "department": "human_resources",
        "collective": "", "repeat": "", "needs_review": "", "persons": "", "place": "石桥村",
        "due": DUE.format(year, f"{month:02}", f"{min(12, month + 2):02}"),
    }  # fmt: skip
    return row | values


# Counted by hand: seven letters of March, one an accusation; four of February; two of March a year before.
LETTERS = [
    letter(1, "2026-03-02", source="visit", persons=12, collective="yes", urgency=3),
    letter(2, "2026-03-03", source="visit", persons=1, repeat="yes", answered="2026-03-13"),
    letter(
        3, "2026-03-03", category="homestead", department="natural_resources", needs_review="yes", answered="2026-07-01"
    ),
    letter(4, "2026-03-20", status="open", answered="", urgency=4, place="石桥村三组7号"),
    letter(
        5, "2026-03-21", status="decided", answered="", place="星河小区3栋", due="notice 2026-04-05; close 2026-12-31"
    ),
    letter(
        6,
        "2026-03-22",
        status="decided",
        answered="",
        place="",
        department="",
        due="notice 2026-04-06; close 2026-11-30",
    ),
    letter(
        7, "2026-03-23", nature="accusation", category="cadre_conduct", department="discipline", urgency=4, place=""
    ),
    letter(8, "2026-02-01"),
    letter(9, "2026-02-02", repeat="yes"),
    letter(10, "2026-02-03", category="homestead", place="马鞍村"),
    letter(11, "2026-02-28", category="homestead", place="马鞍村"),
    letter(12, "2025-03-01"),
    letter(13, "2025-03-31"),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[..., Path]:
    def make(rows: list[dict[str, Any]] = LETTERS, heads: tuple[str, ...] = HEADS, name: str = "ledger.csv") -> Path:
        path = tmp_path / name
        with open(path, "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, heads, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return make


@pytest.fixture
def march(ledger: Callable[..., Path]) -> Summary:
    return summarise(ledger(), Period.parse("2026-03"), lang="en", today=TODAY)


def cells(summary: Summary, table: str, code: str) -> dict[str, Any]:
    found = summary.table(table)
    assert found is not None
    row = next(one for one in found.rows if one.code == code)
    return {column.key: cell for column, cell in zip(found.columns, row.cells, strict=True)}


class TestFigures:
    @pytest.mark.parametrize(
        ("figure", "now", "before", "year_before"),
        [
            ("items", 7, 4, 2), ("sealed", 1, 0, 0), ("persons", 13, None, None), ("persons_of", 2, 0, 0),
            ("visit_batches", 2, 0, 0), ("visit_persons", 13, None, None), ("joint_items", 1, 0, 0),
            ("joint_persons", 12, None, None), ("largest", 12, None, None), ("first", 5, 3, 2), ("repeat", 1, 1, 0),
            ("answered", 3, 4, 2), ("overdue", 1, None, None), ("soon", 1, None, None),
        ],
    )  # fmt: skip
    def test_totals(self, march: Summary, figure: str, now: int, before: int | None, year_before: int | None) -> None:
        row = cells(march, "totals", figure)
        assert (row["now"], row["before"], row["year_before"]) == (now, before, year_before)

    def test_days_to_the_answer_are_a_mean(self, march: Summary) -> None:
        assert cells(march, "totals", "days")["now"] == pytest.approx((0 + 10 + 120) / 3)

    @pytest.mark.parametrize(
        ("rate", "part", "whole"),
        [
            ("first", 5, 6), ("repeat", 1, 6), ("joint", 1, 6), ("review", 1, 6), ("answered", 3, 6),
            # Of the six, number 5 and 6 need no opinion before December; number 3 came after the first of May.
            ("completion", 3, 4), ("timely", 2, 4),
        ],
    )  # fmt: skip
    def test_a_rate_is_its_numerator_and_denominator(self, march: Summary, rate: str, part: int, whole: int) -> None:
        assert cells(march, "rates", rate)["rate"] == (part, whole)

    def test_comparison_is_a_share_of_the_earlier_figure(self, march: Summary) -> None:
        row = cells(march, "totals", "items")
        assert row["before_change"].value == pytest.approx(0.75)
        assert row["year_before_change"].value == pytest.approx(2.5)

    @pytest.mark.parametrize(
        ("table", "counts"),
        [
            ("category", {"wages": 5, "homestead": 1}),
            ("nature", {"appeal": 6, "accusation": 1}),
            ("urgency", {"4": 1, "3": 1, "1": 4}),
            ("department", {"human_resources": 4, "natural_resources": 1, "": 1}),
            ("source", {"letter": 4, "visit": 2}),
            ("place", {"石桥村": 4, "-": 1, "": 1, "马鞍村": 0}),
        ],
    )
    def test_breakdowns_leave_accusations_out(self, march: Summary, table: str, counts: dict[str, int]) -> None:
        found = march.table(table)
        assert found is not None
        assert dict(zip([row.code for row in found.rows], found.column("items"), strict=True)) == counts

    def test_persons_that_nobody_told_are_blank_and_not_nought(self, march: Summary) -> None:
        assert cells(march, "category", "wages")["persons"] == 13
        assert cells(march, "category", "homestead")["persons"] is None

    def test_a_hot_matter_is_compared_with_the_period_before(self, march: Summary) -> None:
        assert [row.cells for row in march.hot.rows] == [("石桥村", "Wages and labour remuneration", 3, 2, 1)]
        assert march.hot_lines == (
            "石桥村, Wages and labour remuneration: 3 items, 1 more than in the period before (2).",
        )

    def test_many_places_are_summed_at_the_end(self, ledger: Callable[..., Path]) -> None:
        rows = [letter(number, "2026-03-02", place=f"{chr(0x4E00 + number)}家村") for number in range(40)]
        table = summarise(ledger(rows), lang="en", today=TODAY).table("place")
        assert table is not None
        assert len(table.rows) == 31
        assert table.rows[-1].cells[:2] == ("10 others", 10)


class TestPeriods:
    @pytest.mark.parametrize(
        ("text", "first", "last", "before", "year_before", "zh", "en"),
        [
            ("2026", "2026-01-01", "2026-12-31", "2025", "2025", "2026年", "2026"),
            ("2026-Q1", "2026-01-01", "2026-03-31", "2025-Q4", "2025-Q1", "2026年第一季度", "quarter 1 of 2026"),
            ("2026-Q4", "2026-10-01", "2026-12-31", "2026-Q3", "2025-Q4", "2026年第四季度", "quarter 4 of 2026"),
            ("2024-02", "2024-02-01", "2024-02-29", "2024-01", "2023-02", "2024年2月", "February 2024"),
            ("2026-12", "2026-12-01", "2026-12-31", "2026-11", "2025-12", "2026年12月", "December 2026"),
        ],
    )
    def test_bounds_and_names(
        self, text: str, first: str, last: str, before: str, year_before: str, zh: str, en: str
    ) -> None:
        period = Period.parse(text)
        assert (str(period.first), str(period.last)) == (first, last)
        assert (str(period), str(period.before), str(period.year_before)) == (text, before, year_before)
        assert (period.name("zh"), period.name("en")) == (zh, en)

    @pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-Q5", "2026-3", "0001", "9999", "2026-03-01"])
    def test_another_wording_is_refused(self, text: str) -> None:
        with pytest.raises(InputError) as refusal:
            Period.parse(text)
        assert refusal.value.code == "summary_period"

    def test_a_time_before_the_ledger_is_unknown_and_named(self, ledger: Callable[..., Path]) -> None:
        summary = summarise(ledger(LETTERS[:11]), Period.parse("2026-Q1"), lang="en", today=TODAY)
        row = cells(summary, "totals", "items")
        assert (row["now"], row["before"], row["year_before"]) == (11, None, None)
        assert (
            "The ledger begins on 2026-02-01: quarter 4 of 2025 is not in it, and comparisons are left blank."
            in summary.notes
        )

    def test_a_time_that_the_ledger_has_in_part_is_named(self, ledger: Callable[..., Path]) -> None:
        summary = summarise(ledger(), Period.parse("2026"), lang="en", today=TODAY)
        assert cells(summary, "totals", "items")["year_before"] == 2
        assert any(
            note.startswith("The ledger begins on 2025-03-01: it holds only a part of 2025") for note in summary.notes
        )
        assert "The period ends on 2026-12-31; the figures stand as of 2026-11-24." in summary.notes

    def test_without_a_period_everything_counts_and_nothing_is_compared(self, ledger: Callable[..., Path]) -> None:
        summary = summarise(ledger(), lang="en", today=TODAY)
        assert cells(summary, "totals", "items") == {"figure": "items in all", "unit": "items", "now": 13}

    def test_a_letter_without_a_day_is_in_no_period(self, ledger: Callable[..., Path]) -> None:
        rows = [*LETTERS, letter(14, "2026-03-01", due="") | {"received": ""}]
        summary = summarise(ledger(rows), Period.parse("2026-03"), lang="en", today=TODAY)
        assert cells(summary, "totals", "items")["now"] == 7
        assert "1 items have no day of receipt and are in no period." in summary.notes


class TestWhatALedgerDoesNotKnow:
    def test_a_batch_ledger_counts_back_to_the_day_of_receipt(self, ledger: Callable[..., Path]) -> None:
        summary = summarise(ledger(heads=BATCH), Period.parse("2026-03"), lang="en", today=TODAY)
        # Fifteen days before the 17th is the 2nd; numbers 5 and 6 say the 5th and 6th of April: the 21st and 22nd.
        assert cells(summary, "totals", "items")["now"] == 7
        assert summary.notes[0] == "The ledger has no day of receipt; it was counted back from the date of notice."

    def test_figures_are_blank_and_named(self, ledger: Callable[..., Path]) -> None:
        summary = summarise(ledger(heads=BATCH), Period.parse("2026-03"), lang="en", today=TODAY)
        for figure in ("visit_batches", "visit_persons", "answered", "overdue", "soon", "days"):
            assert cells(summary, "totals", figure)["now"] is None
        for rate in ("answered", "completion", "timely", "accepted"):
            assert cells(summary, "rates", rate)["rate"] is None
        assert summary.table("source") is None
        named = summary.missing.column("figure")
        assert "answered, overdue and due items" in named
        assert "on-time settlement, mean days to the answer" in named
        assert "figures by village or community" not in named
        assert not any(summary.missing.column("fill"))

    def test_a_column_that_is_there_is_not_named(self, march: Summary) -> None:
        assert "answered, overdue and due items" not in march.missing.column("figure")
        assert "share that rated, share that was satisfied" in march.missing.column("figure")

    def test_no_period_without_days(self, ledger: Callable[..., Path]) -> None:
        path = ledger(heads=BATCH[:-1])
        with pytest.raises(InputError) as refusal:
            summarise(path, Period.parse("2026-03"))
        assert refusal.value.code == "summary_undated"
        assert cells(summarise(path, lang="en"), "totals", "items")["now"] == 13

    @pytest.mark.parametrize(
        ("content", "code"), [("a,b\n1,2\n", "summary_ledger"), ("", "file_empty"), ("category\n", "file_empty")]
    )
    def test_another_table_is_refused(self, tmp_path: Path, content: str, code: str) -> None:
        path = tmp_path / "x.csv"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError) as refusal:
            summarise(path)
        assert refusal.value.code == code

    @pytest.mark.parametrize(
        ("name", "code"),
        [("x.pdf", "file_kind"), ("x.xlsx", "file_broken"), ("x.jsonl", "file_broken"), ("x.parquet", "file_broken")],
    )
    def test_another_kind_is_refused(self, tmp_path: Path, name: str, code: str) -> None:
        path = tmp_path / name
        path.write_text("no such thing", encoding="utf-8")
        with pytest.raises(InputError) as refusal:
            summarise(path)
        assert refusal.value.code == code


class TestKindsOfLedger:
    @pytest.mark.parametrize("kind", [".jsonl", ".xlsx", ".parquet"])
    def test_every_kind_gives_the_same_figures(self, ledger: Callable[..., Path], tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"ledger{kind}"
        LEDGERS[kind](path, [_as_judged(row) for row in LETTERS])
        wanted = summarise(ledger(), Period.parse("2026-03"), lang="en", today=TODAY)
        assert summarise(path, Period.parse("2026-03"), lang="en", today=TODAY).to_dict() == wanted.to_dict()

    def test_a_folder_of_parquet_files(self, ledger: Callable[..., Path], tmp_path: Path) -> None:
        (tmp_path / "parts").mkdir()
        rows = [_as_judged(row) for row in LETTERS]
        for number, some in enumerate((rows[:5], rows[5:])):
            LEDGERS[".parquet"](tmp_path / "parts" / f"part-{number:05}.parquet", some)
        assert summarise(tmp_path / "parts", today=TODAY).to_dict() == summarise(ledger(), today=TODAY).to_dict()

    def test_a_ledger_goes_on_in_the_next_sheet(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        for sheet, rows in ((book.active, LETTERS[:5]), (book.create_sheet("ledger 2"), LETTERS[5:])):
            assert sheet is not None
            sheet.append(HEADS)
            for row in rows:
                sheet.append([row[name] for name in HEADS])
        book.save(tmp_path / "two.xlsx")
        assert cells(summarise(tmp_path / "two.xlsx", today=TODAY), "totals", "items")["now"] == 13

    def test_saved_again_by_a_spreadsheet_with_dates_gaps_and_notes(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(HEADS)
        for row in LETTERS:
            dates = {name: date.fromisoformat(row[name]) if row[name] else None for name in ("received", "answered")}
            sheet.append([(row | dates)[name] or None for name in HEADS])
        book.create_sheet("notes").append(["done by", "me"])
        book.save(tmp_path / "again.xlsx")
        summary = summarise(tmp_path / "again.xlsx", Period.parse("2026-03"), lang="en", today=TODAY)
        assert cells(summary, "totals", "items")["now"] == 7
        assert cells(summary, "totals", "days")["now"] == pytest.approx((0 + 10 + 120) / 3)

    def test_saved_again_in_the_encoding_of_old_programs(self, ledger: Callable[..., Path]) -> None:
        path = ledger()
        wanted = summarise(path, today=TODAY).to_dict()
        path.write_bytes(path.read_text(encoding="utf-8-sig").encode("gb18030"))
        assert summarise(path, today=TODAY).to_dict() == wanted


def _as_judged(row: dict[str, Any]) -> dict[str, Any]:
    flags = {name: row[name] == "yes" for name in ("collective", "repeat", "needs_review")}
    due = dict(pair.split(" ") for pair in row["due"].split("; "))
    return row | flags | {"due": due, "persons": row["persons"] or None, "evidence": []}


class TestPersonalData:
    def test_places_end_at_the_village(self) -> None:
        villages = Villages(home())
        found = [
            villages(place) for place in ("石桥村三组张三家", "云山县石桥镇", "幸福社区5号楼", "星河小区", "同志路", "")
        ]
        assert found == ["石桥村", "云山县石桥镇", "幸福社区", "", "", ""]
        assert villages("7 Mill Lane, Shangping Village") == "Shangping Village"

    @pytest.mark.parametrize("kind", [".json", ".html", ".xlsx", ".docx"])
    def test_no_title_number_or_house_comes_out(self, march: Summary, tmp_path: Path, kind: str) -> None:
        write(march, tmp_path / f"s{kind}")
        text = _text_of(tmp_path / f"s{kind}")
        assert "石桥村" in text
        assert not [word for word in (SECRET, "L13", "三组", "星河") if word in text]


def _text_of(path: Path) -> str:
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        return "\n".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    if path.suffix == ".docx":
        document = docx.Document(str(path))
        tables = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return "\n".join([*(one.text for one in document.paragraphs), *tables])
    return path.read_text(encoding="utf-8")


class TestWorkbook:
    def test_numbers_are_numbers(self, march: Summary, tmp_path: Path) -> None:
        write(march, tmp_path / "s.xlsx")
        book = openpyxl.load_workbook(tmp_path / "s.xlsx")
        totals = book["Totals"]
        assert [cell.value for cell in totals[2]] == [
            "figure",
            "unit",
            "this period",
            "period before",
            "change",
            "same period last year",
            "change",
        ]
        items = next(row for row in totals.iter_rows(min_row=3) if row[0].value == "items in all")
        assert [cell.value for cell in items[1:]] == ["items", 7, 4, 0.75, 2, 2.5]
        assert items[4].number_format.startswith("+0.0%")
        blank = next(row for row in totals.iter_rows(min_row=3) if row[0].value == "petitioners")
        assert [cell.value for cell in blank[2:]] == [13, None, None, None, None]

    def test_a_rate_has_its_three_cells(self, march: Summary, tmp_path: Path) -> None:
        write(march, tmp_path / "s.xlsx")
        rates = openpyxl.load_workbook(tmp_path / "s.xlsx")["Rates"]
        assert [cell.value for cell in rates[2]][:4] == ["figure", "numerator", "denominator", "rate"]
        row = next(row for row in rates.iter_rows(min_row=3, values_only=True) if str(row[0]).startswith("repeat rate"))
        assert row[1:7] == (1, 6, pytest.approx(1 / 6), 1, 4, 0.25)

    def test_a_name_is_never_a_formula(self, ledger: Callable[..., Path], tmp_path: Path) -> None:
        rows = [letter(number, "2026-03-02", category="=1+1", place="=HYPERLINK(1)村") for number in range(3)]
        write(summarise(ledger(rows), lang="en", today=TODAY), tmp_path / "s.xlsx")
        book = openpyxl.load_workbook(tmp_path / "s.xlsx")
        kinds = {
            cell.data_type
            for sheet in book
            for row in sheet.iter_rows()
            for cell in row
            if str(cell.value).startswith("=")
        }
        assert kinds == {"s"}

    def test_charts_are_in_it(self, march: Summary, tmp_path: Path) -> None:
        assert write(march, tmp_path / "s.xlsx") == ""
        assert len(openpyxl.load_workbook(tmp_path / "s.xlsx")["Charts"]._images) == len(charts_of(march)[0]) == 6


class TestReport:
    @pytest.mark.parametrize(
        ("lang", "title", "heads", "said"),
        [
            (
                "zh", "2026年3月信访工作情况统计",
                ["一、总体情况", "二、图表", "三、分类统计", "四、突出事项", "五、台账中没有的数字"],
                "2026年3月，共登记信访事项 7 件，涉及 13 人次（2 件写明人数），比2026年2月（4 件）增长 75.0 %，比2025年3月（2 件）增长 250.0 %。",
            ),
            (
                "en", "Letters and visits, March 2026",
                ["1. Overview", "2. Charts", "3. Breakdown", "4. Matters that stand out", "5. Figures that are not in the ledger"],
                "In March 2026, 7 items were registered, speaking for 13 person-times (2 items tell the number); "
                "against February 2026 (4 items): up 75.0 %; against March 2025 (2 items): up 250.0 %.",
            ),
        ],
    )  # fmt: skip
    def test_sections_figures_and_pictures(
        self, ledger: Callable[..., Path], tmp_path: Path, lang: str, title: str, heads: list[str], said: str
    ) -> None:
        summary = summarise(ledger(), Period.parse("2026-03"), lang=lang, today=TODAY)
        assert write(summary, tmp_path / "s.docx") == ""
        document = docx.Document(str(tmp_path / "s.docx"))
        assert document.paragraphs[0].text == title == document.core_properties.title
        assert [one.text for one in document.paragraphs if one.style.name == "Heading 1"][:5] == heads
        assert said in [one.text for one in document.paragraphs]
        assert len(document.inline_shapes) == 6
        assert all(shape._inline.docPr.get("descr") for shape in document.inline_shapes)
        names = [table.rows[1].cells[0].text for table in document.tables]
        assert len(document.tables) == 11
        assert summary.tables[0].rows[0].cells[0] == names[0]
        section = document.sections[0]
        room = section.page_width - section.left_margin - section.right_margin
        for table in document.tables:
            assert sum(cell.width for cell in table.rows[0].cells) <= room * 1.02

    def test_without_the_extra_there_are_no_pictures_and_a_line_says_so(
        self, march: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drawing, "find_spec", lambda name: None)
        note = "No charts: they need the extra: pip install 'triage[charts]'."
        assert write(march, tmp_path / "s.docx") == note
        document = docx.Document(str(tmp_path / "s.docx"))
        assert len(document.inline_shapes) == 0
        assert [one.text for one in document.paragraphs].count(note) == 1
        assert "2. Charts" not in [one.text for one in document.paragraphs]

    def test_markup_in_a_name_stays_text(self, ledger: Callable[..., Path], tmp_path: Path) -> None:
        rows = [letter(number, "2026-03-02", category="<script>alert(1)</script>") for number in range(3)]
        write(summarise(ledger(rows), today=TODAY), tmp_path / "s.html")
        page = (tmp_path / "s.html").read_text(encoding="utf-8")
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


class TestCharts:
    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_every_character_is_drawn(self, ledger: Callable[..., Path], lang: str) -> None:
        pytest.importorskip("matplotlib", reason="no charts: pip install 'triage[charts]'")
        summary = summarise(ledger(), Period.parse("2026-03"), lang=lang, today=TODAY)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a missing glyph is a warning of matplotlib
            charts, note = charts_of(summary)
        assert note == ""
        assert [one.key for one in charts] == ["month", "category", "urgency", "department", "source", "place"]
        assert all(one.png.startswith(b"\x89PNG") for one in charts)

    def test_without_a_font_that_has_every_character_there_are_none(
        self, ledger: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        matplotlib = pytest.importorskip("matplotlib", reason="no charts: pip install 'triage[charts]'")
        latin = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
        monkeypatch.setattr(drawing, "_fonts", lambda: (latin,))
        charts, note = charts_of(summarise(ledger(), lang="en", today=TODAY))
        assert charts == []
        assert note.startswith("No charts: no font here has all the characters")
        rows = [letter(number, "2026-03-02", place="Shangping Village") for number in range(3)]
        charts, note = charts_of(summarise(ledger(rows), lang="en", today=TODAY))
        assert (len(charts), note) == (6, "")


class TestCommand:
    @pytest.fixture(autouse=True)
    def _english(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("LC_ALL", "LC_MESSAGES", "LANG", "TRIAGE_HOME"):
            monkeypatch.delenv(name, raising=False)

    def test_json_when_piped(self, ledger: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
        assert command(["summary", str(ledger()), "--period", "2026-03"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["period"] == "2026-03"
        rate = next(row for row in told["tables"]["rates"]["rows"] if row["code"] == "repeat")
        assert rate["rate"] == {"numerator": 1, "denominator": 6, "value": 0.166667}

    def test_a_table_for_people_names_what_is_missing(
        self, ledger: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        assert command(["summary", str(ledger(heads=BATCH)), "--format", "table", "--lang", "zh"]) == 0
        shown = sys.stdout.getvalue()  # type: ignore[attr-defined]
        assert "信访事项总量" in shown
        assert "台账中没有：" in shown
        assert "答复日期（answered）" in shown.replace("\n", "")

    @pytest.mark.parametrize("kind", sorted(WRITERS))
    def test_out_writes_the_kind_of_its_ending(self, ledger: Callable[..., Path], tmp_path: Path, kind: str) -> None:
        assert command(["summary", str(ledger()), "--period", "2026-Q1", "--out", str(tmp_path / f"out{kind}")]) == 0
        assert "11" in _text_of(tmp_path / f"out{kind}")

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            (["--out", "x.pdf"], "are not written; allowed are .xlsx .docx .html .json"),
            (["--period", "March"], "the period 'March' is not known; allowed are 2026, 2026-Q1, 2026-03"),
        ],
    )
    def test_a_slip_is_one_line(
        self, ledger: Callable[..., Path], capsys: pytest.CaptureFixture[str], options: list[str], says: str
    ) -> None:
        assert command(["summary", str(ledger()), *options]) == 1
        told = capsys.readouterr().err
        assert says in told
        assert told.count("\n") == 1
