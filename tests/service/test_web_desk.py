"""What a clerk does at the desk, page by page, against the register."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.dialects import sqlite
from starlette.requests import Request

from service import accounts
from service.db.tables import AuditRow, Letter, SavedView
from service.filters import QUEUE, chosen
from service.paging import beside
from service.security import caller_of
from service.web import events, queue
from service.web.marks import cut, passages
from tests.service.conftest import ACCUSATION, LETTER, Desk, Office
from tests.service.test_web_pages import enter, form, version

SURE = {"title": "", "body": "包工头拖欠我半年工资四万元，多次讨要不给，请劳动监察帮忙要回工资。"}


def count(office: Office) -> int:
    with office.service.database.read() as session:
        return session.scalar(select(func.count()).select_from(Letter)) or 0


def sure(office: Office, number: int) -> None:
    """Let a letter stand without reasons for review, whatever the bundle in use thinks of it."""
    with office.service.database.write() as session:
        session.get_one(Letter, number).needs_review = False


def request_of(desk: Desk) -> Request:
    """Return a request of a browser's."""
    cookie = f"triage_session={desk.cookies['triage_session']}".encode()
    return Request(
        {"type": "http", "method": "GET", "path": "/queue", "headers": [(b"cookie", cookie)], "query_string": b""}
    )


def literal(rows: Any) -> str:
    """Return a selection as SQLite reads it, its values in it."""
    return str(rows.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


def listed(desk: Desk, address: str) -> list[int]:
    return [int(one) for one in re.findall(r'href="/letters/(\d+)\?', desk.get(address).text)]


def test_a_suggestion_keeps_nothing(office: Office) -> None:
    desk, before = office.desk("clerk"), count(office)
    page = desk.post("/intake/suggest", data=form(petitioner="李秀英", phone="13800138000")).text
    assert "m-category" in page
    assert 'value="0.' in page
    assert count(office) == before
    assert "/correct/" not in page  # there is no letter yet to correct


def test_the_evidence_says_which_rule_and_how_much(office: Office) -> None:
    desk = office.desk("clerk")
    page = desk.post("/intake/suggest", data=form(body="我爬上塔吊要跳下来，再不给工资就死给你们看。")).text
    marks = re.findall(r'<mark class="m-urgency" tabindex="0" aria-describedby="(why-\d+)">', page)
    assert marks
    tip = page[page.index(f'id="{marks[0]}"') :]
    assert "U01" in tip[:400]
    assert "要求 4 级" in tip[:400]
    assert page.index('class="alarm"') < page.index('class="card panel"')


def test_a_letter_is_entered_once_however_often_the_key_is_pressed(office: Office) -> None:
    desk, before = office.desk("clerk"), count(office)
    sent = form(once="one-form")
    first, again = desk.post("/intake", data=sent), desk.post("/intake", data=sent)
    assert first.headers["hx-redirect"] == again.headers["hx-redirect"]
    assert count(office) == before + 1
    other = desk.post("/intake", data=sent | {"title": "另一封"})
    assert other.headers["hx-redirect"] != first.headers["hx-redirect"]
    number = int(re.search(r"/letters/(\d+)", first.headers["hx-redirect"])[1])  # type: ignore[index]
    with office.service.database.read() as session:
        letter = session.get_one(Letter, number)
    assert letter.body == LETTER["body"]
    assert letter.received == date(2026, 3, 2)


@pytest.mark.parametrize("field", [{"received": "gestern"}, {"source": "pigeon"}, {"body": "x" * 200_001}])
def test_a_form_that_cannot_be_says_which_field(office: Office, field: dict[str, str]) -> None:
    before = count(office)
    answer = office.desk("clerk").post("/intake", data=form(**field))
    assert answer.status_code == 422
    assert next(iter(field)) in answer.text
    assert count(office) == before


def test_a_long_letter_is_taken(office: Office) -> None:
    body = "村里把我家的承包地收回去包给外人。" * 5000
    assert office.desk("clerk").post("/intake/suggest", data=form(body=body)).status_code == 200


def test_a_clerk_who_enters_an_accusation_is_told_its_number_alone(office: Office) -> None:
    page = office.desk("clerk").post("/intake", data=form(**ACCUSATION))
    assert "hx-redirect" not in page.headers
    assert "石桥村" not in page.text
    with office.service.database.read() as session:
        newest = session.scalars(select(Letter).order_by(Letter.id.desc()).limit(1)).one()
    assert newest.sealed
    assert newest.number in page.text


def test_one_letter_of_a_file_goes_into_the_form(office: Office) -> None:
    before = count(office)
    page = office.desk("clerk").post("/intake/files", files={"files": ("信.txt", LETTER["body"].encode())}).text
    assert re.search(r'<textarea id="body"[^>]+hx-swap-oob="true">\n村里把我家的承包地', page)
    assert count(office) == before


def test_several_files_are_listed_then_entered(office: Office) -> None:
    desk, before = office.desk("clerk"), count(office)
    table = "标题,正文\n路灯,村口路灯坏了半年没人修\n低保,我家低保被取消了\n".encode()
    files = [("files", ("信.csv", table)), ("files", ("工资.txt", SURE["body"].encode())), ("files", ("x.exe", b"MZ"))]
    page = desk.post("/intake/files", files=files).text
    assert page.count("<tr>") == 5  # the head, three letters, one that is not read
    assert ".exe" in page
    assert count(office) == before
    page = desk.post("/intake/files/enter", files=files).text
    assert count(office) == before + 3
    assert len(re.findall(r'href="/letters/\d+"', page)) == 3


def test_accept_undo_answer(office: Office) -> None:
    desk, number = office.desk("clerk", display="林静"), enter(office)["id"]
    status = []
    for step in ("accept", "answer", "reopen", "reopen"):
        page = desk.post(f"/letters/{number}/{step}", data={"version": version(office, number)})
        assert page.status_code == 200, page.text
        with office.service.database.read() as session:
            status.append(session.get_one(Letter, number).status)
    assert status == ["decided", "answered", "decided", "open"]
    told = desk.get(f"/letters/{number}/past").text
    for words in ("登记", "<b>林静</b> 确认了建议", "标记已答复", "撤回到已确认", "撤回到待确认"):
        assert words in told


def test_a_correction_shows_what_follows_and_then_does_it(office: Office) -> None:
    desk, number = office.desk("clerk"), enter(office)["id"]
    with office.service.database.read() as session:
        letter = session.get_one(Letter, number)
    wanted = next(code for code in ("labor_wages", "environment", "homestead") if code != letter.category and
                  code in office.service.triager.policy.taxonomy.categories)  # fmt: skip
    name = office.service.triager.policy.taxonomy.categories[wanted].zh
    sent = {"version": '"1"', "value": wanted, "reason": "other_matter", "note": "见第二段"}
    seen = desk.post(f"/letters/{number}/preview/category", data=sent).text
    assert f"<ins>{name}</ins>" in seen
    assert version(office, number) == '"1"'
    parts = re.search(r"主办部门</th><td><del>[^<]*</del></td><td><ins>([^<]*)</ins>", seen)
    desk.post(f"/letters/{number}/correct/category", data=sent)
    with office.service.database.read() as session:
        letter = session.get_one(Letter, number)
    assert (letter.category, letter.status) == (wanted, "decided")
    if parts:
        assert office.service.triager.policy.taxonomy.departments[letter.department].zh == parts[1]
    told = desk.get(f"/letters/{number}/past").text
    assert f"<ins>{name}</ins>" in told
    assert "诉求是另一件事" in told
    assert "见第二段" in told


CORRECTIONS: list[tuple[str, Any, Any]] = [
    ("urgency", "4", 4), ("persons", "12", 12), ("persons", "", None), ("collective", "true", True), ("repeat", "false", False),
    ("place", "石桥村", "石桥村"), ("assisting", ["justice_mediation"], None), ("secondary", [], []), ("needs_review", "false", False),
]  # fmt: skip


@pytest.mark.parametrize(("field", "sent", "held"), CORRECTIONS)
def test_each_field_is_corrected(office: Office, field: str, sent: Any, held: Any) -> None:
    desk, number = office.desk("clerk"), enter(office)["id"]
    taxonomy = office.service.triager.policy.taxonomy
    if field == "assisting":
        sent = held = [next(iter(taxonomy.departments))]
    assert desk.get(f"/letters/{number}/correct/{field}").status_code == 200
    data = {"version": '"1"', "value": sent, "reason": "known_facts"}
    assert desk.post(f"/letters/{number}/preview/{field}", data=data).status_code == 200
    answer = desk.post(f"/letters/{number}/correct/{field}", data=data)
    assert answer.status_code == 200, answer.text
    with office.service.database.read() as session:
        assert session.get_one(Letter, number).decision[field] == held


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("urgency", "9", "other"),
        ("category", "", "other"),
        ("persons", "many", "other"),
        ("urgency", "2", "mood"),
        ("body", "x", "other"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_in_words(office: Office, field: str, value: str, reason: str) -> None:
    desk, number = office.desk("clerk"), enter(office)["id"]
    data = {"version": '"1"', "value": value, "reason": reason}
    answer = desk.post(f"/letters/{number}/correct/{field}", data=data, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "<html" not in answer.text
    assert version(office, number) == '"1"'


def test_a_stale_write_changes_nothing_and_offers_to_reload(office: Office) -> None:
    first, second, number = office.desk("clerk"), office.desk("clerk"), enter(office)["id"]
    first.post(f"/letters/{number}/accept", data={"version": '"1"'})
    for step in ("accept", "correct/place"):
        data = {"version": '"1"', "value": "石桥村", "reason": "other"}
        answer = second.post(f"/letters/{number}/{step}", data=data, headers={"HX-Request": "true"})
        assert answer.status_code == 409
        assert "data-reload" in answer.text
    assert version(office, number) == '"2"'


def test_a_look_at_personal_data_is_recorded_with_its_reason(office: Office) -> None:
    desk = office.desk("clerk")
    number = enter(office, body="我叫李秀英，电话13800138000，低保被取消了。", phone="13800138000")["id"]
    assert "13800138000" not in desk.get(f"/letters/{number}").text
    assert desk.post(f"/letters/{number}/reveal", data={"reason": ""}).status_code == 422
    assert "13800138000" in desk.post(f"/letters/{number}/reveal", data={"reason": "回电核实"}).text
    assert "回电核实" in desk.get(f"/letters/{number}/past").text


def test_the_queue_is_by_urgency_and_date_and_its_filters_stand_in_the_address(office: Office) -> None:
    desk = office.desk("clerk")
    for day in ("2026-03-02", "2026-03-05"):
        enter(office, title="井盖", body="镇上十字路口井盖坏了没人管，昨晚有人掉进去摔断了腿，正在抢救。", received=day)
    numbers = listed(desk, "/queue")
    with office.service.database.read() as session:
        letters = [session.get_one(Letter, number) for number in numbers]
    keys = [(-one.urgency, one.due_next, one.id) for one in letters]
    assert keys == sorted(keys)
    level = letters[0].urgency
    chosen = listed(desk, f"/queue?urgency={level}&category=&q=&due=")
    assert chosen
    assert chosen == [one.id for one in letters if one.urgency == level][: len(chosen)]
    assert f'value="{level}" checked' in desk.get(f"/queue?urgency={level}").text
    assert listed(desk, "/queue?due=late")
    assert desk.get("/queue?urgency=7").status_code == 422


def test_a_list_goes_on_where_the_page_ends(office: Office) -> None:
    desk, numbers, address = office.desk("clerk"), [], "/queue"
    key = office.key(role="clerk")
    many = {"letters": [{**LETTER, "body": f"{LETTER['body']} {place}"} for place in range(60)]}
    assert office.client.post("/v1/letters/many", json=many, headers=key).status_code == 201
    for _ in range(20):
        page = desk.get(address).text
        numbers += [int(one) for one in re.findall(r'href="/letters/(\d+)\?', page)]
        behind = re.search(r'href="([^"]+)" role="button" class="soft" rel="next"', page)
        if not behind:
            break
        address = behind[1].replace("&amp;", "&")
    with office.service.database.read() as session:
        open_ = session.scalars(select(Letter.id).where(Letter.status == "open", ~Letter.sealed)).all()
    assert sorted(numbers) == sorted(open_)


def test_next_and_previous_follow_the_list_one_came_from(office: Office) -> None:
    desk = office.desk("clerk")
    numbers = listed(desk, "/queue?urgency=1&urgency=2&urgency=3")
    trail = "queue=%2Fqueue%3Furgency%3D1%26urgency%3D2%26urgency%3D3"
    for before, here, behind in zip(numbers, numbers[1:4], numbers[2:5], strict=False):
        page = desk.get(f"/letters/{here}?{trail}").text
        assert re.search(r'href="/letters/(\d+)[^"]*" rel="prev"', page)[1] == str(before)  # type: ignore[index]
        assert re.search(r'href="/letters/(\d+)[^"]*" rel="next"', page)[1] == str(behind)  # type: ignore[index]


def test_letters_without_reasons_for_review_are_accepted_together_and_taken_back(office: Office) -> None:
    desk = office.desk("clerk")
    fit, other, doubtful = (enter(office, **SURE)["id"] for _ in range(3))
    sure(office, fit)
    sure(office, other)
    with office.service.database.write() as session:
        session.get_one(Letter, doubtful).needs_review = True
    page = desk.get("/queue?q=劳动监察").text
    assert f'name="pick" value="{fit}:1"' in page
    assert f'value="{doubtful}:' not in page
    sealed = enter(office, **ACCUSATION)["id"]
    sure(office, sealed)
    picked = [f"{fit}:1", f"{other}:7", f"{doubtful}:1", f"{sealed}:1"]
    answer = desk.post("/queue/accept", data={"pick": picked})
    assert "已确认 1 封" in answer.text
    assert "3 封" in answer.text
    assert (version(office, fit), version(office, other), version(office, sealed)) == ('"2"', '"1"', '"1"')
    assert f'value="{fit}:2"' in answer.text
    assert "已撤回 1 封" in desk.post("/queue/undo", data={"pick": [f"{fit}:2"]}).text
    with office.service.database.read() as session:
        assert session.get_one(Letter, fit).status == "open"
    assert desk.post("/queue/accept", data={"pick": ["1;drop"]}).status_code == 422


def test_accusations_stand_in_the_closed_queue_alone(office: Office) -> None:
    number = enter(office, **ACCUSATION)["id"]
    clerk, reviewer = office.desk("clerk"), office.desk("reviewer")
    assert number in listed(reviewer, "/closed")
    assert number not in listed(reviewer, "/queue")
    for path in ("", "/past", "/similar", "/correct/category"):
        answer = clerk.get(f"/letters/{number}{path}")
        assert answer.status_code == 403
        assert "石桥村" not in answer.text
    assert number not in listed(clerk, "/search?q=石桥村")
    assert reviewer.get(f"/letters/{number}").status_code == 200


def test_a_department_sees_what_is_routed_to_it(office: Office) -> None:
    number = enter(office)["id"]
    with office.service.database.read() as session:
        department = session.get_one(Letter, number).department
    taxonomy = office.service.triager.policy.taxonomy
    elsewhere = next(code for code in reversed(taxonomy.departments) if code != department)
    assert office.desk("clerk", department=department).get(f"/letters/{number}").status_code == 200
    other = office.desk("clerk", department=elsewhere)
    assert other.get(f"/letters/{number}").status_code == 404
    assert number not in listed(other, "/queue")


def test_a_search_finds_words_and_numbers_of_every_status(office: Office) -> None:
    desk = office.desk("clerk")
    letter = enter(office, body="石马沟水库放水口的闸门锈死了，旱季浇不上地。")
    desk.post(f"/letters/{letter['id']}/accept", data={"version": '"1"'})
    assert listed(desk, "/search?q=石马沟水库") == [letter["id"]]
    assert letter["id"] in listed(desk, f"/search?q={letter['number']}")
    assert letter["id"] not in listed(desk, "/queue?q=石马沟水库")


def test_views_are_each_user_s_own(office: Office) -> None:
    desk, other = office.desk("clerk"), office.desk("clerk")
    answer = desk.post("/views", data={"name": "特急 <b>", "way": "/queue?urgency=4"})
    assert answer.headers["hx-redirect"] == "/queue?urgency=4"
    desk.post("/views", data={"name": "特急 <b>", "way": "/queue?urgency=3"})
    assert '<a href="/queue?urgency=3">特急 &lt;b&gt;</a>' in desk.get("/queue").text
    assert "特急 &lt;b&gt;" not in other.get("/queue").text
    with office.service.database.read() as session:
        view = session.scalars(select(SavedView).where(SavedView.account_id == desk.account)).one()
    assert other.post(f"/views/{view.id}/drop").status_code == 404
    assert desk.post("/views", data={"name": "x", "way": "https://evil.example/queue"}).status_code == 422
    assert desk.post(f"/views/{view.id}/drop").status_code == 200
    assert "特急 &lt;b&gt;" not in desk.get("/queue").text


def test_news_name_what_others_did_with_letters_one_may_see(office: Office) -> None:
    def caller(desk: Desk) -> Any:
        return caller_of(request_of(desk), office.service)

    clerk, reviewer = office.desk("clerk"), office.desk("reviewer")
    last, _ = events.changed(office.service, caller(clerk), 0)
    number = enter(office)["id"]
    enter(office, **ACCUSATION)
    reviewer.post(f"/letters/{number}/accept", data={"version": '"1"'})
    end, news = events.changed(office.service, caller(clerk), last)
    assert news == {"entered": 1, "changed": []}
    assert events.changed(office.service, caller(reviewer), last)[1] == {"entered": 2, "changed": []}
    assert events.changed(office.service, caller(clerk), end) == (end, None)
    clerk.post(f"/letters/{number}/reopen", data={"version": '"2"'})
    assert events.changed(office.service, caller(clerk), end)[1] is None  # one's own
    assert events.changed(office.service, caller(reviewer), end)[1] == {"entered": 0, "changed": [number]}


def test_a_listening_page_is_answered_and_does_not_keep_a_session_alive(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    from service.db.tables import LoginSession

    monkeypatch.setattr(events, "_LASTS", 0.0)
    desk, before = office.desk("clerk"), datetime.now(UTC) - timedelta(hours=1)
    with office.service.database.write() as session:
        login = session.scalars(select(LoginSession).where(LoginSession.account_id == desk.account)).one()
        login.seen = before
    answer = desk.get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert re.fullmatch(r"retry: 2000\nid: \d+\n\n", answer.text)
    with office.service.database.read() as session:
        login = session.scalars(select(LoginSession).where(LoginSession.account_id == desk.account)).one()
        assert login.seen == before
    assert desk.get("/queue").status_code == 200
    with office.service.database.read() as session:
        login = session.scalars(select(LoginSession).where(LoginSession.account_id == desk.account)).one()
        assert login.seen > before
    assert office.desk("administrator").get("/events").status_code == 403


def test_who_logs_out_is_out(office: Office) -> None:
    desk = office.desk("clerk")
    cookie = desk.cookies["triage_session"]
    assert desk.post("/logout").headers["hx-redirect"] == "/login"
    desk.cookies.set("triage_session", cookie)
    assert desk.get("/queue", follow_redirects=False).status_code == 303
    with office.service.database.read() as session:
        assert session.scalars(select(AuditRow).where(AuditRow.action == "logout")).first()


def test_beside_is_the_neighbour_also_of_a_row_that_left_the_list(office: Office) -> None:
    numbers = [enter(office)["id"] for _ in range(3)]
    rows = select(Letter).where(Letter.id.in_([numbers[0], numbers[2]]))
    with office.service.database.read() as session:
        middle = session.get_one(Letter, numbers[1])
        before, behind = beside(session, rows, QUEUE, middle, before=True), beside(session, rows, QUEUE, middle)
        assert before is not None
        assert behind is not None
        assert (before.id, behind.id) == (numbers[0], numbers[2])
        assert beside(session, rows, QUEUE, session.get_one(Letter, numbers[2])) is None


def piece(field: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    given = {
        "field": field,
        "source": "rule",
        "id": field,
        "status": "active",
        "span": [start, end],
        "weight": 1.0,
        "note": "",
    }
    return given | more


def test_a_letter_is_cut_without_losing_a_character() -> None:
    text = "村口路灯坏了半年没人修😀。"
    evidence = [
        piece("category", 0, 6),
        piece("urgency", 4, 8),
        piece("category", 3, 5),
        piece("place", 12, 99),
        piece("money", 5, 5),
    ]
    pieces = cut(text, evidence)
    assert "".join(one.text for one in pieces) == text
    assert [(one.text, one.group) for one in pieces][:2] == [("村口路灯", "category"), ("坏了半年", "urgency")]
    assert [why["field"] for why in pieces[1].why] == ["urgency", "category"]
    assert not cut(text, [piece("urgency", 0, 2, status="past")])[0].counts
    assert "".join(one.text for one in passages(text, [[2, 4], [3, 9], [50, 60], [0, 1]])) == text


def test_an_address_becomes_filters_and_back() -> None:
    want = queue.asked(
        [("urgency", "4"), ("urgency", "3"), ("category", ""), ("due", "soon"), ("status", "any"), ("x", "y")]
    )
    assert want.filters.urgency == [4, 3]
    assert want.filters.status == []
    assert want.filters.overdue_on == date.today() + timedelta(days=4)
    assert want.without("due") == "urgency=4&urgency=3&status=any&x=y"
    assert queue.asked([]).filters.status == ["open"]


def test_the_link_of_a_new_user_opens_the_desk(office: Office) -> None:
    from service.db.tables import Account

    with office.service.database.write() as session:
        link = accounts.create(session, "tests", Account(name="wang-new", role="clerk"))
    office.client.cookies.clear()
    assert "new-password" in office.client.get(f"/setup/{link}").text
    sent = {"password": "一句很长的密码没有人猜", "again": "一句很长的密码没有人猜", "display": "王芳"}
    answer = office.client.post(f"/setup/{link}", data=sent)
    assert answer.url.path == "/queue"
    assert "王芳" in answer.text
    office.client.cookies.clear()
    assert office.client.post(f"/setup/{link}", data=sent).status_code == 410


def test_no_page_of_the_queue_is_sorted(office: Office) -> None:
    if office.service.database.url.get_backend_name() != "sqlite":
        pytest.skip("PostgreSQL plans by what is in the table: few letters are sorted faster than looked up")
    desk = office.desk("clerk")
    with office.service.database.read() as session:
        for words in ([], [("urgency", "2")], [("due", "late")]):
            rows = chosen(session, caller_of(request_of(desk), office.service), queue.asked(words).filters)
            rows = rows.order_by(Letter.urgency.desc(), Letter.due_next, Letter.id).limit(51)
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {literal(rows)}").all()
            assert "letters_queue" in str(plan)
            assert "TEMP B-TREE" not in str(plan), plan
