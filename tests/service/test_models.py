from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from service import Settings
from service.db.tables import AuditRow
from tests.service.conftest import ACCUSATION, LETTER, NewDatabase, Office, open_office
from tests.service.test_jobs import ended, table
from tests.service.workers import Workers
from triage.bundle import resolve
from triage.config import models_home

Headers = dict[str, str]


def copy(folder: Path, name: str, version: str) -> Path:
    """Make a bundle that judges as the shipped one does, under another name."""
    target = folder / "bundles" / name
    shutil.copytree(resolve(), target)
    path = target / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"name": name, "version": version}), encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def office(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    state = tmp_path_factory.mktemp("state")
    for name in ("march", "april"):
        copy(state, name, "2")
    yield from open_office(new_database(), state)


@pytest.fixture
def analyst(office: Office) -> Headers:
    return office.key(role="analyst")


def promote(office: Office, headers: Headers, name: str, **note: str) -> Any:
    return office.client.post(f"/v1/models/{name}/promote", json=note, headers=headers)


def in_use(office: Office, headers: Headers) -> dict[str, Any]:
    (found,) = [one for one in office.client.get("/v1/models", headers=headers).json() if one["in_use"]]
    return dict(found)


class TestPromotion:
    def test_a_promoted_bundle_judges_and_is_told_with_who_and_why(self, office: Office, analyst: Headers) -> None:
        clerk = office.key(role="clerk")
        told = promote(office, analyst, "march", note="better on wages")
        assert told.status_code == 200, told.text
        assert (told.json()["in_use"], told.json()["bundle"]) == (True, "march 2")
        shown = in_use(office, analyst)
        assert (shown["name"], shown["note"]) == ("march", "better on wages")
        assert shown["by"].startswith("key:")
        assert shown["since"]
        answer = office.client.post("/v1/triage", json=LETTER, headers=clerk)
        assert answer.json()["model"] == answer.headers["x-triage-bundle"] == "march 2"
        with office.service.database.read() as session:
            row = session.query(AuditRow).filter_by(action="model.promote").order_by(AuditRow.seq.desc()).first()
        assert row is not None
        assert json.loads(row.after)["in_use"] == "march"

    def test_rolling_back_goes_back_step_by_step(self, office: Office, analyst: Headers) -> None:
        while office.client.post("/v1/models/rollback", json={}, headers=analyst).status_code == 200:
            pass
        start = in_use(office, analyst)["name"]
        assert start == models_home().joinpath("base").name
        for name in ("march", "april"):
            assert promote(office, analyst, name).status_code == 200
        told = [office.client.post("/v1/models/rollback", json={}, headers=analyst).json() for _ in range(2)]
        assert [one["name"] for one in told] == ["march", start]
        assert office.service.triager.bundle.name == told[1]["bundle"]
        refused = office.client.post("/v1/models/rollback", json={}, headers=analyst)
        assert (refused.status_code, refused.json()["code"]) == (409, "first_bundle")
        promote(office, analyst, "april")
        assert office.client.post("/v1/models/rollback", json={}, headers=analyst).json()["name"] == start

    def test_a_restart_keeps_what_was_promoted(self, new_database: NewDatabase, tmp_path: Path) -> None:
        url = new_database()
        copy(tmp_path, "may", "3")
        for office in open_office(url, tmp_path):
            assert promote(office, office.key(role="analyst"), "may").status_code == 200
        moved = tmp_path / "moved"
        moved.mkdir()
        shutil.move(tmp_path / "bundles", moved / "bundles")
        for office in open_office(url, moved):
            assert office.service.triager.bundle.name == "may 3"

    @pytest.mark.parametrize(
        ("spoil", "code"),
        [
            (lambda path: (path / "metrics.json").write_text("{}"), "bundle_hash"),
            (lambda path: (path / "extra.py").write_text("x"), "bundle_file"),
            (lambda path: (path / "manifest.json").write_text("{"), "bundle_manifest"),
            (lambda path: _set(path, taxonomy="another"), "bundle_taxonomy"),
            (lambda path: _set(path, segmenter={"terms": "another"}), "bundle_terms"),
        ],
    )
    def test_a_broken_bundle_is_refused_and_the_old_one_stays(
        self, office: Office, analyst: Headers, spoil: Callable[[Path], Any], code: str
    ) -> None:
        before = office.service.triager.bundle.name
        path = copy(office.service.settings.state, f"broken-{code}", "1")
        spoil(path)
        answer = promote(office, analyst, path.name)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert office.service.triager.bundle.name == before
        told = office.client.post("/v1/triage", json=LETTER, headers=office.key(role="clerk"))
        assert told.headers["x-triage-bundle"] == before
        shutil.rmtree(path)

    def test_names_that_lead_elsewhere_are_no_bundles(self, office: Office, analyst: Headers) -> None:
        for name in ("nothing", quote("../jobs", safe=""), ".."):
            answer = office.client.post(f"/v1/models/{name}/promote", json={}, headers=analyst)
            assert answer.status_code == 404

    def test_a_bundle_is_shown_with_its_papers(self, office: Office, analyst: Headers) -> None:
        shown = office.client.get("/v1/models/march", headers=analyst).json()
        assert shown["manifest"]["files"]
        assert shown["macro_f1"] == shown["metrics"]["category"]["macro_f1"]
        assert office.client.get("/v1/models/none", headers=analyst).status_code == 404

    def test_only_those_who_may_promote(self, office: Office) -> None:
        answer = promote(office, office.key(role="clerk"), "march")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    def test_every_answer_that_judges_names_its_bundle(self, office: Office) -> None:
        clerk, name = office.key(role="clerk"), office.service.triager.bundle.name
        made = office.client.post("/v1/letters", json=LETTER, headers=clerk | {"Idempotency-Key": "bundle"})
        again = office.client.post("/v1/letters", json=LETTER, headers=clerk | {"Idempotency-Key": "bundle"})
        letter = made.json()
        sent = {"corrections": {"category": {"value": "education", "reason": "misread"}}}
        match = clerk | {"If-Match": f'"{letter["version"]}"'}
        answers = [
            made,
            again,
            office.client.post("/v1/triage/many", json={"letters": [LETTER]}, headers=clerk),
            office.client.post("/v1/letters/many", json={"letters": [LETTER]}, headers=clerk),
            office.client.post("/v1/triage/file", files={"file": ("a.txt", b"The lamp is broken")}, headers=clerk),
            office.client.post(f"/v1/letters/{letter['id']}/preview", json=sent, headers=clerk),
            office.client.post(f"/v1/letters/{letter['id']}/decision", json=sent, headers=match),
        ]
        assert [answer.headers.get("x-triage-bundle") for answer in answers] == [name] * len(answers)
        assert "x-triage-bundle" not in office.client.get(f"/v1/letters/{letter['id']}", headers=clerk).headers


def _set(path: Path, **told: Any) -> None:
    file = path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | told), encoding="utf-8")


class TestTraining:
    def test_a_table_becomes_a_bundle_without_its_accusations(self, office: Office, analyst: Headers) -> None:
        rows = [(f"路灯坏了，第{n}组请修，电话1391234{n:04}", "street", "appeal") for n in range(8)]
        rows += [(f"自来水停了，第{n}组没有水喝，请修", "tap", "appeal") for n in range(8)]
        rows += [(f"举报第{n}村的书记贪污", "graft", "accusation") for n in range(8)]
        rows += [(ACCUSATION["body"], "tap", "") for _ in range(8)]
        content = table(*rows, head=("正文", "类", "nature"))
        form = {"name": "own-1", "label_column": "类", "text_column": "正文"}
        made = office.client.post("/v1/training-runs", files={"file": ("t.csv", content)}, data=form, headers=analyst)
        assert made.status_code == 201, made.text
        twice = office.client.post("/v1/training-runs", files={"file": ("t.csv", content)}, data=form, headers=analyst)
        assert (twice.status_code, twice.json()["code"]) == (409, "exists")
        told = ended(office, analyst, made.json()["id"], "/v1/training-runs")
        assert told["state"] == "done", told
        assert told["metrics"]["category"]["letters"] == 16
        assert told["done"] == told["total"]
        shown = office.client.get("/v1/models/own-1", headers=analyst).json()
        assert (shown["letters"], shown["own_labels"], shown["in_use"]) == (16, True, False)
        assert shown["metrics"] == told["metrics"]
        model = office.service.bundles.load(office.service.bundles.find("own-1")).bundle.models[0]
        words = " ".join(word for part in model.featuriser.word_parts for word in part.words_)
        assert "路灯" in words
        assert "贪污" not in words
        assert "1391234" not in words
        answer = promote(office, analyst, "own-1")
        assert answer.status_code == 200, answer.text
        office.client.post("/v1/models/rollback", json={}, headers=analyst)
        listed = office.client.get("/v1/training-runs", headers=analyst).json()["items"]
        assert [one["name"] for one in listed] == ["own-1"]
        assert office.client.get(f"/v1/jobs/{told['id']}", headers=office.key(role="clerk")).status_code == 404

    def test_a_thin_table_fails_and_leaves_no_bundle(self, office: Office, analyst: Headers) -> None:
        content = table(("路灯坏了", "a"), ("停水了", "b"), head=("text", "label"))
        form = {"name": "thin", "label_column": "label"}
        made = office.client.post("/v1/training-runs", files={"file": ("t.csv", content)}, data=form, headers=analyst)
        told = ended(office, analyst, made.json()["id"], "/v1/training-runs")
        assert (told["state"], told["error"]["code"]) == ("failed", "thin_labels")
        assert office.client.get("/v1/models/thin", headers=analyst).status_code == 404

    def test_names_are_plain_and_new(self, office: Office, analyst: Headers) -> None:
        file = {"file": ("t.csv", b"text,label\nx,y\n")}
        for name, status in (("../x", 422), (".x", 422), ("march", 409)):
            form = {"name": name, "label_column": "label"}
            assert office.client.post("/v1/training-runs", files=file, data=form, headers=analyst).status_code == status


@pytest.fixture
def workers(new_database: NewDatabase, tmp_path: Path) -> Iterator[Workers]:
    copy(tmp_path, "march", "2")
    running = Workers(Settings(state=tmp_path, database=new_database(), rate=0))
    yield running
    running.stop()


@pytest.mark.slow
def test_bundles_are_swapped_under_load_without_a_failed_or_mixed_answer(workers: Workers) -> None:
    ended, faults, seen = threading.Event(), list[str](), set[str]()
    counts = [0] * 4
    with workers.client(0) as client:
        start = client.post("/v1/triage", json=LETTER).json()["model"]
    names = {start, "march 2"}

    def post(number: int) -> None:
        with workers.client(number % 2) as client:
            while not ended.is_set():
                path = "/v1/letters" if counts[number] % 2 else "/v1/triage"
                answer = client.post(path, json=LETTER)
                if answer.status_code not in (200, 201):
                    faults.append(f"{answer.status_code} {answer.text}")
                    continue
                body = answer.json()
                model = (body.get("decision") or body)["model"]
                seen.add(model)
                if model not in names or answer.headers["x-triage-bundle"] != model:
                    faults.append(f"{model} {answer.headers['x-triage-bundle']}")
                counts[number] += 1

    threads = [threading.Thread(target=post, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    slowest = 0.0
    with workers.client(0, "a") as analyst, workers.client(0) as first, workers.client(1) as second:
        for turn in range(5):
            for path, wanted in (("/v1/models/march/promote", "march 2"), ("/v1/models/rollback", start)):
                told = analyst.post(path, json={"note": f"turn {turn}"})
                assert told.status_code == 200, told.text
                began = time.monotonic()
                for client in (first, second):
                    while client.post("/v1/triage", json=LETTER).json()["model"] != wanted:
                        assert time.monotonic() - began < 30, "the swap did not reach a worker"
                slowest = max(slowest, time.monotonic() - began)
    ended.set()
    for thread in threads:
        thread.join()
    print(f"\nswaps 10, slowest {slowest:.2f} s after the answer, letters {sum(counts)}, faults {len(faults)}")
    assert faults == []
    assert seen == names
