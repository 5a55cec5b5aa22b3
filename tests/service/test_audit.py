from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from service import audit
from service.db import Database, upgrade
from service.db.tables import AuditHead, AuditRow
from tests.service.conftest import ACCUSATION, LETTER, NewDatabase, Office
from triage.cli.main import main

TRIGGERS = (
    "audit_no_update", "audit_no_delete", "audit_no_replace", "audit_head_stays", "audit_head_grows", "audit_stays",
    "audit_whole", "audit_head_whole",
)  # fmt: skip


@pytest.fixture
def database(new_database: NewDatabase) -> Iterator[Database]:
    """A register whose audit has nine rows."""
    database = Database(new_database())
    upgrade(database)
    for number in range(9):
        with database.write() as session:
            audit.append(session, "user:1 lin", "letter.decide", f"letter:{number}", {"urgency": 1}, {"urgency": 2})
    yield database
    database.close()


def unguarded(database: Database, *statements: Any) -> None:
    """Do what whoever owns the database's files can do: take the triggers away, then change rows."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for name in (
                connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            ):
                assert name in TRIGGERS
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
            connection.execute(text("ALTER TABLE audit_head DISABLE TRIGGER ALL"))
        for statement in statements:
            connection.execute(statement)


def walked(database: Database) -> audit.Chain:
    with database.read() as session:
        return audit.walk(session)


def verified(database: Database) -> int:
    url = database.url.render_as_string(hide_password=False)
    return main(["audit", "verify", "--database", url, "--lang", "en"])


def _hashed(row: AuditRow) -> str:
    return audit._hash({column.key: getattr(row, column.key) for column in AuditRow.__table__.columns})


class TestChain:
    def test_a_whole_chain_says_how_long_it_is_and_where_it_ends(
        self, database: Database, capsys: pytest.CaptureFixture[str]
    ) -> None:
        chain = walked(database)
        assert (chain.rows, chain.fault) == (9, None)
        with database.read() as session:
            assert chain.hash == session.get_one(AuditRow, 9).hash
        assert verified(database) == 0
        assert capsys.readouterr().out == f"9 rows stand as they were written; last hash {chain.hash}\n"

    @pytest.mark.parametrize("cell", ["at", "actor", "action", "object", "before", "after", "previous", "hash"])
    def test_an_altered_row_is_named(self, database: Database, capsys: pytest.CaptureFixture[str], cell: str) -> None:
        unguarded(database, update(AuditRow).where(AuditRow.seq == 4).values({cell: "0" * 40}))
        assert walked(database).fault == audit.Fault(4, "altered")
        assert walked(database).rows == 3
        assert verified(database) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        assert "row 4 was altered" in said.err

    def test_an_altered_row_with_a_hash_made_anew_breaks_the_next(self, database: Database) -> None:
        with database.read() as session:
            row = session.get_one(AuditRow, 4)
            session.expunge(row)
        row.after = '{"urgency": 4}'
        unguarded(database, update(AuditRow).where(AuditRow.seq == 4).values(after=row.after, hash=_hashed(row)))
        assert walked(database).fault == audit.Fault(5, "altered")

    def test_the_last_row_altered_with_a_hash_made_anew_is_not_what_the_head_says(self, database: Database) -> None:
        with database.read() as session:
            row = session.get_one(AuditRow, 9)
            session.expunge(row)
        row.actor = "user:2 wu"
        unguarded(database, update(AuditRow).where(AuditRow.seq == 9).values(actor=row.actor, hash=_hashed(row)))
        assert walked(database).fault == audit.Fault(9, "altered")

    @pytest.mark.parametrize(("removed", "named"), [([1], 1), ([5], 5), ([5, 6, 7], 5), ([9], 9), ([8, 9], 8)])
    def test_a_removed_row_is_named(
        self, database: Database, capsys: pytest.CaptureFixture[str], removed: list[int], named: int
    ) -> None:
        unguarded(database, delete(AuditRow).where(AuditRow.seq.in_(removed)))
        assert walked(database).fault == audit.Fault(named, "missing")
        assert verified(database) == 1
        assert f"row {named} was removed" in capsys.readouterr().err

    def test_everything_removed_is_seen(self, database: Database) -> None:
        unguarded(database, delete(AuditRow))
        assert walked(database).fault == audit.Fault(1, "missing")
        unguarded(database, delete(AuditHead))
        assert walked(database) == audit.Chain(
            0, "0" * 64, None
        )  # nothing is left to tell: note the last hash elsewhere

    def test_a_row_that_the_service_did_not_write_is_seen(self, database: Database) -> None:
        with database.read() as session:
            last = session.get_one(AuditRow, 9)
        forged = AuditRow(
            seq=10, at=last.at, actor="user:1 lin", action="letter.decide", object="letter:1", before="", after="",
            previous=last.hash,
        )  # fmt: skip
        forged.hash = _hashed(forged)
        with database.write() as session:
            session.add(forged)
        assert walked(database).fault == audit.Fault(10, "added")

    def test_a_longer_chain_than_one_batch_is_walked_whole(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "_BATCH", 4)
        assert walked(database).rows == 9
        unguarded(database, delete(AuditRow).where(AuditRow.seq == 5))
        assert walked(database).fault == audit.Fault(5, "missing")

    def test_rows_written_at_once_stand_in_one_chain_and_a_look_meanwhile_sees_no_fault(
        self, new_database: NewDatabase
    ) -> None:
        database = Database(new_database())
        upgrade(database)

        def append(number: int) -> int:
            with database.write() as session:
                return audit.append(session, f"user:{number}", "letter.decide", "letter:1", after={"n": number})

        with ThreadPoolExecutor(8) as pool:
            writing = [pool.submit(append, number) for number in range(60)]
            looks = [walked(database) for _ in range(5)]
            numbers = [one.result() for one in writing]
        assert [look.fault for look in looks] == [None] * 5
        assert sorted(numbers) == list(range(1, 61))
        assert walked(database)[::2] == (60, None)
        database.close()

    def test_a_change_that_fails_leaves_neither_row_nor_gap(self, database: Database) -> None:
        def fails() -> None:
            with database.write() as session:
                audit.append(session, "user:1 lin", "letter.decide", "letter:1")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fails()
        with database.write() as session:
            assert audit.append(session, "user:1 lin", "letter.decide", "letter:1") == 10
        assert walked(database)[::2] == (10, None)


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit SET actor = 'nobody' WHERE seq = 4",
            "DELETE FROM audit WHERE seq = 9",
            "DELETE FROM audit",
            "DELETE FROM audit_head",
            "UPDATE audit_head SET seq = 3",
            "UPDATE audit_head SET hash = 'x'",
        ],
    )
    def test_the_database_refuses_to_alter_rows(self, database: Database, statement: str) -> None:
        with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
            connection.execute(text(statement))
        assert walked(database)[::2] == (9, None)

    def test_nor_are_rows_replaced_or_cut_whole(self, database: Database) -> None:
        statement = "TRUNCATE audit"
        if database.is_sqlite:
            statement = (
                "INSERT OR REPLACE INTO audit SELECT seq, at, 'nobody', action, object, before, after, previous, hash"
                " FROM audit WHERE seq = 4"
            )
        with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
            connection.execute(text(statement))
        assert walked(database)[::2] == (9, None)


class TestRoutes:
    def test_rows_are_paged_newest_first_and_filtered(self, office: Office) -> None:
        clerk, admin = office.key(role="clerk"), office.key("audit")
        made = office.enter(clerk)
        path = f"/v1/letters/{made['id']}"
        headers = clerk | {"If-Match": '"1"'}
        assert office.client.post(f"{path}/decision", json={}, headers=headers).status_code == 200
        revealed = office.client.post(f"{path}/reveal", json={"reason": "电话核实"}, headers=clerk)
        assert revealed.status_code == 200

        def rows(**filters: Any) -> list[dict[str, Any]]:
            answer = office.client.get("/v1/audit", params=filters, headers=admin)
            assert answer.status_code == 200, answer.text
            return list(answer.json()["items"])

        mine = rows(object=f"letter:{made['id']}")
        assert [row["action"] for row in mine] == ["letter.reveal", "letter.decide", "letter.enter"]
        assert mine[0]["after"] == {"reason": "电话核实"}
        assert (mine[1]["before"]["status"], mine[1]["after"]["status"]) == ("open", "decided")
        assert mine[2]["before"] is None
        assert rows(object=f"letter:{made['id']}", action="letter.decide") == [mine[1]]
        assert rows(object=f"letter:{made['id']}", action="letter") == mine
        assert rows(object=f"letter:{made['id']}", action="let") == []
        actor = mine[0]["actor"].partition(" ")[0]
        assert rows(actor=actor) == mine
        assert rows(actor=actor[:-1]) == []
        assert rows(object=f"letter:{made['id']}", since=mine[1]["at"]) == mine[:2]
        assert rows(object=f"letter:{made['id']}", before=mine[1]["at"]) == mine[2:]
        east = datetime.fromisoformat(mine[1]["at"]).astimezone().isoformat()
        assert rows(object=f"letter:{made['id']}", since=east) == mine[:2]
        found, cursor = [], ""
        while True:
            page = office.client.get("/v1/audit", params={"limit": 2, "cursor": cursor}, headers=admin).json()
            found += [row["seq"] for row in page["items"]]
            if not (cursor := page["next"]):
                break
        assert found == list(range(found[0], 0, -1))

    def test_of_accusations_stands_only_that_something_was_done(self, office: Office) -> None:
        made = office.enter(office.key(role="reviewer"), **ACCUSATION)
        filters = {"object": f"letter:{made['id']}"}
        (row,) = office.client.get("/v1/audit", params=filters, headers=office.key("audit")).json()["items"]
        assert (row["action"], row["withheld"], row["before"], row["after"]) == ("letter.enter", True, None, None)
        with office.service.database.read() as session:
            kept = session.get_one(AuditRow, row["seq"])
            assert '"sealed": true' in kept.after
        open_letter = office.enter(office.key(role="clerk"))
        filters = {"object": f"letter:{open_letter['id']}"}
        (row,) = office.client.get("/v1/audit", params=filters, headers=office.key("audit")).json()["items"]
        assert (row["withheld"], row["after"]["category"]) == (False, open_letter["decision"]["category"])

    def test_whoever_is_complained_of_does_not_find_it_in_the_audit(self, office: Office) -> None:
        made = office.enter(office.key(role="reviewer"), **ACCUSATION)
        path, filters = "/v1/audit", {"object": f"letter:{made['id']}"}
        theirs = office.client.get(path, params=filters, headers=office.key("audit", unit="石桥村村委会"))
        nothing = office.client.get(path, params={"object": "letter:999999"}, headers=office.key("audit"))
        assert theirs.json() == nothing.json() == {"items": [], "next": ""}

    def test_the_chain_is_checked_over_http(self, office: Office) -> None:
        office.enter(office.key(role="clerk"), **LETTER)
        told = office.client.get("/v1/audit/verify", headers=office.key("audit")).json()
        with office.service.database.read() as session:
            rows = session.scalar(select(func.count()).select_from(AuditRow))
            head = session.scalars(select(AuditHead)).one()
        assert told == {"rows": rows, "hash": head.hash, "fault": None}
        unguarded(office.service.database, update(AuditRow).where(AuditRow.seq == 2).values(actor="nobody"))
        told = office.client.get("/v1/audit/verify", headers=office.key("audit")).json()
        assert (told["rows"], told["fault"]["seq"], told["fault"]["reason"]) == (1, 2, "altered")
        assert "第 2 条被改动" in told["fault"]["detail"]


def test_a_database_without_an_audit_is_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("none.db", "empty.db"):
        assert main(["audit", "verify", "--database", f"sqlite:///{tmp_path / name}", "--lang", "en"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert name in line
    assert not (tmp_path / "none.db").exists()
    assert main(["audit", "verify", "--database", "postgresql://a:secret@127.0.0.1:1/x", "--lang", "en"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "secret" not in line
