from __future__ import annotations

from pathlib import Path

import pytest

from triage.batch.journal import Journal
from triage.errors import InputError

ABOUT = {"input": "来信.csv", "bytes": 100, "model": "tiny 1"}
ENTRIES = [{"ok": {"id": str(number), "title": "停水\n“二”\u2028\r"}} for number in range(5)]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "ledger.xlsx"


def written(output: Path, count: int) -> Path:
    """Leave the journal of a run that was killed after some letters."""
    journal = Journal(output, ABOUT)
    assert journal.open(resume=False) == 0
    journal.append(ENTRIES[:count])
    journal.close()
    return journal.path


def test_entries_come_back_in_order(output: Path) -> None:
    path = written(output, 3)
    assert path.name == "ledger.xlsx.part"
    journal = Journal(output, ABOUT)
    assert journal.open(resume=True) == 3
    journal.append(ENTRIES[3:])
    journal.close()
    assert list(journal.entries()) == ENTRIES


def test_a_run_that_was_not_begun_can_be_resumed(output: Path) -> None:
    journal = Journal(output, ABOUT)
    assert journal.open(resume=True) == 0
    journal.close()
    assert list(journal.entries()) == []


@pytest.mark.parametrize("cut", [1, 2, 10, 40])
def test_a_line_that_was_cut_short_is_done_again(output: Path, cut: int) -> None:
    path = written(output, 3)
    path.write_bytes(path.read_bytes()[:-cut])  # may end within a character
    journal = Journal(output, ABOUT)
    assert journal.open(resume=True) == 2
    journal.append(ENTRIES[2:])
    journal.close()
    assert list(journal.entries()) == ENTRIES


@pytest.mark.parametrize("kept", [0, 5])
def test_a_journal_without_a_whole_first_line_starts_anew(output: Path, kept: int) -> None:
    path = written(output, 2)
    path.write_bytes(path.read_bytes()[:kept])
    journal = Journal(output, ABOUT)
    assert journal.open(resume=True) == 0
    journal.append(ENTRIES)
    journal.close()
    assert list(journal.entries()) == ENTRIES


def test_every_cut_of_a_journal_can_be_resumed(output: Path) -> None:
    path = written(output, 5)
    whole = path.read_bytes()
    lines = [place for place, byte in enumerate(whole) if byte == 10]
    for size in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:size])
        journal = Journal(output, ABOUT)
        done = journal.open(resume=True)
        journal.append(ENTRIES[done:])
        journal.close()
        assert done == max(sum(place < size for place in lines) - 1, 0)
        assert path.read_bytes() == whole


def test_an_unfinished_run_is_not_overwritten_by_chance(output: Path) -> None:
    path = written(output, 2)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        Journal(output, ABOUT).open(resume=False)
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
        Journal(output, ABOUT | other).open(resume=True)
    assert caught.value.code == "output_other"
    assert path.read_bytes() == before
