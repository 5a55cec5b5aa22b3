from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import triage
from triage.cli.main import COMMANDS, main, parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
README = PAGES[0].read_text(encoding="utf-8")
POLICY = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
COUNTY = ("categories.toml", "channels.toml", "routing.csv", "levels.csv")


def fenced(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def typed(text: str) -> Iterator[list[str]]:
    for block in fenced(text, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield shlex.split(line[2:])


def options(name: str) -> set[str]:
    root = parser("en")
    commands = next(action for action in root._actions if isinstance(action, argparse._SubParsersAction))
    return {text for action in commands.choices[name]._actions for text in action.option_strings}


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_figures", ROOT / "docs" / "figures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"### triage {name}\n" in SETTINGS
    assert f"triage {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    assert not {option for option in options(name) if f"`{option}" not in SETTINGS}


def test_every_error_code_is_documented() -> None:
    codes = tomllib.loads((ROOT / "triage" / "messages.toml").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| `(\w+)` \| \w+Error \|", SETTINGS, re.MULTILINE)
    assert rows == [code for code in codes if not code.startswith(("reason_", "note_"))]
    reasons = [code.removeprefix("reason_") for code in codes if code.startswith("reason_")]
    assert re.findall(r"^\| `(\w+)` \| ", SETTINGS.partition("## Reasons for review")[2], re.MULTILINE) == reasons


@pytest.mark.parametrize("folder", ["taxonomy", "lexicons"])
def test_every_policy_file_is_documented(folder: str) -> None:
    assert not [path.name for path in (ROOT / "data" / folder).iterdir() if path.name not in POLICY]


def test_every_key_of_a_policy_file_is_documented() -> None:
    for name in ("categories", "departments", "natures", "deadlines"):
        data = tomllib.loads((ROOT / "data" / "taxonomy" / f"{name}.toml").read_text(encoding="utf-8"))
        keys = set(data) | {key for rows in data.values() if isinstance(rows, list) for row in rows for key in row}
        assert not [key for key in keys if not re.search(rf"[`\[]{key}[`\]]", POLICY)], name
    for name in ("urgency", "facts"):
        data = tomllib.loads((ROOT / "data" / "taxonomy" / f"{name}.toml").read_text(encoding="utf-8"))
        tables = {key: table for key, table in data.items() if isinstance(table, dict)}
        plain = {key for name, table in tables.items() if name not in ("criteria", "levels", "names") for key in table}
        assert not [key for key in plain if f"`{key}`" not in POLICY and f"[{key}]" not in POLICY and key != "signs"]
        assert not [key for key in data.get("criteria", {}) if not re.search(rf"\b{key} ", POLICY)]


@pytest.mark.parametrize("name", triage.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", TEXT)


def test_every_field_of_a_record_is_documented() -> None:
    petition = triage.Petition(body="路灯坏了，请修。")
    for name in triage.Triager.load().triage(petition).to_dict():
        assert f"`{name}`" in README


def test_the_readme_opens_as_it_should() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("```python")
    assert len(README.splitlines()) < 160


def test_the_readme_example_runs_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = fenced(README, "python")
    exec(compile(code, "README.md", "exec"), {})
    expected = re.findall(r"print\(.*\)  # (.+)", code)
    said = [line for text in expected for line in text.split(", then ")]
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_can_be_parsed(page: Path) -> None:
    for words in typed(page.read_text(encoding="utf-8")):
        assert words[0] == "triage"
        parser("en").parse_args(words[1:])


def test_the_check_says_what_the_readme_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["data", "check", "--data", "data", "--lang", "en"]) == 0
    assert capsys.readouterr().out in README


def test_the_county_of_the_docs_passes_its_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in (ROOT / "data" / "taxonomy", ROOT / "data" / "lexicons"):
        folder = tmp_path / "county" / source.name
        folder.mkdir(parents=True)
        for path in source.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    texts = (*fenced(POLICY, "toml"), *fenced(POLICY, "text"))
    for name, text in zip(COUNTY, texts, strict=True):
        (tmp_path / "county" / "taxonomy" / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "--data", "county", "--lang", "en"]) == 0
    assert capsys.readouterr().out in POLICY

    table = tmp_path / "county" / "taxonomy" / "routing.csv"
    table.write_text(
        table.read_text(encoding="utf-8").replace("R1,pay", "R1,salary").replace("transport", "highways"),
        encoding="utf-8",
    )
    assert main(["data", "check", "--data", "county", "--lang", "en"]) == 1
    shown = next(block for block in fenced(POLICY, "console") if "salary" in block)
    said = capsys.readouterr().err.splitlines()
    for line, full in zip(shown.splitlines()[1:], said, strict=True):
        assert full.startswith(line.removesuffix("..."))


def test_the_figures_are_those_of_the_files(figures: ModuleType) -> None:
    assert figures.main(["--check"]) == 0, "run: python docs/figures.py"


def test_a_stale_figure_is_found(figures: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- figures -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "blocks", lambda: {page: ("<!-- figures -->", "new")})
    assert figures.main(["--check"]) == 1
    assert "old" in page.read_text(encoding="utf-8")
    assert figures.main([]) == 0
    assert page.read_text(encoding="utf-8") == "a\n<!-- figures -->\nnew\n<!-- end -->\nb\n"
    assert figures.main(["--check"]) == 0


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "data" / "corpora" / "README.md"], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_services_tables_are_those_of_its_code() -> None:
    command = [sys.executable, str(ROOT / "docs" / "service_tables.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
