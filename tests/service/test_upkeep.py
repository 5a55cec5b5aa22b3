from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from service import Settings, audit
from service.db import Database, downgrade, upgrade
from service.db.tables import AuditRow, Base, Letter, Suggestion, now
from service.problems import Problem
from service.upkeep import backup, restore, retain
from tests.service.conftest import ACCUSATION, NewDatabase, Office, open_office


@pytest.fixture
def fresh(new_database: NewDatabase, tmp_path: Path) -> Iterator[Office]:
    yield from open_office(new_database(), tmp_path / "state")


def _rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


def test_migrations_go_up_and_down(new_database: NewDatabase) -> None:
    from sqlalchemy import inspect

    database = Database(new_database())
    upgrade(database)
    upgrade(database)
    tables = set(inspect(database.engine).get_table_names())
    assert {table.name for table in Base.metadata.sorted_tables} < tables
    downgrade(database)
    left = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    assert left == set()
    upgrade(database)
    assert set(inspect(database.engine).get_table_names()) == tables
    database.close()


def test_the_tables_are_what_the_code_says(new_database: NewDatabase) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = Database(new_database())
    upgrade(database)
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    ours = [one for one in differences if "letter_words" not in str(one)]
    assert ours == []
    database.close()


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_a_copy_is_put_back_into_either_database(
    fresh: Office, other: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    clerk = fresh.key(role="clerk")
    made = fresh.enter(clerk, petitioner="王小明", phone="13912345678", body="路灯坏了半年没人修，请尽快维修。")
    fresh.enter(clerk, **ACCUSATION)
    first = fresh.service.settings
    (first.folder("bundles") / "own").mkdir()
    (first.folder("bundles") / "own" / "manifest.json").write_text("{}", encoding="utf-8")
    path = tmp_path / "copy.zip"
    counts = backup(first, fresh.service.database, path)
    assert counts["letters"] == 2
    assert path.stat().st_mode & 0o077 == 0
    url = request.getfixturevalue("postgresql")() if other == "postgresql" else f"sqlite:///{tmp_path / 'other.db'}"
    settings = Settings(state=tmp_path / "other")
    database = Database(url)
    assert restore(settings, database, path)["letters"] == 2
    assert _rows(database) == _rows(fresh.service.database)
    assert settings.key() == first.key()
    assert (settings.folder("bundles") / "own" / "manifest.json").is_file()
    for office in open_office(url, tmp_path / "other"):
        found = office.client.get("/v1/letters", params={"q": "路灯"}, headers=clerk).json()["items"]
        assert [letter["id"] for letter in found] == [made["id"]]
        assert office.enter(clerk)["id"] == 3
    with pytest.raises(Problem, match="not empty"):
        restore(settings, database, path)
    database.close()


def test_a_damaged_copy_is_refused_and_nothing_is_put_back(fresh: Office, tmp_path: Path) -> None:
    fresh.enter(fresh.key(role="clerk"))
    whole, damaged = tmp_path / "whole.zip", tmp_path / "damaged.zip"
    backup(fresh.service.settings, fresh.service.database, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(b'"urgency": 1', b'"urgency": 4') if "letters" in name else data)
    settings, database = Settings(state=tmp_path / "other"), Database(f"sqlite:///{tmp_path / 'other.db'}")
    for broken in (damaged, tmp_path / "missing.zip"):
        with pytest.raises(Problem, match="damaged"):
            restore(settings, database, broken)
    upgrade(database)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 0
    database.close()


def test_old_answered_letters_lose_the_person_and_keep_the_matter(fresh: Office) -> None:
    clerk = fresh.key(role="clerk")
    words = "我是石桥村的王小明，电话13912345678，路灯坏了半年没人修。"
    old, young, unanswered = (
        fresh.enter(clerk, body=words, petitioner="王小明", phone="13912345678") for _ in range(3)
    )
    for letter in (old, young):
        path = f"/v1/letters/{letter['id']}"
        assert fresh.client.post(f"{path}/decision", json={}, headers=clerk | {"If-Match": '"1"'}).status_code == 200
        assert fresh.client.post(f"{path}/answer", headers=clerk | {"If-Match": '"2"'}).status_code == 200
    with fresh.service.database.write() as session:
        letter = session.get_one(Letter, old["id"])
        letter.answered = now() - timedelta(days=400)
    assert retain(fresh.service.database, 365) == 1
    assert retain(fresh.service.database, 365) == 0
    with fresh.service.database.read() as session:
        kept = session.get_one(Letter, old["id"])
        whole = " ".join(str(getattr(kept, column.key)) for column in Letter.__table__.columns)
        assert "13912345678" not in whole
        assert "王小明" not in whole
        assert "路灯坏了半年" in kept.body
        suggestions = session.scalars(select(Suggestion).where(Suggestion.letter_id == kept.id))
        assert all("1391234" not in str(one.decision) for one in suggestions)
        assert kept.person == ""
        for other in (young, unanswered):
            assert session.get_one(Letter, other["id"]).body == words
        rows = session.scalars(select(AuditRow.action).where(AuditRow.object == f"letter:{old['id']}")).all()
        assert rows[-1] == "letter.anonymise"
        assert audit.verify(session)[1] is None
    corrected = {"corrections": {"category": {"value": "housing", "reason": "other_matter"}}}
    tag = fresh.client.get(f"/v1/letters/{old['id']}", headers=clerk).headers["etag"]
    answer = fresh.client.post(f"/v1/letters/{old['id']}/decision", json=corrected, headers=clerk | {"If-Match": tag})
    assert answer.json()["code"] == "anonymised"
