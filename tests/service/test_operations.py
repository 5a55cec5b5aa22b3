from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service import Settings, create_app
from service.limits import Rates
from service.problems import Problem
from tests.service.conftest import LETTER, Office, open_office

SECRET = "秘密的手机13912345678"


def test_health_ready_and_metrics(office: Office) -> None:
    clerk = office.key(role="clerk")
    office.enter(clerk)
    assert office.client.get("/health").json() == {"status": "ok"}
    ready = office.client.get("/ready")
    assert ready.json() == {"status": "ready", "database": True, "bundle": office.service.triager.bundle.name}
    shown = office.client.get("/metrics", headers=office.key("statistics"))
    assert shown.status_code == 200
    for name in (
        "triage_request_seconds_bucket",
        "triage_judged_letters_total",
        "triage_open_letters",
        "triage_bundle_in_use",
    ):
        assert name in shown.text
    assert 'route="/v1/letters"' in shown.text


def test_measures_are_not_for_everybody(office: Office) -> None:
    assert office.client.get("/metrics").status_code == 401
    assert office.client.get("/metrics", headers=office.key("letters:read")).status_code == 403


def test_every_answer_has_an_id_and_safe_headers(office: Office) -> None:
    for path in ("/health", "/v1/letters", "/nowhere"):
        answer = office.client.get(path)
        assert len(answer.headers["x-request-id"]) == 32
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
    assert office.client.get("/health", headers={"X-Request-Id": "desk-00017"}).headers["x-request-id"] == "desk-00017"
    assert office.client.get("/health", headers={"X-Request-Id": "a\tb'<x>"}).headers["x-request-id"] != "a\tb'<x>"


def test_a_foreign_origin_gets_no_leave(office: Office) -> None:
    answer = office.client.get(
        "/v1/letters", headers={"Origin": "https://elsewhere.example", **office.key(role="reader")}
    )
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["*", "desk.example"])
def test_origins_must_be_named_in_full(origin: str) -> None:
    with pytest.raises(Problem, match="name each origin"):
        Settings.load(cors=[origin])


def test_problems_have_one_shape_and_speak_the_callers_language(office: Office) -> None:
    answer = office.client.get("/v1/letters/1", headers={"Accept-Language": "en"})
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "instance"}
    assert (body["code"], body["status"]) == ("unauthenticated", 401)
    assert body["detail"].startswith("not logged in")
    assert answer.headers["x-request-id"] in body["instance"]
    assert office.client.get("/v1/letters/1").json()["detail"].startswith("尚未登录")


def test_a_refused_letter_is_not_quoted(office: Office) -> None:
    clerk = office.key(role="clerk")
    for sent in ({"body": [SECRET]}, {"body": SECRET, "phone": 1, SECRET: 2}, {"body": SECRET * 40_000}):
        answer = office.client.post("/v1/letters", json=sent, headers=clerk)
        assert answer.status_code in (413, 422)
        assert "139123" not in answer.text.replace(SECRET[:4], "") or SECRET in sent
    answer = office.client.post("/v1/letters", content=b'{"body": "\xff', headers=clerk)
    assert answer.status_code == 422


def test_logs_tell_what_happened_and_never_what_was_written(
    office: Office, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from service import logs
    from service.routes import letters

    logs.configure("info")
    clerk = office.key(role="clerk")
    made = office.enter(clerk, body=f"路灯坏了，{SECRET}，请修。", petitioner="欧阳锋")
    office.client.get("/v1/letters", params={"q": SECRET}, headers=clerk)

    def broken(*_: Any) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(letters, "out", broken)
    fault = office.client.get(f"/v1/letters/{made['id']}", headers=clerk)
    assert (fault.status_code, fault.json()["code"]) == (500, "internal")
    assert SECRET not in fault.text
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    text = json.dumps(lines, ensure_ascii=False)
    assert "1391234" not in text
    assert "欧阳" not in text
    posts = [line for line in lines if line.get("method") == "POST"]
    assert posts[-1]["route"] == "/v1/letters"
    assert posts[-1]["status"] == 201
    assert posts[-1]["caller"].startswith("key:")
    (internal,) = [line for line in lines if line["event"] == "internal"]
    assert (internal["fault"], internal["request"]) == ("RuntimeError", fault.headers["x-request-id"])


def test_the_rate_of_one_caller_does_not_touch_another() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    assert [rates.wait("a") for _ in range(60)] == [0.0] * 60
    assert rates.wait("a") == pytest.approx(1.0)
    assert rates.wait("b") == 0.0
    now[0] = 1.5
    assert rates.wait("a") == 0.0
    assert rates.wait("a") > 0
    assert Rates(0).wait("a") == 0.0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service with small limits."""
    folder = tmp_path_factory.mktemp("small")
    settings = {"rate": 40, "max_body": 10_000, "max_upload": 100_000, "waiting": 1, "timeout": 1.0}
    yield from open_office(f"sqlite:///{folder / 'triage.db'}", folder, **settings)


class TestLimits:
    def test_a_large_body_is_refused_whatever_it_says_of_its_length(self, small: Office) -> None:
        clerk = small.key(role="clerk")
        large = json.dumps(LETTER | {"body": "路" * 9000}).encode()
        answer = small.client.post("/v1/letters", content=large, headers=clerk)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        answer = small.client.post("/v1/letters", content=iter([large]), headers=clerk)
        assert answer.status_code == 413

    def test_a_large_upload_is_refused(self, small: Office) -> None:
        file = {"file": ("a.txt", b"x" * 200_000)}
        answer = small.client.post("/v1/letters/file", files=file, headers=small.key(role="clerk"))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_too_many_requests_are_told_when_to_come_back(self, small: Office) -> None:
        reader = small.key(role="reader")
        codes = [small.client.get("/v1/letters", headers=reader).status_code for _ in range(45)]
        assert codes[:40] == [200] * 40
        assert codes[40] == 429
        refused = small.client.get("/v1/letters", headers=reader)
        assert int(refused.headers["retry-after"]) >= 1
        assert small.client.get("/v1/letters", headers=small.key(role="reader")).status_code == 200

    def test_a_waiting_line_that_is_full_turns_letters_away(self, small: Office) -> None:
        clerk = small.key(role="clerk")
        with small.service.gate():
            answer = small.client.post("/v1/triage", json=LETTER, headers=clerk)
        assert (answer.status_code, answer.json()["code"]) == (429, "busy")
        assert "retry-after" in answer.headers

    def test_what_takes_too_long_is_given_up(self, small: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        from service.routes import letters

        ended = threading.Event()
        monkeypatch.setattr(letters, "chosen", lambda *_, **__: ended.wait(20))
        answer = small.client.get("/v1/letters", headers=small.key(role="reader"))
        ended.set()
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")


def test_without_a_database_it_says_so_and_recovers(postgresql: Any, tmp_path: Path) -> None:
    from sqlalchemy import make_url, text

    from service.db import Database

    url = postgresql()
    name = make_url(url).database
    for office in open_office(url, tmp_path):
        clerk = office.key(role="clerk")
        office.enter(clerk)
        root = Database(postgresql())
        with root.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
            assert office.client.get("/ready").status_code == 503
            assert office.client.get("/health").status_code == 200
            refused = office.client.post("/v1/letters", json=LETTER, headers=clerk)
            assert (refused.status_code, refused.json()["code"]) == (503, "database")
            assert "retry-after" in refused.headers
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        assert office.client.get("/ready").status_code == 200
        assert len(office.client.get("/v1/letters", headers=clerk).json()["items"]) == 1
        root.close()


def test_settings_are_checked_together_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIAGE_PORT", "99999")
    monkeypatch.setenv("TRIAGE_WORKRES", "2")
    with pytest.raises(Problem) as caught:
        Settings.load(state=tmp_path)
    assert "TRIAGE_PORT" in str(caught.value)
    assert "TRIAGE_WORKRES: unknown" in str(caught.value)


def test_settings_travel_to_other_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = Settings(state=tmp_path, port=9000, cors=["https://desk.example"], secret="s" * 40, https=True)
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == given


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    assert settings.key() == Settings(state=tmp_path).key()
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"database": "postgresql://nobody@127.0.0.1:1/none"}, "database cannot be opened"),
        ({"database": "oracle://x"}, "database cannot be opened"),
        ({"model": "nothing"}, "no such model bundle"),
        ({"home": "nowhere"}, "not a policy folder"),
    ],
)
def test_what_stops_the_start_is_said_in_one_line(
    wrong: dict[str, str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from triage.cli.main import main

    monkeypatch.setenv("TRIAGE_STATE", str(tmp_path))
    for name, value in wrong.items():
        monkeypatch.setenv(f"TRIAGE_{name.upper()}", value)
    assert main(["serve", "--lang", "en"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("triage: ")
    assert says in line


def test_a_bad_bundle_stops_the_start(tmp_path: Path) -> None:
    from triage import BundleError

    app = create_app(Settings(state=tmp_path, model=str(tmp_path / "nothing")))
    with pytest.raises(BundleError), TestClient(app):
        pass
