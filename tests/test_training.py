from __future__ import annotations

import csv
import json
import os
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triage import DataError, Petition, Triager
from triage.bundle import verify
from triage.cli import main as command
from triage.intake import Columns
from triage.policy import load_policy
from triage.training import Plan, evaluate_bundle, read_corpus, train
from triage.training.split import _pieces, folds

ROOT = Path(__file__).parents[1]
Letters = list[tuple[Petition, str]]
Call = Callable[..., tuple[int, str, str]]
LONG = "我们小区三号楼自来水停了{}天，物业说不归他们管，自来水公司也不接电话，老人孩子都要下楼提水，请尽快恢复供水"
OTHER = "包工头跑了，欠我们八个人三个月工资，一共十二万元，劳动监察大队让我们等消息，等到现在也没有结果，请帮忙"


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "TRIAGE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return what runs a command line and gives its status, output and messages."""

    def run(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = command([str(word) for word in argv])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return status, told.out, told.err

    return run


def table(rows: Iterable[Iterable[str]], heads: tuple[str, ...] = ("text", "label"), name: str = "labels.csv") -> Path:
    path = Path(name)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heads, *rows])
    return path


def labelled(letters: Letters, names: dict[str, str] | None = None) -> Path:
    """Write the tiny letters with their codes, or with other names for them."""
    return table((petition.body, (names or {}).get(code, code)) for petition, code in letters)


def refused(call: Call, *argv: object) -> str:
    before = sorted(Path.cwd().rglob("*"))
    status, out, err = call(*argv)
    assert (status, out) == (1, "")
    assert err.startswith("triage: ")
    assert err.count("\n") == 1
    assert sorted(Path.cwd().rglob("*")) == before
    return err


OWN = {"water": "水务", "road": "[/道路]", "pay": "pay & wages"}


# ------------------------------------------------------------------------------------------------------------ own labels
def test_own_labels_give_a_bundle_that_classifies(call: Call, tiny_letters: Letters) -> None:
    source = labelled(tiny_letters, OWN)
    status, out, err = call("train", source, "--label-column", "label", "--own-labels", "--out", "own")
    assert (status, err) == (0, "")
    assert "60" in out
    assert sorted(os.listdir()) == ["labels.csv", "own"]
    manifest = verify(Path("own"))
    assert manifest["own_labels"] is True
    assert manifest["name"] == "own"
    assert {"model.skops", "signals.skops", "metrics.json", "MODEL_CARD.md"} == set(manifest["files"])
    letters = {
        "自来水管爆了，停水两天": "水务",
        "路灯坏了，晚上看不见": "[/道路]",
        "老板拖欠工资": "pay & wages",
        "我不想活了，农药已经买好，今晚就走。": "",
        "现检举林业站站长贪污公款，收受红包，请纪委查处。": "",
    }
    table(([text] for text in letters), ("text",), "letters.csv")
    status, out, err = call("classify", "letters.csv", "--model", "own")
    assert (status, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    for record, label in zip(records, letters.values(), strict=True):
        assert record["category"] == record["category_name"]
        assert {record["category"], *record["candidates"]} == set(OWN.values())
        assert record["category"] == label or not label
        assert record["department"] == ""
        assert "no_department" in record["review_reason"]
        assert record["model"] == f"own {manifest['version']}"
    # Nature and urgency come from the shipped bundle.
    assert records[3]["urgency"] == 4
    assert records[4]["nature"] == "accusation"
    assert "closed" in records[4]["review_reason"]
    for words in (["classify"], ["explain"]):
        status, out, err = call(*words, "路灯坏了，晚上看不见", "--model", "own", "--format", "table")
        assert (status, err) == (0, "")
        assert "[/道路]" in out


def test_labels_that_are_no_codes_at_all_are_own_labels(call: Call, tiny_letters: Letters) -> None:
    source = labelled(tiny_letters, OWN)
    assert call("train", source, "--label-column", "label", "--out", "own")[0] == 0
    assert verify(Path("own"))["own_labels"] is True


def test_a_bundle_works_in_a_batch(call: Call, tiny_letters: Letters) -> None:
    source = labelled(tiny_letters, OWN)
    assert call("train", source, "--label-column", "label", "--out", "own")[0] == 0
    status, _, err = call("batch", source, "ledger.csv", "--model", "own")
    assert status == 0
    assert "[/道路]" in err
    with open("ledger.csv", encoding="utf-8-sig", newline="") as file:
        assert {row["category"] for row in csv.DictReader(file)} == set(OWN.values())


def test_a_bundle_for_an_office_with_other_natures(call: Call, tiny_letters: Letters) -> None:
    """The shipped bundle's natures are then unknown there, which must not stop anything."""
    shutil.copytree(ROOT / "data", "office", ignore=shutil.ignore_patterns("corpora", "embeddings", "samples"))
    for name in ("natures.toml", "routing.csv"):
        path = Path("office/taxonomy") / name
        text = path.read_text(encoding="utf-8").replace('"consultation"', '"enquiry"')
        path.write_text(text.replace(",consultation,", ",enquiry,"), encoding="utf-8")
    source = labelled(tiny_letters, OWN)
    options = ["--data", "office"]
    assert call("train", source, "--label-column", "label", "--out", "own", *options)[0] == 0
    status, out, _ = call("classify", "请问停水什么时候恢复？需要什么材料？", "--model", "own", *options)
    assert status == 0
    assert json.loads(out)["nature"] in load_policy("office").taxonomy.natures


# ------------------------------------------------------------------------------------------------------------- the codes
def test_retired_codes_are_mapped(call: Call, tiny_home: Path, tiny_letters: Letters) -> None:
    rows = [
        (petition.body, "tap" if code == "water" and place % 2 else code)
        for place, (petition, code) in enumerate(tiny_letters)
    ]
    assert {"tap", "water"} <= {code for _, code in rows}
    source = table(rows)
    options = ["--data", tiny_home]
    status, _, err = call("train", source, "--label-column", "label", "--out", "bundle", *options)
    assert status == 0
    assert "judges the category only" in err  # the folder has terms of its own
    manifest = verify(Path("bundle"))
    assert manifest["own_labels"] is False
    metrics = json.loads(Path("bundle/metrics.json").read_text(encoding="utf-8"))
    assert {code: row["letters"] for code, row in metrics["category"]["per_code"].items()} == {
        "pay": 20, "road": 20, "water": 20,
    }  # fmt: skip
    status, out, _ = call("classify", "自来水管爆了，停水两天，请派人修", "--model", "bundle", *options)
    assert status == 0
    record = json.loads(out)
    assert (record["category"], record["category_name"], record["department"]) == ("water", "Water supply", "works")
    # The same table measures it: retired codes count as what they became.
    status, out, _ = call("evaluate", "bundle", source, "--label-column", "label", "--format", "json", *options)
    assert status == 0
    assert set(json.loads(out)["category"]["per_code"]) == {"pay", "road", "water"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_unknown_codes_are_listed(call: Call, tiny_home: Path, tiny_letters: Letters, lang: str) -> None:
    names = {"road": "roads", "pay": "payment"}
    source = labelled(tiny_letters, names)
    err = refused(
        call, "train", source, "--label-column", "label", "--out", "bundle", "--data", tiny_home, "--lang", lang
    )
    assert "payment, roads" in err
    assert "40" in err
    assert "--own-labels" in err
    assert str(source) in err
    options = ["--label-column", "label", "--out", "bundle", "--data", tiny_home, "--own-labels"]
    assert call("train", source, *options)[0] == 0


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_thin_labels_are_listed(call: Call, tiny_letters: Letters, lang: str) -> None:
    rows = [(petition.body, code) for petition, code in tiny_letters if code != "pay"]
    rows += [("老板拖欠工资", "pay")] * 4 + [("谢谢", "thanks")]
    err = refused(call, "train", table(rows), "--label-column", "label", "--out", "bundle", "--lang", lang)
    assert "pay (4)" in err
    assert "thanks (1)" in err
    assert "5" in err


def test_other_faults_of_a_table(call: Call, tiny_letters: Letters) -> None:
    rows = [(petition.body, code) for petition, code in tiny_letters]
    options = ["--out", "bundle", "--own-labels"]
    source = table(rows)
    assert "nowhere" in refused(call, "train", source, "--label-column", "nowhere", *options)
    for name in ("group", "time", "text"):
        err = refused(call, "train", source, "--label-column", "label", f"--{name}-column", "nowhere", *options)
        assert "nowhere" in err
    source = table(((text, "") for text, _ in rows), name="unlabelled.csv")
    assert "label" in refused(call, "train", source, "--label-column", "label", *options)
    source = table(((text, "one") for text, _ in rows), name="one.csv")
    assert "one" in refused(call, "train", source, "--label-column", "label", *options)


def test_a_folder_with_other_things_is_not_replaced(call: Call, tiny_letters: Letters) -> None:
    Path("photos").mkdir()
    Path("photos/holiday.jpg").write_bytes(b"jpg")
    err = refused(call, "train", labelled(tiny_letters, OWN), "--label-column", "label", "--out", "photos")
    assert "photos" in err
    assert Path("photos/holiday.jpg").read_bytes() == b"jpg"


def test_a_place_that_cannot_be_written(call: Call, tiny_letters: Letters) -> None:
    Path("file").write_text("", encoding="utf-8")
    refused(call, "train", labelled(tiny_letters, OWN), "--label-column", "label", "--out", "file/bundle")


def test_a_bundle_is_replaced_by_a_newer_one(call: Call, tiny_letters: Letters) -> None:
    for names in (OWN, {}):
        options = ["--label-column", "label", "--out", "own", "--own-labels"]
        assert call("train", labelled(tiny_letters, names), *options)[0] == 0
        out = call("classify", "老板拖欠工资", "--model", "own")[1]
        assert json.loads(out)["category"] == names.get("pay", "pay")
    assert sorted(os.listdir()) == ["labels.csv", "own"]


# --------------------------------------------------------------------------------------------------------- determinism
def test_same_seed_same_bytes(call: Call, tiny_letters: Letters) -> None:
    source = labelled(tiny_letters, OWN)
    for place, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert call("train", source, "--label-column", "label", "--out", f"{place}/own", "--seed", seed)[0] == 0
    for name in sorted(os.listdir("a/own")):
        assert Path("a/own", name).read_bytes() == Path("b/own", name).read_bytes(), name
    assert verify(Path("a/own"))["seed"] == 3
    assert verify(Path("c/own"))["seed"] == 4
    assert Path("a/own/model.skops").read_bytes() != Path("c/own/model.skops").read_bytes()


def test_other_letters_another_version(call: Call, tiny_letters: Letters) -> None:
    options = ["--label-column", "label", "--own-labels", "--out"]
    assert call("train", labelled(tiny_letters), *options, "a/own")[0] == 0
    assert call("train", labelled(tiny_letters[:-1]), *options, "b/own")[0] == 0
    assert call("train", labelled(tiny_letters[::-1]), *options, "c/own")[0] == 0
    first, fewer, turned = (verify(Path(place, "own")) for place in "abc")
    assert first["version"] != fewer["version"]
    assert first["version"] == turned["version"]  # the order of the rows is no other data


# ------------------------------------------------------------------------------------------------------------- evaluate
@pytest.fixture
def bundle(call: Call, tiny_home: Path, tiny_letters: Letters) -> Path:
    """Train the tiny office's bundle."""
    options = ["--label-column", "label", "--out", "bundle", "--data", tiny_home]
    assert call("train", labelled(tiny_letters), *options)[0] == 0
    return Path("bundle")


def test_evaluate_prints_figures(call: Call, bundle: Path, tiny_home: Path) -> None:
    source = table(
        [
            ("停水三天了", "water", "ask", "1"), ("自来水发黄", "water", "ask", "1"), ("路灯坏了", "road", "ask", "1"),
            ("公路坑洼", "road", "idea", "1"), ("老板不发工资", "pay", "ask", "2"), ("扣我加班费", "water", "ask", "3"),
        ],
        ("内容", "category", "nature", "urgency"),
    )  # fmt: skip
    status, out, err = call("evaluate", bundle, source, "--data", tiny_home, "--format", "json")
    assert (status, err) == (0, "")
    figures = json.loads(out)
    assert figures["model"].startswith("bundle ")
    assert figures["category"]["letters"] == figures["decision"]["letters"] == 6
    assert figures["category"]["accuracy"] == pytest.approx(5 / 6, abs=1e-4)
    assert figures["category"]["per_code"]["pay"] == {"letters": 1, "precision": 0.5, "recall": 1.0, "f1": 0.6667}
    assert figures["category"]["top3"] == 1.0
    assert figures["decision"]["nature_accuracy"] == pytest.approx(5 / 6, abs=1e-4)
    assert 0 <= figures["decision"]["review_share"] <= 1
    assert figures["decision"]["urgent_recall"] == 0.0
    for lang, word in (("zh", "正确率"), ("en", "accuracy")):
        status, out, _ = call("evaluate", bundle, source, "--data", tiny_home, "--format", "table", "--lang", lang)
        assert status == 0
        assert word in out
        assert "0.8333" in out


def test_evaluate_names_codes_the_bundle_does_not_know(call: Call, bundle: Path, tiny_home: Path) -> None:
    source = table([("停水三天了", "water"), ("路灯坏了", "street")])
    options = ["--label-column", "label", "--data", tiny_home]
    assert "street" in refused(call, "evaluate", bundle, source, *options)
    assert "nowhere" in refused(call, "evaluate", bundle, source, "--label-column", "nowhere", "--data", tiny_home)


def test_evaluate_of_a_table_with_urgency_in_words(call: Call, bundle: Path, tiny_home: Path) -> None:
    source = table([("停水三天了", "water", "high"), ("路灯坏了", "road", "low")], ("text", "category", "urgency"))
    status, out, _ = call("evaluate", bundle, source, "--data", tiny_home, "--format", "json")
    assert status == 0
    assert "urgent_recall" not in json.loads(out)["decision"]


def test_figures_of_training_are_those_of_unseen_letters(
    tiny_home: Path, tiny_letters: Letters, tmp_path: Path
) -> None:
    policy = load_policy(tiny_home)
    corpus = read_corpus([labelled(tiny_letters)], Columns.load(tiny_home), "label")
    metrics = train(corpus, policy, tmp_path / "bundle", Plan(seed=1))
    triager = Triager.load(tmp_path / "bundle", tiny_home)
    seen = evaluate_bundle(triager, corpus)["category"]["accuracy"]
    assert metrics["category"]["accuracy"] < seen
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"| category accuracy | {metrics['category']['accuracy']} |" in card
    assert triager.bundle.metrics["category"]["accuracy"] == metrics["category"]["accuracy"]


# --------------------------------------------------------------------------------------------------------------- corpus
def test_a_corpus_groups_near_copies(tiny_home: Path) -> None:
    rows = [
        (LONG.format("五"), "water"),
        (OTHER, "pay"),
        (LONG.format("六"), "water"),
        (f"{OTHER}。谢谢", "pay"),
        ("路灯坏了", "water"),
    ]
    corpus = read_corpus([table(rows)], Columns.load(tiny_home), "label", least=1)
    assert len(corpus) == 5
    first, second, third, fourth, fifth = corpus.groups.tolist()
    assert first == third
    assert second == fourth
    assert len({first, second, fifth}) == 3
    assert corpus.labels == [label for _, label in rows]
    assert [petition.id for petition in corpus.petitions] == ["1", "2", "3", "4", "5"]


def test_groups_that_the_table_names_are_joined_with_near_copies(tiny_home: Path) -> None:
    rows = [
        (LONG.format("五"), "water", "A"), (OTHER, "pay", "B"), (LONG.format("六"), "water", "B"), ("路灯坏了", "water", "C"),
        ("水压太低", "pay", "C"), ("井盖没了", "pay", "D"),
    ]  # fmt: skip
    source = table(rows, ("text", "label", "case"))
    groups = read_corpus([source], Columns.load(tiny_home), "label", group="case").groups.tolist()
    assert groups[0] == groups[1] == groups[2]
    assert groups[3] == groups[4]
    assert len(set(groups)) == 3


def test_near_copies_of_several_tables_share_a_group(tiny_home: Path) -> None:
    sources = [
        table([(LONG.format("五"), "water"), ("欠我工资", "pay")], name="a.csv"),
        table([("停发工资", "pay"), (LONG.format("六"), "water")], name="b.csv"),
    ]
    groups = read_corpus(sources, Columns.load(tiny_home), "label").groups.tolist()
    assert groups[0] == groups[3]
    assert len(set(groups)) == 3


def test_rows_without_label_or_text_are_passed_over(tiny_home: Path) -> None:
    rows = [("停水", "water"), ("", "water"), ("路灯", " "), ("欠薪", " pay ")]
    corpus = read_corpus([table(rows)], Columns.load(tiny_home), "label", least=1)
    assert corpus.labels == ["water", "pay"]
    with pytest.raises(DataError):
        read_corpus([table([("停水", "")])], Columns.load(tiny_home), "label")


def alike(one: str, other: str) -> float:
    """Return the exact Jaccard index of two texts' pieces."""
    first, second = _pieces(one), _pieces(other)
    return len(first & second) / len(first | second)


def copies_on_both_sides(home: Path, letters: Letters, rows: list[tuple[str, str]], seed: int) -> int:
    """Return how many pairs of near-copies a split of a table tears apart; check the split besides."""
    rows = [*rows, *((petition.body, code) for petition, code in letters)]
    corpus = read_corpus([table(rows)], Columns.load(home), "label")
    texts = [petition.text for petition in corpus.petitions]
    held_out: Counter[int] = Counter()
    torn = 0
    for training, test in folds(corpus.labels, corpus.groups, 5, seed):
        assert not set(corpus.groups[training]) & set(corpus.groups[test])
        assert not set(training) & set(test)
        held_out.update(test.tolist())
        torn += sum(alike(texts[one], texts[other]) >= 0.6 for one in test for other in training)
    assert held_out == Counter(range(len(corpus)))
    return torn


@pytest.mark.parametrize("seed", range(3))
def test_copies_are_never_on_both_sides(tiny_home: Path, tiny_letters: Letters, seed: int) -> None:
    rows = [(LONG.format("五"), "water")] * 9
    rows += [(OTHER + end, "pay") for end in ("", "。", "谢谢", "！", "，急")]
    rows += [(" ".join(OTHER), "pay"), (OTHER.replace("，", "，\n"), "pay")]
    assert copies_on_both_sides(tiny_home, tiny_letters, rows, seed) == 0


def test_near_copies_with_another_word_within_are_never_on_both_sides(tiny_home: Path, tiny_letters: Letters) -> None:
    rows = [(LONG.format(day), "water") for day in "一二三四五六七八九"]
    assert min(alike(rows[0][0], text) for text, _ in rows) > 0.8
    assert sum(copies_on_both_sides(tiny_home, tiny_letters, rows, seed) for seed in range(5)) == 0


def test_copies_do_not_flatter_the_figures(tiny_home: Path, tiny_letters: Letters, tmp_path: Path) -> None:
    """Labels that say nothing cannot be foretold, however often each letter is there."""
    random = np.random.default_rng(0)
    rows: list[tuple[str, Any]] = []
    for petition, _ in tiny_letters:
        label = ("water", "road", "pay")[random.integers(3)]
        rows += [(petition.body + end, label) for end in ("", "。", "！")]
    corpus = read_corpus([table(rows)], Columns.load(tiny_home), "label")
    metrics = train(corpus, load_policy(tiny_home), tmp_path / "bundle")
    assert metrics["category"]["accuracy"] < 0.55
    assert metrics["validation"]["groups"] < 1.1 * len(tiny_letters)


def test_a_bundle_learns_no_name_and_no_number(call: Call, tiny_letters: Letters) -> None:
    planted = ("赵铁柱", "13800000000", "11010519491231002X", "5栋2单元301")
    name, phone, number, home = planted
    told = f"我叫{name}，身份证号{number}，住翠湖小区{home}，电话{phone}。"
    path = table([(told + letter.body, code) for letter, code in tiny_letters])
    status, out, messages = call("train", path, "--label-column", "label", "--out", "own")
    assert status == 0, messages
    files = [file for file in Path("own").rglob("*") if file.is_file()]
    assert len(files) >= 4
    texts = [out, messages]
    for file in files:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                texts += [archive.read(member).decode("utf-8", "ignore") for member in archive.namelist()]
        else:
            texts.append(file.read_text(encoding="utf-8"))
    # JSON within JSON escapes Chinese twice.
    whole = re.sub(r"\\+u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), "\n".join(texts))
    assert "小区" in whole  # the words around were learnt, so something would be found
    assert not [word for word in planted if word in whole]
