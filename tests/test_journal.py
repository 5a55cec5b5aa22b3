from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from triage.batch.journal import Journal, line
from triage.errors import InputError

ABOUT = {"input": "来信.csv", "bytes": 100, "model": "tiny 1"}
ENTRIES = [
    {"reject" if number == 1 else "ok": {"id": str(number), "title": "停水\n“二”\u2028\r"}} for number in range(5)
]
LINES = [line(kind, value) for entry in ENTRIES for kind, value in entry.items()]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "ledger.xlsx"


def journal_of(output: Path, **other: object) -> Journal:
    return Journal(output.with_name(f"{output.name}.part"), ABOUT | other, output)


def written(output: Path, count: int) -> Path:
    """Leave the journal of a run that was killed after some letters."""
    journal = journal_of(output)
    assert journal.open(resume=False) == 0
    journal.append(LINES[:count])
    journal.close()
    return journal.path


def test_entries_come_back_in_order(output: Path) -> None:
    written(output, 3)
    journal = journal_of(output)
    assert journal.open(resume=True) == 3
    assert journal.rejects == 1
    journal.append(LINES[3:])
    journal.close()
    assert list(journal.entries()) == ENTRIES
    assert list(journal.entries("reject")) == ENTRIES[1:2]


def test_a_run_that_was_not_begun_can_be_resumed(output: Path) -> None:
    journal = journal_of(output)
    assert journal.open(resume=True) == 0
    journal.close()
    assert list(journal.entries()) == []


@pytest.mark.parametrize("cut", [1, 2, 10, 40])
def test_a_line_that_was_cut_short_is_done_again(output: Path, cut: int) -> None:
    path = written(output, 3)
    path.write_bytes(path.read_bytes()[:-cut])  # may end within a character
    journal = journal_of(output)
    assert journal.open(resume=True) == 2
    journal.append(LINES[2:])
    journal.close()
    assert list(journal.entries()) == ENTRIES


def test_zeros_that_a_power_cut_leaves_are_cut_off(output: Path) -> None:
    path = written(output, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 100 + b"\n" + b"\0" * 9)
    journal = journal_of(output)
    assert journal.open(resume=True) == 3
    journal.close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("kept", [0, 5])
def test_a_journal_without_a_whole_first_line_starts_anew(output: Path, kept: int) -> None:
    path = written(output, 2)
    path.write_bytes(path.read_bytes()[:kept])
    journal = journal_of(output)
    assert journal.open(resume=True) == 0
    journal.append(LINES)
    journal.close()
    assert list(journal.entries()) == ENTRIES


def test_every_cut_of_a_journal_can_be_resumed(output: Path) -> None:
    path = written(output, 5)
    whole = path.read_bytes()
    lines = [place for place, byte in enumerate(whole) if byte == 10]
    for size in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:size])
        journal = journal_of(output)
        done = journal.open(resume=True)
        journal.append(LINES[done:])
        journal.close()
        assert done == max(sum(place < size for place in lines) - 1, 0)
        assert path.read_bytes() == whole


def test_what_no_closing_line_follows_is_done_again(output: Path) -> None:
    path = written(output, 2)
    kept = path.read_bytes() + line("file", "a").encode()
    path.write_bytes(kept + LINES[2].encode() + LINES[3].encode())
    journal = journal_of(output)
    assert journal.open(resume=True, closed_by="file") == 2
    assert path.read_bytes() == kept
    assert journal.rejects == 1
    journal.close()


def test_a_letter_can_be_taken_back(output: Path) -> None:
    journal = journal_of(output)
    journal.open(resume=False)
    journal.append(LINES[:1])
    size = journal.size()
    journal.append(LINES[1:3])
    journal.cut(size)
    journal.append(LINES[3:4])
    journal.close()
    assert list(journal.entries()) == [ENTRIES[0], ENTRIES[3]]


def test_an_unfinished_run_is_not_overwritten_by_chance(output: Path) -> None:
    path = written(output, 2)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        journal_of(output).open(resume=False)
    assert caught.value.code == "output_unfinished"
    assert "--resume" in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(output) in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("other", [{"input": "b.csv"}, {"bytes": 101}, {"model": "tiny 2"}])
def test_another_run_is_refused(output: Path, other: dict[str, object]) -> None:
    path = written(output, 2)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        journal_of(output, **other).open(resume=True)
    assert caught.value.code == "output_other"
    assert path.read_bytes() == before


def test_a_long_journal_is_never_in_memory(output: Path) -> None:
    journal = journal_of(output)
    journal.open(resume=False)
    text = line("ok", {"id": "1", "title": "停" * 1000})
    for _ in range(20):
        journal.append([text] * 200)
    journal.close()
    size = journal.path.stat().st_size
    tracemalloc.start()
    again = journal_of(output)
    assert again.open(resume=True) == 4000
    again.close()
    assert sum(1 for _ in again.entries()) == 4000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 10 << 20
    assert peak < 1 << 20


def test_lines_are_the_json_of_their_entries() -> None:
    assert [json.loads(text) for text in LINES] == ENTRIES
    assert line("ok", {"id": "A\ud83d"}) == '{"ok": {"id": "A?"}}\n'
