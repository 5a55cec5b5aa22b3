from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from triage.config import home
from triage.errors import DataError
from triage.taxonomy import load_taxonomy

SHIPPED = Path(__file__).parents[1] / "data"


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "taxonomy" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults(folder: Path) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        load_taxonomy(folder)
    assert caught.value.code == "policy_faults"
    assert caught.value.values["count"] == len(caught.value.faults)
    return caught.value.faults


def test_the_shipped_folder_loads() -> None:
    taxonomy = load_taxonomy(SHIPPED)
    assert len(taxonomy.categories) > 10
    assert taxonomy.fallback in taxonomy.categories
    assert len(taxonomy.rules) >= len(taxonomy.categories)
    for row in (*taxonomy.categories.values(), *taxonomy.departments.values(), *taxonomy.natures.values()):
        assert row.name("zh")
        assert row.name("en")
        assert row.name("zh") != row.name("en")


def test_the_tiny_folder_has_codes_of_its_own(tiny_home: Path) -> None:
    taxonomy = load_taxonomy(tiny_home)
    assert list(taxonomy.categories) == ["water", "road", "pay"]
    assert list(taxonomy.departments) == ["works", "labour"]
    assert list(taxonomy.natures) == ["ask", "idea"]
    assert taxonomy.natures["ask"].clocks == ("answer", "object")
    assert taxonomy.natures["ask"].channel("zh") == "转办"
    assert taxonomy.roll_over
    assert taxonomy.version == "tiny.1"
    assert [rule.id for rule in taxonomy.rules] == ["T1", "T2", "T3", "T4", "T5", "T6"]
    assert taxonomy.rules[0].departments == ("works", "labour")


def test_a_retired_code_becomes_the_current_one(tiny_home: Path) -> None:
    taxonomy = load_taxonomy(tiny_home)
    assert taxonomy.current("tap") == "water"
    assert taxonomy.current("road") == "road"
    assert taxonomy.current("unheard of") == "unheard of"


def test_the_fingerprint_is_of_the_codes_alone(own_home: Path, tiny_home: Path) -> None:
    before = load_taxonomy(tiny_home).fingerprint
    edit(own_home, "categories.toml", 'zh = "用水"', 'zh = "供水"')
    edit(own_home, "routing.csv", "第十条", "第九条")
    assert load_taxonomy(own_home).fingerprint == before
    with open(own_home / "taxonomy" / "departments.toml", "a", encoding="utf-8") as file:
        file.write('\n[[department]]\ncode = "school"\nzh = "教育科"\nen = "Schools"\n')
    assert load_taxonomy(own_home).fingerprint != before


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("categories.toml", 'definition_en = "wages, overtime and day rates"\n', "", ("category pay", "definition_en")),
        ("categories.toml", 'en = "Roads"', 'en = "Roads"\ncolour = "red"', ("category road", "colour")),
        ("categories.toml", 'zh = "道路"', "zh = 3", ("category road", "zh")),
        ("categories.toml", 'terms = ["路灯", "坑洼"]', 'terms = "路灯"', ("category road", "terms")),
        ("categories.toml", 'code = "road"', 'code = "pay"', ("category pay", "stands twice")),
        ("categories.toml", 'code = "road"', 'code = ""', ("category", "code")),
        ("categories.toml", 'fallback = "road"', 'fallback = "rest"', ("fallback", "'rest'", "water, road, pay")),
        ("categories.toml", 'tap = "water"', 'tap = "gone"', ("retired_to tap", "'gone'")),
        ("categories.toml", "schema_version = 1", "schema_version = 2", ("schema_version is 2", "needed is 1")),
        ("categories.toml", "schema_version = 1", "", ("schema_version",)),
        ("categories.toml", 'zh = "道路"', 'zh = "道路', ("cannot be read", "line")),
        ("departments.toml", 'en = "Public works"', "", ("department works", "en")),
        ("natures.toml", 'clocks = ["answer"]', 'clocks = ["anser"]', ("idea", "'anser'", "answer, object")),
        ("natures.toml", 'article = "第一条"', 'article = "第一条"\ndepartment = "court"', ("ask", "'court'", "works, labour")),
        ("natures.toml", 'article = "第一条"', 'article = "第一条"\nclosed = "perhaps"', ("nature ask", "closed")),
        ("deadlines.toml", 'start = "received"', 'start = "sometime"', ("clock answer", "start", "received")),
        ("deadlines.toml", "days = 15", 'days = "soon"', ("clock answer", "days")),
        ("deadlines.toml", "days = 15", "days = -1", ("clock answer", "days")),
        ("deadlines.toml", 'kind = "working"', 'kind = "banking"', ("clock object", "kind")),
        ("routing.csv", "T2,water", "T2,watr", ("T2", "'watr'", "water, road, pay")),
        ("routing.csv", "T3,road,idea", "T3,road,idee", ("T3", "'idee'", "ask, idea")),
        ("routing.csv", "T4,road,,,,,,works", "T4,road,,,,,,work", ("T4", "'work'", "works, labour")),
        ("routing.csv", "works,labour,第", "works,labor,第", ("T2", "'labor'")),
        ("routing.csv", "T5,pay,,,,,工伤|injur", "T5,pay,,,,,工伤|(injur", ("row 7", "T5", "keywords")),
        ("routing.csv", "T6,pay", "T5,pay", ("row 8", "T5", "twice")),
        ("routing.csv", "T6,pay", ",pay", ("row 8", "empty")),
        ("routing.csv", "T6,pay,,,,,,labour", "T6,pay,,,,,,", ("row 8", "departments is empty")),
        ("routing.csv", "T6,pay,,,,,,labour,,第十五条\n", "", ("category pay", "without conditions")),
        ("routing.csv", "T1,water,,,,,收费|bill", "T1,water,,,,,", ("T2", "contradicts")),
        ("routing.csv", "T1,water", "T0,,,,,,,works,,\nT1,water", ("T1", "cannot be reached")),
        ("routing.csv", "id,category", "number,category", ("the columns are number, category", "needed are exactly id")),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_file_and_place(
    own_home: Path, name: str, old: str, new: str, told: tuple[str, ...]
) -> None:
    edit(own_home, name, old, new)
    found = faults(own_home)
    assert any(name in fault and all(part in fault for part in told) for fault in found), found


@pytest.mark.parametrize(
    "name", ["categories.toml", "departments.toml", "natures.toml", "deadlines.toml", "routing.csv"]
)
def test_a_missing_file_is_told(own_home: Path, name: str) -> None:
    (own_home / "taxonomy" / name).unlink()
    assert any(name in fault and "missing" in fault for fault in faults(own_home))


@pytest.mark.parametrize(
    "name", ["categories.toml", "departments.toml", "natures.toml", "deadlines.toml", "routing.csv"]
)
def test_an_empty_file_is_told(own_home: Path, name: str) -> None:
    (own_home / "taxonomy" / name).write_bytes(b"")
    assert any(fault.startswith(f"{name}:") or f"/{name}:" in fault for fault in faults(own_home))


@pytest.mark.parametrize("name", ["categories.toml", "routing.csv"])
def test_a_file_in_another_encoding_is_told(own_home: Path, name: str) -> None:
    path = own_home / "taxonomy" / name
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert any(name in fault and "UTF-8" in fault for fault in faults(own_home))


def test_a_table_with_single_brackets_is_told(own_home: Path) -> None:
    (own_home / "taxonomy" / "natures.toml").write_text(
        'schema_version = 1\n[nature]\ncode = "ask"\nzh = "请求"\nen = "Request"\n', encoding="utf-8"
    )
    assert any("natures.toml" in fault and "nature" in fault for fault in faults(own_home))


def test_all_faults_are_told_at_once(own_home: Path) -> None:
    edits: list[Callable[[], None]] = [
        lambda: edit(own_home, "categories.toml", 'fallback = "road"', 'fallback = "rest"'),
        lambda: edit(own_home, "departments.toml", 'en = "Labour office"', ""),
        lambda: edit(own_home, "natures.toml", 'clocks = ["answer"]', 'clocks = ["anser"]'),
        lambda: edit(own_home, "deadlines.toml", "days = 5", "days = 5.5"),
        lambda: edit(own_home, "routing.csv", "T1,water", "T1,watr"),
    ]
    for planted in edits:
        planted()
    found = faults(own_home)
    for name in ("categories.toml", "departments.toml", "natures.toml", "deadlines.toml", "routing.csv"):
        assert any(name in fault for fault in found), name


def test_a_spreadsheets_byte_order_mark_is_no_fault(own_home: Path) -> None:
    path = own_home / "taxonomy" / "routing.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(load_taxonomy(own_home).rules) == 6


def test_where_the_policy_folder_is(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIAGE_HOME", raising=False)
    assert home() == SHIPPED
    monkeypatch.setenv("TRIAGE_HOME", str(own_home))
    assert home() == own_home
    assert home(SHIPPED) == SHIPPED
    with pytest.raises(DataError, match="taxonomy"):
        home(tmp_path)
