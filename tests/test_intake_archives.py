from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from triage.errors import InputError
from triage.intake import Columns, Limits, Reading, read_all, read_letters, read_rows

LETTER = "尊敬的领导：请修路。"
SHIPPED = Path(__file__).parents[1] / "data"
Results = dict[str, str]


@pytest.fixture(scope="module")
def columns() -> Columns:
    return Columns.load(SHIPPED)


def packed(files: dict[str, bytes | str], compression: int = ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def reason(error: InputError) -> str:
    """Return the code; the texts of new codes may not stand in the catalogue yet."""
    kind = str(error.values.get("kind", ""))
    return kind if error.code == "file_broken" and "_" in kind else error.code


def results(path: Path, columns: Columns, limits: Limits | None = None) -> Results:
    """Return id to body, and the name of a refused file to the reason."""
    found = {}
    for item in read_all(path, columns, limits):
        if isinstance(item, Reading):
            found[item.petition.id] = item.petition.body
        else:
            found[str(item.values["path"])] = f"!{reason(item)}"
            assert str(item.values["path"]) in item.text("zh")
    return found


def test_an_archive_of_letters_and_tables(tmp_path: Path, columns: Columns) -> None:
    table = "编号,内容\nA7,停水\n,停电\n"
    path = written(
        tmp_path / "来信.zip",
        packed({"一.txt": LETTER, "二/表.csv": table, "三.jsonl": json.dumps({"text": "没路"}), "空/": ""}),
    )
    assert results(path, columns) == {
        "来信.zip/一.txt": LETTER,
        "来信.zip/二/表.csv/A7": "停水",
        "来信.zip/二/表.csv/2": "停电",
        "来信.zip/三.jsonl/1": "没路",
    }
    assert [letter.body for letter in read_letters(path, columns)] == [LETTER, "停水", "停电", "没路"]


def test_documents_do_not_need_the_columns_that_the_user_names(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", packed({"a.txt": LETTER, "b.csv": "情况\n停水\n"}))
    assert results(path, Columns({}, {"text": "情况"})) == {"a.zip/a.txt": LETTER, "a.zip/b.csv/1": "停水"}


def test_names_from_old_chinese_programs(tmp_path: Path, columns: Columns) -> None:
    content = packed({"XXXX.txt": LETTER})
    path = written(tmp_path / "a.zip", content.replace(b"XXXX", "来信".encode("gb18030")))
    assert results(path, columns) == {"a.zip/来信.txt": LETTER}


def test_a_bad_member_is_named_and_the_rest_goes_on(tmp_path: Path, columns: Columns) -> None:
    members = {
        "1.txt": LETTER,
        "2.docx": b"PK\x03\x04 broken",
        "3.mp4": b"film",
        "4.csv": "备注\n无\n无\n",
        "5.txt": "请修桥。",
    }
    path = written(tmp_path / "a.zip", packed(members))
    assert results(path, columns) == {
        "a.zip/1.txt": LETTER,
        "a.zip/2.docx": "!file_broken",
        "a.zip/3.mp4": "!file_kind",
        "a.zip/4.csv": "!no_column",
        "a.zip/5.txt": "请修桥。",
    }
    with pytest.raises(InputError, match=r"a\.zip/2\.docx"):
        list(read_letters(path, columns))
    with pytest.raises(InputError, match=r"a\.zip/2\.docx"):
        list(read_rows(path))


def test_rows_before_the_fault_of_a_member_count(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.zip", packed({"a.jsonl": '{"text": "停水"}\nbroken\n', "b.txt": LETTER}))
    expected = {"a.zip/a.jsonl/1": "停水", "a.zip/a.jsonl": "!file_broken", "a.zip/b.txt": LETTER}
    assert results(path, columns) == expected


def test_no_error_names_a_place_on_this_machine(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.zip", packed({"a.docx": b"PK", "b.zip": packed({"c.xlsx": b""}), "d.pdf": b"%PDF-"}))
    errors = [item for item in read_all(path, columns) if isinstance(item, InputError)]
    assert [str(error.values["path"]) for error in errors] == ["a.zip/a.docx", "a.zip/b.zip/c.xlsx", "a.zip/d.pdf"]
    assert all(str(tmp_path.parent) not in str(error) and "member." not in str(error) for error in errors)


@pytest.mark.parametrize(
    "name", ["../a.txt", "/etc/a.txt", "b/../../a.txt", "C:/a.txt", "..\\a.txt", "b\\..\\a.txt", "~/a.txt", "b/.."]
)
def test_names_that_lead_out_of_the_archive(tmp_path: Path, columns: Columns, name: str) -> None:
    (tmp_path / "in").mkdir()
    path = written(tmp_path / "in" / "a.zip", packed({name: LETTER, "b.txt": "请修桥。"}))
    shown = name.replace("\\", "/")
    assert results(path, columns) == {f"a.zip/{shown}": "!member_path", "a.zip/b.txt": "请修桥。"}
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["a.zip", "in"]


def test_links_in_an_archive(tmp_path: Path, columns: Columns) -> None:
    link = ZipInfo("a.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert results(tmp_path / "a.zip", columns) == {"a.zip/a.txt": "!member_path"}


def test_an_encrypted_member(tmp_path: Path, columns: Columns) -> None:
    content = bytearray(packed({"a.txt": LETTER, "b.txt": "请修桥。"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path = written(tmp_path / "a.zip", bytes(content))
    assert results(path, columns) == {"a.zip/a.txt": "!file_encrypted", "a.zip/b.txt": "请修桥。"}


def test_a_member_whose_bytes_were_changed(tmp_path: Path, columns: Columns) -> None:
    content = packed({"a.txt": LETTER, "b.txt": "请修桥。"}, compression=0).replace(
        LETTER.encode(), b"x" * len(LETTER.encode()), 1
    )
    path = written(tmp_path / "a.zip", content)
    assert results(path, columns) == {"a.zip/a.txt": "!file_broken", "a.zip/b.txt": "请修桥。"}


def test_a_bomb(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.zip", packed({"a.txt": b"0" * (8 << 20), "b.txt": LETTER}))
    assert results(path, columns) == {"a.zip/a.txt": "!unpacks_large", "a.zip/b.txt": LETTER}


def test_a_bomb_that_lies_about_its_size(tmp_path: Path, columns: Columns) -> None:
    content = packed({"a.txt": b"0" * (8 << 20), "b.txt": LETTER})
    lie = content.replace((8 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lie != content
    assert results(written(tmp_path / "a.zip", lie), columns) == {"a.zip/a.txt": "!file_broken", "a.zip/b.txt": LETTER}


def test_a_bomb_in_a_bomb(tmp_path: Path, columns: Columns) -> None:
    inner = packed({f"{number}.txt": LETTER * 10 for number in range(20)})
    path = written(tmp_path / "a.zip", packed({f"{number}.zip": inner for number in range(20)}))
    found = results(path, columns, Limits(unpacked_bytes=20_000))
    assert 0 < sum(body == LETTER * 10 for body in found.values()) < 100
    assert found[str(path)] == "!unpacks_large"
    found = results(path, columns, Limits(members=50))
    assert found[str(path)] == "!many_members"
    assert len(found) <= 50


def test_archives_inside_one_another(tmp_path: Path, columns: Columns) -> None:
    content = packed({"a.txt": LETTER})
    for _ in range(3):
        content = packed({"b.zip": content})
    path = written(tmp_path / "c.zip", packed({"b.zip": content, "d.txt": LETTER}))
    assert results(path, columns) == {"c.zip/b.zip/b.zip/b.zip": "!nested_deep", "c.zip/d.txt": LETTER}
    assert results(path, columns, Limits(depth=9))["c.zip/b.zip/b.zip/b.zip/b.zip/a.txt"] == LETTER


def test_a_quine_comes_to_an_end(tmp_path: Path, columns: Columns) -> None:
    inner = packed({"a.txt": LETTER})
    for _ in range(20):
        inner = packed({"r.zip": inner})
    assert set(results(written(tmp_path / "r.zip", inner), columns).values()) == {"!nested_deep"}


def test_too_many_members(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.zip", packed({f"{number}.txt": "a" for number in range(6)}))
    with pytest.raises(InputError) as caught:
        list(read_all(path, columns, Limits(members=5)))
    assert reason(caught.value) == "many_members"


def test_a_file_that_is_too_large(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("长" * 100, encoding="utf-8")
    (folder / "b.zip").write_bytes(packed({"a.txt": os.urandom(300).hex(), "b.txt": LETTER}))
    (folder / "c.csv").write_text("内容\n" + "停水\n" * 100, encoding="utf-8")  # read row by row
    found = results(folder, columns, Limits(file_bytes=250))
    assert found["in/a.txt"] == "!file_large"
    assert found["in/b.zip"] == "!file_large"
    assert found["in/c.csv/100"] == "停水"
    found = results(folder, columns, Limits(file_bytes=599))
    assert found["in/b.zip/a.txt"] == "!file_large"
    assert found["in/b.zip/b.txt"] == LETTER


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_broken_archive(tmp_path: Path, columns: Columns, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        list(read_all(written(tmp_path / "a.zip", content), columns))
    assert caught.value.code == "file_broken"


def test_an_archive_cut_short(tmp_path: Path, columns: Columns) -> None:
    whole = packed({"a.txt": LETTER * 100})
    with pytest.raises(InputError):
        list(read_all(written(tmp_path / "a.zip", whole[: len(whole) // 2]), columns))


def test_an_archive_without_letters(tmp_path: Path, columns: Columns) -> None:
    leftovers = {"__MACOSX/a.txt": "x", ".DS_Store": "x", "b/~$c.docx": "x", "b/Thumbs.db": "x"}
    with pytest.raises(InputError) as caught:
        list(read_all(written(tmp_path / "a.zip", packed(leftovers)), columns))
    assert caught.value.code == "file_empty"


def test_a_folder_with_a_broken_file_in_the_middle(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    (folder / "二").mkdir(parents=True)
    (folder / "1.txt").write_text(LETTER, encoding="utf-8")
    (folder / "2.xlsx").write_bytes(b"PK\x03\x04 broken")
    (folder / "3.csv").write_text("内容\n停水\n", encoding="utf-8")
    (folder / "二" / "a.zip").write_bytes(packed({"b.txt": LETTER}))
    (folder / ".hidden.txt").write_text("x", encoding="utf-8")
    (folder / "~$1.docx").write_text("x", encoding="utf-8")
    assert results(folder, columns) == {
        "in/1.txt": LETTER,
        "in/2.xlsx": "!file_broken",
        "in/3.csv/1": "停水",
        "in/二/a.zip/b.txt": LETTER,
    }


def test_the_limits_of_one_archive_do_not_count_for_the_next(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.zip").write_bytes(packed({"1.txt": LETTER, "2.txt": LETTER}))
    assert set(results(folder, columns, Limits(members=2, unpacked_bytes=100)).values()) == {LETTER}


def test_links_in_a_folder(tmp_path: Path, columns: Columns) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("x", encoding="utf-8")
    (folder / "a.txt").write_text(LETTER, encoding="utf-8")
    (folder / "b.txt").symlink_to(outside / "secret.txt")
    (folder / "c").symlink_to(outside)
    found = results(folder, columns)
    assert found == {"in/a.txt": LETTER, "in/b.txt": "!member_path", "in/c": "!member_path"}


def test_nothing_is_left_behind(tmp_path: Path, columns: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = written(tmp_path / "a.zip", packed({"b.zip": packed({"1.txt": LETTER}), "2.txt": LETTER}))
    letters = read_all(path, columns)
    next(letters)
    assert list(temporary.iterdir())
    letters.close()  # type: ignore[attr-defined]
    assert not list(temporary.iterdir())
    list(read_all(path, columns))
    assert not list(temporary.iterdir())
