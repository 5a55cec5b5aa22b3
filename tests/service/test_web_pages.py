"""The pages as HTML: who gets which, what a change needs, both languages, and that a letter never becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from service.access import ROLES
from service.db.tables import Letter
from service.web.pages import environment, local
from service.web.texts import LANGUAGES, texts
from tests.service.conftest import ACCUSATION, LETTER, Office

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'</textarea></mark>&{{ 7 * 7 }}"
PAGES = ("/queue", "/search?q=a", "/account", "/intake", "/closed")
_NUMBERS = count(1)


def enter(office: Office, **letter: Any) -> dict[str, Any]:
    return office.enter(office.key(role="reviewer"), **letter)


def form(**fields: str) -> dict[str, str]:
    return {"title": LETTER["title"], "body": LETTER["body"], "received": "2026-03-02", **fields}


def version(office: Office, number: int) -> str:
    with office.service.database.read() as session:
        return f'"{session.get_one(Letter, number).version}"'


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_who_is_not_logged_in_is_led_to_the_login_and_back(office: Office) -> None:
    answer = office.client.get("/queue?urgency=4", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?back=%2Fqueue%3Furgency%3D4"
    desk = office.desk("clerk")
    desk.cookies.clear()
    answer = desk.post(
        "/login",
        data={"name": desk.name, "password": desk.password, "back": "/queue?urgency=4"},
        follow_redirects=False,
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue?urgency=4")
    assert desk.get("/queue?urgency=4").status_code == 200


def test_a_part_of_a_page_sends_the_whole_page_to_the_login(office: Office) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/letters/7?queue=%2Fqueue"}
    answer = office.client.get("/letters/7/past", headers=headers)
    assert answer.headers["hx-redirect"] == "/login?back=%2Fletters%2F7%3Fqueue%3D%252Fqueue"


def test_a_wrong_password_is_told_and_not_shown(office: Office) -> None:
    answer = office.client.post("/login", data={"name": f"nobody{next(_NUMBERS)}", "password": "s3cret-and-wrong"})
    assert answer.status_code == 401
    assert "s3cret-and-wrong" not in answer.text
    assert "用户名或密码不对" in answer.text


def test_another_site_cannot_log_anybody_in(office: Office) -> None:
    desk = office.desk("clerk")
    sent = {"name": desk.name, "password": desk.password}
    answer = office.client.post("/login", data=sent, headers={"Sec-Fetch-Site": "cross-site"}, follow_redirects=False)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_the_way_back_stays_at_the_desk(address: str) -> None:
    assert local(address) == "/"


def test_two_passwords_that_differ_set_none(office: Office) -> None:
    from service import accounts
    from service.db.tables import Account

    with office.service.database.write() as session:
        link = accounts.create(session, "tests", Account(name=f"new{next(_NUMBERS)}", role="clerk"))
    answer = office.client.post(f"/setup/{link}", data={"password": "one long password", "again": "another password"})
    assert answer.status_code == 422
    answer = office.client.post(
        f"/setup/{link}", data={"password": "one long password", "again": "one long password"}, follow_redirects=False
    )
    assert answer.status_code == 303
    office.client.cookies.clear()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_its_pages(office: Office, role: str) -> None:
    needs = {
        "/queue": "letters:read",
        "/search?q=a": "letters:read",
        "/intake": "letters:write",
        "/closed": "letters:sealed",
    }
    desk = office.desk(role)
    for page in PAGES:
        allowed = page not in needs or needs[page] in ROLES[role]
        assert desk.get(page).status_code == (200 if allowed else 403), page
    links = re.findall(r'<li><a href="(/\w+)"', desk.get("/account").text)
    assert ("/closed" in links) == (role == "reviewer")
    assert ("/intake" in links) == ("letters:write" in ROLES[role])


def test_a_key_opens_no_page(office: Office) -> None:
    answer = office.client.get("/queue", headers=office.key(role="reviewer"), follow_redirects=False)
    assert answer.headers["location"].startswith("/login")


CHANGES = ("/intake", "/letters/1/accept", "/letters/1/reopen", "/letters/1/answer", "/letters/1/correct/category",
           "/letters/1/reveal", "/queue/accept", "/queue/undo", "/views", "/views/1/drop", "/logout", "/intake/suggest")  # fmt: skip


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_needs_the_token_of_the_session(office: Office, path: str) -> None:
    desk = office.desk("reviewer")
    desk.headers["X-CSRF-Token"] = "guessed"
    assert desk.post(path, data={"version": '"1"', "pick": "1:1", "reason": "because"}).status_code == 403


@pytest.mark.parametrize("path", ["/letters/{}/accept", "/letters/{}/correct/category", "/letters/{}/reveal"])
def test_a_reader_changes_and_reveals_nothing(office: Office, path: str) -> None:
    number = enter(office)["id"]
    answer = office.desk("reader").post(
        path.format(number), data={"version": '"1"', "value": "homestead", "reason": "other"}
    )
    assert answer.status_code == 403
    assert version(office, number) == '"1"'


def test_pages_allow_nothing_but_their_own_files(office: Office) -> None:
    desk = office.desk("reviewer")
    number = enter(office)["id"]
    for path in (
        *PAGES,
        "/login",
        f"/letters/{number}",
        f"/letters/{number}/past",
        f"/letters/{number}/correct/category",
    ):
        answer = desk.get(path)
        assert "default-src 'self'" in answer.headers["content-security-policy"], path
        assert "unsafe" not in answer.headers["content-security-policy"]
        for tag, given in _Tags(answer.text).tags:
            assert not [name for name in given if name.startswith("on") or name == "style"], (path, tag, given)
            assert tag != "style"
            assert tag != "script" or (given.get("src") or "").startswith("/static/"), path
            for name in ("src", "href", "action"):
                assert "//" not in (given.get(name) or ""), (path, given)


def test_files_of_ours_are_kept_by_the_browser_under_a_name_that_changes(office: Office) -> None:
    address = re.search(r'href="(/static/desk\.css\?v=\w+)"', office.client.get("/login").text)
    assert address
    answer = office.client.get(address[1])
    assert "immutable" in answer.headers["cache-control"]
    assert office.client.get("/static/../settings.py").status_code == 404


def test_a_letter_never_becomes_markup(office: Office) -> None:
    desk = office.desk("reviewer")
    number = enter(office, title=f"{EVIL} 低保", body=f"{EVIL} 村里把我家的承包地收回去包给外人，要求归还。")["id"]
    other = enter(office, title=f"{EVIL} 低保", body=f"{EVIL} 村里把我家的承包地收回去包给外人，要求归还。")["id"]
    sent = form(title=EVIL, body=f"{EVIL} 低保被取消了", petitioner=EVIL, address=EVIL)
    place = {"version": '"1"', "value": EVIL[:90], "reason": "other", "note": EVIL}
    answers = [
        desk.get("/queue"),
        desk.get("/search", params={"q": EVIL[:60]}),
        desk.get(f"/letters/{number}", params={"queue": EVIL}),
        desk.post("/intake/suggest", data=sent),
        desk.post("/intake/files", files={"files": (f"{EVIL[:40]}.txt", EVIL.encode())}),
        desk.post(f"/letters/{number}/reveal", data={"reason": EVIL}),
        desk.post(f"/letters/{number}/preview/place", data=place),
        desk.post(f"/letters/{number}/correct/place", data=place),
        desk.get(f"/letters/{number}/correct/place"),
        desk.get(f"/letters/{number}/past"),
        desk.get(f"/letters/{number}/similar"),
        desk.get(f"/letters/{number}/beside/{other}"),
        desk.get("/login", params={"back": f"/{EVIL}"}),
    ]
    for answer in answers:
        assert answer.status_code == 200, (answer.request.url, answer.text[-300:])
        scripts = [given for tag, given in _Tags(answer.text).tags if tag == "script" and not given.get("src")]
        assert not scripts, answer.request.url
        assert "<img src=x" not in answer.text, answer.request.url
    assert "&lt;script&gt;" in answers[2].text
    assert "{{ 7 * 7 }}" in answers[2].text


def test_no_page_lacks_a_word_in_either_language(office: Office) -> None:
    desk = office.desk("reviewer")
    number = enter(office, title="塔吊", body="我爬上塔吊要跳下来，再不给工资就死给你们看。电话13800138000。")["id"]
    sealed = enter(office, **ACCUSATION)["id"]
    fields = (
        "category",
        "urgency",
        "department",
        "assisting",
        "secondary",
        "place",
        "persons",
        "collective",
        "accepted",
        "nature",
    )
    paths = [*PAGES, f"/letters/{number}", f"/letters/{sealed}", f"/letters/{number}/past", f"/letters/{number}/reveal"]
    paths += [f"/letters/{number}/correct/{field}" for field in fields] + ["/letters/999999"]
    for lang in LANGUAGES:
        desk.get(f"/language/{lang}")
        for path in paths:
            page = desk.get(path)
            assert page.status_code in (200, 404), (path, page.text[-400:])
            if "<html" in page.text:
                assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}"' in page.text


def test_every_word_a_template_asks_for_is_there_and_every_word_is_asked_for() -> None:
    known = texts()
    asked: set[str] = set()
    prefixes: set[str] = set()
    folder = environment().loader
    assert folder
    for name in environment().list_templates(["html"]):
        source, _, _ = folder.get_source(environment(), name)
        asked |= set(re.findall(r"""t\(["']([a-z]+\.[a-z_]+)["'][,)]""", source))
        prefixes |= set(re.findall(r"""t\(["']([a-z_]+\.[a-z_]*)["'] \+""", source))
    assert asked <= known.keys(), asked - known.keys()
    assert prefixes
    for prefix in prefixes:
        assert any(key.startswith(prefix) for key in known), prefix
    for text in known.values():
        assert set(re.findall(r"\{\w+\}", text["zh"])) == set(re.findall(r"\{\w+\}", text["en"])), text


def test_every_review_reason_and_correction_reason_has_words(office: Office) -> None:
    from service.letters import CORRECTABLE, REASONS, SOURCES

    known = texts()
    assert {f"why.{code}" for code in REASONS} <= known.keys()
    assert {f"field.{code}" for code in CORRECTABLE} <= known.keys()
    assert {f"source.{code}" for code in SOURCES} <= known.keys()
    assert {f"role.{code}" for code in ROLES} <= known.keys()
    for role in ROLES.values():
        assert {f"permission.{code.replace(':', '_')}" for code in role} <= known.keys()


def test_names_follow_the_language(office: Office) -> None:
    desk = office.desk("clerk")
    number = enter(office)["id"]
    taxonomy = office.service.triager.policy.taxonomy
    with office.service.database.read() as session:
        category = taxonomy.categories[session.get_one(Letter, number).category]
    for lang, name in (("zh", category.zh), ("en", category.en)):
        desk.get(f"/language/{lang}")
        assert name in desk.get(f"/letters/{number}").text


def test_pages_are_no_part_of_the_api(office: Office) -> None:
    paths = office.client.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path.startswith(("/queue", "/letters", "/intake", "/login", "/events"))]


def test_a_database_that_is_away_is_told_in_words(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = office.desk("clerk")
    engine = office.service.database.engine
    away = sa.create_engine("sqlite:////nowhere/at/all.db")
    monkeypatch.setattr(office.service.database, "engine", away)
    answer = desk.get("/queue")
    monkeypatch.setattr(office.service.database, "engine", engine)
    assert answer.status_code == 503
    assert "数据库无响应" in answer.text
    assert "<html" in answer.text
    assert desk.get("/queue").status_code == 200
