from __future__ import annotations

import csv
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from service.db.tables import ClerkDecision, Delivery, Suggestion, Webhook
from tests.service.conftest import ACCUSATION, LETTER, NewDatabase, Office, open_office

Headers = dict[str, str]


@pytest.fixture
def clerk(office: Office) -> Headers:
    return office.key(role="clerk")


def _decide(office: Office, headers: Headers, letter: dict[str, Any], **corrections: Any) -> Any:
    sent = {"corrections": {name: {"value": value, "reason": "other_matter"} for name, value in corrections.items()}}
    match = {"If-Match": f'"{letter["version"]}"'}
    return office.client.post(f"/v1/letters/{letter['id']}/decision", json=sent, headers=headers | match)


class TestEntering:
    def test_a_letter_is_entered_judged_and_read_back_masked(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk, body="村里把我家的承包地收回去，要求归还。电话13912345678", phone="13912345678")
        assert made["decision"]["category"] == "land_contract"
        assert made["status"] == "open"
        read = office.client.get(f"/v1/letters/{made['id']}", headers=clerk)
        assert read.json() == made
        assert read.headers["etag"] == '"1"'
        assert "13912345678" not in read.text

    def test_evidence_stands_where_the_masked_text_says_it(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk, title="", body="我叫王小明，电话13912345678，我们组45户的承包地被收回，要求归还。")
        spans = {
            item["field"]: made["text"][slice(*item["span"])] for item in made["decision"]["evidence"] if item["span"]
        }
        assert spans["households"] == "45户"
        words = [
            (item["note"], made["text"][slice(*item["span"])])
            for item in made["decision"]["evidence"]
            if item["field"] == "category" and item["span"]
        ]
        assert words
        assert all(shown.startswith(note.split(" ")[0]) for note, shown in words)

    def test_clocks_run_from_the_day_of_receipt(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk, received="2026-03-02")
        assert made["decision"]["due"]["notice"] == "2026-03-17"
        assert made["due_next"] == min(made["decision"]["due"].values())
        assert office.enter(clerk, received=None)["received"] == date.today().isoformat()

    def test_numbers_are_the_offices_or_made(self, office: Office, clerk: Headers) -> None:
        own = office.enter(clerk, number="信2026-77-A")
        assert own["number"] == own["decision"]["id"] == "信2026-77-A"
        again = office.client.post("/v1/letters", json=LETTER | {"number": "信2026-77-A"}, headers=clerk)
        assert (again.status_code, again.json()["code"]) == (409, "exists")
        made = office.enter(clerk, received="2025-12-31")
        assert made["number"] == f"2025-{made['id']:06d}"

    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            ({"body": ""}, "invalid_request"),
            ({"body": "   "}, "empty_letter"),
            ({"body": "路灯坏了", "source": "pigeon"}, "invalid_request"),
            ({"body": "路灯坏了", "colour": "red"}, "invalid_request"),
            ({"body": "路灯坏了\x00"}, "invalid_request"),
            ({"body": "路灯坏了", "received": "2026-02-30"}, "invalid_request"),
        ],
    )
    def test_what_is_no_letter_is_refused(self, office: Office, clerk: Headers, sent: Any, code: str) -> None:
        answer = office.client.post("/v1/letters", json=sent, headers=clerk)
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    def test_many_letters_keep_their_order_and_leave_out_what_cannot_be_judged(
        self, office: Office, clerk: Headers
    ) -> None:
        sent = [{"body": f"第{number}组的路灯坏了，请修。"} for number in range(20)]
        sent.insert(3, {"body": "  "})
        made = office.client.post("/v1/letters/many", json={"letters": sent}, headers=clerk).json()
        assert [letter["text"] for letter in made["letters"]] == [one["body"] for one in sent if one["body"].strip()]
        assert [(one["place"], one["code"]) for one in made["rejects"]] == [(3, "empty_letter")]

    def test_a_file_becomes_letters(self, office: Office, clerk: Headers) -> None:
        table = "标题,内容,日期\n路灯,村口路灯坏了半年,2026-03-01\n低保,低保被取消了要求恢复,2026-03-02\n".encode(
            "gb18030"
        )
        made = office.client.post("/v1/letters/file", files={"file": ("三月.csv", table)}, headers=clerk)
        assert made.status_code == 201, made.text
        letters = made.json()["letters"]
        assert [letter["decision"]["category"] for letter in letters] == ["infrastructure", "social_assistance"]
        assert [letter["received"] for letter in letters] == ["2026-03-01", "2026-03-02"]

    @pytest.mark.parametrize(("name", "status", "code"), [("a.exe", 415, "file_kind"), ("a.pdf", 422, "file_broken")])
    def test_a_file_that_is_not_read_is_named(
        self, office: Office, clerk: Headers, name: str, status: int, code: str
    ) -> None:
        answer = office.client.post("/v1/letters/file", files={"file": (name, b"MZ nothing")}, headers=clerk)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_uploads_leave_nothing_behind(self, office: Office, clerk: Headers) -> None:
        office.client.post("/v1/triage/file", files={"file": ("a.txt", "路灯坏了".encode())}, headers=clerk)
        office.client.get("/v1/ledger", headers=clerk)
        assert list(office.service.settings.folder("uploads").iterdir()) == []

    def test_judging_alone_keeps_nothing(self, office: Office, clerk: Headers) -> None:
        before = office.client.get("/v1/statistics", headers=clerk).json()["letters"]
        one = office.client.post("/v1/triage", json=LETTER, headers=clerk).json()
        many = office.client.post("/v1/triage/many", json={"letters": [LETTER, {"body": " "}]}, headers=clerk).json()
        assert one["category"] == "land_contract"
        assert [decision and decision["category"] for decision in many["decisions"]] == ["land_contract", None]
        assert office.client.get("/v1/statistics", headers=clerk).json()["letters"] == before


class TestOnce:
    def test_the_same_request_sent_twice_makes_one_letter(self, office: Office, clerk: Headers) -> None:
        headers = clerk | {"Idempotency-Key": "march-1"}
        first = office.client.post("/v1/letters", json=LETTER, headers=headers)
        second = office.client.post("/v1/letters", json=LETTER, headers=headers)
        assert second.json() == first.json()
        assert second.status_code == 201
        assert second.headers["idempotent-replay"] == "true"
        assert second.headers["location"] == first.headers["location"]

    def test_another_request_may_not_use_the_key(self, office: Office, clerk: Headers) -> None:
        headers = clerk | {"Idempotency-Key": "march-2"}
        office.client.post("/v1/letters", json=LETTER, headers=headers)
        other = office.client.post("/v1/letters", json=LETTER | {"title": "另一件"}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency")

    def test_keys_of_different_callers_never_meet(self, office: Office, clerk: Headers) -> None:
        key = {"Idempotency-Key": "march-3"}
        mine = office.client.post("/v1/letters", json=LETTER, headers=clerk | key).json()
        other = office.client.post("/v1/letters", json=LETTER, headers=office.key(role="clerk") | key).json()
        assert mine["id"] != other["id"]

    def test_sent_twice_at_once_it_is_done_once(self, office: Office, clerk: Headers) -> None:
        headers = clerk | {"Idempotency-Key": "march-4"}
        start = threading.Barrier(6)

        def send(_: int) -> Any:
            start.wait()
            return office.client.post("/v1/letters", json=LETTER, headers=headers)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(send, range(6)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1


class TestDeciding:
    def test_accepting_leaves_the_suggestion_and_stops_the_first_clocks(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk, body="施工队欠我三个月工资，要求支付。", title="欠薪")
        answer = _decide(office, clerk, made)
        assert answer.status_code == 200
        decided = answer.json()
        assert (decided["status"], decided["version"], answer.headers["etag"]) == ("decided", 2, '"2"')
        assert decided["decision"] == made["decision"]
        assert decided["due_next"] not in (made["decision"]["due"]["notice"], made["decision"]["due"]["objection"])

    def test_a_correction_moves_department_channel_and_dates_with_it(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        decided = _decide(office, clerk, made, category="education", nature="consultation", urgency=3).json()
        assert decided["decision"]["department"] == "education"
        assert decided["decision"]["channel_code"] == "consultation"
        assert decided["decision"]["due"] != made["decision"]["due"]
        again = office.client.get(f"/v1/letters/{made['id']}", headers=clerk).json()
        assert again == decided
        listed = office.client.get("/v1/letters", params={"department": "education"}, headers=clerk).json()["items"]
        assert made["id"] in [letter["id"] for letter in listed]

    def test_later_corrections_build_on_earlier_ones(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        first = _decide(office, clerk, made, category="education").json()
        second = _decide(office, clerk, first, urgency=2).json()
        assert (second["decision"]["category"], second["decision"]["urgency"]) == ("education", 2)

    def test_a_decision_is_tied_to_the_suggestion_and_its_bundle(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        _decide(office, clerk, made, category="education")
        with office.service.database.read() as session:
            row = session.query(ClerkDecision).filter_by(letter_id=made["id"]).one()
            shown = session.get_one(Suggestion, row.suggestion_id)
        assert row.changes == {"category": {"before": "land_contract", "value": "education", "reason": "other_matter"}}
        assert shown.bundle == row.bundle == office.service.triager.bundle.name
        assert shown.decision["category"] == "land_contract"

    def test_a_preview_shows_what_would_follow_and_changes_nothing(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        sent = {"corrections": {"category": {"value": "education", "reason": "misread"}}}
        shown = office.client.post(f"/v1/letters/{made['id']}/preview", json=sent, headers=clerk).json()
        assert shown["changes"]["category"] == {"before": "land_contract", "after": "education"}
        assert shown["changes"]["department"]["after"] == "education"
        assert office.client.get(f"/v1/letters/{made['id']}", headers=clerk).json() == made

    def test_a_stale_write_is_refused(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        assert _decide(office, clerk, made).status_code == 200
        late = _decide(office, clerk, made, category="education")
        assert (late.status_code, late.json()["code"]) == (409, "stale")
        without = office.client.post(f"/v1/letters/{made['id']}/decision", json={}, headers=clerk)
        assert without.status_code == 422

    def test_of_two_clerks_at_once_one_wins(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        start = threading.Barrier(4)

        def decide(category: str) -> int:
            start.wait()
            return int(_decide(office, clerk, made, category=category).status_code)

        with ThreadPoolExecutor(4) as pool:
            codes = sorted(pool.map(decide, ["education", "wages", "housing", "veterans"]))
        assert codes == [200, 409, 409, 409]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("category", "x"), ("urgency", 5), ("urgency", True), ("nature", None), ("department", "x"),
            ("assisting", ["x"]), ("assisting", "health"), ("persons", -1), ("collective", "yes"),
            ("accepted", "2026-02-30"), ("text", "x"), ("place", 7),
        ],
    )  # fmt: skip
    def test_a_wrong_correction_is_told_what_is_allowed(
        self, office: Office, clerk: Headers, field: str, value: Any
    ) -> None:
        answer = _decide(office, clerk, office.enter(clerk), **{field: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "correction")
        assert len(answer.json()["detail"]) > 20

    def test_a_correction_needs_a_reason_we_know(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        sent = {"corrections": {"category": {"value": "wages", "reason": "mood"}}}
        answer = office.client.post(
            f"/v1/letters/{made['id']}/decision", json=sent, headers=clerk | {"If-Match": '"1"'}
        )
        assert answer.json()["code"] == "correction"

    def test_the_day_of_acceptance_moves_the_day_of_closing(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk, body="施工队欠我三个月工资，要求支付。", title="欠薪")
        first = _decide(office, clerk, made).json()
        later = _decide(office, clerk, first, accepted="2026-03-12").json()
        moved = [name for name, day in later["decision"]["due"].items() if day != first["decision"]["due"][name]]
        assert all(
            date.fromisoformat(later["decision"]["due"][name]) - date.fromisoformat(first["decision"]["due"][name])
            == timedelta(days=10)
            for name in moved
        )
        assert later["decision"]["due"]["notice"] == first["decision"]["due"]["notice"]

    def test_answered_letters_run_no_clock_and_steps_can_be_taken_back(self, office: Office, clerk: Headers) -> None:
        made = office.enter(clerk)
        path = f"/v1/letters/{made['id']}"
        early = office.client.post(f"{path}/answer", headers=clerk | {"If-Match": '"1"'})
        assert (early.status_code, early.json()["code"]) == (422, "letter_state")
        _decide(office, clerk, made)
        answered = office.client.post(f"{path}/answer", headers=clerk | {"If-Match": '"2"'}).json()
        assert (answered["status"], answered["due_next"]) == ("answered", None)
        states = [
            office.client.post(f"{path}/reopen", headers=clerk | {"If-Match": f'"{version}"'}).json().get("status")
            for version in (3, 4, 5)
        ]
        assert states == ["decided", "open", 422]
        history = office.client.get(f"{path}/history", headers=clerk).json()
        assert [change["action"] for change in history["changes"]] == [
            "letter.enter", "letter.decide", "letter.answered", "letter.decided", "letter.open",
        ]  # fmt: skip

    def test_personal_data_is_shown_when_asked_for_and_the_look_is_recorded(
        self, office: Office, clerk: Headers
    ) -> None:
        made = office.enter(clerk, body="路灯坏了，电话13912345678。", petitioner="王小明")
        path = f"/v1/letters/{made['id']}"
        shown = office.client.post(f"{path}/reveal", json={"reason": "回访13712345678"}, headers=clerk).json()
        assert shown["body"].endswith("13912345678。")
        assert shown["fields"]["petitioner"] == "王小明"
        look = office.client.get(f"{path}/history", headers=clerk).json()["changes"][-1]
        assert look["action"] == "letter.reveal"
        assert look["after"] == {"reason": "回访[手机号]"}


class TestFinding:
    @pytest.fixture(scope="class")
    @staticmethod
    def filled(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Any:
        for office in open_office(new_database(), tmp_path_factory.mktemp("finding")):
            clerk = office.key(role="clerk")
            bodies = [
                "村里把我家的承包地收回去包给外人，要求归还。",
                "施工队欠我们十五个人三个月工资，要求支付。",
                "村口路灯坏了半年，晚上看不清路，请尽快修好。",
                "楼上漏水，物业不管，请协调。Contact: Green Lane 5",
                "我活不下去了，今晚就从楼顶跳下去，低保又被取消。",
            ]
            for day, body in enumerate(bodies, 1):
                office.enter(clerk, title="", body=body, received=f"2026-03-{day:02d}")
            office.enter(clerk, **ACCUSATION)
            yield office

    def test_words_of_any_length_are_found(self, filled: Office) -> None:
        reader = filled.key(role="reader")

        def found(query: str) -> list[int]:
            answer = filled.client.get("/v1/letters", params={"q": query}, headers=reader)
            return [letter["id"] for letter in answer.json()["items"]]

        assert found("路灯") == [3]
        assert found("地") == [1]
        assert found("路灯 看不清") == [3]
        assert found("路灯 漏水") == []
        assert found("green LANE") == [4]
        assert found("2026-000002") == [2]
        assert found("贪污") == []
        assert found("路灯')") == [3]
        for odd in ('"', "* OR", "NEAR(", "&|!", "。"):
            assert found(odd) == []

    def test_filters_meet(self, filled: Office) -> None:
        reader = filled.key(role="reader")

        def found(**given: Any) -> list[int]:
            answer = filled.client.get("/v1/letters", params=given, headers=reader)
            assert answer.status_code == 200, answer.text
            return sorted(letter["id"] for letter in answer.json()["items"])

        assert found(category=["wages", "infrastructure"]) == [2, 3]
        assert found(collective=True) == [2]
        assert found(urgency=4) == [5]
        assert found(received_from="2026-03-02", received_to="2026-03-03") == [2, 3]
        assert found(overdue_on="2026-01-01") == []
        assert found(overdue_on="2027-01-01") == [1, 2, 3, 4, 5]
        assert found(status="answered") == []
        assert found(category="wages", department="health") == []

    def test_pages_hold_every_letter_once_though_new_ones_come(self, filled: Office) -> None:
        clerk = filled.key(role="clerk")
        seen, cursor = [], ""
        for _ in range(10):
            answer = filled.client.get("/v1/letters", params={"limit": 2, "cursor": cursor}, headers=clerk).json()
            seen += [letter["id"] for letter in answer["items"]]
            cursor = answer["next"]
            if not cursor:
                break
            if len(seen) == 2:
                filled.enter(clerk, title="", body="新来的信：垃圾没人清。", received="2026-03-09")
        assert seen == [5, 4, 3, 2, 1]

    @pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "WzEsMl0", "!!", "WzFlOTld"])
    def test_a_foreign_cursor_is_refused(self, filled: Office, cursor: str) -> None:
        answer = filled.client.get("/v1/letters", params={"cursor": cursor}, headers=filled.key(role="reader"))
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor")

    def test_the_queue_begins_with_the_most_urgent_and_next_due(self, filled: Office) -> None:
        reader = filled.key(role="reader")
        letters: list[Any] = []
        cursor = ""
        while True:
            answer = filled.client.get("/v1/queue", params={"limit": 2, "cursor": cursor}, headers=reader).json()
            letters += answer["items"]
            cursor = answer["next"]
            if not cursor:
                break
        order = [(-letter["decision"]["urgency"], letter["due_next"], letter["id"]) for letter in letters]
        assert order == sorted(order)
        assert letters[0]["id"] == 5
        assert len({letter["id"] for letter in letters}) == len(letters) >= 5

    def test_counts_and_ledger_leave_accusations_out(self, filled: Office) -> None:
        reviewer = filled.key(role="reviewer")
        counts = filled.client.get("/v1/statistics", headers=reviewer).json()
        assert counts["sealed"] == 1
        assert sum(counts["category"].values()) == counts["letters"]
        assert "accusation" not in counts["nature"]
        assert counts["urgency"]["4"] == 1
        table = filled.client.get("/v1/ledger", params={"format": "csv"}, headers=reviewer)
        rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
        assert len(rows) == counts["letters"]
        assert "贪污" not in table.text
        book = filled.client.get("/v1/ledger", params={"category": "wages"}, headers=reviewer)
        sheet = load_workbook(io.BytesIO(book.content)).active
        assert [row[0].value for row in sheet.iter_rows()] == ["id", "2026-000002"]

    def test_codes_are_told(self, filled: Office) -> None:
        reader = filled.key(role="reader")
        told = filled.client.get("/v1/taxonomy", headers=reader).json()
        assert len(told["categories"]) == 22
        assert "other_matter" in told["reasons"]
        assert "discipline" in [one["code"] for one in filled.client.get("/v1/departments", headers=reader).json()]


def test_webhooks_hear_of_urgent_letters_and_decisions_without_their_words(office: Office, clerk: Headers) -> None:
    with office.service.database.write() as session:
        hook = Webhook(url="http://127.0.0.1:9/", secret="s", events=["letter.urgent", "letter.decided"], active=True)
        session.add(hook)
        session.flush()
        number = hook.id
    office.enter(clerk)
    urgent = office.enter(clerk, title="", body="我活不下去了，今晚就从楼顶跳下去。")
    _decide(office, clerk, urgent)
    sealed = office.enter(clerk, **ACCUSATION)
    _decide(office, office.key(role="reviewer"), sealed | {"version": 1})
    with office.service.database.write() as session:
        sent = session.query(Delivery).filter_by(webhook_id=number).order_by(Delivery.id).all()
        told = [(one.event, one.payload["letter"]["id"]) for one in sent]
        text = str([one.payload for one in sent])
        session.delete(session.get_one(Webhook, number))
    assert told[:2] == [("letter.urgent", urgent["id"]), ("letter.decided", urgent["id"])]
    assert told[-1] == ("letter.decided", sealed["id"])
    assert "跳" not in text
    assert "cadre_conduct" not in text
