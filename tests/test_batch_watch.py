from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from triage import InputError, Triager
from triage.batch import Summary, watch, watcher, writers
from triage.intake import Columns

Act = Callable[[], None]
WATER, ROAD = "停水五天了，请修自来水管", "路灯坏了，请换灯"


@pytest.fixture(scope="module")
def clerk(tiny_home: Path, tiny_bundle: Path) -> Triager:
    return Triager.load(tiny_bundle, tiny_home, "en")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "share"
    path.mkdir()
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "ledger.jsonl"


class Desk:
    """Watches a folder; between two looks one thing after the other happens, then Ctrl-C."""

    def __init__(self, clerk: Triager, folder: Path, output: Path) -> None:
        self.clerk, self.folder, self.output = clerk, folder, output
        self.columns = Columns.load(clerk.policy.folder)
        self.naps: list[float] = []

    def __call__(self, *acts: Act | None, **options: Any) -> Summary:
        rest = iter(acts)

        def sleep(seconds: float) -> None:
            self.naps.append(seconds)
            try:
                act = next(rest)
            except StopIteration:
                raise KeyboardInterrupt from None
            if act:
                act()

        return watch(self.folder, self.output, self.clerk, self.columns, sleep=sleep, **options)

    def drop(self, name: str, text: str = WATER) -> Act:
        def act() -> None:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")

        return act

    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.output.read_text(encoding="utf-8").splitlines()]

    def rejects(self) -> list[dict[str, str]]:
        path = self.output.with_name(f"{self.output.name}.rejects.jsonl")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@pytest.fixture
def desk(clerk: Triager, folder: Path, output: Path) -> Desk:
    return Desk(clerk, folder, output)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_taken_as_they_arrive(desk: Desk) -> None:
    desk.drop("a.txt")()
    summary = desk(None, desk.drop("b.txt", ROAD), None, interval=7)
    assert desk.ids() == ["share/a.txt", "share/b.txt"]
    assert (summary.letters, summary.rejects) == (2, 0)
    assert set(desk.naps) == {7}
    assert names(desk.output.parent) == ["ledger.jsonl", "ledger.jsonl.watch"]


def test_a_file_that_grows_is_left_until_it_is_whole(desk: Desk) -> None:
    def grow() -> None:
        with open(desk.folder / "a.txt", "a", encoding="utf-8") as file:
            file.write("，请修自来水管")
        assert not desk.output.exists()

    desk.drop("a.txt", "停水五天了")()
    desk(grow, grow, None)
    (row,) = desk.output.read_text(encoding="utf-8").splitlines()
    assert json.loads(row)["category"] == "water"


def test_a_file_of_the_same_size_with_another_time_is_not_whole_yet(desk: Desk) -> None:
    desk.drop("a.txt")()
    touch = iter(range(1, 9))

    def touched() -> None:
        assert not desk.output.exists()
        os.utime(desk.folder / "a.txt", (1, next(touch)))

    desk(touched, touched)
    assert not desk.output.exists()


@pytest.mark.parametrize("name", ["a.txt.part", "~$a.txt", "a.TMP", ".a.txt", "a.txt.crdownload", "Thumbs.db"])
def test_a_name_that_says_not_yet_is_left(desk: Desk, name: str) -> None:
    desk.drop(name)()
    desk(None, None)
    assert not desk.output.exists()
    desk(lambda: (desk.folder / name).rename(desk.folder / "b.txt") and None, None, None)
    assert desk.ids() == ["share/b.txt"]


def test_an_empty_file_is_left(desk: Desk) -> None:
    desk.drop("a.txt", "")()
    desk(None, None)
    assert not desk.output.exists()


def test_once_takes_what_is_there(desk: Desk) -> None:
    desk.drop("a.txt")()
    desk.drop("c/b.txt", ROAD)()
    summary = desk(desk.drop("late.txt"), once=True)
    assert sorted(desk.ids()) == ["share/a.txt", "share/c/b.txt"]
    assert summary.letters == 2
    assert len(desk.naps) == 1


def test_once_more_takes_nothing_twice(desk: Desk) -> None:
    for text in ("a.txt", "b.txt"):
        desk.drop(text)()
        desk(None, once=True)
    before = desk.output.read_bytes()
    assert desk(None, once=True).letters == 2
    assert desk.output.read_bytes() == before
    assert desk.ids() == ["share/a.txt", "share/b.txt"]


def test_a_cleared_folder_leaves_the_ledger(desk: Desk) -> None:
    desk.drop("a.txt")()
    desk(None, lambda: (desk.folder / "a.txt").unlink(), desk.drop("a.txt", ROAD), None)
    assert desk.ids() == ["share/a.txt", "share/a.txt"]  # a scanner that counts from one again


def test_a_table_is_many_letters(desk: Desk) -> None:
    desk.drop("t.csv", f"id,text\n7,{WATER}\n8,\n9,{ROAD}\n")()
    summary = desk(None)
    assert desk.ids() == ["share/t.csv/7", "share/t.csv/9"]
    assert [row["id"] for row in desk.rejects()] == ["share/t.csv/8"]
    assert (summary.letters, summary.rejects) == (2, 1)


def test_a_file_that_cannot_be_read_is_a_reject(desk: Desk) -> None:
    desk.drop("a.docx", "no document")()
    desk.drop("b.txt")()
    (desk.folder / "c.txt").symlink_to(desk.folder / "b.txt")
    desk(None, once=True)
    assert desk.ids() == ["share/b.txt"]
    assert [(row["id"], row["code"]) for row in desk.rejects()] == [
        ("share/a.docx", "file_broken"),
        ("share/c.txt", "member_path"),
    ]
    before = desk.output.read_bytes()
    desk(None, once=True)
    assert (desk.output.read_bytes(), len(desk.rejects())) == (before, 2)


def test_a_broken_file_is_given_time_to_become_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.drop("a.csv", "id,other\n1,x\n")()
    desk(None, None, desk.drop("a.csv", f"id,text\n1,{WATER}\n"), None)
    assert desk.ids() == ["share/a.csv/1"]
    assert desk.rejects() == []
    monkeypatch.setattr(watcher, "_PATIENCE", 0.0)
    desk.drop("b.csv", "id,other\n1,x\n")()
    desk(None)
    assert [row["code"] for row in desk.rejects()] == ["no_column"]


@pytest.mark.parametrize("kind", [".csv", ".xlsx", ".parquet"])
def test_every_kind_of_ledger_is_kept_up_to_date(clerk: Triager, folder: Path, output: Path, kind: str) -> None:
    import pyarrow.parquet as parquet

    desk = Desk(clerk, folder, output.with_suffix(kind))
    found: list[int] = []

    def count() -> None:
        if kind == ".csv":
            with open(desk.output, encoding="utf-8-sig", newline="") as file:
                found.append(len(list(csv.reader(file))) - 1)
        elif kind == ".xlsx":
            found.append(openpyxl.load_workbook(desk.output).active.max_row - 1)
        else:
            found.append(parquet.read_table(desk.output).num_rows)

    desk.drop("a.txt")()
    desk(None, count, desk.drop("b.txt", ROAD), None, count)
    assert found == [1, 2]


class Killed(BaseException):
    """The end of a process, as far as the code can tell."""


@pytest.mark.parametrize("place", ["journal", "ledger"])
def test_every_file_once_after_a_kill(desk: Desk, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    rows = "".join(f"{number},{WATER}\n" for number in range(5))
    desk.drop("a.csv", f"id,text\n{rows}")()
    monkeypatch.setattr("triage.batch.work._LETTERS", 2)
    journal = desk.output.with_name("ledger.jsonl.watch")
    if place == "ledger":

        def killed(path: Path, records: Any) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setitem(writers.WRITERS, ".jsonl", killed)
            with pytest.raises(Killed):
                desk(None)
        assert not desk.output.exists()
    else:
        desk(None)
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[:4]) + lines[4][:9])
        desk.output.unlink()
    desk(None, once=True)
    assert desk.ids() == [f"share/a.csv/{number}" for number in range(5)]


def test_ctrl_c_in_the_middle_of_a_file_leaves_the_ledger_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triage.batch.work._LETTERS", 1)
    desk.drop("a.txt")()
    desk(None)
    desk.drop("b.csv", f"id,text\n1,{WATER}\n2,{WATER}\n")()
    judged = Triager.judge
    calls = iter((True, False))

    def judge(self: Triager, petitions: Any) -> Any:
        if next(calls):
            return judged(self, petitions)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Triager, "judge", judge)
        assert desk(None, None).letters == 1
    assert desk.ids() == ["share/a.txt"]
    desk(None)
    assert desk.ids() == ["share/a.txt", "share/b.csv/1", "share/b.csv/2"]


def test_a_ledger_that_a_clerk_has_open_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(path: Path, records: Any) -> None:
        raise PermissionError(13, "in use")

    desk.drop("a.txt")()
    with monkeypatch.context() as patch:
        patch.setitem(writers.WRITERS, ".jsonl", held)
        with pytest.raises(InputError):
            desk(None, once=True)
    assert not desk.output.exists()
    desk(None)
    assert desk.ids() == ["share/a.txt"]


def test_what_cannot_be_watched(desk: Desk, clerk: Triager, folder: Path, output: Path) -> None:
    def code(desk: Desk) -> str:
        with pytest.raises(InputError) as caught:
            desk(None, once=True)
        return caught.value.code

    assert code(Desk(clerk, folder / "missing", output)) == "no_folder"
    assert code(Desk(clerk, folder, folder / "ledger.csv")) == "output_is_input"
    assert code(Desk(clerk, folder, output.with_suffix(".doc"))) == "output_kind"
    output.write_text("somebody's", encoding="utf-8")
    assert code(desk) == "watch_output"
    assert output.read_text(encoding="utf-8") == "somebody's"
    output.unlink()
    desk.drop("a.txt")()
    desk(None, once=True)
    other = folder.with_name("other")
    other.mkdir()
    assert code(Desk(clerk, other, output)) == "output_other"


def test_nothing_of_a_name_is_left_in_the_state(township_like: Desk) -> None:
    township_like.drop("张建国来信.txt", "我叫张建国，停水五天了，请修。")()
    township_like(None)
    written = township_like.output.read_text(encoding="utf-8")
    state = township_like.output.with_name("ledger.jsonl.watch").read_text(encoding="utf-8")
    assert "停水" in written
    assert "张建国" not in written + state


@pytest.fixture
def township_like(folder: Path, output: Path) -> Desk:
    return Desk(Triager.load(), folder, output)
