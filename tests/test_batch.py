from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest
from filelock import FileLock

from triage import Decision, InputError, Petition, Triager
from triage.batch import run, work, writers
from triage.bundle import Bundle
from triage.classify import LetterModel
from triage.features import StaticVectors
from triage.intake import Columns
from triage.policy import load_policy

SHIPPED = Path(__file__).parents[1] / "data"
KINDS = [".jsonl", ".csv", ".xlsx", ".parquet"]
LETTERS = 20
BAD = {4: "", 11: "停水\x00", 18: "停\ufffd水"}  # place to a text that is refused


@pytest.fixture(scope="session")
def clerk(tiny_home: Path, tiny_model: LetterModel, vectors: StaticVectors) -> Triager:
    """Return a triager of the tiny office."""
    tiny_model.bind(vectors)
    bundle = Bundle(Path("tiny"), {"name": "tiny", "version": "1"}, (tiny_model,))
    return Triager(load_policy(tiny_home), bundle)


@pytest.fixture(scope="session")
def township(tmp_path_factory: pytest.TempPathFactory) -> Triager:
    """Return a triager with the shipped bundle, in the policy folder of an office that says who it is."""
    home = tmp_path_factory.mktemp("township") / "data"
    for part in ("taxonomy", "lexicons"):
        shutil.copytree(SHIPPED / part, home / part)
    shutil.copyfile(SHIPPED / "samples" / "office.toml", home / "office.toml")
    return Triager.load(data=home)


@pytest.fixture
def columns(tiny_home: Path) -> Columns:
    return Columns.load(tiny_home)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_LETTERS", 3)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write a table of letters, three of which cannot be judged."""
    path = tmp_path / "in" / "letters.jsonl"
    path.parent.mkdir()
    subjects = (
        "停水五天了，请修自来水管",
        "路灯坏了，请换灯",
        "老板拖欠工资，要求发放",
        "Street lamps are dark, please mend them",
    )
    rows = [
        {
            "id": f"L{place}",
            "title": "" if place == 4 else f"“标题” {place}",
            "text": BAD.get(place, f"{subjects[place % 4]} {place}"),
            "date": "2026-03-02",
        }
        for place in range(LETTERS)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


class Killed(BaseException):
    """The end of a process, as far as the code can tell."""


class Mortal(Triager):
    """A triager whose process ends after some calls."""

    def __init__(self, other: Triager, calls: int) -> None:
        super().__init__(other.policy, other.bundle, other.lang)
        self.calls = calls

    def judge(self, petitions: Sequence[Petition]) -> list[Decision]:
        self.calls -= 1
        if self.calls < 0:
            raise Killed
        return super().judge(petitions)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def out(tmp_path: Path, name: str) -> Path:
    (tmp_path / "out").mkdir(exist_ok=True)
    return tmp_path / "out" / name


def refused(action: Callable[[], Any], code: str) -> InputError:
    with pytest.raises(InputError) as caught:
        action()
    assert caught.value.code == code
    return caught.value


def test_every_letter_once_and_in_order(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.jsonl")
    summary = run(source, output, clerk, columns)
    good = [f"L{place}" for place in range(LETTERS) if place not in BAD]
    found = records(output)
    assert [record["id"] for record in found] == good
    assert summary.letters == len(good)
    assert summary.rejects == len(BAD)
    assert sum(summary.category.values()) == sum(summary.urgency.values()) == len(good)
    assert summary.review == sum(record["needs_review"] for record in found)
    assert names(output.parent) == ["ledger.jsonl", "ledger.jsonl.rejects.jsonl"]
    assert names(source.parent) == ["letters.jsonl"]


def test_a_record_is_the_decision_and_the_title(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.jsonl")
    run(source, output, clerk, columns)
    row = json.loads(source.read_text(encoding="utf-8").splitlines()[0])
    petition = Petition(body=row["text"], title=row["title"], id=row["id"], fields={"date": row["date"]})
    first = records(output)[0]
    assert list(first)[:2] == ["id", "title"]
    assert first.pop("title") == row["title"]
    assert first == clerk.triage(petition).to_dict()
    assert first["due"]


def write(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_personal_data_gets_into_no_file(township: Triager, columns: Columns, tmp_path: Path, kind: str) -> None:
    planted = ("张建国", "李秀英", "13800001234", "11010519491231002X", "19491231", "三组15号", "15号")
    who = "我叫张建国，身份证号11010519491231002X，手机13800001234，家住石桥村三组15号"
    source = write(
        tmp_path / "a.jsonl",
        {"id": "1", "title": f"{who}，反映停水", "text": f"{who}。停水五天了，请修。", "address": "石桥村三组15号"},
        {"id": "2", "title": "路灯坏了，请打13800001234", "text": f"路灯坏了，请换灯。{who}，我爱人李秀英也在家。"},
        {"id": "3", "title": f"实名举报，{who}", "text": f"{who}。我举报村支书贪污低保金，请纪委查处。"},
        {"id": "4", "title": who, "text": f"{who}\x00"},
    )
    output = out(tmp_path, f"ledger{kind}")
    journal, kept = output.with_name(f"{output.name}.part"), []
    told = run(source, output, township, columns, report=lambda *_: kept.append(journal.read_text(encoding="utf-8")))
    assert (told.letters, told.rejects) == (3, 1)
    rejects, rows = output.with_name(f"{output.name}.rejects.jsonl"), str(cells(output))
    assert "停水" in rows  # the rest of a title stays
    assert "停水" in kept[-1]
    written = "".join([*kept, rejects.read_text(encoding="utf-8"), rows])
    assert not [text for text in planted if text in written]


def test_a_ledger_says_nothing_of_an_accusation(township: Triager, columns: Columns, tmp_path: Path) -> None:
    text = "我实名举报河北省清河县石桥镇村支书王德发贪污低保金三万元，扬言打人，请纪委查处。"
    source = write(
        tmp_path / "a.jsonl", {"id": "1", "title": "举报王德发贪污", "text": text, "address": "河北省清河县石桥镇"}
    )
    output = out(tmp_path, "ledger.jsonl")
    run(source, output, township, columns)
    (row,) = records(output)
    assert row["nature"] == "accusation"
    assert (row["id"], row["title"], row["place"], row["evidence"]) == ("1", "", "", [])
    told = json.dumps(row, ensure_ascii=False)
    assert not [
        word for word in ("王德发", "村支书", "贪污", "低保金", "三万", "30000", "清河", "石桥") if word in told
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_rejects_name_letter_and_reason(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, lang: str
) -> None:
    output = out(tmp_path, "ledger.csv")
    run(source, output, Triager(clerk.policy, clerk.bundle, lang), columns)
    rejects = records(output.with_name("ledger.csv.rejects.jsonl"))
    assert [(item["id"], item["code"]) for item in rejects] == [
        ("L4", "empty_letter"),
        ("L11", "binary_letter"),
        ("L18", "garbled_letter"),
    ]
    for item in rejects:
        assert item["id"] in item["reason"]
        assert item["reason"].isascii() == (lang == "en")
        assert "停" not in item["reason"]  # nothing of the letter itself


def test_no_rejects_no_file(clerk: Triager, columns: Columns, tmp_path: Path) -> None:
    source, output = tmp_path / "a.txt", out(tmp_path, "ledger.jsonl")
    source.write_text("停水五天了，请修自来水管", encoding="utf-8")
    output.with_name("ledger.jsonl.rejects.jsonl").write_text("of an earlier run\n", encoding="utf-8")
    run(source, output, clerk, columns)
    assert names(output.parent) == ["ledger.jsonl"]


def test_only_rejects(clerk: Triager, columns: Columns, tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text('id,text\n1," "\n2,""\n', encoding="utf-8")
    for kind in KINDS:
        output = out(tmp_path, f"ledger{kind}")
        assert run(source, output, clerk, columns).rejects == 2
        assert output.is_file()


def cells(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of a ledger of whatever kind."""
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path).active
        return [tuple(cell.value for cell in row) for row in sheet.iter_rows()]
    if path.suffix == ".parquet":
        return [tuple(row.values()) for row in pyarrow.parquet.read_table(path).to_pylist()]
    if path.suffix == ".csv":
        with open(path, encoding="utf-8-sig", newline="") as file:
            return [tuple(row) for row in csv.reader(file)]
    return [tuple(record.values()) for record in records(path)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("calls", [0, 1, 2, 5])
def test_a_killed_run_goes_on_to_the_same_bytes(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, kind: str, calls: int
) -> None:
    whole, broken = out(tmp_path, f"whole{kind}"), out(tmp_path, f"broken{kind}")
    run(source, whole, clerk, columns)
    with pytest.raises(Killed):
        run(source, broken, Mortal(clerk, calls), columns)
    assert not broken.exists()
    assert not broken.with_name(f"{broken.name}.lock").exists()
    assert broken.with_name(f"{broken.name}.part").exists() == (calls > 0)
    # The last chunk of a real kill may be half written.
    if calls:
        part = broken.with_name(f"{broken.name}.part")
        part.write_bytes(part.read_bytes()[:-7])
    run(source, broken, clerk, columns, resume=True)
    assert cells(broken) == cells(whole)
    assert broken.read_bytes() == whole.read_bytes()
    assert broken.with_name(f"{broken.name}.rejects.jsonl").read_bytes() == (
        whole.with_name(f"{whole.name}.rejects.jsonl").read_bytes()
    )
    assert names(whole.parent) == sorted(
        [whole.name, broken.name, f"{whole.name}.rejects.jsonl", f"{broken.name}.rejects.jsonl"]
    )


def test_what_was_judged_is_not_judged_again(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.jsonl")
    with pytest.raises(Killed):
        run(source, output, Mortal(clerk, 1), columns)
    told: list[tuple[int, int]] = []
    run(source, output, clerk, columns, resume=True, report=lambda *counts: told.append(counts))
    assert [letters for letters, _ in told] == [3, 6, 9, 12, 15, 18, 20]


def test_a_run_can_be_killed_again_and_again(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    whole, broken = out(tmp_path, "whole.jsonl"), out(tmp_path, "broken.jsonl")
    run(source, whole, clerk, columns)
    deaths = 0
    while not broken.exists():
        try:
            # Two calls, as a chunk with a reject is judged once together and then letter by letter.
            run(source, broken, Mortal(clerk, 4), columns, resume=True)
        except Killed:
            deaths += 1
    assert deaths > 1
    assert broken.read_bytes() == whole.read_bytes()


def test_resume_without_a_killed_run_is_a_run(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    one, other = out(tmp_path, "one.jsonl"), out(tmp_path, "other.jsonl")
    run(source, one, clerk, columns)
    run(source, other, clerk, columns, resume=True)
    assert one.read_bytes() == other.read_bytes()


def test_an_unfinished_run_is_not_begun_anew(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.csv")
    with pytest.raises(Killed):
        run(source, output, Mortal(clerk, 1), columns)
    part = output.with_name("ledger.csv.part")
    before = part.read_bytes()
    refused(lambda: run(source, output, clerk, columns), "output_unfinished")
    assert part.read_bytes() == before
    assert names(output.parent) == ["ledger.csv.part"]


def test_another_input_or_bundle_does_not_go_on(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.csv")
    with pytest.raises(Killed):
        run(source, output, Mortal(clerk, 1), columns)
    other = source.with_name("other.jsonl")
    other.write_bytes(source.read_bytes())
    refused(lambda: run(other, output, clerk, columns, resume=True), "output_other")
    manifest = {**clerk.bundle.manifest, "version": "2"}
    newer = Triager(clerk.policy, replace(clerk.bundle, manifest=manifest))
    refused(lambda: run(source, output, newer, columns, resume=True), "output_other")
    english = Triager(clerk.policy, clerk.bundle, "en")
    refused(lambda: run(source, output, english, columns, resume=True), "output_other")
    run(source, output, clerk, columns, resume=True)


def test_two_runs_do_not_write_one_file(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.csv")
    lock = output.with_name("ledger.csv.lock")
    with FileLock(lock):
        refused(lambda: run(source, output, clerk, columns), "output_busy")
        # The lock of the run that is at work must stay, or a third run would get in.
        assert lock.exists()
        refused(lambda: run(source, output, clerk, columns, resume=True), "output_busy")
        assert not output.exists()
    run(source, output, clerk, columns)
    assert names(output.parent) == ["ledger.csv", "ledger.csv.rejects.jsonl"]


def test_a_second_run_while_the_first_is_at_work(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path
) -> None:
    output = out(tmp_path, "ledger.jsonl")
    refusals: list[str] = []

    def meanwhile(letters: int, rejects: int) -> None:
        refusals.append(refused(lambda: run(source, output, clerk, columns, resume=True), "output_busy").code)

    summary = run(source, output, clerk, columns, report=meanwhile)
    assert len(refusals) == 8
    assert summary.letters == len(records(output)) == LETTERS - len(BAD)


def test_a_finished_ledger_is_written_again(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    output = out(tmp_path, "ledger.csv")
    run(source, output, clerk, columns)
    first = output.read_bytes()
    run(source, output, clerk, columns)
    assert output.read_bytes() == first


def test_the_input_is_never_overwritten(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    before = source.read_bytes()
    refused(lambda: run(source, source, clerk, columns), "output_is_input")
    link = out(tmp_path, "link.jsonl")
    link.symlink_to(source)
    refused(lambda: run(source, link, clerk, columns), "output_is_input")
    assert source.read_bytes() == before
    assert names(source.parent) == ["letters.jsonl"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", "id,other\n1,停水\n", "no_column"),
        ("a.csv", "", "file_empty"),
        ("a.csv", "id,text\n", "file_empty"),
        ("a.xlsx", "no workbook", "file_broken"),
        ("a.parquet", "no parquet", "file_broken"),
        ("a.jsonl", "{broken\n", "file_broken"),
        ("a.jsonl", '{"text": "停水"}\n{broken\n', "file_broken"),
        ("a.xyz", "停水", "file_kind"),
        ("missing.csv", None, "no_file"),
    ],
)
def test_an_input_that_cannot_be_read_leaves_nothing(
    clerk: Triager, columns: Columns, tmp_path: Path, name: str, content: str | None, code: str
) -> None:
    source, output = tmp_path / name, out(tmp_path, "ledger.csv")
    if content is not None:
        source.write_text(content, encoding="utf-8")
    refused(lambda: run(source, output, clerk, columns), code)
    assert names(output.parent) == []


def test_an_input_that_breaks_off_keeps_what_was_judged(clerk: Triager, columns: Columns, tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", out(tmp_path, "ledger.csv")
    source.write_text('{"text": "停水"}\n' * 7 + "{broken\n", encoding="utf-8")
    refused(lambda: run(source, output, clerk, columns), "file_broken")
    assert names(output.parent) == ["ledger.csv.part"]


@pytest.mark.parametrize("name", ["ledger.doc", "ledger", "ledger.xls"])
def test_an_output_of_an_unknown_kind(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, name: str
) -> None:
    refused(lambda: run(source, out(tmp_path, name), clerk, columns), "output_kind")
    assert names(tmp_path / "out") == []


def test_an_output_that_cannot_be_written(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    folder = out(tmp_path, "ledger.csv")
    folder.mkdir()
    refused(lambda: run(source, folder, clerk, columns), "cannot_write")
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused(lambda: run(source, tmp_path / "file" / "ledger.csv", clerk, columns), "cannot_write")


def test_a_writer_that_fails_leaves_the_work_for_later(
    clerk: Triager, source: Path, columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = out(tmp_path, "ledger.csv")
    output.write_text("an older ledger", encoding="utf-8")

    def full(path: Path, rows: Any) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setitem(writers.WRITERS, ".csv", full)
        error = refused(lambda: run(source, output, clerk, columns), "cannot_write")
    assert "No space left" in error.text()
    assert output.read_text(encoding="utf-8") == "an older ledger"
    assert names(output.parent) == ["ledger.csv", "ledger.csv.part"]
    summary = run(source, output, Mortal(clerk, 0), columns, resume=True)  # nothing is judged again
    assert summary.letters == LETTERS - len(BAD)


def test_half_a_character_does_not_end_a_run(clerk: Triager, columns: Columns, tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", out(tmp_path, "ledger.jsonl")
    source.write_text(
        '{"id": "A\\ud83d", "title": "急\\ude00", "text": "停水五天了，请修自来水管，请尽快恢复供水，全村人等着用水，热水器打不着火\\ud83d"}\n'
        '{"id": "B\\ud83d", "text": ""}\n{"id": "C", "text": "路灯坏了"}\n',
        encoding="utf-8",
    )
    summary = run(source, output, clerk, columns)
    assert (summary.letters, summary.rejects) == (2, 1)
    assert [record["category"] for record in records(output)] == ["water", "road"]


def test_odd_titles_and_ids_stay_in_their_cells(clerk: Triager, columns: Columns, tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    with open(source, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["id", "title", "text"], ["=1+1", 'a "b"\n,c\u2028d', "停水五天了"], ["[/b]", "@x", "路灯坏了"]]
        )
    for kind in KINDS:
        output = out(tmp_path, f"ledger{kind}")
        assert run(source, output, clerk, columns).letters == 2
        assert any(row[0] in ("=1+1", "'=1+1") for row in cells(output))


def test_the_journal_is_gone_at_the_end(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    for kind in KINDS:
        output = out(tmp_path, f"ledger{kind}")
        run(source, output, clerk, columns)
    assert not [name for name in names(tmp_path / "out") if name.endswith((".part", ".lock")) or name.startswith(".")]


def test_progress_is_told_at_each_step(clerk: Triager, source: Path, columns: Columns, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    run(source, out(tmp_path, "ledger.csv"), clerk, columns, report=lambda *counts: told.append(counts))
    assert told == [(0, 0), (3, 0), (6, 1), (9, 1), (12, 2), (15, 2), (18, 2), (20, 3)]
