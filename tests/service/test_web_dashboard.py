from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from lxml import html
from sqlalchemy import select

from service.db.tables import AuditRow, Letter, now
from service.web.texts import LANGUAGES
from tests.service.conftest import ACCUSATION, LETTER, Desk, NewDatabase, Office, open_office
from triage.summary import Period, summarise

Headers = dict[str, str]
TODAY = date.today()
EVIL = "<img src=x onerror=alert(1)>村"
CHARTS = ["hot", "inflow", "backlog", "due", "urgency", "category", "place", "department", "share"]
LAMP = {"title": "路灯不亮", "body": "石桥村村口的路灯坏了半年，晚上看不见路，请尽快修好。"}
WAGES = {"title": "拖欠工资", "body": "包工头拖欠我们三个月工资，要求劳动监察大队处理。"}


def day(before: int) -> str:
    return (TODAY - timedelta(days=before)).isoformat()


@pytest.fixture(scope="module")
def filled(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give a service with letters of this week and of weeks before, one of them sealed, one answered."""
    for office in open_office(new_database(), tmp_path_factory.mktemp("state")):
        clerk = office.key(role="clerk")
        made = [office.enter(clerk, **LAMP, received=day(before), source="call") for before in (0, 1, 2, 20, 400)]
        made += [office.enter(clerk, **WAGES, received=day(before), source="visit") for before in (3, 10)]
        made += [office.enter(clerk, **LETTER | {"received": day(5)})]
        office.client.post("/v1/letters", json=ACCUSATION | {"received": day(1)}, headers=clerk)
        with office.service.database.write() as session:
            letters = {one.id: one for one in session.scalars(select(Letter))}
            for one in made:
                found = letters[one["id"]]
                found.place, found.repeat, found.due_next = "石桥村三组7号", False, day(-20)
            letters[made[0]["id"]].repeat = True
            letters[made[5]["id"]].place = EVIL
            letters[made[3]["id"]].due_next = day(1)
            for found in letters.values():
                found.decision = found.decision | {"place": found.place}
            wages = letters[made[6]["id"]]
            wages.status, wages.answered, wages.due_next = "answered", now(), "9999-12-31"
        yield office


@pytest.fixture(scope="module")
def clerk(filled: Office) -> Desk:
    return filled.desk("clerk")


def look(desk: Desk, address: str, **params: Any) -> Any:
    answer = desk.get(address, params=params or None)
    assert answer.status_code == 200, answer.text
    return html.fromstring(answer.text)


def drawn(page: Any) -> dict[str, dict[str, Any]]:
    block = page.xpath("//script[@id='figures']")[0]
    assert block.get("type") == "application/json"
    return {one["key"]: one for one in json.loads(block.text)["charts"]}


def values(chart: dict[str, Any], series: int = 0) -> dict[str, float]:
    return dict(zip(chart["names"], chart["series"][series]["values"], strict=True))


class TestDashboard:
    def test_counts_are_those_of_the_statistics(self, filled: Office, clerk: Desk) -> None:
        span = {"received_from": day(29), "received_to": day(0)}
        counts = filled.client.get("/v1/statistics", params=span, headers=filled.key(role="clerk")).json()
        charts = drawn(look(clerk, "/dashboard", **span))
        assert sum(values(charts["inflow"]).values()) == counts["letters"] == 7
        assert {name: count for name, count in values(charts["inflow"]).items() if count} == counts["day"]
        for key in ("category", "urgency", "department"):
            shown = [count for count in charts[key]["series"][0]["values"] if count]
            assert sorted(shown) == sorted(counts[key].values())
        assert sum(values(charts["place"]).values()) == counts["letters"]
        assert values(charts["due"])["已超期"] == counts["overdue"] == 1
        assert sum(charts["department"]["series"][1]["values"]) == counts["overdue"]
        assert "重复 1/7" in charts["share"]["names"]

    def test_tiles_tell_of_accusations_as_one_number(self, clerk: Desk) -> None:
        page = look(clerk, "/dashboard")
        tiles = {
            tile.xpath("string(dt)"): tile.xpath("normalize-space(dd)")
            for tile in page.xpath("//div[contains(@class, 'tile')]")
        }
        assert tiles["收信"] == "7"
        assert tiles["未答复"] == "6 / 7"
        assert tiles["检举控告"] == "1"

    @pytest.mark.parametrize("role", ["clerk", "reviewer"])
    def test_accusations_are_in_no_chart(self, filled: Office, role: str) -> None:
        page = look(filled.desk(role), "/dashboard")
        assert sum(values(drawn(page)["inflow"]).values()) == 7
        assert not any("贪污" in text or "检举" in text for text in page.xpath("//section//text()"))

    def test_backlog_counts_what_was_not_answered_by_the_end_of_a_day(self, clerk: Desk) -> None:
        backlog = values(drawn(look(clerk, "/dashboard"))["backlog"])
        # One of 400 days ago is before the range; the one that is answered today waits until yesterday.
        assert (backlog[day(29)], backlog[day(20)], backlog[day(10)], backlog[day(1)]) == (1, 2, 3, 7)
        assert backlog[day(0)] == 7

    def test_topics_of_the_week_rose_against_four_weeks(self, clerk: Desk) -> None:
        chart = drawn(look(clerk, "/dashboard"))["hot"]
        assert [name.split(" · ")[0] for name in chart["names"]] == ["石桥村"]
        assert [one["values"] for one in chart["series"]] == [[3], [0.25]]
        assert f"received_from={day(6)}" in chart["links"][0]

    def test_every_link_leads_to_the_letters_of_its_point(self, clerk: Desk) -> None:
        page = look(clerk, "/dashboard")
        links = {
            (key, name): (link, value)
            for key, chart in drawn(page).items()
            for (name, value), link in zip(values(chart).items(), chart["links"], strict=True)
            if link and key != "share"
        }
        assert {key for key, _ in links} == {
            "hot",
            "inflow",
            "backlog",
            "due",
            "urgency",
            "category",
            "place",
            "department",
        }
        for link, value in links.values():
            listed = look(clerk, link)
            assert len(listed.xpath("//*[@id='list']//tbody/tr")) == value, link

    def test_tiles_lead_to_as_many_letters_as_they_say(self, clerk: Desk) -> None:
        tiles = look(clerk, "/dashboard").xpath("//div[contains(@class, 'tile')]//a")
        assert len(tiles) == 7
        for tile in tiles:
            listed = look(clerk, unescape(tile.get("href")))
            assert len(listed.xpath("//*[@id='list']//tbody/tr")) == int(tile.text)

    def test_who_reads_no_letters_gets_no_links(self, filled: Office) -> None:
        page = look(filled.desk("administrator"), "/dashboard")
        assert not page.xpath("//main//a[contains(@href, 'queue')]")
        assert not any(any(chart["links"]) for chart in drawn(page).values())

    def test_a_department_sees_its_own(self, filled: Office) -> None:
        charts = drawn(look(filled.desk("clerk", department="human_resources"), "/dashboard"))
        assert sum(values(charts["inflow"]).values()) == 2
        assert len(charts["category"]["names"]) == 1

    def test_an_accused_unit_sees_no_trace(self, filled: Office) -> None:
        whole, own = (look(filled.desk("reader", unit=unit), "/dashboard") for unit in ("", "石桥村村委会"))
        sealed = [page.xpath("string((//div[contains(@class, 'tile')])[last()]/dd)").strip() for page in (whole, own)]
        assert sealed == ["1", "0"]

    @pytest.mark.parametrize(("first", "last"), [(day(0), day(29)), (day(29), day(0))])
    def test_a_range_may_be_given_either_way(self, clerk: Desk, first: str, last: str) -> None:
        charts = drawn(look(clerk, "/dashboard", received_from=first, received_to=last))
        assert charts["inflow"]["names"][0] == day(29)
        assert len(charts["inflow"]["names"]) == 30

    def test_a_long_range_is_drawn_by_week_or_month_and_loses_nothing(self, clerk: Desk) -> None:
        for first, most in ((day(200), 29), (day(1000), 35)):
            charts = drawn(look(clerk, "/dashboard", received_from=first, received_to=day(0)))
            assert len(charts["inflow"]["names"]) <= most
            assert sum(values(charts["inflow"]).values()) == sum(values(charts["category"]).values())

    @pytest.mark.parametrize(
        "span", [("0001-01-01", "0001-01-02"), ("0001-01-01", "9999-12-31"), ("1900-01-01", "1900-01-31")]
    )
    def test_days_without_letters(self, clerk: Desk, span: tuple[str, str]) -> None:
        page = look(clerk, "/dashboard", received_from=span[0], received_to=span[1])
        assert [section.get("aria-labelledby") for section in page.xpath("//section[contains(@class, 'chart')]")] == [
            f"title-{key}" for key in CHARTS
        ]

    def test_what_is_no_day_is_refused(self, clerk: Desk) -> None:
        assert clerk.get("/dashboard", params={"received_from": "yesterday"}).status_code == 422


class TestPage:
    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_each_chart_has_title_unit_table_and_downloads(self, clerk: Desk, lang: str) -> None:
        clerk.cookies.set("triage_lang", lang)
        page = look(clerk, "/dashboard")
        clerk.cookies.delete("triage_lang")
        for key, chart in drawn(page).items():
            section = page.xpath(f"//section[@aria-labelledby='title-{key}']")[0]
            assert chart["title"] in section.xpath("string(.//h2)")
            assert chart["unit"] in section.xpath("string(.//h2/small)")
            assert section.xpath(f".//button[@data-png='{key}']")
            assert section.xpath(".//a[@download]/@href")[0].startswith(f"/dashboard/{key}.csv?")
            rows = [row.xpath("normalize-space(th)") for row in section.xpath(".//tbody/tr")]
            assert [" ".join(name.split()) for name in chart["names"]] == rows[: len(chart["names"])]

    def test_no_script_stands_in_the_page_and_names_stay_text(self, clerk: Desk) -> None:
        answer = clerk.get("/dashboard")
        page = html.fromstring(answer.text)
        assert all(one.get("src") or one.get("type") == "application/json" for one in page.xpath("//script"))
        assert not page.xpath("//img[@onerror]")
        assert not page.xpath("//@style")
        assert EVIL in drawn(page)["place"]["names"]
        assert EVIL in page.xpath("//section[@aria-labelledby='title-place']//th/a/text()")
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]

    def test_csv_is_what_the_chart_shows(self, clerk: Desk) -> None:
        chart = drawn(look(clerk, "/dashboard"))["category"]
        answer = clerk.get("/dashboard/category.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(r'attachment; filename="category-[\d-]+\.csv"', answer.headers["content-disposition"])
        assert answer.content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[0] == ["类别", "件数 (件)"]
        assert rows[1:] == [[name, str(count)] for name, count in values(chart).items()]

    @pytest.mark.parametrize("key", CHARTS)
    def test_each_chart_is_given_as_csv(self, clerk: Desk, key: str) -> None:
        assert clerk.get(f"/dashboard/{key}.csv").status_code == 200

    def test_a_chart_that_is_none_is_not_found(self, clerk: Desk) -> None:
        assert clerk.get("/dashboard/x.csv").status_code == 404

    @pytest.mark.parametrize("address", ["/dashboard", "/dashboard/due.csv", "/summary", "/summary.xlsx"])
    def test_who_is_not_logged_in_is_sent_to_the_login(self, filled: Office, address: str) -> None:
        answer = filled.client.get(address, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?back=")


class TestSummary:
    def test_figures_are_those_of_the_exported_ledger(self, filled: Office, clerk: Desk, tmp_path: Path) -> None:
        ledger = tmp_path / "ledger.csv"
        ledger.write_bytes(
            filled.client.get("/v1/ledger", params={"format": "csv"}, headers=filled.key(role="clerk")).content
        )
        period = f"{TODAY.year}"
        wanted = summarise(ledger, Period.parse(period), lang="zh", today=TODAY)
        page = look(clerk, "/summary", period=period)
        shown = {
            table.xpath("string(caption)"): {
                row.xpath("string(th)"): row.xpath("string(td)") for row in table.xpath(".//tbody/tr")
            }
            for table in page.xpath("//table")
        }
        for key in ("category", "urgency", "department", "source", "place"):
            table = wanted.table(key)
            assert table is not None
            counts = dict(zip(table.column("name"), [f"{count:,}" for count in table.column("items")], strict=True))
            assert shown[table.title] == counts
        # The ledger holds no accusation; the register counts it and says nothing more.
        sealed = page.xpath("//tr[th='其中：检举控告（只计数）']/td[2]")[0].text
        assert sealed == ("1" if int(day(1)[:4]) == TODAY.year else "0")

    def test_suggestions_accepted_are_counted_from_decisions(self, filled: Office) -> None:
        desk = filled.desk("clerk")
        letter = desk.get("/v1/letters", params={"received_from": day(5), "received_to": day(5)}).json()["items"][0]
        changed = desk.post(
            f"/v1/letters/{letter['id']}/decision", headers={"If-Match": f'"{letter["version"]}"'},
            json={"corrections": {"persons": {"value": 4, "reason": "known_facts"}}},
        )  # fmt: skip
        assert changed.status_code == 200, changed.text
        page = look(desk, "/summary", period=day(5)[:4])
        row = page.xpath("//tr[starts-with(th, '建议采纳率')]/td")[0].text
        assert row == "0.0 % (0/1)"

    def test_a_workbook_and_a_report(self, clerk: Desk, filled: Office) -> None:
        period = f"{TODAY:%Y-%m}"
        book = openpyxl.load_workbook(io.BytesIO(clerk.get("/summary.xlsx", params={"period": period}).content))
        page = look(clerk, "/summary", period=period)
        items = page.xpath("//tr[th='信访事项总量']/td[2]")[0].text
        row = next(row for row in book["总量"].iter_rows(values_only=True) if row[0] == "信访事项总量")
        assert f"{row[2]:,}" == items
        answer = clerk.get("/summary.docx", params={"period": period})
        assert answer.headers["content-disposition"] == f'attachment; filename="summary-{period}.docx"'
        document = docx.Document(io.BytesIO(answer.content))
        assert document.paragraphs[0].text == page.xpath("string(//h1)")
        with filled.service.database.read() as session:
            kept = session.scalars(select(AuditRow.after).where(AuditRow.action == "summary.export")).all()
        assert len(kept) == 2
        assert not list(filled.service.settings.folder("uploads").glob("*"))

    def test_a_department_is_told_whose_letters_are_counted(self, filled: Office) -> None:
        page = look(filled.desk("clerk", department="human_resources"), "/summary", period=f"{TODAY.year}")
        assert "数字只包括交给人力资源和社会保障局的信件。" in page.xpath("//p/text()")

    def test_what_is_unknown_is_blank_and_named(self, clerk: Desk) -> None:
        page = look(clerk, "/summary", period="2001")
        assert page.xpath("//tr[th='信访事项总量']/td[contains(@class, 'blank')]")
        assert any(text.startswith("参评率、满意率") for text in page.xpath("//main//li/text()"))

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_both_languages(self, clerk: Desk, lang: str) -> None:
        clerk.cookies.set("triage_lang", lang)
        title = look(clerk, "/summary", period="2026-03").xpath("string(//h1)")
        clerk.cookies.delete("triage_lang")
        assert title == {"zh": "2026年3月信访工作情况统计", "en": "Letters and visits, March 2026"}[lang]

    @pytest.mark.parametrize(("address", "status"), [("/summary?period=soon", 422), ("/summary.pdf", 422)])
    def test_a_slip_is_told(self, clerk: Desk, address: str, status: int) -> None:
        assert clerk.get(address).status_code == status

    def test_names_stay_text(self, clerk: Desk) -> None:
        page = look(clerk, "/summary", period=day(3)[:4])
        assert EVIL in page.xpath("//table//th/text()")
        assert not page.xpath("//img[@onerror]")
