"""Write pictures of the desk to docs/img: each page in Chinese and English, with invented letters.

    python docs/screenshots.py [FOLDER]

Needs Chromium, and the packages playwright and pillow. Letters are those of ``data/corpora``, which are invented.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from service import Settings, accounts, create_app
from service.db.tables import Account

ROOT = Path(__file__).parent.parent
CHROMIUM = "/usr/bin/chromium"
MOST = 150_000  # bytes of a picture
PASSWORD = "一句只有自己知道的话"
FILES = ("village", "city_urgent", "land", "work", "welfare_housing", "public_services", "city_repeats", "english_a")
URGENT = (
    "孩子她爸爬上了工地塔吊",
    "尊敬的领导：我是石桥村村民，丈夫在县城工地干了半年，包工头拖欠工资4万8千元，找了项目部三次都没人管。"
    "今天上午他爬上工地塔吊，说再不给钱就跳下来，现在还在上面，我和孩子在下面，求你们快来救人！",
)


@contextmanager
def desk(state: Path) -> Iterator[tuple[Any, str]]:
    """Give a running service and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(Settings(state=state, port=port, log_level="error", jobs=0))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield app.state.service, f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def someone(service: Any, name: str, role: str, display: str) -> str:
    """Make a user; return the path of the link that sets the password."""
    with service.database.write() as session:
        return f"/setup/{accounts.create(session, 'pictures', Account(name=name, role=role, display=display))}"


def letters(count: int) -> Iterator[dict[str, str]]:
    """Yield invented letters, received over the last weeks."""
    sources = [(ROOT / "data" / "corpora" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in FILES]
    for place in range(count):
        lines = sources[place % len(sources)]
        row = json.loads(lines[place // len(sources) * 7 % len(lines)])
        received = date.today() - timedelta(days=place * 5 % 12)
        title = row.get("title") or ""
        yield {"title": title, "body": row["text"], "received": received.isoformat(), "source": "letter"}


def fill(page: Page, count: int) -> None:
    """Enter letters as the logged-in user."""
    csrf = page.evaluate("JSON.parse(document.body.getAttribute('hx-headers'))['X-CSRF-Token']")
    body = {"letters": [*letters(count)]}
    answer = page.request.post("/v1/letters/many", data=body, headers={"X-CSRF-Token": csrf})
    assert answer.ok, answer.text()


def enter(page: Page, link: str) -> None:
    """Set a password by a link."""
    page.goto(link)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/queue")


def intake(page: Page) -> None:
    """Paste a letter that cannot wait."""
    page.goto("/intake")
    page.fill("#title", URGENT[0])
    page.fill("#body", URGENT[1])
    page.wait_for_selector(".panel")


def letter(page: Page) -> None:
    """Open a letter of the queue and point at its evidence."""
    page.goto("/queue?needs_review=no&urgency=3")
    page.click("[data-rows] [data-open]")
    page.wait_for_selector(".past li")
    page.hover("mark.m-urgency")


def correction(page: Page) -> None:
    """Correct the category of a letter."""
    page.goto("/queue?urgency=2")
    page.click("[data-rows] [data-open]")
    page.wait_for_selector(".past li")
    page.keyboard.press("c")
    page.keyboard.press("c")
    page.wait_for_selector("#pick-input")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".save")


PICTURES: dict[str, Callable[[Page], Any]] = {
    "login": lambda page: page.goto("/login"),
    "queue": lambda page: page.goto("/queue"),
    "intake": intake,
    "letter": letter,
    "correct": correction,
    "closed": lambda page: page.goto("/closed"),
}


def save(page: Page, path: Path) -> None:
    """Write a picture with as few colours as it takes to keep it small."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in (128, 64, 32):
        picture.quantize(colours).save(path, optimize=True)
        if path.stat().st_size <= MOST:
            return
    raise ValueError(f"{path}: {path.stat().st_size:,} bytes; at most {MOST:,}")


def main() -> None:
    """Write every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "img")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, desk(Path(state)) as (service, address), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(base_url=address, viewport={"width": 1280, "height": 860}).new_page()
        enter(page, someone(service, "lin", "reviewer", "林静"))
        fill(page, 64)
        for lang in ("zh", "en"):
            page.goto(f"/language/{lang}?back=/queue")
            for name, show in PICTURES.items():
                show(page)
                page.wait_for_timeout(250)
                save(page, folder / f"{name}-{lang}.png")
                print(folder / f"{name}-{lang}.png")
        browser.close()


if __name__ == "__main__":
    main()
