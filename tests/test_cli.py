from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest

from triage import Decision, Petition, Triager
from triage.batch import work
from triage.cli import common
from triage.cli import main as command
from triage.schema import Evidence

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data" / "samples" / "letters.csv"
WAGES = "包工头跑了，欠我们八个人三个月工资，要求帮忙讨回。"
TWO_LANGUAGES = ("category_name", "department_name", "channel", "channel_tell", "urgency_advice")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def shipped() -> Triager:
    """Return a triager with the shipped bundle, loaded once for all commands."""
    return Triager.load()


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shipped: Triager) -> None:
    """Run in a folder of its own, without the surroundings' language, with the shipped bundle at hand."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "TRIAGE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    real = Triager.load

    def load(model: Any = None, data: Any = None, lang: str = "zh") -> Triager:
        if model is None and data is None:
            return Triager(shipped.policy, shipped.bundle, lang)
        return real(model, data, lang)

    monkeypatch.setattr(Triager, "load", staticmethod(load))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return what runs a command line and gives its status, output and messages."""

    def run(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = command([str(word) for word in argv])
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return status, told.out, told.err

    return run


def refused(call: Call, *argv: object, says: str = "") -> str:
    """Run what must fail: status 1, one line on standard error, nothing on standard output, no new file."""
    before = sorted(Path.cwd().rglob("*"))
    status, out, err = call(*argv)
    assert status == 1
    assert out == ""
    assert err.startswith("triage: ")
    assert err.count("\n") == 1
    assert says in err
    assert sorted(Path.cwd().rglob("*")) == before
    return err


def table(rows: list[list[str]], name: str = "letters.csv") -> Path:
    """Write rows to a table in the current folder."""
    path = Path(name)
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(rows[0], row, strict=True)), ensure_ascii=False) for row in rows[1:]]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return path


THREE = [
    ["编号", "标题", "内容"],
    ["7", "讨薪", WAGES],
    ["8", "", "停水五天了，请修"],
    ["9", "Lamp", "The street lamp is dark."],
]


# ------------------------------------------------------------------------------------------------------------- classify
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_classify_a_text(call: Call, shipped: Triager, lang: str) -> None:
    status, out, err = call("classify", WAGES, "--title", "讨薪", "--lang", lang)
    assert (status, err) == (0, "")
    triager = Triager(shipped.policy, shipped.bundle, lang)
    assert json.loads(out) == triager.triage(Petition(body=WAGES, title="讨薪")).to_dict()
    assert out.count("\n") == 1
    assert all(json.loads(out)[field].isascii() == (lang == "en") for field in TWO_LANGUAGES)


@pytest.mark.parametrize(
    ("locale", "chinese"), [("zh_CN.UTF-8", True), ("en_US.UTF-8", False), ("C", False), ("", False)]
)
def test_the_locale_chooses_the_language(
    call: Call, monkeypatch: pytest.MonkeyPatch, locale: str, chinese: bool
) -> None:
    monkeypatch.setenv("LANG", locale)
    _, out, _ = call("classify", WAGES)
    assert ("劳动" in json.loads(out)["category_name"]) == chinese
    _, out, _ = call("classify", WAGES, "--lang=zh")
    assert "劳动" in json.loads(out)["category_name"]


@pytest.mark.parametrize("name", ["letters.csv", "letters.jsonl", "letters.xlsx", "letters.tsv"])
def test_classify_a_file(call: Call, name: str) -> None:
    if name.endswith(".tsv"):
        Path(name).write_text("\n".join("\t".join(row) for row in THREE), encoding="utf-8")
    else:
        table(THREE, name)
    status, out, _ = call("classify", name)
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [record["id"] for record in records] == ["7", "8", "9"]
    assert [record["category"] for record in records] == ["wages", "infrastructure", "infrastructure"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_classify_a_text_file_in_any_encoding(call: Call, encoding: str) -> None:
    Path("信.txt").write_text(WAGES * 3, encoding=encoding)
    status, out, _ = call("classify", "信.txt")
    assert status == 0
    assert json.loads(out)["category"] == "wages"
    assert json.loads(out)["id"] == "信"


def test_classify_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["classify"], ["explain"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(WAGES.encode())))
        status, out, _ = call(*words, "-", "--format", "json")
        assert status == 0
        assert "wages" in out


@pytest.mark.parametrize("content", [b"", b" \n", WAGES.encode("gb18030"), b"\x00\x01PK", bytes(range(256))])
def test_standard_input_that_is_no_letter(call: Call, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    for word in ("classify", "explain"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        refused(call, word, "-")


@pytest.mark.parametrize(("lang", "head"), [("zh", "类别"), ("en", "category")])
def test_classify_as_a_table(call: Call, lang: str, head: str) -> None:
    status, out, _ = call("classify", WAGES, "--format", "table", "--lang", lang)
    assert status == 0
    assert out.startswith(head)
    assert "wages" in out
    assert max(len(line) for line in out.splitlines()) <= 120
    table(THREE)
    status, out, _ = call("classify", "letters.csv", "--format", "table", "--lang", lang)
    assert status == 0
    assert head in out
    assert "讨薪" in out
    assert len([line for line in out.splitlines() if line.startswith("│")]) == 3


def test_all_samples_as_a_table(call: Call) -> None:
    status, out, _ = call("classify", SAMPLES, "--format", "table")
    assert status == 0
    lines = [line for line in out.splitlines() if line.startswith("│")]
    assert [line.split("│")[1].strip() for line in lines] == [f"S{number:03d}" for number in range(1, 41)]
    assert all(line.split("│")[4].strip().endswith("%") for line in lines)
    assert all(line.split("│")[5].strip() in "1234" for line in lines)


HOSTILE = "[/b] [red]停水[/x] [link=https://example.org]三天[/] \x1b[31m请修 :smile: {id} %s"


def test_what_a_letter_says_is_never_markup(call: Call) -> None:
    table([["id", "title", "text"], ["[/i]1", "", HOSTILE], ["[red]2", "[/b] 标题", "路灯坏了"]])
    for words in (
        ["classify", HOSTILE], ["classify", "letters.csv"], ["explain", HOSTILE], ["explain", "letters.csv"],
        ["classify", "停水", "--title", "[/b]"],
    ):  # fmt: skip
        for kind in ("table", "json"):
            status, out, err = call(*words, "--format", kind)
            assert (status, err) == (0, ""), words
            assert out
    _, out, _ = call("classify", "letters.csv", "--format", "table")
    for told in ("[/i]1", "[/b] [red]停水", "[red]2", "[/b] 标题"):
        assert told in out
    status, _, err = call("batch", "letters.csv", "[b]ledger[x].csv")
    assert status == 0
    assert "[b]ledger[x].csv" in err


def test_evidence_is_never_markup(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Triager._decide

    def decide(self: Triager, *parts: Any) -> Decision:
        decision = real(self, *parts)
        odd = Evidence("category", "model", "wages", weight=1.0, note="[/odd]")
        object.__setattr__(decision, "evidence", (odd, *decision.evidence))
        object.__setattr__(decision, "place", "[/place]")
        return decision

    monkeypatch.setattr(Triager, "_decide", decide)
    status, out, _ = call("classify", WAGES, "--format", "table")
    assert status == 0
    assert "[/odd]" in out
    assert "[/place]" in out


def test_columns_can_be_named(call: Call) -> None:
    table([["a", "b", "c", "d"], ["77", "讨薪", WAGES, "2026-03-02"]])
    options = ["--id-column", "a", "--title-column", "b", "--text-column", "c", "--date-column", "d"]
    status, out, _ = call("classify", "letters.csv", *options)
    assert status == 0
    assert json.loads(out)["id"] == "77"
    assert json.loads(out)["due"]["notice"] == "2026-03-17"
    status, _, _ = call("batch", "letters.csv", "ledger.jsonl", *options)
    assert status == 0
    assert json.loads(Path("ledger.jsonl").read_text(encoding="utf-8"))["title"] == "讨薪"


# -------------------------------------------------------------------------------------------------------------- explain
def test_explain_as_json(call: Call, shipped: Triager) -> None:
    status, out, err = call("explain", WAGES, "--title", "讨薪", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out) == Triager(shipped.policy, shipped.bundle, "en").explain(Petition(body=WAGES, title="讨薪"))


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", ("特征块", "截距", "规则")), ("en", ("block", "intercept", "rules"))]
)
def test_explain_as_a_table(call: Call, lang: str, words: tuple[str, ...]) -> None:
    status, out, _ = call("explain", "我不想活了，农药已经买好，今晚就走。", "--format", "table", "--lang", lang)
    assert status == 0
    assert "U01" in out
    assert all(word in out for word in words)


def test_explain_a_file_reads_its_first_letter(call: Call) -> None:
    table(THREE)
    table([["id", "body"], ["1", WAGES]], "bodies.csv")
    Path("letter.txt").write_text(WAGES, encoding="utf-8")
    _, expected, _ = call("explain", WAGES)
    for name in ("bodies.csv", "letter.txt"):
        assert call("explain", name) == (0, expected, "")
    _, expected, _ = call("explain", WAGES, "--title", "讨薪")
    assert call("explain", "letters.csv") == (0, expected, "")


# ---------------------------------------------------------------------------------------------------------------- batch
@pytest.mark.parametrize("kind", [".csv", ".xlsx", ".jsonl", ".parquet"])
@pytest.mark.parametrize(("lang", "word"), [("zh", "来信"), ("en", "letters")])
def test_batch_writes_every_kind(call: Call, kind: str, lang: str, word: str) -> None:
    output = Path(f"ledger{kind}")
    status, out, err = call("batch", SAMPLES, output, "--lang", lang)
    assert (status, out) == (0, "")
    assert err.startswith(word)
    assert "40" in err
    assert str(output) in err
    assert os.listdir() == [output.name]
    if kind == ".xlsx":
        ids = [row[0].value for row in openpyxl.load_workbook(output).active.iter_rows(min_row=2)]
    elif kind == ".parquet":
        ids = pyarrow.parquet.read_table(output).column("id").to_pylist()
    elif kind == ".csv":
        with open(output, encoding="utf-8-sig", newline="") as file:
            ids = [row["id"] for row in csv.DictReader(file)]
    else:
        ids = [json.loads(line)["id"] for line in output.read_text(encoding="utf-8").splitlines()]
    assert ids == [f"S{number:03d}" for number in range(1, 41)]


def test_batch_tells_of_rejects(call: Call) -> None:
    table([["id", "text"], ["1", WAGES], ["2", " "]])
    status, _, err = call("batch", "letters.csv", "ledger.csv")
    assert status == 0
    assert "ledger.csv.rejects.jsonl" in err
    assert sorted(os.listdir()) == ["ledger.csv", "ledger.csv.rejects.jsonl", "letters.csv"]


@pytest.mark.parametrize(("lang", "word"), [("zh", "已中断"), ("en", "interrupted")])
def test_an_interrupted_batch_is_resumed(call: Call, monkeypatch: pytest.MonkeyPatch, lang: str, word: str) -> None:
    monkeypatch.setattr(work, "_LETTERS", 10)
    assert call("batch", SAMPLES, "whole.csv", "--lang", lang)[0] == 0
    real, calls = Triager.judge, []

    def judge(self: Triager, petitions: Any) -> list[Decision]:
        calls.append(len(petitions))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, petitions)

    with monkeypatch.context() as patch:
        patch.setattr(Triager, "judge", judge)
        status, out, err = call("batch", SAMPLES, "ledger.csv", "--lang", lang)
    assert (status, out) == (130, "")
    assert word in err
    assert "--resume" in err
    assert sorted(os.listdir()) == ["ledger.csv.part", "whole.csv"]
    refused(call, "batch", SAMPLES, "ledger.csv", "--lang", lang, says="--resume")
    assert call("batch", SAMPLES, "ledger.csv", "--resume", "--lang", lang)[0] == 0
    assert Path("ledger.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert sorted(os.listdir()) == ["ledger.csv", "whole.csv"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_batch_refuses_to_overwrite_its_input(call: Call, lang: str) -> None:
    table(THREE)
    before = Path("letters.csv").read_bytes()
    refused(call, "batch", "letters.csv", "letters.csv", "--lang", lang, says="letters.csv")
    assert Path("letters.csv").read_bytes() == before


# --------------------------------------------------------------------------------------------------------- what is amiss
def amiss() -> None:
    """Write files that cannot be read."""
    table([["id", "other"], ["1", "停水"]], "columns.csv")
    Path("empty.csv").write_text("", encoding="utf-8")
    Path("heads.csv").write_text("id,text\n", encoding="utf-8")
    Path("broken.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    Path("empty.xlsx").write_bytes(b"")
    Path("broken.parquet").write_bytes(b"PAR1")
    Path("broken.jsonl").write_text('{"text": "停水"}\n{broken\n', encoding="utf-8")
    Path("list.jsonl").write_text("[1, 2]\n", encoding="utf-8")
    Path("binary.csv").write_bytes(b"id,text\n1,\x00\x01\x02\n")
    Path("broken.docx").write_bytes(b"PK\x03\x04")
    Path("letter.xyz").write_text(WAGES, encoding="utf-8")
    Path("folder.csv").mkdir()


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.csv", "missing.csv"),
        ("letter.xyz", ".xlsx"),
        ("broken.docx", "broken.docx"),
        ("columns.csv", "--text-column"),
        ("empty.csv", "empty.csv"),
        ("heads.csv", "heads.csv"),
        ("broken.xlsx", "broken.xlsx"),
        ("empty.xlsx", "empty.xlsx"),
        ("broken.parquet", "Parquet"),
        ("broken.jsonl", "line 2"),
        ("list.jsonl", "line 1"),
        ("binary.csv", "binary.csv"),
        ("folder.csv", "folder.csv"),
    ],
)
def test_files_that_cannot_be_read(call: Call, lang: str, name: str, says: str) -> None:
    amiss()
    told = {refused(call, "classify", name, "--lang", lang, says=says)}
    told.add(refused(call, "batch", name, "ledger.csv", "--lang", lang, says=says))
    if name != "broken.jsonl":  # its first letter is whole
        told.add(refused(call, "explain", name, "--lang", lang, says=says))
    assert len(told) == 1
    assert any("\u4e00" <= char <= "\u9fff" for char in told.pop()) == (lang == "zh")
    if lang == "zh":  # once is enough
        refused(call, "train", name, "--label-column", "id", "--out", "bundle", "--lang", lang)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_named_column_that_is_missing(call: Call, lang: str) -> None:
    table(THREE)
    for part in ("id", "title", "text", "date"):
        refused(call, "classify", "letters.csv", f"--{part}-column", "nowhere", "--lang", lang, says="nowhere")
        refused(call, "batch", "letters.csv", "o.csv", f"--{part}-column", "nowhere", "--lang", lang, says="nowhere")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("letter", ["", "  ", "停水" * 100_001, "\ufffd\ufffd停水", "停水\x00"])
def test_letters_that_cannot_be_judged(call: Call, lang: str, letter: str) -> None:
    for word in ("classify", "explain"):
        assert "停水" not in refused(call, word, letter, "--lang", lang)


def test_an_output_that_cannot_be_written(call: Call) -> None:
    table(THREE)
    refused(call, "batch", "letters.csv", "ledger.doc", says=".parquet")
    Path("file").write_text("", encoding="utf-8")
    refused(call, "batch", "letters.csv", "file/ledger.csv", says="ledger.csv")


def test_a_file_that_may_not_be_read(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    table(THREE)

    def closed(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("triage.intake.tables.encoding_of", closed)
    for words in (["classify", "letters.csv"], ["explain", "letters.csv"], ["batch", "letters.csv", "ledger.csv"]):
        refused(call, *words, says="letters.csv: Permission denied")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["bogus"],
        ["classify"],
        ["classify", "停水", "--bogus"],
        ["classify", "停水", "--lang", "fr"],
        ["classify", "停水", "--format", "xml"],
        ["batch", "letters.csv"],
        ["batch", "letters.csv", "a.csv", "b.csv"],
        ["explain"],
        ["train", "letters.csv"],
        ["train", "letters.csv", "--label-column", "x", "--out", "y", "--seed", "many"],
        ["evaluate", "base"],
        ["data"],
        ["data", "mend"],
        ["models", "delete"],
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_bad_option_is_a_matter_of_usage(call: Call, argv: list[str], lang: str) -> None:
    words = argv if "--lang" in argv or argv in ([], ["bogus"]) else [*argv, "--lang", lang]
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert err.startswith("usage: triage")
    assert os.listdir() == []


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["classify", "--help"], ["batch", "--help"], ["train", "-h"]]
)
def test_help(call: Call, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    for locale in ("zh_CN.UTF-8", "en_US.UTF-8"):
        monkeypatch.setenv("LANG", locale)
        status, out, err = call(*words)
        assert (status, err) == (0, "")
        assert "triage" in out
        assert any("\u4e00" <= char <= "\u9fff" for char in out) == (locale == "zh_CN.UTF-8" and words != ["--version"])


# ------------------------------------------------------------------------------------------------------------- progress
def test_no_bar_where_nobody_watches(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "_PATIENCE", -1.0)
    table(THREE)
    assert call("classify", "letters.csv")[2] == ""
    status, _, err = call("batch", "letters.csv", "ledger.csv")
    assert status == 0
    assert err.startswith("letters ")


def test_a_bar_where_somebody_watches(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "_PATIENCE", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    table([["id", "text"], ["1", WAGES], ["2", ""]])
    status, _, err = call("batch", "letters.csv", "ledger.csv")
    assert status == 0
    assert "rejects 1" in err
    assert "letters/s" in err


# --------------------------------------------------------------------------------------------------------------- policy
@pytest.mark.parametrize(("lang", "word"), [("zh", "没有错误"), ("en", "no fault")])
def test_data_check_of_a_sound_folder(call: Call, tiny_home: Path, lang: str, word: str) -> None:
    for words in ([], ["--data", tiny_home]):
        status, out, err = call("data", "check", *words, "--lang", lang)
        assert (status, err) == (0, "")
        assert word in out


def spoil(home: Path, name: str, old: str, new: str) -> None:
    path = home / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_data_check_lists_every_fault(call: Call, own_home: Path, lang: str) -> None:
    spoil(own_home, "taxonomy/natures.toml", '"object"]', '"never"]')
    spoil(own_home, "taxonomy/routing.csv", "T6,pay,,,,,,labour", "T6,pay,,,,,(工资,nowhere")
    spoil(own_home, "taxonomy/categories.toml", 'fallback = "road"', 'fallback = "misc"')
    before = sorted(own_home.rglob("*"))
    status, out, err = call("data", "check", "--data", own_home, "--lang", lang)
    assert (status, out) == (1, "")
    first, *faults = err.splitlines()
    assert first.startswith("triage: ")
    assert "4" in first
    assert len(faults) == 4  # the row of the routing table has two
    for told in (
        "natures.toml: ask: clock 'never'",
        "routing.csv: T6: department 'nowhere'",
        "keywords",
        "fallback: category 'misc'",
    ):
        assert sum(told in fault for fault in faults) == 1, told
    assert sorted(own_home.rglob("*")) == before


def test_data_check_lists_faults_of_different_files(call: Call, own_home: Path) -> None:
    (own_home / "taxonomy" / "deadlines.toml").write_text("not = [toml", encoding="utf-8")
    (own_home / "lexicons" / "terms.txt").unlink()
    spoil(own_home, "lexicons/misspellings.csv", "wrong,right", "wrong,write")
    status, _, err = call("data", "check", "--data", own_home)
    assert status == 1
    for told in ("deadlines.toml", "terms.txt", "misspellings.csv"):
        assert told in err


def test_data_check_reads_every_file_of_rules(call: Call, own_home: Path) -> None:
    names = (
        "channels.toml", "accused.toml", "levels.csv", "place.toml", "divisions.csv", "privacy.toml", "similar.toml",
        "facts.toml", "urgency.toml",
    )  # fmt: skip
    for name in names:
        path = own_home / "taxonomy" / name
        whole = path.read_bytes()
        path.write_text("no rules\n", encoding="utf-8")
        status, out, err = call("data", "check", "--data", own_home)
        assert (status, out) == (1, "")
        assert name in err
        path.write_bytes(whole)
    assert call("data", "check", "--data", own_home)[0] == 0


def test_data_routes_refuses_what_is_no_table_of_examples(call: Call) -> None:
    table(THREE)
    for name in ("letters.csv", "nowhere.csv"):
        refused(call, "data", "routes", name, says=name)


def test_other_commands_name_a_faulty_folder_in_one_line(call: Call, own_home: Path) -> None:
    spoil(own_home, "taxonomy/natures.toml", '"object"]', '"never"]')
    refused(call, "classify", WAGES, "--data", own_home, says="data check")
    refused(call, "classify", WAGES, "--data", "nowhere", says="nowhere")
    refused(call, "data", "check", "--data", "nowhere", says="nowhere")


def test_a_policy_folder_can_be_named_by_the_surroundings(
    call: Call, tiny_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_HOME", str(tiny_home))
    status, out, _ = call("data", "check")
    assert status == 0
    assert str(tiny_home) in out
    assert "3 categories" in out


def test_a_bundle_for_other_codes_is_refused(call: Call, tiny_home: Path) -> None:
    refused(call, "classify", WAGES, "--data", tiny_home, says="base")


# --------------------------------------------------------------------------------------------------------------- models
def test_models_list_show_verify(call: Call) -> None:
    manifest = json.loads((ROOT / "models" / "base" / "manifest.json").read_text(encoding="utf-8"))
    status, out, _ = call("models", "list")
    assert status == 0
    assert [record["name"] for record in json.loads(out)] == ["base"]
    status, out, _ = call("models", "show")
    assert status == 0
    assert json.loads(out)["metrics"]["category"]["letters"] == manifest["letters"]
    for words in (["base"], [ROOT / "models" / "base"], []):
        status, out, _ = call("models", "verify", *words)
        assert status == 0
        assert json.loads(out)["files"] == manifest["files"]


@pytest.mark.parametrize(("lang", "word"), [("zh", "完好"), ("en", "whole")])
def test_models_as_a_table(call: Call, lang: str, word: str) -> None:
    for action in ("list", "show", "verify"):
        status, out, _ = call("models", action, "--format", "table", "--lang", lang)
        assert status == 0
        assert "base" in out
        assert (word in out) == (action == "verify")


@pytest.fixture
def copied() -> Path:
    """Copy the shipped bundle to a place where it may be spoiled."""
    shutil.copytree(ROOT / "models" / "base", "copy")
    return Path("copy")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_truncated_bundle(call: Call, copied: Path, lang: str) -> None:
    table(THREE)
    model = copied / "model.skops"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    for words in (
        ["classify", WAGES, "--model", copied], ["explain", WAGES, "--model", copied], ["models", "verify", copied],
        ["models", "show", copied], ["batch", "letters.csv", "ledger.csv", "--model", copied],
    ):  # fmt: skip
        refused(call, *words, "--lang", lang, says="model.skops")
    # The same with a manifest that vouches for it.
    manifest = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["model.skops"] = hashlib.sha256(model.read_bytes()).hexdigest()
    (copied / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    refused(call, "classify", WAGES, "--model", copied, "--lang", lang, says="model.skops")


def test_damaged_bundles(call: Call, copied: Path) -> None:
    (copied / "extra.py").write_text("raise SystemExit", encoding="utf-8")
    refused(call, "classify", WAGES, "--model", copied, says="extra.py")
    (copied / "extra.py").unlink()
    (copied / "metrics.json").write_text("{}", encoding="utf-8")
    refused(call, "models", "verify", copied, says="metrics.json")
    for manifest in ("", "{", "[]", "{}", '{"format": 99, "files": {}}'):
        (copied / "manifest.json").write_text(manifest, encoding="utf-8")
        refused(call, "models", "verify", copied)
    (copied / "manifest.json").unlink()
    refused(call, "models", "verify", copied)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_bundle_that_is_not_there(call: Call, lang: str) -> None:
    for words in (["classify", WAGES, "--model", "nope"], ["models", "show", "nope"], ["evaluate", "nope", SAMPLES]):
        if words[0] != "evaluate":
            refused(call, *words, "--lang", lang, says="nope")
    table([["text", "category"], [WAGES, "wages"], ["停水五天", "infrastructure"]])
    refused(call, "evaluate", "nope", "letters.csv", "--lang", lang, says="nope")


# ----------------------------------------------------------------------------------------------------- as a real process
def test_as_a_process_into_a_closed_pipe() -> None:
    """A reader that goes away, as ``head`` does, is no error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "triage", "classify", str(SAMPLES)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_similar_finds_earlier_letters_and_no_accusation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    field = "石桥村三组的机动田四十亩，合同到期后又包给外地老板种西瓜。我们十二户人多地少，请求先分给新增人口。"
    accused = "我实名举报村支书王某贪污集体征地款，挪用低保金给自己亲戚，请纪委查处，还全村一个公道。"
    rows = [
        ("1", field),
        ("2", accused),
        ("3", field + "乡里没有答复。"),
        ("4", accused + "盼复。"),
        ("5", "路灯坏了，请派人修。"),
    ]
    source = tmp_path / "letters.csv"
    source.write_text("id,text\n" + "".join(f"{name},{text}\n" for name, text in rows), encoding="utf-8")
    index = tmp_path / "earlier.db"
    assert command(["similar", str(index), str(source), "--add", "--format", "json", "--lang", "en"]) == 0
    found = {row["id"]: row["earlier"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name: [item["id"] for item in earlier] for name, earlier in found.items()} == {
        "1": [], "2": [], "3": ["1"], "4": [], "5": [],
    }  # fmt: skip
    (item,) = found["3"]
    assert (item["relation"], item["relation_name"]) == ("copy", "Same text sent again")
    assert item["passages"]
    assert command(["similar", str(index), str(source), "--format", "table", "--lang", "zh"]) == 0
    assert "重件" in capsys.readouterr().out
