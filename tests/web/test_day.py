"""A clerk's day in a real browser, with the keyboard alone; and what every page must be."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.web.conftest import PASSWORD, Desk, Tab, barriers

# Browsers and clusters have limits of time of their own, which a busy machine may miss.
pytestmark = [pytest.mark.slow, pytest.mark.flaky(reruns=2)]
LETTER = "村里把我家的承包地收回去包给外人，要求归还。今年春天村干部说合同到期，把三亩地包给了外村老板，我们一家没有了口粮田。"
WIDE = [(1280, 860), (390, 844), (640, 430)]  # a desk, a phone, a desk at 200 %


def settled(page: Any) -> None:
    """Wait until htmx has nothing under way."""
    page.wait_for_selector(".htmx-request, .htmx-swapping, .htmx-settling, [hx-trigger=load]:empty", state="detached")


def tab_to(page: Any, selector: str, most: int = 60) -> None:
    """Move the focus with the tab key until it is there."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the tab key")


def status(page: Any, words: str) -> None:
    """Wait until a page says something."""
    page.wait_for_selector(f"text={words}")


def test_a_day_by_keyboard_alone(desk: Desk, tab: Tab) -> None:
    name, link = desk.link("clerk")
    sure = desk.sure("工资甲|包工头拖欠工资，请劳动监察帮忙。", "工资乙|工厂欠薪三个月，请劳动监察帮忙。")
    page, keys = tab.page, tab.page.keyboard

    # By the one-time link to the queue.
    page.goto(link)
    keys.type("林静")
    for _ in range(2):
        keys.press("Tab")
        keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/queue")
    assert page.inner_text(".me").count("林静") == 1

    # To intake; what is pasted is judged while nothing is kept.
    keys.press("g")
    keys.press("i")
    page.wait_for_url("**/intake")
    keys.type("承包地被收回")
    keys.press("Tab")
    keys.insert_text(LETTER)
    page.wait_for_selector(".panel")
    assert page.locator("#evidence mark").count() > 1
    tab_to(page, "#evidence mark")
    assert page.locator("mark:focus + .tip").is_visible()

    # Into the register.
    keys.press("Control+Enter")
    page.wait_for_url("**/letters/*")
    number = int(re.search(r"/letters/(\d+)", page.url)[1])  # type: ignore[index]
    status(page, "已登记入册")
    before = desk.letter(number)

    # A correction is two keys; what follows from it shows before it is saved.
    keys.press("c")
    keys.press("c")
    page.wait_for_selector("#pick-input:focus")
    keys.type("低保")
    keys.press("Enter")
    page.wait_for_selector(".changes >> text=低保")
    keys.press("Control+a")
    keys.type("环境")
    page.wait_for_selector(".changes", state="detached")
    keys.press("Enter")
    page.wait_for_selector(".changes >> text=环境")
    assert "主办部门" in page.inner_text(".changes")
    assert desk.letter(number).version == before.version
    keys.press("Enter")
    status(page, "更正已保存")
    page.wait_for_selector("#box:not([open])", state="attached")
    after = desk.letter(number)
    assert (after.status, after.category != before.category, after.department != before.department) == (
        "decided",
        True,
        True,
    )

    # Undone, and accepted by one key.
    keys.press("u")
    status(page, "已撤回一步")
    assert desk.letter(number).status == "open"
    keys.press("a")
    status(page, "已确认。按 u")
    assert desk.letter(number).status == "decided"
    status(page, "作了更正")

    # Personal data: why, then the letter.
    keys.press("p")
    page.wait_for_selector("#box [name=reason]:focus")
    keys.type("电话核实")
    keys.press("Enter")
    status(page, "本次查看已记录")
    keys.press("Escape")

    # Answered.
    keys.press("w")
    status(page, "已标记为答复")

    # Found again.
    keys.press("/")
    keys.type("口粮田")
    keys.press("Enter")
    page.wait_for_url("**/search?q=*")
    assert page.locator("[data-open]").all_inner_texts() == ["承包地被收回"]
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url("**/letters/*")

    # Several at once, and taken back.
    keys.press("g")
    keys.press("q")
    page.wait_for_url("**/queue")
    keys.press("j")
    keys.press("x")
    keys.press("j")
    keys.press("x")
    assert page.inner_text("[data-picked]") == "2"
    keys.press("a")
    status(page, "已确认 2 封")
    settled(page)
    assert {desk.letter(one).status for one in sure} == {"decided"}
    assert page.locator("[data-open]").count() == 0
    keys.press("u")
    status(page, "已撤回 2 封")
    assert {desk.letter(one).status for one in sure} == {"open"}

    # The list of keys, and out.
    keys.press("?")
    assert page.locator("#keys").is_visible()
    keys.press("Escape")
    page.focus("#main")
    page.focus("[hx-post='/logout']")
    keys.press("Enter")
    page.wait_for_url("**/login")
    page.goto("/queue")
    assert "/login?back=%2Fqueue" in page.url
    keys.type(name)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/queue")


def test_filters_stay_in_the_address_and_a_view_keeps_them(desk: Desk, tab: Tab) -> None:
    desk.sure("路灯甲|村口路灯坏了半年没人修。", "路灯乙|镇上路灯全部不亮。")
    page = tab.enter(desk.link("clerk")[1])
    page.select_option("[name=due]", "late")
    page.wait_for_url("**/queue?due=late")
    page.go_back()
    page.goto("/queue")
    page.fill("#filters [name=q]", "路灯")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue?q=*")
    assert set(page.locator("[data-open]").all_inner_texts()) == {"路灯甲", "路灯乙"}
    page.click(".views summary")
    page.fill(".views [name=name]", "路灯")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto("/queue")
    page.click(".views summary")
    page.click(".views li a")
    assert page.url.endswith("?q=%E8%B7%AF%E7%81%AF")
    page.reload()
    assert page.locator("[data-open]").count() == 2


def test_news_of_others_reach_open_pages(desk: Desk, tab: Tab, chromium: Any) -> None:
    number = desk.sure("水管|村里水管冻裂了没人修。")[0]
    page = tab.enter(desk.link("clerk")[1])
    other = Tab(chromium, desk.address)
    second = other.enter(desk.link("clerk")[1])
    second.goto(f"/letters/{number}")
    page.goto("/queue")
    page.wait_for_timeout(300)
    desk.sure("新信|刚刚收到的一封信。")
    status(page, "有 1 封新信")
    page.goto(f"/letters/{number}")
    page.keyboard.press("a")
    status(page, "已确认。按 u")
    status(second, "他人刚刚修改了此信")
    other.close(desk.address)


def test_a_stale_correction_loses_nothing_that_was_typed(desk: Desk, tab: Tab, chromium: Any) -> None:
    number = desk.sure("桥|村口小桥塌了一半。")[0]
    page = tab.enter(desk.link("clerk")[1])
    page.goto(f"/letters/{number}")
    page.keyboard.press("c")
    page.keyboard.press("p")
    page.wait_for_selector("#box [name=value]:focus")
    page.keyboard.type("石桥村三组")
    page.fill("#box [name=note]", "电话里说的")
    page.wait_for_selector(".save")
    other = Tab(chromium, desk.address)
    second = other.enter(desk.link("clerk")[1])
    second.goto(f"/letters/{number}")
    second.keyboard.press("a")
    status(second, "已确认。按 u")
    other.close(desk.address)
    page.click(".save")
    page.wait_for_selector("#box .message [data-reload]")
    assert page.input_value("#box [name=value]") == "石桥村三组"
    assert page.input_value("#box [name=note]") == "电话里说的"
    tab.said[:] = [one for one in tab.said if "409" not in one and "Response Status" not in one]


def test_dropped_files_are_read_into_the_form_or_listed(desk: Desk, tab: Tab) -> None:
    page = tab.enter(desk.link("clerk")[1])
    page.goto("/intake")
    page.set_input_files("#files", [{"name": "信.txt", "mimeType": "text/plain", "buffer": LETTER.encode()}])
    status(page, "已从文件读入")
    assert page.input_value("#body").strip() == LETTER
    page.fill("#title", "承包地")
    page.wait_for_selector(".panel")
    rows = "标题,正文\n路灯,村口路灯坏了半年没人修\n低保,我家低保被取消了\n".encode()
    page.set_input_files("#files", [{"name": "信.csv", "mimeType": "text/csv", "buffer": rows}])
    page.click("text=全部登记（2 封）")
    status(page, "已登记 2 封")
    assert page.locator(".made a").count() == 2


@pytest.mark.parametrize(("lang", "scheme"), [("zh", "light"), ("en", "dark")])
def test_no_page_is_a_barrier(desk: Desk, tab: Tab, axe: str, lang: str, scheme: str) -> None:
    number = desk.sure("塔吊|我爬上塔吊要跳下来，再不给工资就死给你们看。电话13800138000。")[0]
    tab.page.emulate_media(color_scheme=scheme)
    tab.page.goto(f"/language/{lang}?back=/login")
    assert not barriers(tab.page, axe), "login"
    link = desk.link("reviewer")[1]
    tab.page.goto(link)
    assert not barriers(tab.page, axe), "setup"
    page = tab.enter(link)
    for path in ("/queue", "/closed", "/search?q=塔吊", "/account", "/intake", f"/letters/{number}", "/letters/999999"):
        page.goto(path)
        if path == "/intake":
            page.fill("#body", LETTER)
            page.wait_for_selector(".panel")
        settled(page)
        assert not barriers(page, axe), path
    page.goto(f"/letters/{number}")
    page.keyboard.press("?")
    assert not barriers(page, axe), "keys"
    page.keyboard.press("Escape")
    for field in "cunxpt":
        page.keyboard.press("c")
        page.keyboard.press(field)
        page.wait_for_selector("#box[open] form")
        assert not barriers(page, axe), f"correct {field}"
        page.keyboard.press("Escape")
        page.wait_for_selector("#box:not([open])", state="attached")
    tab.said[:] = [one for one in tab.said if "404" not in one]


@pytest.mark.parametrize(("width", "height"), WIDE)
def test_pages_fit_a_window(desk: Desk, chromium: Any, width: int, height: int) -> None:
    number = desk.sure("低保|我家低保被取消了，村里说名额不够，请镇里核实。")[0]
    tab = Tab(chromium, desk.address, viewport={"width": width, "height": height})
    page = tab.enter(desk.link("reviewer")[1])
    for lang in ("zh", "en"):
        page.goto(f"/language/{lang}?back=/queue")
        for path in ("/queue", "/closed", "/intake", f"/letters/{number}", "/account"):
            page.goto(path)
            if path == "/intake":
                page.fill("#body", LETTER)
                page.wait_for_selector(".panel")
            settled(page)
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{path} {lang}: {over} pixels too wide"
        page.goto(f"/letters/{number}")
        page.keyboard.press("c")
        page.keyboard.press("c")
        page.wait_for_selector("#pick-input")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator(".save").scroll_into_view_if_needed()
        seen = page.locator(".save").bounding_box()
        assert seen["x"] >= 0
        assert seen["x"] + seen["width"] <= width
        page.keyboard.press("Escape")
    tab.close(desk.address)


@pytest.mark.parametrize(("role", "pages"), [("reader", "待办"), ("clerk", "登记 待办"), ("administrator", "")])
def test_each_role_sees_its_own_doors(desk: Desk, tab: Tab, role: str, pages: str) -> None:
    page = tab.enter(desk.link(role)[1])
    found = page.locator(".top nav a").all_inner_texts()
    assert [one for one in found if one in ("登记", "待办", "封闭件")] == pages.split()
    if role == "reader":
        number = desk.sure("井盖|路口井盖坏了。")[0]
        page.goto(f"/letters/{number}")
        settled(page)
        page.keyboard.press("a")
        page.keyboard.press("c")
        page.keyboard.press("c")
        page.wait_for_timeout(300)
        assert desk.letter(number).status == "open"
        assert page.locator("#box[open]").count() == 0


def test_every_mark_is_reached_by_tab_and_every_focus_is_seen(desk: Desk, tab: Tab) -> None:
    number = desk.sure("工资|包工头拖欠工资四万元，讨要三次没有结果，请劳动监察帮忙。")[0]
    page = tab.enter(desk.link("clerk")[1])
    page.goto(f"/letters/{number}")
    settled(page)
    unseen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(() => { const at = document.activeElement, style = getComputedStyle(at);"
            " return [at.outerHTML.slice(0, 90), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]; })()"
        )
        if "body" in told[0][:6]:
            break
        if not told[1]:
            unseen.append(told[0])
    assert not unseen


def test_what_is_refused_before_a_page_has_a_say_is_told_in_words(desk: Desk, tab: Tab) -> None:
    page = tab.enter(desk.link("clerk")[1])
    page.goto("/intake")
    page.fill("#body", "村" * 190_000)
    page.evaluate("document.querySelector('#body').value += '村'.repeat(60000)")
    page.fill("#title", "很长的信")
    page.wait_for_selector("#message .note.bad")
    assert "{" not in page.inner_text("#message")
    assert page.input_value("#title") == "很长的信"
    tab.said[:] = [one for one in tab.said if "413" not in one and "422" not in one and "Response Status" not in one]
