from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from triage.archive import TRUSTED, ForeignType, read_model, write_model
from triage.classify import Head, LetterModel
from triage.features import Featuriser

SHIPPED = Path(__file__).parents[1] / "models" / "base" / "model.skops"


@pytest.fixture
def saved(tmp_path: Path, tiny_model: LetterModel) -> Path:
    path = tmp_path / "model.skops"
    write_model(path, tiny_model)
    return path


def same(one: Any, other: Any) -> None:
    """Compare two values down to the last array, type for type."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)
    elif isinstance(one, dict):
        assert set(one) == set(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            same(first, second)
    elif hasattr(one, "__dict__"):
        same(one.__dict__, other.__dict__)
    else:
        assert one == other


@pytest.mark.parametrize("which", ["tiny", "shipped"])
def test_a_model_is_read_as_skops_reads_it(saved: Path, which: str) -> None:
    path = saved if which == "tiny" else SHIPPED
    own = read_model(path)
    assert isinstance(own, LetterModel)
    same(own, skops.io.load(path, trusted=list(TRUSTED)))


def test_a_model_comes_back_as_it_was(saved: Path, tiny_model: LetterModel) -> None:
    back = read_model(saved)
    same(back.heads, tiny_model.heads)
    assert back.novelty == tiny_model.novelty
    for one, other in zip(back.featuriser.parts_, tiny_model.featuriser.parts_, strict=True):
        same(one.__getstate__(), other.__getstate__())


def test_skops_finds_nothing_that_is_not_trusted(saved: Path) -> None:
    assert set(skops.io.get_untrusted_types(file=saved)) <= set(TRUSTED)
    assert set(skops.io.get_untrusted_types(file=SHIPPED)) <= set(TRUSTED)


def test_the_same_model_is_written_in_the_same_bytes(saved: Path, tmp_path: Path, tiny_model: LetterModel) -> None:
    again = tmp_path / "again.skops"
    write_model(again, tiny_model)
    assert again.read_bytes() == saved.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.skops", "model.skops"]


def test_what_was_read_can_be_written_and_read_again(saved: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "again.skops", read_model(saved))
    same(read_model(tmp_path / "again.skops"), read_model(saved))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogisticRegression(),
        lambda: sparse.csr_matrix(np.eye(2)),
        lambda: np.random.default_rng(0),
        lambda: {"model": LogisticRegression()},
        lambda: len,
        lambda: Path,
        lambda: (1, 2),
        lambda: {1, 2},
        lambda: b"bytes",
    ],
    ids=["estimator", "sparse", "generator", "within", "function", "class", "tuple", "set", "bytes"],
)
def test_a_foreign_type_is_refused(tmp_path: Path, make: Callable[[], Any]) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(make(), path)
    with pytest.raises(ForeignType):
        read_model(path)


@pytest.mark.parametrize("place", ["heads", "featuriser", "novelty"])
def test_a_foreign_type_is_refused_wherever_it_hides(tmp_path: Path, tiny_model: LetterModel, place: str) -> None:
    model = LetterModel(tiny_model.featuriser, tiny_model.heads, tiny_model.novelty)
    setattr(model, place, {"category": LogisticRegression()})
    skops.io.dump(model, tmp_path / "model.skops")
    with pytest.raises(ForeignType, match="LogisticRegression"):
        read_model(tmp_path / "model.skops")


@pytest.mark.parametrize(
    "thing", [Head(["a"], np.zeros((1, 1), np.float32), np.zeros(1)), {"a": 1}, ["a"], "a", 1, None]
)
def test_a_trusted_thing_that_is_no_model_is_refused(tmp_path: Path, thing: Any) -> None:
    skops.io.dump(thing, tmp_path / "model.skops")
    with pytest.raises(ForeignType):
        read_model(tmp_path / "model.skops")


def reworded(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write a model file again with another schema."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    change(schema)
    files["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "change",
    [
        {"__module__": "os", "__class__": "system"},
        {"__module__": "builtins", "__class__": "eval"},
        {"__loader__": "FunctionNode"},
        {"__loader__": "ReduceNode"},
        {"__loader__": "TypeNode"},
    ],
    ids=lambda change: "-".join(change.values()),
)
def test_a_reworded_file_cannot_call_anything(saved: Path, change: dict[str, str]) -> None:
    reworded(saved, lambda schema: schema.update(change))
    with pytest.raises(ForeignType):
        read_model(saved)


def test_arrays_of_objects_are_refused(saved: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    np.save(tmp_path / "objects.npy", np.array([print], dtype=object), allow_pickle=True)
    name = next(name for name in files if name.endswith(".npy"))
    files[name] = (tmp_path / "objects.npy").read_bytes()
    with zipfile.ZipFile(saved, "w") as archive:
        for entry, content in files.items():
            archive.writestr(entry, content)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_model(saved)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_what_is_no_archive_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(zipfile.BadZipFile):
        read_model(tmp_path / "model.skops")


def test_an_unfitted_featuriser_is_no_model(tmp_path: Path) -> None:
    skops.io.dump(Featuriser(), tmp_path / "model.skops")
    with pytest.raises(ForeignType):
        read_model(tmp_path / "model.skops")
