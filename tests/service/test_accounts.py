from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete, func, select, update
from starlette.testclient import TestClient

from service import Settings, accounts, create_app
from service.access import ROLES
from service.context import Service
from service.db import Database, upgrade
from service.db.tables import Account, AuditRow, Base, Key, Link, LoginSession, WrongLogin, now
from service.security import COOKIE, digest
from tests.service.conftest import LETTER, Desk, NewDatabase, Office, open_office


@pytest.fixture(scope="module")
def strict(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from open_office(new_database(), tmp_path_factory.mktemp("strict"), login_attempts=3)


@pytest.fixture
def fresh(strict: Office) -> Office:
    """A service that bears three wrong passwords, which nobody sent yet, and whose users have all left."""
    with strict.service.database.write() as session:
        session.execute(delete(WrongLogin))
        session.execute(update(Account).values(active=False))
    return strict


@pytest.fixture(scope="module")
def office(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A service that does not soon tire of wrong passwords."""
    yield from open_office(new_database(), tmp_path_factory.mktemp("state"), login_attempts=1000)


@pytest.fixture(scope="module")
def admin(office: Office) -> Desk:
    return office.desk("administrator", "Boss".lower())


def stored(office: Office) -> str:
    """Return everything the database holds."""
    with office.service.database.engine.connect() as connection:
        return "\n".join(
            str(tuple(row)) for table in Base.metadata.sorted_tables for row in connection.execute(select(table))
        )


def actions(office: Office, object: str = "") -> list[str]:
    with office.service.database.read() as session:
        rows = select(AuditRow.action).order_by(AuditRow.seq)
        return list(session.scalars(rows.where(AuditRow.object == object) if object else rows))


class TestFirstStart:
    def test_the_link_is_printed_once_and_makes_an_administrator(
        self, new_database: NewDatabase, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        settings = Settings(state=tmp_path, database=new_database(), port=8123, lang="en")
        app = create_app(settings)
        with TestClient(app) as client:
            said = capfd.readouterr()
            (line,) = said.out.splitlines()
            start, _, token = line.partition(" http://127.0.0.1:8123/setup/")
            assert "administrator" in start
            assert token not in said.err
            sent = {"token": token, "password": "a long password", "display": "王主任"}
            answer = client.post("/v1/setup", json=sent)
            assert answer.status_code == 200
            me = answer.json()
            assert (me["name"], me["role"], me["display"]) == ("admin", "administrator", "王主任")
            assert client.get("/v1/me").json() == me
        assert token not in capfd.readouterr().err
        with TestClient(create_app(settings)):
            assert capfd.readouterr().out == ""

    def test_of_workers_that_start_together_one_makes_it(self, new_database: NewDatabase, tmp_path: Path) -> None:
        url = new_database()
        first = Database(url)
        upgrade(first)
        app = create_app(Settings(state=tmp_path / "other", database=url))
        workers = [Service(Settings(state=tmp_path), Database(url), None) for _ in range(4)]  # type: ignore[arg-type]
        together = threading.Barrier(4, timeout=30)

        def start(service: Service) -> str | None:
            together.wait()
            return accounts.first_start(service)

        with ThreadPoolExecutor(4) as pool:
            made = [token for token in pool.map(start, workers) if token]
        for service in workers:
            service.database.close()
        assert len(made) == 1
        with first.read() as session:
            assert session.scalar(select(func.count()).select_from(Account)) == 1
            assert session.scalars(select(Link.hash)).all() == [digest(made[0])]
        with TestClient(app):  # a later start makes none either
            pass
        with first.read() as session:
            assert session.scalars(select(Link.hash)).all() == [digest(made[0])]
        first.close()

    def test_a_link_that_ran_out_unused_is_made_again(self, new_database: NewDatabase, tmp_path: Path) -> None:
        database = Database(new_database())
        upgrade(database)
        service = Service(Settings(state=tmp_path), database, None)  # type: ignore[arg-type]
        assert accounts.first_start(service)
        assert accounts.first_start(service) is None
        with database.write() as session:
            session.scalars(select(Link)).one().expires = now() - timedelta(seconds=1)
        assert accounts.first_start(service)
        with database.read() as session:
            assert session.scalar(select(func.count()).select_from(Account)) == 1
        database.close()


class TestLinks:
    def test_a_link_serves_once(self, office: Office) -> None:
        desk = office.desk("clerk")
        assert desk.link not in stored(office)
        again = office.client.post("/v1/setup", json={"token": desk.link, "password": "another password"})
        assert (again.status_code, again.json()["code"]) == (410, "link_used")
        assert desk.log_in().status_code == 200

    def test_of_two_who_use_it_at_once_one_is_let_in(self, office: Office) -> None:
        with office.service.database.write() as session:
            link = accounts.create(session, "tests", Account(name="twice", role="clerk"))
        sent = [{"token": link, "password": f"password number {number}"} for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            codes = pool.map(lambda one: TestClient(office.app).post("/v1/setup", json=one).status_code, sent)
        assert sorted(codes) == [200, 410, 410, 410]

    @pytest.mark.parametrize("password", ["short", "九个字的密码也不够", "Long-Enough-Name", "ＬＯＮＧ-enough-name"])
    def test_a_weak_password_is_refused_and_the_link_stays_good(self, office: Office, password: str) -> None:
        with office.service.database.write() as session:
            account = session.scalars(select(Account).where(Account.name == "long-enough-name")).one_or_none()
            if account is None:
                link = accounts.create(session, "tests", Account(name="long-enough-name", role="clerk"))
            else:
                link = accounts.make_link(session, "tests", account)
        refused = office.client.post("/v1/setup", json={"token": link, "password": password})
        assert (refused.status_code, refused.json()["code"]) == (422, "weak_password")
        assert "至少 10 个字符" in refused.json()["detail"]
        assert password not in refused.text
        english = office.client.post(
            "/v1/setup", json={"token": link, "password": password}, headers={"Accept-Language": "en"}
        )
        assert "at least 10 characters" in english.json()["detail"]
        assert office.client.post("/v1/setup", json={"token": link, "password": "good enough"}).status_code == 200

    def test_a_link_runs_out(self, office: Office) -> None:
        with office.service.database.write() as session:
            link = accounts.create(session, "tests", Account(name="late", role="clerk"))
            session.get_one(Link, digest(link)).expires = now()
        answer = office.client.post("/v1/setup", json={"token": link, "password": "good enough"})
        assert answer.json()["code"] == "link_used"

    def test_a_new_link_takes_the_place_of_the_old_and_ends_sessions_when_used(
        self, office: Office, admin: Desk
    ) -> None:
        desk = office.desk("clerk")
        first, second = (admin.post(f"/v1/accounts/{desk.account}/link").json() for _ in range(2))
        assert second["path"] == f"/setup/{second['token']}"
        setup = {"password": "a password forgotten"}
        assert office.client.post("/v1/setup", json=setup | {"token": first["token"]}).status_code == 410
        assert desk.get("/v1/me").status_code == 200
        other = TestClient(office.app)
        assert other.post("/v1/setup", json=setup | {"token": second["token"]}).status_code == 200
        assert desk.get("/v1/me").status_code == 401
        assert desk.log_in().json()["code"] == "wrong_password"
        assert desk.log_in("a password forgotten").status_code == 200


class TestLogin:
    def test_the_cookie_is_for_this_site_and_not_for_scripts(self, office: Office) -> None:
        desk = office.desk("clerk")
        cookie = desk.log_in().headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert desk.cookies[COOKIE] not in stored(office)

    def test_behind_tls_the_cookie_is_sent_over_tls_alone(self, tmp_path: Path) -> None:
        for office in open_office(f"sqlite:///{tmp_path / 'triage.db'}", tmp_path, https=True):
            desk = office.desk("clerk")
            assert "Secure" in desk.setup.headers["set-cookie"].split("; ")

    def test_names_are_the_same_however_typed(self, office: Office) -> None:
        desk = office.desk("clerk", "zhang.san")
        sent = {"name": " Ｚhang.SAN ", "password": desk.password}
        assert office.client.post("/v1/session", json=sent).json()["name"] == "zhang.san"
        office.client.cookies.clear()

    def test_an_unknown_name_and_a_wrong_password_read_the_same(self, office: Office) -> None:
        desk, gone, unset = office.desk("clerk"), office.desk("clerk"), "never-set"
        with office.service.database.write() as session:
            session.get_one(Account, gone.account).active = False
            accounts.create(session, "tests", Account(name=unset, role="clerk"))
        bodies = []
        for name, password in (
            ("nobody-here", desk.password), (desk.name, "wrong password"), (gone.name, desk.password), (unset, ""),
        ):  # fmt: skip
            answer = office.client.post("/v1/session", json={"name": name, "password": password})
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            bodies.append({key: value for key, value in answer.json().items() if key != "instance"})
        assert bodies == [bodies[0]] * 4
        assert bodies[0]["code"] == "wrong_password"

    def test_every_wrong_login_costs_one_hash(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        desk, tried = office.desk("clerk"), []

        class Counted:
            def verify(self, known: str, password: str) -> bool:
                tried.append(known)
                return hasher.verify(known, password)

        hasher = accounts._HASHER
        monkeypatch.setattr(accounts, "_HASHER", Counted())
        for name in ("nobody-at-all", desk.name):
            office.client.post("/v1/session", json={"name": name, "password": "wrong password"})
        assert len(tried) == 2
        assert tried[0].rpartition("$")[0].rpartition("$")[0] == tried[1].rpartition("$")[0].rpartition("$")[0]

    def test_a_password_of_older_parameters_is_hashed_anew(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(accounts, "_HASHER", PasswordHasher())
        desk = office.desk("clerk")
        old = PasswordHasher(time_cost=1, memory_cost=1024).hash(desk.password)
        with office.service.database.write() as session:
            session.get_one(Account, desk.account).password = old
        assert desk.log_in().status_code == 200
        with office.service.database.read() as session:
            kept = session.get_one(Account, desk.account).password
        assert kept != old
        assert kept
        assert not PasswordHasher().check_needs_rehash(kept)
        assert desk.log_in().status_code == 200

    def test_a_session_planted_before_login_is_worth_nothing(self, office: Office) -> None:
        desk = office.desk("clerk")
        planted = desk.cookies[COOKIE]
        desk.log_in()
        assert desk.cookies[COOKIE] != planted
        for cookie in (planted, "planted"):
            thief = TestClient(office.app, cookies={COOKIE: cookie})
            assert thief.get("/v1/me").status_code == 401

    def test_logging_out_ends_the_session(self, office: Office) -> None:
        desk = office.desk("clerk")
        cookie = desk.cookies[COOKIE]
        other = TestClient(office.app)
        other.post("/v1/session", json={"name": desk.name, "password": desk.password})
        assert desk.delete("/v1/session").status_code == 204
        assert COOKIE not in desk.cookies
        assert TestClient(office.app, cookies={COOKIE: cookie}).get("/v1/me").status_code == 401
        assert other.get("/v1/me").status_code == 200
        assert office.client.delete("/v1/session", headers=office.key(role="clerk")).json()["code"] == "no_session"

    def test_a_session_lives_as_long_as_it_is_used(self, office: Office) -> None:
        desk = office.desk("clerk")
        hours = office.service.settings.session_hours

        def seen(ago: timedelta) -> None:
            with office.service.database.write() as session:
                session.get_one(LoginSession, digest(desk.cookies[COOKIE])).seen = now() - ago

        seen(timedelta(hours=hours) - timedelta(minutes=1))
        assert desk.get("/v1/me").status_code == 200
        with office.service.database.read() as session:
            kept = session.get_one(LoginSession, digest(desk.cookies[COOKIE])).seen
        assert now() - kept < timedelta(minutes=1)
        seen(timedelta(hours=hours))
        assert desk.get("/v1/me").status_code == 401
        cookie = desk.cookies[COOKIE]
        office.desk("clerk")  # whoever logs in sweeps out what ended
        with office.service.database.read() as session:
            assert session.get(LoginSession, digest(cookie)) is None

    def test_a_change_needs_the_token_of_this_session(self, office: Office) -> None:
        desk, other = office.desk("clerk"), office.desk("clerk")
        assert desk.post("/v1/letters", json=LETTER).status_code == 201
        for token in ("", other.headers["X-CSRF-Token"]):
            refused = desk.post("/v1/letters", json=LETTER, headers={"X-CSRF-Token": token})
            assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
        assert desk.get("/v1/letters", headers={"X-CSRF-Token": ""}).status_code == 200

    def test_a_form_of_another_site_cannot_log_a_browser_in(self, office: Office) -> None:
        desk = office.desk("clerk")
        sent = f'{{"name": "{desk.name}", "password": "{desk.password}"}}'.encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            answer = office.client.post("/v1/session", content=sent, headers={"Content-Type": kind})
            assert answer.status_code == 422
            assert "set-cookie" not in answer.headers


class TestThrottle:
    def test_a_name_waits_in_every_worker_even_with_the_right_password(self, fresh: Office) -> None:
        desk, other = fresh.desk("clerk"), fresh.desk("clerk")
        url = str(fresh.service.database.url.render_as_string(hide_password=False))
        state = fresh.service.settings.state
        with TestClient(create_app(Settings(state=state, database=url, login_attempts=3))) as worker:
            for client in (fresh.client, worker, fresh.client):
                sent = {"name": desk.name.upper(), "password": "wrong password"}
                assert client.post("/v1/session", json=sent).status_code == 401
            for client in (fresh.client, worker):
                refused = client.post("/v1/session", json={"name": desk.name, "password": desk.password})
                assert (refused.status_code, refused.json()["code"]) == (429, "login_wait")
                assert 890 < int(refused.headers["retry-after"]) <= 900
        changing = desk.post("/v1/me/password", json={"current": desk.password, "password": "another password"})
        assert changing.status_code == 429
        assert desk.get("/v1/me").status_code == 200  # who is in stays in
        assert other.log_in().status_code == 429  # the address waits too
        with fresh.service.database.write() as session:
            for row in session.scalars(select(WrongLogin)):
                row.at = now() - timedelta(minutes=15)
        assert desk.log_in().status_code == 200
        with fresh.service.database.read() as session:
            assert session.scalar(select(func.count()).select_from(WrongLogin)) == 0

    def test_an_address_waits_whatever_names_it_tries(self, fresh: Office) -> None:
        desk = fresh.desk("clerk")
        for number in range(3):
            sent = {"name": f"guess-{number}", "password": "wrong password"}
            assert fresh.client.post("/v1/session", json=sent).status_code == 401
        assert desk.log_in().json()["code"] == "login_wait"
        elsewhere = TestClient(fresh.app, client=("10.0.0.9", 50000))
        sent = {"name": desk.name, "password": desk.password}
        assert elsewhere.post("/v1/session", json=sent).status_code == 200
        assert "guess-" not in stored(fresh)

    def test_guesses_sent_at_once_are_all_counted(self, fresh: Office) -> None:
        desk = fresh.desk("clerk")

        def guess(number: int) -> int:
            client = TestClient(fresh.app, client=(f"10.0.0.{number}", 50000))
            sent = {"name": desk.name, "password": f"wrong password {number}"}
            return client.post("/v1/session", json=sent).status_code

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(guess, range(8)))
        assert codes.count(401) == 3
        assert codes.count(429) == 5

    def test_a_flood_of_logins_waits_outside_and_is_not_counted(self, fresh: Office) -> None:
        desk = fresh.desk("clerk")
        with ExitStack() as line:
            while accounts._LINE.acquire(blocking=False):
                line.callback(accounts._LINE.release)
            for _ in range(4):
                refused = desk.log_in()
                assert (refused.status_code, refused.json()["code"]) == (429, "logins")
                assert refused.headers["retry-after"] == "2"
            assert desk.get("/v1/me").status_code == 200
        assert desk.log_in().status_code == 200

    def test_a_right_password_forgets_the_wrong_ones_of_its_name(self, fresh: Office) -> None:
        desk = fresh.desk("clerk")
        for round_ in range(3):
            place = TestClient(fresh.app, client=(f"10.0.1.{round_}", 50000))
            for password in ("wrong password", "wrong password"):
                assert place.post("/v1/session", json={"name": desk.name, "password": password}).status_code == 401
            sent = {"name": desk.name, "password": desk.password}
            assert place.post("/v1/session", json=sent).status_code == 200


class TestPassword:
    def test_a_new_password_ends_the_other_sessions(self, office: Office) -> None:
        desk = office.desk("clerk")
        other = TestClient(office.app)
        other.post("/v1/session", json={"name": desk.name, "password": desk.password})
        path = "/v1/me/password"
        for sent, code in (
            ({"current": "wrong password", "password": "another password"}, "wrong_password"),
            ({"current": desk.password, "password": "short"}, "weak_password"),
        ):
            assert desk.post(path, json=sent).json()["code"] == code
        assert other.get("/v1/me").status_code == 200
        sent = {"current": desk.password, "password": "another password"}
        assert desk.post(path, json=sent).status_code == 204
        assert desk.get("/v1/me").status_code == 200
        assert other.get("/v1/me").status_code == 401
        assert desk.log_in().status_code == 401
        assert desk.log_in("another password").status_code == 200
        assert office.client.post(path, json=sent, headers=office.key(role="clerk")).json()["code"] == "no_session"

    def test_an_accent_is_the_same_however_it_was_typed(self, office: Office) -> None:
        desk = office.desk("clerk")
        sent = {"current": desk.password, "password": "e\u0301t\u00e9 et hiver"}
        assert desk.post("/v1/me/password", json=sent).status_code == 204
        assert desk.log_in("\u00e9te\u0301 et hiver").status_code == 200


class TestAccounts:
    def test_a_user_is_made_read_listed_and_changed(self, office: Office, admin: Desk) -> None:
        sent = {"name": "Li.Si", "role": "clerk", "display": "李四", "department": "water", "unit": "水利站"}
        made = admin.post("/v1/accounts", json=sent)
        assert made.status_code == 201
        account = made.json()["account"]
        assert account["name"] == "li.si"
        assert account["password"] is False
        assert made.headers["location"] == f"/v1/accounts/{account['id']}"
        assert admin.get(made.headers["location"]).json() == account
        link = made.json()["link"]
        setup = TestClient(office.app).post("/v1/setup", json={"token": link["token"], "password": "good enough"})
        assert (setup.json()["department"], setup.json()["display"]) == ("water", "李四")
        changed = admin.patch(made.headers["location"], json={"role": "reviewer", "department": None})
        assert (changed.json()["role"], changed.json()["department"]) == ("reviewer", None)
        assert changed.json()["display"] == "李四"
        first = admin.get("/v1/accounts", params={"limit": 1}).json()
        rest = admin.get("/v1/accounts", params={"cursor": first["next"], "limit": 500}).json()
        assert changed.json() in rest["items"]
        assert first["items"][0] not in rest["items"]

    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            ({"name": "boss", "role": "clerk"}, "exists"),
            ({"name": "BOSS", "role": "clerk"}, "exists"),
            ({"name": "new", "role": "king"}, "choice"),
            ({"name": "new", "role": "clerk", "department": "magic"}, "choice"),
            ({"name": "two words", "role": "clerk"}, "invalid_request"),
            ({"name": "", "role": "clerk"}, "invalid_request"),
            ({"name": "new", "role": "clerk", "password": "chosen by others"}, "invalid_request"),
        ],
    )
    def test_what_is_not_allowed_is_said(self, admin: Desk, sent: dict[str, Any], code: str) -> None:
        assert admin.post("/v1/accounts", json=sent).json()["code"] == code

    @pytest.mark.parametrize(
        "change", [{"role": "reader"}, {"department": "water"}, {"unit": "水利站"}, {"active": False}]
    )
    def test_whose_rights_change_is_logged_out(self, office: Office, admin: Desk, change: dict[str, Any]) -> None:
        desk = office.desk("clerk")
        assert admin.patch(f"/v1/accounts/{desk.account}", json={"display": "新名"}).status_code == 200
        assert desk.get("/v1/me").json()["display"] == "新名"
        assert admin.patch(f"/v1/accounts/{desk.account}", json=change).status_code == 200
        assert desk.get("/v1/me").status_code == 401
        again = desk.log_in()
        assert again.status_code == (401 if change == {"active": False} else 200)

    def test_a_user_who_left_is_out_by_every_door(self, office: Office, admin: Desk) -> None:
        desk = office.desk("reviewer")
        key = desk.post("/v1/keys", json={"name": "纪检系统", "scopes": ["letters:read", "letters:sealed"]}).json()
        bearer = {"Authorization": f"Bearer {key['token']}"}
        assert office.client.get("/v1/letters", headers=bearer).status_code == 200
        link = admin.post(f"/v1/accounts/{desk.account}/link").json()["token"]
        assert admin.patch(f"/v1/accounts/{desk.account}", json={"active": False}).status_code == 200
        assert desk.get("/v1/me").status_code == 401
        assert desk.log_in().json()["code"] == "wrong_password"
        assert office.client.get("/v1/letters", headers=bearer).status_code == 401
        setup = {"token": link, "password": "good enough"}
        assert office.client.post("/v1/setup", json=setup).json()["code"] == "link_used"
        assert admin.post(f"/v1/accounts/{desk.account}/link").json()["code"] == "choice"

    @pytest.mark.parametrize("change", [{"role": "clerk"}, {"active": False}])
    def test_the_last_administrator_stays(self, fresh: Office, change: dict[str, Any]) -> None:
        admin = fresh.desk("administrator")
        path = f"/v1/accounts/{admin.account}"
        with fresh.service.database.write() as session:  # one who was invited and one who left do not count
            accounts.create(session, "tests", Account(name=f"invited-{next(iter(change))}", role="administrator"))
            accounts.create(
                session,
                "tests",
                Account(name=f"left-{next(iter(change))}", role="administrator", active=False, password="x"),
            )
        refused = admin.patch(path, json=change)
        assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")
        assert admin.get("/v1/me").json()["role"] == "administrator"
        fresh.desk("administrator")
        assert admin.patch(path, json=change).status_code == 200
        assert admin.get("/v1/me").status_code == 401

    def test_two_who_remove_each_other_at_once_leave_one(self, fresh: Office) -> None:
        one, two = fresh.desk("administrator"), fresh.desk("administrator")
        together = threading.Barrier(2, timeout=30)

        def remove(pair: tuple[Desk, Desk]) -> int:
            together.wait()
            return pair[0].patch(f"/v1/accounts/{pair[1].account}", json={"active": False}).status_code

        with ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(remove, [(one, two), (two, one)]))
        assert 200 in codes
        assert codes != [200, 200]
        with fresh.service.database.read() as session:
            active = select(Account.id).where(Account.active, Account.password.is_not(None))
            assert len(session.scalars(active).all()) == 1


class TestKeys:
    def test_a_key_is_shown_once_and_ends(self, office: Office, admin: Desk) -> None:
        sent = {"name": "台账系统", "scopes": ["letters:read", "letters:read", "statistics"], "days": 30}
        made = admin.post("/v1/keys", json=sent)
        assert made.status_code == 201
        key = made.json()
        assert key["token"].startswith("tk_")
        assert key["token"] not in stored(office)
        assert key["scopes"] == ["letters:read", "statistics"]
        bearer = {"Authorization": f"Bearer {key['token']}"}
        me = office.client.get("/v1/me", headers=bearer).json()
        assert (me["permissions"], me["csrf"], me["grantable"]) == (["letters:read", "statistics"], "", [])
        listed = [one for one in admin.get("/v1/keys").json()["items"] if one["id"] == key["id"]]
        assert listed == [{name: value for name, value in key.items() if name != "token"}]
        with office.service.database.write() as session:
            session.get_one(Key, key["id"]).expires = now()
        assert office.client.get("/v1/me", headers=bearer).status_code == 401
        with office.service.database.write() as session:
            session.get_one(Key, key["id"]).expires = now() + timedelta(days=1)
        assert office.client.get("/v1/me", headers=bearer).status_code == 200
        assert admin.delete(made.headers["location"]).status_code == 204
        assert office.client.get("/v1/me", headers=bearer).status_code == 401
        assert admin.delete(made.headers["location"]).status_code == 404

    @pytest.mark.parametrize("scope", ["letters:sealed", "letters:reveal", "accounts", "everything"])
    def test_an_administrator_cannot_hand_out_what_opens_letters_and_accounts(self, admin: Desk, scope: str) -> None:
        refused = admin.post("/v1/keys", json={"name": "x", "scopes": ["letters:read", scope]})
        assert (refused.status_code, refused.json()["code"]) == (422, "choice")
        assert scope in refused.json()["detail"]

    def test_a_reviewer_hands_out_what_a_reviewer_has_to_own_keys(self, office: Office, admin: Desk) -> None:
        reviewer, other = office.desk("reviewer"), office.desk("reviewer")
        key = reviewer.post("/v1/keys", json={"name": "纪检", "scopes": ["letters:read", "letters:sealed"]}).json()
        refused = reviewer.post("/v1/keys", json={"name": "x", "scopes": ["audit"]})
        assert refused.json()["code"] == "choice"
        assert [one["id"] for one in reviewer.get("/v1/keys").json()["items"]] == [key["id"]]
        assert other.get("/v1/keys").json()["items"] == []
        assert other.delete(f"/v1/keys/{key['id']}").status_code == 404
        bearer = {"Authorization": f"Bearer {key['token']}"}
        assert office.client.get("/v1/me", headers=bearer).json()["permissions"] == ["letters:read", "letters:sealed"]
        admin.patch(f"/v1/accounts/{reviewer.account}", json={"role": "clerk"})
        assert office.client.get("/v1/me", headers=bearer).json()["permissions"] == ["letters:read"]
        assert reviewer.log_in().status_code == 200
        assert reviewer.get("/v1/keys").status_code == 403
        assert admin.delete(f"/v1/keys/{key['id']}").status_code == 204

    def test_a_key_sees_no_more_than_its_makers_department(self, office: Office) -> None:
        desk = office.desk("reviewer", department="water")
        sent = {"name": "x", "scopes": ["letters:read"]}
        made = desk.post("/v1/keys", json=sent).json()
        assert made["department"] == "water"
        refused = desk.post("/v1/keys", json=sent | {"department": "health"})
        assert refused.json()["code"] == "choice"
        with office.service.database.write() as session:
            session.get_one(Account, desk.account).department = "health"
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert office.client.get("/v1/me", headers=bearer).json()["department"] == "health"

    def test_a_key_makes_no_keys(self, office: Office) -> None:
        refused = office.client.post(
            "/v1/keys", json={"name": "x", "scopes": ["letters:read"]}, headers=office.key(role="administrator")
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "no_session")

    def test_a_key_whose_last_scope_its_owner_lost_does_nothing(self, office: Office) -> None:
        key = office.key(role="analyst")
        with office.service.database.write() as session:
            last = session.scalars(select(Key).order_by(Key.id.desc()).limit(1)).one()
            session.get_one(Account, last.account_id).role = "reader"
        me = office.client.get("/v1/me", headers=key).json()
        assert set(me["permissions"]) == ROLES["reader"]


def test_every_change_of_users_is_in_the_audit_and_no_secret_is(office: Office, admin: Desk) -> None:
    made = admin.post("/v1/accounts", json={"name": "watched", "role": "clerk"}).json()
    number, link = made["account"]["id"], made["link"]["token"]
    secrets = [link, "first password", "second password", "a wrong password", "typed-into-name"]
    desk = Desk.__new__(Desk)
    TestClient.__init__(desk, office.app)
    setup = desk.post("/v1/setup", json={"token": link, "password": "first password", "display": "小赵"})
    desk.headers["X-CSRF-Token"] = setup.json()["csrf"]
    office.client.post("/v1/session", json={"name": "watched", "password": "a wrong password"})
    before = len(actions(office, "account"))
    office.client.post("/v1/session", json={"name": "typed-into-name", "password": "x"})
    assert actions(office, "account")[before:] == ["login.failed"]
    desk.post("/v1/me/password", json={"current": "first password", "password": "second password"})
    desk.delete("/v1/session")
    sent = {"name": "watched", "password": "second password"}
    secrets.append(TestClient(office.app).post("/v1/session", json=sent).json()["csrf"])
    admin.patch(f"/v1/accounts/{number}", json={"role": "reader"})
    secrets.append(admin.post(f"/v1/accounts/{number}/link").json()["token"])
    assert actions(office, f"account:{number}") == [
        "account.create", "account.link", "account.setup", "login.failed", "password.change", "logout", "login",
        "account.change", "account.link",
    ]  # fmt: skip
    key = admin.post("/v1/keys", json={"name": "watched key", "scopes": ["audit"]}).json()
    secrets.append(key["token"])
    admin.delete(f"/v1/keys/{key['id']}")
    assert actions(office, f"key:{key['id']}") == ["key.create", "key.delete"]
    rows = admin.get("/v1/audit", params={"object": f"account:{number}", "action": "account.change"}).json()["items"]
    (change,) = rows
    assert change["actor"] == f"user:{admin.account} {admin.name}"
    assert (change["before"]["role"], change["after"]["role"]) == ("clerk", "reader")
    with office.service.database.read() as session:
        whole = "\n".join(
            f"{row.actor} {row.action} {row.object} {row.before} {row.after}"
            for row in session.scalars(select(AuditRow))
        )
        hashes = list(session.scalars(select(Account.password).where(Account.password.is_not(None))))
        hashes += [*session.scalars(select(LoginSession.hash)), *session.scalars(select(Link.hash))]
    assert hashes
    for secret in [*secrets, *(digest(one) for one in secrets), *hashes]:
        assert secret not in whole
    for secret in secrets:
        assert secret not in stored(office)
