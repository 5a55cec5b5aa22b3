from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from triage import bundle as bundles
from triage.archive import TRUSTED
from triage.bundle import Bundle, load_bundle, resolve, save_bundle, verify
from triage.classify import LetterModel
from triage.errors import BundleError
from triage.features import StaticVectors
from triage.schema import Petition
from triage.taxonomy import Taxonomy, load_taxonomy
from triage.text import Analyser
from triage.training.fit import Plan, fit

Blocks = list[dict[str, list[str]]]
Letters = list[tuple[Petition, str]]
Load = Callable[[Path], Bundle]


@pytest.fixture(scope="module")
def taxonomy(tiny_home: Path) -> Taxonomy:
    return load_taxonomy(tiny_home)


@pytest.fixture
def papers(taxonomy: Taxonomy, analyser: Analyser) -> dict[str, Any]:
    return {
        "name": "tiny",
        "version": "1",
        "taxonomy": taxonomy.fingerprint,
        "segmenter": {"terms": analyser.segmenter.fingerprint},
    }


@pytest.fixture
def saved(tmp_path: Path, tiny_model: LetterModel, papers: dict[str, Any]) -> Path:
    path = tmp_path / "models" / "tiny"
    save_bundle(
        path, {"model.skops": tiny_model}, papers, {"metrics.json": '{"letters": 60}\n', "MODEL_CARD.md": "# Tiny\n"}
    )
    return path


@pytest.fixture
def load(taxonomy: Taxonomy, analyser: Analyser, vectors: StaticVectors) -> Load:
    return lambda path: load_bundle(path, taxonomy, analyser.segmenter.fingerprint, vectors)


def change(path: Path, **values: Any) -> None:
    """Write other values into a bundle's manifest; None takes a key out."""
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8")) | values
    whole = {key: value for key, value in manifest.items() if value is not None}
    (path / "manifest.json").write_text(json.dumps(whole), encoding="utf-8")


def swap_model(path: Path, thing: Any) -> None:
    """Put another object in the place of the model, with the right hash."""
    skops.io.dump(thing, path / "model.skops")
    files = json.loads((path / "manifest.json").read_text(encoding="utf-8"))["files"]
    change(path, files=files | {"model.skops": bundles._hash(path / "model.skops")})


def refused(action: Callable[[], Any], code: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        action()
    assert caught.value.code == code
    return caught.value


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_round_trip_gives_the_same_scores(
    saved: Path, load: Load, tiny_model: LetterModel, analyser: Analyser, tiny_letters: Letters
) -> None:
    bundle = load(saved)
    assert bundle.name == "tiny 1"
    assert bundle.metrics == {"letters": 60}
    analyses = [analyser(petition) for petition, _ in tiny_letters]
    (model,) = bundle.models
    for before, after in zip(*(own(analyses, [()] * len(analyses)) for own in (tiny_model, model)), strict=True):
        assert before.scores == after.scores
        assert before.familiar == after.familiar
    before, after = tiny_model.heads["category"], model.heads["category"]
    assert before.classes == after.classes
    assert np.array_equal(before.quantiles, after.quantiles)
    assert tiny_model.explain(analyses[0], (), "category", "pay") == model.explain(analyses[0], (), "category", "pay")


def test_same_training_same_bytes(
    saved: Path, tmp_path: Path, tiny_model: LetterModel, tiny_blocks: Blocks, tiny_letters: Letters, vectors: StaticVectors,
    papers: dict[str, Any], tiny_plan: Plan,
) -> None:  # fmt: skip
    texts = {name: (saved / name).read_text(encoding="utf-8") for name in ("metrics.json", "MODEL_CARD.md")}
    labels = {"category": [code for _, code in tiny_letters]}
    trained_again = fit(tiny_blocks, labels, np.arange(len(tiny_letters)), vectors, tiny_plan).model
    for name, model in (("saved_again", tiny_model), ("trained_again", trained_again)):
        save_bundle(tmp_path / name, {"model.skops": model}, papers, texts)
        for file in ("model.skops", "manifest.json"):
            assert (tmp_path / name / file).read_bytes() == (saved / file).read_bytes(), (name, file)


def test_skops_reads_the_same_file(saved: Path, load: Load, analyser: Analyser, vectors: StaticVectors) -> None:
    theirs = skops.io.load(saved / "model.skops", trusted=list(TRUSTED))
    theirs.bind(vectors)
    analysis = analyser(Petition(body="老板拖欠工资"))
    assert theirs([analysis], [()])[0].scores == load(saved).models[0]([analysis], [()])[0].scores


def test_a_model_file_can_be_taken_over(
    saved: Path, load: Load, tmp_path: Path, tiny_model: LetterModel, papers: dict[str, Any]
) -> None:
    path = tmp_path / "two"
    save_bundle(path, {"model.skops": tiny_model, "signals.skops": saved / "model.skops"}, papers, {})
    assert len(load(path).models) == 2
    assert (path / "signals.skops").read_bytes() == (saved / "model.skops").read_bytes()


def test_the_manifest_names_every_file_and_others_can_read_it(saved: Path) -> None:
    manifest = verify(saved)
    assert set(manifest["files"]) | {"manifest.json"} == set(os.listdir(saved))
    assert manifest["format"] == bundles.FORMAT
    assert saved.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("place", [0, 100, -1])
@pytest.mark.parametrize("name", ["model.skops", "metrics.json", "MODEL_CARD.md"])
def test_one_flipped_byte(saved: Path, load: Load, name: str, place: int) -> None:
    content = bytearray((saved / name).read_bytes())
    content[place % len(content)] ^= 1
    (saved / name).write_bytes(content)
    error = refused(lambda: load(saved), "bundle_hash")
    assert name in error.text("en")
    assert name in error.text("zh")


@pytest.mark.parametrize("name", ["model.skops", "metrics.json"])
def test_a_missing_file(saved: Path, load: Load, name: str) -> None:
    (saved / name).unlink()
    assert name in str(refused(lambda: load(saved), "bundle_file"))


def test_a_file_that_the_manifest_does_not_list(saved: Path) -> None:
    (saved / "signals.skops").write_bytes((saved / "model.skops").read_bytes())
    with pytest.raises(BundleError, match=r"signals\.skops"):
        verify(saved)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "sub/model.skops", "..\\secret", "..", "."])
def test_a_file_name_with_a_path(saved: Path, load: Load, name: str) -> None:
    (saved.parent / "secret").write_text("x", encoding="utf-8")
    (saved / "sub").mkdir()
    (saved / "sub" / "model.skops").write_bytes((saved / "model.skops").read_bytes())
    files = json.loads((saved / "manifest.json").read_text(encoding="utf-8"))["files"]
    change(saved, files=files | {name: bundles._hash(saved.parent / "secret")})
    refused(lambda: load(saved), "bundle_file")


@pytest.mark.parametrize("form", [0, 2, "1", [1]])
def test_an_unknown_format(saved: Path, load: Load, form: Any) -> None:
    change(saved, format=form)
    error = refused(lambda: load(saved), "bundle_format")
    assert str(form) in str(error)
    assert str(bundles.FORMAT) in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"files": {}}',
        '{"format": 1, "files": []}',
        '{"format": 1, "files": "x"}',
    ],
)
def test_a_damaged_manifest(saved: Path, load: Load, text: str) -> None:
    (saved / "manifest.json").write_text(text, encoding="utf-8")
    refused(lambda: load(saved), "bundle_manifest")


@pytest.mark.parametrize("key", ["taxonomy", "segmenter", "name", "version"])
def test_a_manifest_without_a_key_it_needs(saved: Path, load: Load, key: str) -> None:
    change(saved, **{key: None})
    refused(lambda: load(saved).name, "bundle_manifest")


def test_a_manifest_that_names_no_model(saved: Path, load: Load) -> None:
    change(saved, files={})
    refused(lambda: load(saved), "bundle_file")


def test_another_taxonomy_is_named_with_both_fingerprints(saved: Path, load: Load, taxonomy: Taxonomy) -> None:
    change(saved, taxonomy="0123456789abcdef")
    error = refused(lambda: load(saved), "bundle_taxonomy")
    for lang in ("en", "zh"):
        assert "0123456789abcdef" in error.text(lang)
        assert taxonomy.fingerprint in error.text(lang)


def test_own_labels_need_no_taxonomy(saved: Path, load: Load) -> None:
    change(saved, taxonomy="0123456789abcdef", own_labels=True)
    assert load(saved).models


def test_other_terms_are_named_with_both_fingerprints(saved: Path, load: Load, analyser: Analyser) -> None:
    change(saved, segmenter={"terms": "fedcba9876543210"})
    error = refused(lambda: load(saved), "bundle_terms")
    assert "fedcba9876543210" in str(error)
    assert analyser.segmenter.fingerprint in str(error)


def test_other_vectors(saved: Path, taxonomy: Taxonomy, analyser: Analyser, vectors: StaticVectors) -> None:
    other = StaticVectors(["水"], np.ones((1, vectors.table.shape[1]), np.int8))
    error = refused(lambda: load_bundle(saved, taxonomy, analyser.segmenter.fingerprint, other), "bundle_vectors")
    assert other.fingerprint in str(error)
    assert vectors.fingerprint in str(error)


def _fitted_regression() -> LogisticRegression:
    return LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])


@pytest.mark.parametrize(
    "thing",
    [
        _fitted_regression(),
        os.path.join,
        np.zeros(3),
        {"category": 1},
        pytest.param(print, id="print"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_an_archive_that_holds_something_else(saved: Path, load: Load, thing: Any) -> None:
    swap_model(saved, thing)
    refused(lambda: load(saved), "bundle_types")


def test_a_model_with_a_function_inside_is_refused(saved: Path, load: Load, tiny_model: LetterModel) -> None:
    swap_model(saved, LetterModel(tiny_model.featuriser, {"category": os.path.join}))  # type: ignore[dict-item]
    refused(lambda: load(saved), "bundle_types")


@pytest.mark.parametrize("part", ["featuriser", "heads"])
def test_a_model_with_a_wrong_part_inside_is_refused(
    saved: Path, load: Load, tiny_model: LetterModel, part: str
) -> None:
    wrong = _fitted_regression()
    heads = {"category": wrong} if part == "heads" else tiny_model.heads
    swap_model(saved, LetterModel(wrong if part == "featuriser" else tiny_model.featuriser, heads))  # type: ignore[arg-type]
    refused(lambda: load(saved), "bundle_types")


def test_an_archive_that_is_none(saved: Path, load: Load) -> None:
    (saved / "model.skops").write_bytes(b"PK\x03\x04 nothing")
    files = json.loads((saved / "manifest.json").read_text(encoding="utf-8"))["files"]
    change(saved, files=files | {"model.skops": bundles._hash(saved / "model.skops")})
    refused(lambda: load(saved), "bundle_file")


def test_an_older_bundle_is_replaced_and_nothing_is_left_behind(
    saved: Path, load: Load, tiny_model: LetterModel, papers: dict[str, Any]
) -> None:
    save_bundle(saved, {"model.skops": tiny_model}, papers | {"version": "2"}, {})
    assert load(saved).name == "tiny 2"
    assert listing(saved.parent) == ["tiny", "tiny/manifest.json", "tiny/model.skops"]


def test_an_empty_folder_is_filled(tmp_path: Path, load: Load, tiny_model: LetterModel, papers: dict[str, Any]) -> None:
    (tmp_path / "out").mkdir()
    save_bundle(tmp_path / "out", {"model.skops": tiny_model}, papers, {})
    assert load(tmp_path / "out").models
    assert listing(tmp_path) == ["out", "out/manifest.json", "out/model.skops"]


def _notes(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("mine", encoding="utf-8")


def _web_page(path: Path) -> None:
    _notes(path)
    (path / "manifest.json").write_text('{"name": "a web page", "icons": []}', encoding="utf-8")


def _file(path: Path) -> None:
    path.write_text("mine", encoding="utf-8")


@pytest.mark.parametrize("make", [_notes, _web_page, _file])
def test_what_is_no_bundle_is_not_replaced(
    tmp_path: Path, tiny_model: LetterModel, papers: dict[str, Any], make: Callable[[Path], None]
) -> None:
    make(tmp_path / "out")
    before = listing(tmp_path)
    refused(lambda: save_bundle(tmp_path / "out", {"model.skops": tiny_model}, papers, {}), "not_a_bundle")
    assert listing(tmp_path) == before


def test_a_failed_save_keeps_the_older_bundle_and_leaves_nothing(
    saved: Path, load: Load, papers: dict[str, Any], tiny_model: LetterModel
) -> None:
    before = listing(saved.parent)
    with pytest.raises(FileNotFoundError):
        save_bundle(saved, {"model.skops": tiny_model, "signals.skops": saved.parent / "none.skops"}, papers, {})
    assert listing(saved.parent) == before
    assert load(saved).name == "tiny 1"


def test_a_failed_move_keeps_the_older_bundle(
    saved: Path, load: Load, papers: dict[str, Any], tiny_model: LetterModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listing(saved.parent)
    replace = os.replace

    def failing(source: Any, target: Any) -> None:
        if Path(target) == saved and not (Path(source) / "MODEL_CARD.md").exists():
            raise PermissionError("in use")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(PermissionError):
        save_bundle(saved, {"model.skops": tiny_model}, papers, {})
    assert listing(saved.parent) == before
    assert load(saved).name == "tiny 1"


def test_a_bundle_is_found_by_path_or_shipped_name(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "models_home", lambda: saved.parent)
    monkeypatch.chdir(tmp_path)
    assert resolve(saved) == saved
    assert resolve("tiny") == saved
    error = refused(lambda: resolve("big"), "no_bundle")
    assert "tiny" in str(error)
    refused(lambda: resolve(), "no_bundle")
