from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from service.access import PERMISSIONS, ROLES, grantable
from service.db.tables import Account, AuditRow, Key, now
from tests.service.conftest import ACCUSATION, LETTER, NewDatabase, Office, open_office

PUBLIC, ANYBODY = "public", "anybody"
MISSING = 999_999
FILE = {"files": {"file": ("letters.unknown", b"x")}}
DECIDE, REASON, NOTE = {"json": {}}, {"json": {"reason": "电话核实"}}, {"json": {"note": "换用"}}
NEW_HOOK = {"json": {"url": "ftp://hook.example", "events": ["letter.urgent"]}}
NEW_USER, NEW_KEY = {"json": {"name": "x", "role": "king"}}, {"json": {"name": "x", "scopes": ["statistics"]}}
PASSWORDS = {"json": {"current": "some password", "password": "another password"}}
# Every route: who may (a permission, or several of which one is enough), what is sent, what they are answered.
ROUTES: dict[str, tuple[str, dict[str, Any], int]] = {
    "POST /v1/triage": ("letters:write", {"json": LETTER}, 200),
    "POST /v1/triage/many": ("letters:write", {"json": {"letters": [LETTER]}}, 200),
    "POST /v1/triage/file": ("letters:write", FILE, 415),
    "POST /v1/letters": ("letters:write", {"json": LETTER}, 201),
    "POST /v1/letters/many": ("letters:write", {"json": {"letters": [LETTER]}}, 201),
    "POST /v1/letters/file": ("letters:write", FILE, 415),
    "GET /v1/letters": ("letters:read", {}, 200),
    "GET /v1/letters/{letter_id}": ("letters:read", {}, 200),
    "GET /v1/letters/{letter_id}/history": ("letters:read", {}, 200),
    "GET /v1/letters/{letter_id}/similar": ("letters:read", {}, 200),
    "POST /v1/letters/{letter_id}/preview": ("letters:decide", DECIDE, 200),
    "POST /v1/letters/{letter_id}/decision": ("letters:decide", DECIDE, 409),
    "POST /v1/letters/{letter_id}/answer": ("letters:decide", {}, 409),
    "POST /v1/letters/{letter_id}/reopen": ("letters:decide", {}, 409),
    "POST /v1/letters/{letter_id}/reveal": ("letters:reveal", REASON, 200),
    "GET /v1/queue": ("letters:read", {}, 200),
    "GET /v1/ledger": ("letters:export", {}, 200),
    "GET /v1/statistics": ("statistics", {}, 200),
    "GET /v1/taxonomy": ("letters:read models:read statistics", {}, 200),
    "GET /v1/departments": ("letters:read models:read statistics", {}, 200),
    "POST /v1/jobs": ("jobs", FILE | {"data": {"kind": "ledger"}}, 415),
    "GET /v1/jobs": ("jobs", {}, 200),
    "GET /v1/jobs/{job_id}": ("jobs", {}, 404),
    "POST /v1/jobs/{job_id}/cancel": ("jobs", {}, 404),
    "GET /v1/jobs/{job_id}/result": ("jobs", {}, 404),
    "POST /v1/training-runs": ("train", FILE | {"data": {"name": "own", "label_column": "label"}}, 415),
    "GET /v1/training-runs": ("train", {}, 200),
    "GET /v1/training-runs/{job_id}": ("train", {}, 404),
    "POST /v1/training-runs/{job_id}/cancel": ("train", {}, 404),
    "GET /v1/models": ("models:read", {}, 200),
    "GET /v1/models/{name}": ("models:read", {}, 404),
    "POST /v1/models/{name}/promote": ("models:write", NOTE, 404),
    "POST /v1/models/rollback": ("models:write", NOTE, 409),
    "POST /v1/webhooks": ("webhooks", NEW_HOOK, 422),
    "GET /v1/webhooks": ("webhooks", {}, 200),
    "GET /v1/webhooks/{webhook_id}": ("webhooks", {}, 404),
    "PATCH /v1/webhooks/{webhook_id}": ("webhooks", {"json": {"active": False}}, 404),
    "DELETE /v1/webhooks/{webhook_id}": ("webhooks", {}, 404),
    "POST /v1/webhooks/{webhook_id}/test": ("webhooks", {}, 404),
    "GET /v1/webhooks/{webhook_id}/deliveries": ("webhooks", {}, 404),
    "POST /v1/setup": (PUBLIC, {"json": {"token": "none", "password": "a good password"}}, 410),
    "POST /v1/session": (PUBLIC, {"json": {"name": "nobody", "password": "wrong password"}}, 401),
    "DELETE /v1/session": (ANYBODY, {}, 403),  # a key has no session
    "GET /v1/me": (ANYBODY, {}, 200),
    "POST /v1/me/password": (ANYBODY, PASSWORDS, 403),
    "GET /v1/accounts": ("accounts", {}, 200),
    "POST /v1/accounts": ("accounts", NEW_USER, 422),
    "GET /v1/accounts/{account_id}": ("accounts", {}, 404),
    "PATCH /v1/accounts/{account_id}": ("accounts", {"json": {"display": "x"}}, 404),
    "POST /v1/accounts/{account_id}/link": ("accounts", {}, 404),
    "GET /v1/keys": ("accounts letters:sealed", {}, 200),
    "POST /v1/keys": ("accounts letters:sealed", NEW_KEY, 403),
    "DELETE /v1/keys/{key_id}": ("accounts letters:sealed", {}, 404),
    "GET /v1/audit": ("audit", {}, 200),
    "GET /v1/audit/verify": ("audit", {}, 200),
    "GET /health": (PUBLIC, {}, 200),
    "GET /ready": (PUBLIC, {}, 200),
    "GET /metrics": ("statistics", {}, 200),
}


@pytest.fixture(scope="module")
def office(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from open_office(new_database(), tmp_path_factory.mktemp("state"), login_attempts=1000)


@pytest.fixture(scope="module")
def letter(office: Office) -> int:
    return int(office.enter(office.key(role="clerk"))["id"])


def asked(office: Office, route: str, letter: int, headers: dict[str, str]) -> tuple[int, str]:
    """Return status and code of one route's answer."""
    method, _, path = route.partition(" ")
    places = dict.fromkeys(("job_id", "webhook_id", "account_id", "key_id"), MISSING) | {"letter_id": letter}
    sent = ROUTES[route][1]
    answer = office.client.request(
        method, path.format(**places, name="none"), headers=headers | {"If-Match": '"99"'}, **sent
    )
    problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["code"] if problem else ""


def routes_of(office: Office) -> set[str]:
    paths = office.app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_every_route_is_in_the_table(office: Office) -> None:
    assert routes_of(office) == set(ROUTES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_what_is_its_own_and_is_refused_the_rest(office: Office, letter: int, role: str) -> None:
    headers = office.key(role=role)
    for route, (needs, _, status) in ROUTES.items():
        found = asked(office, route, letter, headers)
        if needs in (PUBLIC, ANYBODY) or ROLES[role] & set(needs.split()):
            assert found[0] == status, (role, route, found)
            assert found[1] != "forbidden", (role, route)
        else:
            assert found == (403, "forbidden"), (role, route)


def _nobody(office: Office) -> dict[str, str]:
    return {}


def _unknown(office: Office) -> dict[str, str]:
    return {"Authorization": "Bearer tk_unknown"}


def _newest(change: Callable[[Key, Account], None]) -> Callable[[Office], dict[str, str]]:
    def made(office: Office) -> dict[str, str]:
        headers = office.key(*sorted(grantable(ROLES["administrator"])))
        with office.service.database.write() as session:
            key = session.scalars(select(Key).order_by(Key.id.desc()).limit(1)).one()
            change(key, session.get_one(Account, key.account_id))
        return headers

    return made


_expired = _newest(lambda key, owner: setattr(key, "expires", now() - timedelta(seconds=1)))
_left = _newest(lambda key, owner: setattr(owner, "active", False))


@pytest.mark.parametrize("caller", [_nobody, _unknown, _expired, _left], ids=["nobody", "unknown", "expired", "left"])
def test_without_a_good_key_only_public_routes_answer(
    office: Office, letter: int, caller: Callable[[Office], dict[str, str]]
) -> None:
    headers = caller(office)
    for route, (needs, _, status) in ROUTES.items():
        found = asked(office, route, letter, headers)
        assert found[0] == (status if needs == PUBLIC else 401), route
        assert needs == PUBLIC or found[1] == "unauthenticated", route


def test_every_permission_opens_something_and_is_somebodys() -> None:
    needed = {one for needs, _, _ in ROUTES.values() for one in needs.split()} - {PUBLIC, ANYBODY}
    assert needed == set(PERMISSIONS)
    assert frozenset().union(*ROLES.values()) == set(PERMISSIONS)


MARK = "标记乙丑"  # each letter gets its own in its place
MARKS = ("标记" + "".join(three) for three in permutations("甲乙丙丁戊己庚辛壬癸", 3))
ANSWERS = ("history", "similar")
CHANGES = ("preview", "decision", "answer", "reopen", "reveal")
BODIES = {"preview": {"corrections": {}}, "decision": {"corrections": {}}, "reveal": {"reason": "电话核实"}}


def enter(office: Office, headers: dict[str, str], body: str) -> dict[str, Any]:
    """Enter a letter with a mark of its own."""
    mark = next(MARKS)
    return office.enter(headers, title="", body=body.replace(MARK, mark)) | {"mark": mark}


def traces(office: Office, headers: dict[str, str], made: dict[str, Any]) -> list[str]:
    """Return the routes whose answers to a caller tell of a letter."""
    found, mark = [], made["mark"]
    for path in ("/v1/letters", "/v1/queue", "/v1/ledger", "/v1/audit", "/v1/jobs"):
        for more in ({}, {"sealed": "true"}, {"q": mark}, {"q": mark, "sealed": "true"}):
            if path == "/v1/ledger":
                more = more | {"format": "csv"}
            if path in ("/v1/audit", "/v1/jobs"):
                more = {"limit": "500"}
            answer = office.client.get(path, params={"limit": "500"} | more, headers=headers)
            assert answer.status_code == 200, answer.text
            if made["number"] in answer.text or mark in answer.text or f'"letter:{made["id"]}"' in answer.text:
                found.append(f"{path} {more}")
    for name in ("", *ANSWERS, *CHANGES):
        theirs, nobodys = (_by_number(office, headers, number, name) for number in (made["id"], MISSING))
        if theirs != nobodys:
            found.append(f"/{name} {theirs}")
        assert nobodys[:2] == (404, "not_found")
    return found


def _by_number(office: Office, headers: dict[str, str], number: int, name: str) -> tuple[Any, ...]:
    path = f"/v1/letters/{number}/{name}".rstrip("/")
    if name in CHANGES:
        answer = office.client.post(path, json=BODIES.get(name), headers=headers | {"If-Match": '"1"'})
    else:
        answer = office.client.get(path, headers=headers)
    told = {key: value for key, value in answer.json().items() if key != "instance"} if answer.is_error else {}
    text = json.dumps(told, ensure_ascii=False).replace(str(number), "N")
    return answer.status_code, told.get("code", ""), text, answer.headers.get("etag")


EVERYTHING = sorted(set(PERMISSIONS) - {"accounts"})


def all_seeing(office: Office, department: str | None = None, unit: str = "") -> dict[str, str]:
    """Return a key with every permission, so that only what it belongs to hides a letter."""
    headers = office.key(role="reviewer", department=department, unit=unit)
    with office.service.database.write() as session:
        key = session.scalars(select(Key).order_by(Key.id.desc()).limit(1)).one()
        key.scopes = EVERYTHING
    # No role reads the audit and accusations both; a table of roles may be changed, and must not open a door then.
    return headers


@pytest.fixture
def one_role_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROLES, "reviewer", frozenset(EVERYTHING))


def counts(office: Office, headers: dict[str, str]) -> Any:
    return office.client.get("/v1/statistics", headers=headers).json()


VILLAGE = f"实名举报石桥村村支书贪污低保款、优亲厚友，要求纪委查处。{MARK}。"
APPEAL = f"清水镇石桥村村委会克扣我家的低保款，要求返还。{MARK}。"
STATION = f"民政办克扣我家的低保款，收红包才给办，要求返还。{MARK}。"
BUREAU = f"农业农村局截留我们的种粮补贴，要求返还。{MARK}。"
UNNAMED = f"实名举报我们村村支书贪污低保款，要求纪委查处。{MARK}。"
HIDDEN = [
    (VILLAGE, None, "石桥村"),
    (VILLAGE, None, "石桥村村委会"),
    (VILLAGE, None, "清水镇石桥村村民委员会"),
    (VILLAGE, None, "石 桥　村"),
    (VILLAGE, None, "石橋村村委會"),
    ("举报石　桥村村支书贪污低保款。" + MARK, None, "石桥村委会"),
    ("舉報石橋村村支書貪污低保款。" + MARK, None, "石桥村"),
    (UNNAMED, None, "石桥村"),
    (UNNAMED, None, "幸福社区居委会"),
    ("举报石桥村党支部书记李大山贪污。" + MARK, None, "石桥村村委会"),
    (APPEAL, None, "石桥村党支部"),
    (STATION, "civil_affairs", ""),
    (STATION, None, "民政办"),
    (STATION, None, "清水镇民政所"),
    (BUREAU, "agriculture_rural", ""),
    (BUREAU, None, "农经站"),
    (BUREAU, None, "农业局"),
    (BUREAU, None, "农业农村局（种植业股）"),
    ("实名举报清水镇人民政府截留补偿款，要求查处。" + MARK, None, "清水镇政府"),
]
SHOWN = [
    (VILLAGE, "幸福村"),
    (VILLAGE, "清水镇纪委"),
    (APPEAL, "李家村村委会"),
    (APPEAL, "民政办"),
    (STATION, "石桥村"),
    (BUREAU, "民政局"),
]


@pytest.mark.usefixtures("one_role_has_all")
class TestUnitComplainedOf:
    @pytest.mark.parametrize(("body", "department", "unit"), HIDDEN)
    def test_its_own_users_find_no_trace_of_the_letter(
        self, office: Office, body: str, department: str | None, unit: str
    ) -> None:
        theirs = all_seeing(office, department, unit)
        before = counts(office, theirs)
        made = enter(office, all_seeing(office), body)
        assert made["decision"]["evidence"], "the letter must be seen by somebody"
        assert traces(office, theirs, made) == []
        assert counts(office, theirs) == before

    @pytest.mark.parametrize(("body", "unit"), SHOWN)
    def test_others_find_it(self, office: Office, body: str, unit: str) -> None:
        made = enter(office, all_seeing(office), body)
        assert len(traces(office, all_seeing(office, unit=unit), made)) > 5

    def test_an_accusation_hides_from_whoever_is_named_in_it_and_would_see_its_number(self, office: Office) -> None:
        body = f"举报李大山贪污林业站的造林款，要求查处。{MARK}。"
        made = enter(office, all_seeing(office), body)
        assert made["sealed"]
        read, sealed = f"/v1/letters/{made['id']}", {"sealed": "true", "limit": "500"}
        named, other = office.key(role="clerk", unit="清水镇林业站"), office.key(role="clerk", unit="卫生院")
        assert office.client.get(read, headers=named).status_code == 404
        assert office.client.get(read, headers=other).json()["sealed"] is True
        assert made["number"] not in office.client.get("/v1/letters", params=sealed, headers=named).text
        assert made["number"] in office.client.get("/v1/letters", params=sealed, headers=other).text

    def test_who_enters_what_is_not_theirs_to_see_gets_a_receipt(self, office: Office) -> None:
        theirs = all_seeing(office, unit="石桥村村委会")
        answer = office.client.post("/v1/letters", json=LETTER | {"title": "", "body": VILLAGE}, headers=theirs)
        assert answer.status_code == 201
        assert set(answer.json()) == {"number", "received"}
        assert not {"etag", "location"} & set(answer.headers)
        many = office.client.post("/v1/letters/many", json={"letters": [{"body": VILLAGE}]}, headers=theirs)
        assert set(many.json()["letters"][0]) == {"number", "received"}

    def test_a_correction_that_turns_a_letter_into_a_complaint_hides_it(self, office: Office) -> None:
        theirs = all_seeing(office, department="civil_affairs")
        made = enter(office, all_seeing(office), f"民政办办低保推诿扯皮，拖了半年，要求给我办理低保。{MARK}。")
        path = f"/v1/letters/{made['id']}"
        assert office.client.get(path, headers=theirs).status_code == 200
        corrected = {"corrections": {"nature": {"value": "accusation", "reason": "other_matter"}}}
        answer = office.client.post(f"{path}/decision", json=corrected, headers=theirs | {"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"number", "received"}
        assert traces(office, theirs, made) == []


class TestDepartment:
    def test_it_sees_what_it_leads_or_assists_in_and_nothing_else(self, office: Office) -> None:
        entering = office.key(role="reviewer")
        body = f"村里把我家的承包地收回去包给外人，要求归还。{MARK}。"
        made = office.enter(entering, title="", body=body)
        lead, assisting = made["decision"]["department"], made["decision"]["assisting"]
        assert lead == "agriculture_rural"
        other = office.key(role="reviewer", department="education")
        scopes = sorted(ROLES["reviewer"])
        assert scopes
        before = counts(office, other)
        for department in (lead, *assisting):
            theirs = office.key(role="reviewer", department=department)
            assert office.client.get(f"/v1/letters/{made['id']}", headers=theirs).json()["id"] == made["id"]
        changed = {"corrections": {"assisting": {"value": ["water"], "reason": "other_duty"}}}
        water = office.key(role="reviewer", department="water")
        assert office.client.get(f"/v1/letters/{made['id']}", headers=water).status_code == 404
        tag = office.client.get(f"/v1/letters/{made['id']}", headers=entering).headers["etag"]
        answer = office.client.post(
            f"/v1/letters/{made['id']}/decision", json=changed, headers=entering | {"If-Match": tag}
        )
        assert answer.status_code == 200
        assert office.client.get(f"/v1/letters/{made['id']}", headers=water).json()["id"] == made["id"]
        assert office.client.get(f"/v1/letters/{made['id']}", headers=other).status_code == 404
        assert counts(office, other) == before

    @pytest.mark.usefixtures("one_role_has_all")
    def test_another_department_finds_no_trace(self, office: Office) -> None:
        made = enter(office, all_seeing(office), f"村里把我家的承包地收回去，要求归还。{MARK}。")
        assert traces(office, all_seeing(office, department="education"), made) == []

    def test_counts_of_the_whole_office_are_not_for_a_part_of_it(self, office: Office) -> None:
        for theirs in (office.key(role="reader", department="water"), office.key(role="reader", unit="石桥村")):
            assert office.client.get("/metrics", headers=theirs).status_code == 403
        assert office.client.get("/metrics", headers=office.key(role="reader")).status_code == 200

    def test_a_letter_given_away_is_a_receipt_to_who_gave_it(self, office: Office) -> None:
        theirs = office.key(role="clerk", department="agriculture_rural")
        made = office.enter(office.key(role="clerk"))
        changed = {"corrections": {"department": {"value": "education", "reason": "other_duty"}}}
        changed["corrections"]["assisting"] = {"value": [], "reason": "other_duty"}
        answer = office.client.post(
            f"/v1/letters/{made['id']}/decision", json=changed, headers=theirs | {"If-Match": '"1"'}
        )
        assert set(answer.json()) == {"number", "received"}
        assert office.client.get(f"/v1/letters/{made['id']}", headers=theirs).status_code == 404


class TestAccusations:
    @pytest.mark.parametrize("role", ["clerk", "reader", "analyst"])
    def test_others_see_number_date_and_class(self, office: Office, role: str) -> None:
        made = office.enter(office.key(role="reviewer"), title=MARK, body=VILLAGE)
        theirs = office.key(role=role)
        path = f"/v1/letters/{made['id']}"
        answer = office.client.get(path, headers=theirs)
        stub = {name: made[name] for name in ("id", "number", "received")} | {"sealed": True, "nature": "accusation"}
        assert answer.json() == stub
        assert "etag" not in answer.headers
        listed = office.client.get("/v1/letters", params={"sealed": "true", "limit": 500}, headers=theirs).json()
        assert stub in listed["items"]
        assert all(set(item) == set(stub) for item in listed["items"])
        for filters in ({"q": MARK}, {"category": made["decision"]["category"]}, {"urgency": "1"}, {"status": "open"}):
            found = office.client.get("/v1/letters", params=filters | {"sealed": "true"}, headers=theirs)
            assert found.json()["items"] == []
        for place in ("/v1/letters", "/v1/queue", "/v1/queue?sealed=true", f"/v1/letters?q={MARK}"):
            assert made["number"] not in office.client.get(place, headers=theirs).text
        for name in ANSWERS:
            refused = office.client.get(f"{path}/{name}", headers=theirs)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
            assert MARK not in refused.text
        for name in CHANGES:
            headers = theirs | {"If-Match": '"1"'}
            refused = office.client.post(f"{path}/{name}", json=BODIES.get(name), headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")

    def test_they_are_left_out_of_counts_and_ledgers_of_everybody(self, office: Office) -> None:
        reviewer = office.key(role="reviewer")
        before = counts(office, reviewer)
        made = office.enter(reviewer, title=MARK, body=VILLAGE)
        after = counts(office, reviewer)
        assert after.pop("sealed") == before.pop("sealed") + 1
        assert after == before
        for more in ({}, {"sealed": "true"}):
            ledger = office.client.get("/v1/ledger", params=more | {"format": "csv"}, headers=reviewer)
            assert ledger.status_code == 200
            assert made["number"] not in ledger.text

    def test_a_clerk_who_enters_one_sees_no_more_of_it(self, office: Office) -> None:
        clerk = office.key(role="clerk")
        answer = office.client.post("/v1/letters", json=ACCUSATION, headers=clerk)
        assert set(answer.json()) == {"id", "number", "received", "sealed", "nature"}

    @pytest.mark.parametrize("many", [False, True])
    def test_the_same_request_sent_again_does_not_tell_what_was_closed_since(self, office: Office, many: bool) -> None:
        clerk, reviewer = office.key(role="clerk"), office.key(role="reviewer")
        headers = clerk | {"Idempotency-Key": f"once-{many}"}
        path, sent = ("/v1/letters/many", {"letters": [LETTER]}) if many else ("/v1/letters", LETTER)

        def entered() -> dict[str, Any]:
            answer = office.client.post(path, json=sent, headers=headers)
            assert answer.status_code == 201
            return dict(answer.json()["letters"][0] if many else answer.json()) | {"etag": answer.headers.get("etag")}

        first = entered()
        assert first["decision"]
        assert entered() == first
        corrected = {"corrections": {"nature": {"value": "accusation", "reason": "other_matter"}}}
        decided = office.client.post(
            f"/v1/letters/{first['id']}/decision", json=corrected, headers=reviewer | {"If-Match": '"1"'}
        )
        assert decided.json()["sealed"] is True
        again = entered()
        assert again.pop("etag") is None
        assert set(again) == {"id", "number", "received", "sealed", "nature"}

    def test_a_reviewer_reads_and_decides_them(self, office: Office) -> None:
        reviewer = office.key(role="reviewer")
        made = office.enter(reviewer, title=MARK, body=VILLAGE)
        path = f"/v1/letters/{made['id']}"
        assert MARK in office.client.get(path, headers=reviewer).json()["text"]
        found = office.client.get("/v1/letters", params={"sealed": "true", "limit": 500}, headers=reviewer)
        assert made["number"] in found.text
        answer = office.client.post(f"{path}/decision", json={}, headers=reviewer | {"If-Match": '"1"'})
        assert answer.json()["status"] == "decided"


class TestPersonalData:
    WORDS = ("欧阳明珠", "13912345678", "110101199003074557")

    def enter(self, office: Office) -> dict[str, Any]:
        body = f"我叫{self.WORDS[0]}，电话{self.WORDS[1]}，身份证{self.WORDS[2]}。村里把承包地收回去，要求归还。"
        return office.enter(
            office.key(role="clerk"), body=body, petitioner=self.WORDS[0], phone=self.WORDS[1], id_number=self.WORDS[2]
        )

    def test_nobody_sees_it_without_asking(self, office: Office) -> None:
        made = self.enter(office)
        path = f"/v1/letters/{made['id']}"
        for role in ("clerk", "reviewer", "reader", "analyst"):
            theirs = office.key(role=role)
            for place in (path, f"{path}/history", f"{path}/similar", "/v1/letters?limit=500", "/v1/queue?limit=500"):
                text = office.client.get(place, headers=theirs).text
                assert not [word for word in self.WORDS if word in text], (role, place)
        ledger = office.client.get("/v1/ledger", params={"format": "csv"}, headers=office.key(role="clerk")).text
        assert made["number"] in ledger
        assert not [word for word in self.WORDS if word in ledger]
        for word in self.WORDS:
            found = office.client.get("/v1/letters", params={"q": word}, headers=office.key(role="clerk"))
            assert found.json()["items"] == []

    def test_who_asks_sees_it_and_is_recorded_with_the_reason(self, office: Office) -> None:
        made = self.enter(office)
        path, clerk = f"/v1/letters/{made['id']}", office.key(role="clerk")
        for why in ({}, {"reason": ""}, {"reason": "  "[:1]}):
            assert office.client.post(f"{path}/reveal", json=why, headers=clerk).status_code == 422
        shown = office.client.post(f"{path}/reveal", json={"reason": "拨打13912345678核实"}, headers=clerk).json()
        assert self.WORDS[0] in shown["body"]
        assert shown["fields"]["phone"] == self.WORDS[1]
        with office.service.database.read() as session:
            rows = session.scalars(select(AuditRow).where(AuditRow.object == f"letter:{made['id']}")).all()
        last = max(rows, key=lambda row: row.seq)
        assert last.action == "letter.reveal"
        assert last.actor == office.client.get("/v1/me", headers=clerk).json()["id"] + " " + last.actor.split(" ", 1)[1]
        assert "核实" in last.after
        assert self.WORDS[1] not in last.after
        assert "核实" in office.client.get(f"{path}/history", headers=clerk).text

    @pytest.mark.parametrize("role", ["reader", "analyst", "administrator"])
    def test_who_may_not_ask_is_refused_and_nothing_is_recorded(self, office: Office, role: str) -> None:
        made = self.enter(office)
        refused = office.client.post(
            f"/v1/letters/{made['id']}/reveal", json={"reason": "核实"}, headers=office.key(role=role)
        )
        assert refused.status_code == 403 or refused.json()["code"] == "invalid_request"
        with office.service.database.read() as session:
            rows = session.scalars(select(AuditRow.action).where(AuditRow.object == f"letter:{made['id']}")).all()
        assert rows == ["letter.enter"]

    def test_a_clerks_note_is_masked_too(self, office: Office) -> None:
        made, clerk = self.enter(office), office.key(role="clerk")
        path = f"/v1/letters/{made['id']}"
        note = {"note": f"已电话{self.WORDS[1]}告知"}
        assert office.client.post(f"{path}/decision", json=note, headers=clerk | {"If-Match": '"1"'}).is_success
        told = office.client.get(f"{path}/history", headers=clerk).json()["decisions"]
        assert "已电话" in told[0]["note"]
        assert self.WORDS[1] not in told[0]["note"]
