from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service import client as module
from service.client import Client, ServiceError
from tests.service.conftest import ACCUSATION, Office
from tests.service.test_jobs import LAMP, table
from tests.service.test_similar import TEXT, fed


class _Into(httpx2.BaseTransport):
    """Hands requests to the application that runs in this process."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self.before: list[int | Exception] = []
        self.after: list[Exception] = []
        self.seen: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.before:
            first = self.before.pop(0)
            if isinstance(first, Exception):
                raise first
            return httpx2.Response(first, headers={"Retry-After": "0"}, json={"code": "busy", "detail": "…"})
        answer = self._client.request(
            request.method, str(request.url), headers=dict(request.headers), content=request.read()
        )
        if self.after:
            raise self.after.pop(0)
        return httpx2.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)


@pytest.fixture
def wire(office: Office) -> _Into:
    return _Into(office.client)


def of(office: Office, wire: _Into, role: str) -> Iterator[Client]:
    key = office.key(role=role)["Authorization"].removeprefix("Bearer ")
    with httpx2.Client(transport=wire) as http, Client("http://testserver/", key, http=http) as client:
        yield client


@pytest.fixture
def client(office: Office, wire: _Into) -> Iterator[Client]:
    yield from of(office, wire, "clerk")


class TestLetters:
    def test_a_letter_from_entry_to_answer(self, client: Client) -> None:
        letter: Any = client.enter({"body": "村里把我家的承包地收回去，要求归还。", "received": "2026-03-02"})
        assert client.letter(letter["id"]) == letter
        decided = client.decide(letter, {"category": {"value": "education", "reason": "misread"}}, "看过")
        assert (decided["status"], decided["decision"]["category"]) == ("decided", "education")
        with pytest.raises(ServiceError) as caught:
            client.decide(letter)
        assert (caught.value.code, caught.value.status) == ("stale", 409)
        assert caught.value.detail.startswith("somebody changed it")
        assert client.answer(decided)["status"] == "answered"
        assert len(client.history(letter["id"])["decisions"]) == 1
        reopened: Any = client.letter(letter["id"])
        assert client.reopen(reopened)["status"] == "decided"

    def test_judging_keeps_nothing(self, client: Client, tmp_path: Path) -> None:
        before = client.statistics()["letters"]
        assert client.triage({"body": "老板拖欠工资三个月"})["category"] == "wages"
        told = client.triage_many([{"body": "路灯坏了"}, {"body": " "}])
        assert [one["code"] for one in told["rejects"]] == ["empty_letter"]
        file = tmp_path / "a.csv"
        file.write_bytes(table(("1", "路灯", LAMP.format(1))))
        assert len(client.triage_file(file)["decisions"]) == 1
        assert client.statistics()["letters"] == before

    def test_lists_are_walked_to_their_end(self, client: Client) -> None:
        made = client.enter_many([{"body": LAMP.format(n), "title": "翻页"} for n in range(7)])
        numbers = {one["id"] for one in made["letters"]}
        found = [one["id"] for one in client.letters(q="翻页", limit=3)]
        assert found == sorted(numbers, reverse=True)
        assert {one["id"] for one in client.queue(q="翻页", limit=2)} == numbers

    def test_an_accusation_is_a_stub(self, client: Client) -> None:
        letter = client.enter({"body": ACCUSATION["body"]})
        assert letter["sealed"]
        assert "decision" not in letter

    def test_earlier_letters(self, office: Office, client: Client) -> None:
        first, second = client.enter({"body": TEXT}), client.enter({"body": TEXT})
        fed(office)
        assert [(one["id"], one["relation"]) for one in client.similar(second["id"])] == [(first["id"], "copy")]

    def test_a_ledger_is_written(self, client: Client, tmp_path: Path) -> None:
        client.enter({"body": LAMP.format(1)})
        for name in ("ledger.csv", "ledger.xlsx"):
            assert client.export(tmp_path / name, status=["open"]).stat().st_size > 100
        with pytest.raises(ServiceError):
            client.export(tmp_path / "ledger.doc")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.csv", "ledger.xlsx"]

    def test_codes(self, client: Client) -> None:
        assert "misread" in client.taxonomy()["reasons"]
        assert {one["code"] for one in client.departments()}


class TestFiles:
    def test_a_file_is_worked_on_and_its_result_written(
        self, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        file = tmp_path / "a.csv"
        file.write_bytes(table(("客-1", "路灯", LAMP.format(1)), ("客-2", "", " ")))
        job = client.wait(client.start_job(file)["id"], 0.1)
        assert (job["state"], job["done"], job["rejects"]) == ("done", 2, 1)
        assert next(client.jobs())["id"] == job["id"]
        lines = client.job_result(job["id"], tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["id"] for line in lines] == ["客-1"]
        refused = client.job_rejects(job["id"], tmp_path / "x.jsonl").read_text(encoding="utf-8")
        assert json.loads(refused)["code"] == "empty_letter"
        with pytest.raises(ServiceError) as caught:
            client.cancel_job(job["id"])
        assert caught.value.code == "job_state"

    def test_training_is_asked_for_and_told_of(self, office: Office, wire: _Into, tmp_path: Path) -> None:
        file = tmp_path / "t.csv"
        file.write_bytes(table(("x", "y"), head=("text", "label")))
        for analyst in of(office, wire, "analyst"):
            run = analyst.train(file, "client-1", "label", text_column="text")
            assert analyst.training_run(run["id"])["name"] == "client-1"


def test_bundles(office: Office, wire: _Into) -> None:
    for analyst in of(office, wire, "analyst"):
        (used,) = [one for one in analyst.models() if one["in_use"]]
        assert analyst.model(used["name"])["manifest"]
        assert analyst.promote(used["name"])["in_use"]
        with pytest.raises(ServiceError) as caught:
            analyst.roll_back()
        assert (caught.value.code, caught.value.status) == ("first_bundle", 409)


class TestTryingAgain:
    def test_a_busy_service_is_asked_again(self, client: Client, wire: _Into) -> None:
        wire.before = [429, 503]
        assert client.triage({"body": "老板拖欠工资三个月"})["category"] == "wages"
        assert len(wire.seen) == 3

    def test_a_letter_whose_answer_was_lost_is_entered_once(self, client: Client, wire: _Into) -> None:
        wire.after = [httpx2.ReadTimeout("")]
        letter = client.enter({"body": LAMP.format(1), "title": "只此一封"})
        assert [one["id"] for one in client.letters(q="只此一封")] == [letter["id"]]
        keys = {request.headers["Idempotency-Key"] for request in wire.seen if request.method == "POST"}
        assert len(keys) == 1

    def test_a_decision_is_sent_once(self, client: Client, wire: _Into) -> None:
        letter: Any = client.enter({"body": LAMP.format(1)})
        wire.before = [503]
        with pytest.raises(ServiceError) as caught:
            client.decide(letter)
        assert (caught.value.code, caught.value.status) == ("busy", 503)

    def test_it_gives_up(self, client: Client, wire: _Into) -> None:
        wire.before = [httpx2.ConnectError("")] * 100
        with pytest.raises(ServiceError) as caught:
            client.statistics()
        assert (caught.value.code, caught.value.status) == ("unreachable", 0)
        assert len(wire.seen) < 10

    def test_a_fault_is_not_asked_again(self, client: Client, wire: _Into) -> None:
        with pytest.raises(ServiceError) as caught:
            client.enter({"body": ""})
        assert (caught.value.code, caught.value.status) == ("invalid_request", 422)
        assert len(wire.seen) == 1
