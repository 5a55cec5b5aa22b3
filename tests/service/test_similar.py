from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from service.db.tables import AuditHead, Letter, now
from service.upkeep import retain
from tests.service.conftest import ACCUSATION, NewDatabase, Office, open_office
from tests.service.test_jobs import until

Headers = dict[str, str]
TEXT = (
    "东河村三组的自来水从上月初起每天只来两个小时，水质发黄有铁锈味，几十户人家吃水困难，请尽快派人检修管道并说明原因。"
)


@pytest.fixture
def clerk(office: Office) -> Headers:
    return office.key(role="clerk")


def fed(office: Office) -> None:
    """Wait until the index has followed all that happened."""
    mark = office.service.settings.folder() / "similar.seq"

    def done() -> bool:
        with office.service.database.read() as session:
            last = session.scalar(select(AuditHead.seq))
        return mark.exists() and int(mark.read_text()) == last

    until(done)


def similar(office: Office, headers: Headers, letter: dict[str, Any]) -> list[tuple[int, str]]:
    fed(office)
    answer = office.client.get(f"/v1/letters/{letter['id']}/similar", headers=headers)
    assert answer.status_code == 200, answer.text
    return [(one["id"], one["relation"]) for one in answer.json()]


def test_the_same_letter_by_another_person_is_joint_and_by_the_same_a_copy(office: Office, clerk: Headers) -> None:
    first = office.enter(clerk, body=TEXT, petitioner="王小明", phone="13912345678")
    other = office.enter(clerk, body=TEXT, petitioner="李建国", phone="13887654321")
    again = office.enter(clerk, body=TEXT, petitioner="王小明", phone="13912345678")
    assert set(similar(office, clerk, again)) == {(first["id"], "copy"), (other["id"], "joint")}
    assert set(similar(office, clerk, other)) == {(first["id"], "joint"), (again["id"], "joint")}
    raised = TEXT.replace("从上月初起每天只来两个小时", "还是每天只来两个小时，上次反映后没有人来")
    repeat = office.enter(clerk, body=raised, petitioner="王小明", phone="13912345678")
    assert dict(similar(office, clerk, repeat))[first["id"]] in ("repeat", "copy")


def test_passages_stand_in_the_texts_that_are_shown(office: Office, clerk: Headers) -> None:
    body = "西山路的路灯坏了，电话13912345678，晚上有老人摔倒，请市政部门尽快更换灯泡并检查线路是否老化。"
    first = office.enter(clerk, title="", body=body)
    second = office.enter(clerk, title="", body=f"再次反映：{body}")
    fed(office)
    found = office.client.get(f"/v1/letters/{second['id']}/similar", headers=clerk).json()
    (one,) = [one for one in found if one["id"] == first["id"]]
    assert one["passages"]
    for passage in one["passages"]:
        assert second["text"][slice(*passage["here"])] == first["text"][slice(*passage["there"])]
    assert "13912345678" not in str(found)


def test_an_accusation_is_never_named_nor_asked_about(office: Office, clerk: Headers) -> None:
    reviewer = office.key(role="reviewer")
    first, second = office.enter(reviewer, **ACCUSATION), office.enter(reviewer, **ACCUSATION)
    assert similar(office, reviewer, second) == []
    assert office.client.get(f"/v1/letters/{first['id']}/similar", headers=clerk).status_code == 403
    assert ACCUSATION["body"][4:9] not in text_of_index(office)


def test_a_letter_that_becomes_an_accusation_is_forgotten(office: Office) -> None:
    reviewer = office.key(role="reviewer")
    body = "北关小区物业公司收费不公开，电梯坏了三个月没人修，业主多次反映都没有结果，请有关部门督促。"
    first = office.enter(reviewer, body=body)
    second = office.enter(reviewer, body=body)
    assert similar(office, reviewer, second) == [(first["id"], "copy")]
    sent = {"corrections": {"nature": {"value": "accusation", "reason": "misread"}}}
    match = reviewer | {"If-Match": f'"{first["version"]}"'}
    assert office.client.post(f"/v1/letters/{first['id']}/decision", json=sent, headers=match).status_code == 200
    assert similar(office, reviewer, second) == []


def text_of_index(office: Office) -> str:
    fed(office)
    return (office.service.settings.folder() / "similar.db").read_bytes().decode("utf-8", "replace")


def test_anonymised_letters_are_forgotten(office: Office, clerk: Headers) -> None:
    body = "南门菜市场占道经营，早上七点堵得学生过不去，请城管部门安排人员疏导并划定摊位。"
    first, second = office.enter(clerk, body=body), office.enter(clerk, body=body)
    assert similar(office, clerk, second) == [(first["id"], "copy")]
    with office.service.database.write() as session:
        letter = session.get(Letter, first["id"])
        assert letter is not None
        letter.answered = now() - timedelta(days=400)
    assert retain(office.service.database, 365, date.today()) == 1
    assert similar(office, clerk, second) == []


def test_a_lost_or_foreign_index_is_made_again(office: Office, clerk: Headers) -> None:
    body = "文化路积水严重，一下雨车子就熄火，排水口被垃圾堵了，请清理排水口并加装防护网。"
    first, second = office.enter(clerk, body=body), office.enter(clerk, body=body)
    path = office.service.settings.folder() / "similar.db"
    assert similar(office, clerk, second) == [(first["id"], "copy")]
    path.unlink()
    until(lambda: similar(office, clerk, second) == [(first["id"], "copy")])
    with office.service.database.read() as session:
        last = session.scalar(select(func.max(AuditHead.seq)))
    mark = path.with_name("similar.seq")
    mark.write_text(str(last + 1000))  # as where an older copy of the register was put back
    until(lambda: mark.exists() and int(mark.read_text()) == last)
    assert similar(office, clerk, second) == [(first["id"], "copy")]


def test_what_follows_is_fed_by_another_when_the_holder_is_killed(new_database: NewDatabase, tmp_path: Path) -> None:
    """The lock of a process that was killed is free at once, and the next one goes on with what it left."""
    code = (
        "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire();"
        "print('held', flush=True); time.sleep(600)"
    )
    tmp_path.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "housekeeper.lock")], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for office in open_office(new_database(), tmp_path):
            clerk = office.key(role="clerk")
            first, second = office.enter(clerk, body=TEXT), office.enter(clerk, body=TEXT)
            assert office.client.get(f"/v1/letters/{second['id']}/similar", headers=clerk).json() == []
            assert not (tmp_path / "similar.db").exists()
            os.kill(holder.pid, signal.SIGKILL)
            assert similar(office, clerk, second) == [(first["id"], "copy")]
