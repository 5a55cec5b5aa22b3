from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service import Settings, webhooks
from service.db.tables import Delivery
from service.problems import Problem
from service.webhooks import Sender, check_url, deliver
from tests.service.conftest import ACCUSATION, NewDatabase, Office, open_office
from tests.service.test_jobs import until

Headers = dict[str, str]
URGENT = {
    "title": "危房",
    "body": "昨夜房屋墙体突然开裂倒塌，压伤两人，现在还有人被困在里面，情况十分危急，请立即救援。",
}


class Receiver(ThreadingHTTPServer):
    """Takes messages; answers with the statuses it was told to, then with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.got: list[tuple[Headers, bytes]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?office=1"

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.got.append((dict(self.headers), body))
            status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url.replace("hook", "elsewhere"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def office(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from open_office(new_database(), tmp_path_factory.mktemp("state"), webhook_private=True)


@pytest.fixture
def admin(office: Office) -> Headers:
    return office.key(role="administrator")


@pytest.fixture
def hook(office: Office, admin: Headers, receiver: Receiver) -> Iterator[dict[str, Any]]:
    made = office.client.post("/v1/webhooks", json={"url": receiver.url}, headers=admin)
    assert made.status_code == 201, made.text
    yield made.json()
    office.client.delete(f"/v1/webhooks/{made.json()['id']}", headers=admin)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(webhooks, "PAUSES", (0.0,) * len(webhooks.PAUSES))


def deliveries(office: Office, admin: Headers, hook: dict[str, Any]) -> list[dict[str, Any]]:
    return list(office.client.get(f"/v1/webhooks/{hook['id']}/deliveries", headers=admin).json()["items"])


class TestManaging:
    def test_the_secret_is_shown_once(self, office: Office, admin: Headers, hook: dict[str, Any]) -> None:
        assert hook["secret"].startswith("whsec_")
        read = office.client.get(f"/v1/webhooks/{hook['id']}", headers=admin)
        assert read.json() == {name: value for name, value in hook.items() if name != "secret"}
        listed = office.client.get("/v1/webhooks", headers=admin)
        audit = office.client.get("/v1/audit", headers=admin)
        assert hook["secret"] not in read.text + listed.text + audit.text

    def test_a_webhook_is_changed_and_removed(self, office: Office, admin: Headers, receiver: Receiver) -> None:
        made = office.client.post("/v1/webhooks", json={"url": receiver.url}, headers=admin).json()
        path = f"/v1/webhooks/{made['id']}"
        changed = office.client.patch(path, json={"events": ["letter.decided"]}, headers=admin).json()
        assert (changed["events"], changed["url"]) == (["letter.decided"], receiver.url)
        assert office.client.delete(path, headers=admin).status_code == 204
        assert office.client.get(path, headers=admin).status_code == 404

    def test_only_administrators_manage_them(self, office: Office) -> None:
        for role in ("reader", "clerk", "reviewer", "analyst"):
            assert office.client.get("/v1/webhooks", headers=office.key(role=role)).status_code == 403

    @pytest.mark.parametrize(
        "sent", [{"url": "ftp://x.example/"}, {"events": []}, {"events": ["other"]}, {"colour": 1}]
    )
    def test_what_cannot_be_sent_is_refused(self, office: Office, admin: Headers, sent: dict[str, Any]) -> None:
        answer = office.client.post("/v1/webhooks", json={"url": "https://x.example/"} | sent, headers=admin)
        assert answer.status_code == 422


@pytest.mark.usefixtures("at_once")
class TestSending:
    def test_an_urgent_letter_is_told_until_it_is_taken(
        self, office: Office, admin: Headers, hook: dict[str, Any], receiver: Receiver
    ) -> None:
        receiver.statuses = [500, 503]
        letter = office.enter(office.key(role="clerk"), **URGENT)
        assert letter["decision"]["urgency"] >= 3
        until(lambda: [one["state"] for one in deliveries(office, admin, hook)] == ["sent"])
        (told,) = deliveries(office, admin, hook)
        assert (told["attempts"], told["answer"], told["event"]) == (3, "200", "letter.urgent")
        assert len({body for _, body in receiver.got}) == 1
        (event, *_) = receiver.events()
        assert event["letter"]["number"] == letter["number"]
        assert event["letter"]["urgency"] == letter["decision"]["urgency"]
        assert URGENT["body"][:6] not in receiver.got[0][1].decode()
        for headers, body in receiver.got:
            moment, _, given = headers["X-Triage-Signature"].removeprefix("t=").partition(",v1=")
            signed = hmac.new(hook["secret"].encode(), f"{moment}.".encode() + body, hashlib.sha256)
            assert given == signed.hexdigest()
            assert headers["X-Triage-Delivery"] == str(told["id"])

    def test_an_accusation_is_told_by_its_number_alone(
        self, office: Office, hook: dict[str, Any], receiver: Receiver
    ) -> None:
        reviewer = office.key(role="reviewer")
        letter = office.enter(reviewer, **ACCUSATION)
        match = reviewer | {"If-Match": f'"{letter["version"]}"'}
        assert office.client.post(f"/v1/letters/{letter['id']}/decision", json={}, headers=match).status_code == 200
        until(lambda: [one for one in receiver.events() if one["event"] == "letter.decided"])
        for event in receiver.events():
            assert set(event["letter"]) == {"id", "number", "received", "sealed", "nature"}

    def test_a_test_message_tells_of_nothing(
        self, office: Office, admin: Headers, hook: dict[str, Any], receiver: Receiver
    ) -> None:
        answer = office.client.post(f"/v1/webhooks/{hook['id']}/test", headers=admin)
        assert (answer.status_code, answer.json()["state"]) == (202, "due")
        until(lambda: receiver.got)
        assert set(receiver.events()[0]) == {"id", "at", "event"}

    def test_a_redirection_is_not_followed(
        self, office: Office, admin: Headers, hook: dict[str, Any], receiver: Receiver
    ) -> None:
        receiver.statuses = [302] * (len(webhooks.PAUSES) + 1)
        office.client.post(f"/v1/webhooks/{hook['id']}/test", headers=admin)
        until(lambda: [one["state"] for one in deliveries(office, admin, hook)] == ["given_up"])
        (told,) = deliveries(office, admin, hook)
        assert (told["attempts"], told["answer"], told["next"]) == (len(webhooks.PAUSES) + 1, "302", None)
        assert len(receiver.got) == told["attempts"]

    def test_one_that_is_not_active_is_told_when_it_is_again(
        self, office: Office, admin: Headers, hook: dict[str, Any], receiver: Receiver
    ) -> None:
        path = f"/v1/webhooks/{hook['id']}"
        office.client.patch(path, json={"active": False}, headers=admin)
        office.client.post(f"{path}/test", headers=admin)
        assert Sender(office.service.settings, office.service.database).send_due() == 0
        assert receiver.got == []
        office.client.patch(path, json={"active": True}, headers=admin)
        until(lambda: receiver.got)


def test_two_processes_never_send_one_message_at_once(
    office: Office, admin: Headers, hook: dict[str, Any], receiver: Receiver
) -> None:
    path = f"/v1/webhooks/{hook['id']}"
    office.client.patch(path, json={"active": False}, headers=admin)
    for _ in range(12):
        office.client.post(f"{path}/test", headers=admin)
    with office.service.database.write() as session:
        from service.db.tables import Webhook

        row = session.get(Webhook, hook["id"])
        assert row is not None
        row.active = True
    with office.service.database.read() as session:
        numbers = list(session.scalars(select(Delivery.id).where(Delivery.webhook_id == hook["id"])))
    senders = [Sender(office.service.settings, office.service.database) for _ in range(4)]
    threads = [threading.Thread(target=lambda one=one: [one.send(n) for n in numbers]) for one in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: {one["state"] for one in deliveries(office, admin, hook)} == {"sent"})
    assert sorted(event["id"] for event in receiver.events()) == sorted(numbers)


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/", "http://localhost:8000/", "http://10.0.0.5/", "http://192.168.1.1/", "http://[::1]/",
            "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://[fd00::1]/",
            "file:///etc/passwd", "https://user:word@x.example/", "http:///x", "http://x.example:99999/",
            "http://x.example/\r\nX: 1",
        ],
    )  # fmt: skip
    def test_the_inside_is_closed_unless_it_is_opened(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(Problem) as caught:
            check_url(Settings(state=tmp_path), url)
        assert caught.value.code == "webhook_url"

    @pytest.mark.parametrize("url", ["http://10.0.0.5/x", "http://127.0.0.1:81/", "https://x.example/"])
    def test_an_offices_own_network_may_be_opened(self, url: str, tmp_path: Path) -> None:
        check_url(Settings(state=tmp_path, webhook_private=True), url)

    @pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://[fe80::1]/", "http://224.0.0.1/"])
    def test_what_hands_out_keys_of_machines_stays_closed(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(Problem):
            check_url(Settings(state=tmp_path, webhook_private=True), url)

    def test_only_hosts_that_are_named_where_some_are(self, tmp_path: Path) -> None:
        settings = Settings(state=tmp_path, webhook_hosts=["desk.example"])
        check_url(settings, "https://desk.example/hook")
        with pytest.raises(Problem):
            check_url(settings, "https://other.example/hook")

    def test_a_name_is_looked_at_again_when_a_message_is_sent(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def resolved(host: str, port: int, **_: Any) -> Any:
            return [(webhooks.socket.AF_INET, webhooks.socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

        monkeypatch.setattr(webhooks.socket, "getaddrinfo", resolved)
        url = receiver.url.replace("127.0.0.1", "desk.example")
        assert deliver(Settings(state=tmp_path), url, "s", 1, "e", b"{}") == (False, "refused (private)")
        assert receiver.got == []
        assert deliver(Settings(state=tmp_path, webhook_private=True), url, "s", 1, "e", b"{}") == (True, "200")
        assert receiver.got[0][0]["Host"] == f"desk.example:{receiver.server_port}"

    def test_nobody_there_is_told_as_such(self, tmp_path: Path) -> None:
        settings = Settings(state=tmp_path, webhook_private=True)
        assert deliver(settings, "http://127.0.0.1:9/", "s", 1, "e", b"{}") == (False, "ConnectionRefusedError")
