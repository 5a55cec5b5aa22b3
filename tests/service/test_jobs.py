from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update

from service import Settings, jobs
from service.db.tables import Account, AuditRow, Idempotent, Job, Letter, LoginSession, now
from service.housekeeping import drop_old
from tests.service.conftest import ACCUSATION, NewDatabase, Office, open_office
from tests.service.workers import Workers, children

Headers = dict[str, str]
LAMP = "第{}组的路灯坏了半年，请尽快修好。"


def until(met: Callable[[], Any], patience: float = 60.0) -> Any:
    """Wait for something that another process does."""
    end = time.monotonic() + patience
    while not (found := met()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def table(*rows: tuple[str, ...], head: tuple[str, ...] = ("编号", "标题", "内容")) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    return text.getvalue().encode()


def send(office: Office, headers: Headers, content: bytes, name: str = "letters.csv", **form: str) -> dict[str, Any]:
    answer = office.client.post("/v1/jobs", files={"file": (name, content)}, data=form, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def ended(office: Office, headers: Headers, job: int, path: str = "/v1/jobs") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return _ended(office.client.get(f"{path}/{job}", headers=headers).json())

    return dict(until(look))


@pytest.fixture
def clerk(office: Office) -> Headers:
    return office.key(role="clerk")


class TestRegister:
    def test_a_files_letters_are_entered_and_what_cannot_be_is_told(self, office: Office, clerk: Headers) -> None:
        office.enter(clerk, number="旧-1")
        rows = [(f"甲-{number}", "路灯", LAMP.format(number)) for number in range(60)]
        rows[3] = ("甲-3", "", "  ")
        rows[5] = ("旧-1", "路灯", LAMP.format(5))
        rows[7] = ("甲-6", "路灯", LAMP.format(7))
        rows[58] = ("甲-58", "举报", ACCUSATION["body"])
        job = send(office, clerk, table(*rows))
        assert (job["kind"], job["state"], job["file"]) == ("register", "queued", ".csv")
        told = ended(office, clerk, job["id"])
        assert (told["state"], told["done"], told["total"], told["rejects"]) == ("done", 60, 60, 3)
        assert told["rate"] > 0
        refused = office.client.get(f"/v1/jobs/{job['id']}/result", params={"part": "rejects"}, headers=clerk)
        found = [json.loads(line) for line in refused.text.splitlines()]
        assert [(one["place"], one["id"], one["code"]) for one in found] == [
            (3, "甲-3", "empty_letter"),
            (5, "旧-1", "exists"),
            (7, "甲-6", "exists"),
        ]
        assert all(one["reason"] for one in found)
        with office.service.database.read() as session:
            letters = list(session.scalars(select(Letter).where(Letter.job_id == job["id"]).order_by(Letter.job_row)))
        assert [one.job_row for one in letters] == [row for row in range(60) if row not in (3, 5, 7)]
        assert [one.sealed for one in letters] == [one.job_row == 58 for one in letters]

    def test_an_accusation_is_in_no_result_for_those_who_may_not_read_it(self, office: Office, clerk: Headers) -> None:
        reviewer = office.key(role="reviewer")
        content = table(("乙-1", "路灯", LAMP.format(1)), ("乙-2", "举报", ACCUSATION["body"]))
        for kind in jobs.FILES:
            prefix = content if kind == "register" else content.replace("乙-".encode(), "丙-".encode())
            job = send(office, clerk, prefix, kind=kind)["id"]
            assert ended(office, clerk, job)["state"] == "done"
            for who, count in ((clerk, 1), (reviewer, 2)):
                for format in ("csv", "jsonl", "xlsx"):
                    shown = office.client.get(f"/v1/jobs/{job}/result", params={"format": format}, headers=who)
                    assert shown.status_code == 200, shown.text
                    assert len(records(shown.content, format)) == count
                    assert "贪污" not in str(records(shown.content, format)) or who is reviewer

    def test_letters_of_files_without_numbers_get_numbers_of_the_register(self, office: Office, clerk: Headers) -> None:
        content = table(("路灯", LAMP.format(1)), ("路灯", LAMP.format(2)), head=("标题", "内容"))
        first, second = (send(office, clerk, content)["id"] for _ in range(2))
        assert [ended(office, clerk, job)["rejects"] for job in (first, second)] == [0, 0]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("欧阳锋投诉.txt", LAMP.format(3))
        third = send(office, clerk, archive.getvalue(), "欧阳锋.zip")
        told = ended(office, clerk, third["id"])
        assert (told["state"], told["rejects"]) == ("done", 0)
        listed = office.client.get("/v1/letters", params={"job": third["id"]}, headers=clerk).json()["items"]
        assert [one["number"].startswith("20") for one in listed] == [True]
        assert "欧阳" not in json.dumps([told, listed], ensure_ascii=False)

    def test_a_broken_file_fails_with_its_code(self, office: Office, clerk: Headers) -> None:
        job = send(office, clerk, b"PK\x03\x04 nothing", "letters.xlsx")["id"]
        told = ended(office, clerk, job)
        assert told["state"] == "failed"
        assert told["error"]["code"] == "file_broken"
        assert str(office.service.settings.state) not in told["error"]["detail"]

    def test_a_letter_that_no_database_keeps_stops_nothing(self, office: Office, clerk: Headers) -> None:
        lines = [{"编号": f"丁-{n}", "内容": LAMP.format(n) + ("\x00" if n == 1 else "")} for n in range(3)]
        content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
        job = send(office, clerk, content, "letters.jsonl")["id"]
        told = ended(office, clerk, job)
        assert (told["state"], told["done"], told["rejects"]) == ("done", 3, 1)

    def test_the_letters_as_they_came_in_are_not_kept_twice(self, office: Office, clerk: Headers) -> None:
        job = send(office, clerk, table(("戊-1", "路灯", LAMP.format(1))))["id"]
        ended(office, clerk, job)
        folder = jobs.folder(office.service.settings, job)
        until(lambda: not [path for path in folder.iterdir() if path.name != "lock"])


def records(content: bytes, format: str) -> list[Any]:
    if format == "xlsx":
        sheet = load_workbook(io.BytesIO(content)).active
        assert sheet is not None
        return list(sheet.iter_rows(min_row=2, values_only=True))
    text = content.decode("utf-8-sig")
    return text.splitlines() if format == "jsonl" else list(csv.DictReader(io.StringIO(text)))


class TestLedger:
    def test_a_ledger_comes_out_and_nothing_is_entered(self, office: Office, clerk: Headers) -> None:
        before = office.client.get("/v1/statistics", headers=clerk).json()["letters"]
        rows = [(f"己-{number}", "路灯", LAMP.format(number)) for number in range(5)]
        job = send(office, clerk, table(*rows, ("己-5", "", "")), kind="ledger")["id"]
        told = ended(office, clerk, job)
        assert (told["state"], told["done"], told["rejects"]) == ("done", 6, 1)
        shown = office.client.get(f"/v1/jobs/{job}/result", params={"format": "jsonl"}, headers=clerk)
        found = [json.loads(line) for line in shown.text.splitlines()]
        assert [one["id"] for one in found] == [row[0] for row in rows]
        assert office.client.get("/v1/statistics", headers=clerk).json()["letters"] == before
        assert "job-" in shown.headers["content-disposition"]

    def test_an_analyst_may_make_ledgers_and_enter_nothing(self, office: Office) -> None:
        analyst = office.key(role="analyst")
        answer = office.client.post("/v1/jobs", files={"file": ("a.txt", b"x")}, headers=analyst)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        job = send(office, analyst, LAMP.format(1).encode(), "a.txt", kind="ledger")["id"]
        assert ended(office, analyst, job)["state"] == "done"


class TestAsking:
    def test_jobs_are_listed_page_by_page(self, office: Office) -> None:
        mine = office.key("jobs", "letters:write", department="housing")
        made = [send(office, mine, LAMP.format(n).encode(), "a.txt", kind="ledger")["id"] for n in range(3)]
        first = office.client.get("/v1/jobs", params={"limit": 2}, headers=mine).json()
        rest = office.client.get("/v1/jobs", params={"limit": 2, "cursor": first["next"]}, headers=mine).json()
        assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
        other = office.key("jobs", department="housing")
        assert office.client.get("/v1/jobs", headers=other).json()["items"] == []
        hidden = office.client.get(f"/v1/jobs/{made[0]}", headers=other)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
        for job in made:
            ended(office, mine, job)

    def test_a_job_sent_twice_under_one_key_is_one(self, office: Office, clerk: Headers) -> None:
        file = {"file": ("a.txt", LAMP.format(1).encode())}
        headers = clerk | {"Idempotency-Key": "file-1"}
        first = office.client.post("/v1/jobs", files=file, data={"kind": "ledger"}, headers=headers)
        again = office.client.post("/v1/jobs", files=file, data={"kind": "ledger"}, headers=headers)
        assert (first.status_code, again.json()) == (201, first.json())
        other = office.client.post(
            "/v1/jobs", files={"file": ("a.txt", b"x")}, data={"kind": "ledger"}, headers=headers
        )
        assert (other.status_code, other.json()["code"]) == (409, "idempotency")
        ended(office, clerk, first.json()["id"])

    def test_kinds_of_files_that_are_not_read_are_refused(self, office: Office, clerk: Headers) -> None:
        answer = office.client.post("/v1/jobs", files={"file": ("a.exe", b"x")}, headers=clerk)
        assert (answer.status_code, answer.json()["code"]) == (415, "file_kind")
        assert not list(office.service.settings.folder("jobs").glob(".new-*"))


@pytest.fixture
def still(new_database: NewDatabase, tmp_path: Path) -> Iterator[Office]:
    """A service that begins no jobs by itself."""
    yield from open_office(new_database(), tmp_path, jobs=0)


class TestCancelling:
    def test_what_was_not_begun_is_never_begun(self, still: Office) -> None:
        clerk = still.key(role="clerk")
        job = send(still, clerk, LAMP.format(1).encode(), "a.txt")["id"]
        early = still.client.get(f"/v1/jobs/{job}/result", headers=clerk)
        assert (early.status_code, early.json()["code"]) == (409, "job_state")
        told = still.client.post(f"/v1/jobs/{job}/cancel", headers=clerk).json()
        assert told["state"] == "cancelled"
        again = still.client.post(f"/v1/jobs/{job}/cancel", headers=clerk)
        assert (again.status_code, again.json()["code"]) == (409, "job_state")
        assert jobs.claim(still.service.database, job, "somebody") is None

    def test_what_is_running_stops_between_two_transactions(self, office: Office, clerk: Headers) -> None:
        rows = [(f"庚-{number}", "路灯", LAMP.format(number) * 3) for number in range(4000)]
        job = send(office, clerk, table(*rows))["id"]
        until(lambda: office.client.get(f"/v1/jobs/{job}", headers=clerk).json()["done"])
        told = office.client.post(f"/v1/jobs/{job}/cancel", headers=clerk).json()
        assert 0 < told["done"] < 4000
        until(lambda: not jobs.held(office.service.settings, job))
        with office.service.database.read() as session:
            count = session.scalar(select(func.count()).where(Letter.job_id == job))
        assert count == told["done"]


class TestOneProcess:
    def test_a_job_is_begun_by_one_process(self, still: Office) -> None:
        job = send(still, still.key(role="clerk"), LAMP.format(1).encode(), "a.txt")["id"]
        database = still.service.database
        first = jobs.claim(database, job, "first")
        assert first is not None
        assert jobs.claim(database, job, "second") is None
        with database.write() as session:
            session.execute(update(Job).where(Job.id == job).values(beat=now() - timedelta(minutes=1)))
        assert jobs.claim(database, job, "second") is not None
        with pytest.raises(jobs.Lost), database.write() as session:
            jobs.end(session, first, "done")

    def test_one_that_never_gets_on_is_given_up(self, still: Office) -> None:
        clerk = still.key(role="clerk")
        job = send(still, clerk, LAMP.format(1).encode(), "a.txt")["id"]
        for number in range(jobs.GIVEN_UP):
            assert jobs.claim(still.service.database, job, str(number)) is not None
            jobs.requeue(still.service.database, job, str(number))
        assert jobs.claim(still.service.database, job, "last") is None
        told = still.client.get(f"/v1/jobs/{job}", headers=clerk).json()
        assert (told["state"], told["error"]["code"]) == ("failed", "job_lost")

    @pytest.mark.slow
    def test_killed_and_stopped_every_letter_is_entered_once(self, new_database: NewDatabase, tmp_path: Path) -> None:
        rows = [(f"辛-{number}", "", LAMP.format(number) if number % 100 else " ") for number in range(400)]
        url, job = new_database(), 0
        for kills in (1, 0):
            for office in open_office(url, tmp_path):
                clerk = office.key(role="clerk")
                job = job or send(office, clerk, table(*rows))["id"]
                for _ in range(kills):
                    _kill_when_on(office, job)
                    _on(office, job)
                told = ended(office, clerk, job) if not kills else {}
        assert (told["state"], told["done"], told["rejects"]) == ("done", 400, 4)
        for office in open_office(url, tmp_path):
            with office.service.database.read() as session:
                found = select(Letter.job_row).where(Letter.job_id == job).order_by(Letter.job_row)
                assert list(session.scalars(found)) == [row for row in range(400) if row % 100]
                seen = list(session.scalars(select(AuditRow.object).where(AuditRow.action == "letter.enter")))
            assert len(seen) == len(set(seen)) == 396


@pytest.mark.slow
def test_when_the_process_that_keeps_house_is_killed_another_does(new_database: NewDatabase, tmp_path: Path) -> None:
    rows = [(f"癸-{number}", "路灯", LAMP.format(number)) for number in range(400)]
    workers = Workers(Settings(state=tmp_path, database=new_database(), rate=0))
    try:
        with workers.client(0) as client:
            job = client.post("/v1/jobs", files={"file": ("a.csv", table(*rows))}).json()["id"]
            until(lambda: client.get(f"/v1/jobs/{job}").json()["done"])
        (keeper,) = [place for place, one in enumerate(workers.processes) if children(one.pid)]
        (child,) = children(workers.processes[keeper].pid)
        workers.processes[keeper].kill()
        os.kill(child, signal.SIGKILL)
        with workers.client(1 - keeper) as client:
            told = until(lambda: _ended(client.get(f"/v1/jobs/{job}").json()))
            assert (told["state"], told["done"], told["rejects"]) == ("done", 400, 0)
            found = client.get("/v1/letters", params={"job": job, "limit": 500}).json()["items"]
        assert sorted(one["number"] for one in found) == sorted(row[0] for row in rows)
    finally:
        workers.stop()


def _ended(told: dict[str, Any]) -> dict[str, Any] | None:
    return told if told["state"] in jobs.ENDED else None


def _on(office: Office, job: int) -> None:
    """Wait until a job gets on."""

    def done() -> int:
        with office.service.database.read() as session:
            return session.scalars(select(Job.done).where(Job.id == job)).one()

    before = done()
    until(lambda: done() > before)


def _kill_when_on(office: Office, job: int) -> None:
    _on(office, job)
    for child in children(os.getpid()):
        os.kill(child, signal.SIGKILL)


def test_old_rows_are_dropped_and_fresh_ones_stay(office: Office, clerk: Headers) -> None:
    database, old = office.service.database, now() - timedelta(days=2)
    common: dict[str, Any] = {"request": "", "status": 201, "headers": {}, "body": b""}
    with database.write() as session:
        account = session.scalars(select(Account)).first()
        assert account is not None
        session.add_all(Idempotent(owner="o", key=name, at=at, **common) for name, at in (("a", old), ("b", now())))
        session.add_all(
            LoginSession(hash=name, account_id=account.id, csrf="", seen=at) for name, at in (("a", old), ("b", now()))
        )
    finished = send(office, clerk, LAMP.format(1).encode(), "a.txt", kind="ledger")["id"]
    fresh = send(office, clerk, LAMP.format(1).encode(), "a.txt", kind="ledger")["id"]
    for job in (finished, fresh):
        ended(office, clerk, job)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == finished).values(ended=now() - timedelta(days=31)))
    drop_old(office.service)
    with database.read() as session:
        assert list(session.scalars(select(Idempotent.key).where(Idempotent.owner == "o"))) == ["b"]
        assert list(session.scalars(select(LoginSession.hash))) == ["b"]
    assert not jobs.folder(office.service.settings, finished).exists()
    assert jobs.folder(office.service.settings, fresh).exists()
    gone = office.client.get(f"/v1/jobs/{finished}/result", headers=clerk)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
