"""A model folder: audited, numbered, loaded without running anything it holds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triage.archive import ForeignType, read_model, write_model
from triage.classify import LetterModel
from triage.config import models_home, shipped_vectors
from triage.errors import BundleError
from triage.features import StaticVectors
from triage.taxonomy import Taxonomy

__all__ = ["FORMAT", "MODEL", "SIGNALS", "Bundle", "load_bundle", "resolve", "save_bundle", "verify"]

FORMAT = 1
SHIPPED = "base"
MODEL = "model.skops"
SIGNALS = "signals.skops"  # fields that the first model was not trained for
_MODELS = (MODEL, SIGNALS)


@dataclass(frozen=True)
class Bundle:
    """A verified model with its papers.

    Attributes
    ----------
    path : Path
        Its folder.
    manifest : Mapping
        Name, version, hashes and what it was trained with.
    models : tuple of LetterModel
        The first decides the fields it has heads for, the next the others.
    """

    path: Path
    manifest: Mapping[str, Any]
    models: tuple[LetterModel, ...]
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name and version, as every decision names it."""
        return f"{self.manifest['name']} {self.manifest['version']}"


def resolve(name: str | Path | None = None) -> Path:
    """Return a bundle's folder from a path, a shipped name, or nothing for the shipped default.

    Raises
    ------
    BundleError
        If there is none.
    """
    for path in (Path(name or SHIPPED), models_home() / (name or SHIPPED)):
        if (path / "manifest.json").is_file():
            return path
    known = sorted(path.parent.name for path in models_home().glob("*/manifest.json"))
    raise BundleError("no_bundle", name=name or SHIPPED, allowed=", ".join(known) or "-")


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path) -> dict[str, Any]:
    """Return a bundle's manifest after checking every file against its hash.

    Raises
    ------
    BundleError
        If the manifest is unreadable, its format unknown, or a file missing, changed or not listed.
    """
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        files: dict[str, str] = dict(manifest["files"])
        form = manifest["format"]
        if form == FORMAT:
            _ = manifest["name"], manifest["version"], manifest["taxonomy"], manifest["segmenter"]["terms"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError("bundle_manifest", path=path, fault=type(error).__name__) from None
    if form != FORMAT:
        raise BundleError("bundle_format", path=path, found=form, allowed=FORMAT)
    for file in sorted(path.iterdir()):
        if file.is_file() and file.name not in {*files, "manifest.json"} and not file.name.startswith("."):
            raise BundleError("bundle_file", path=path, file=file.name)
    for name, expected in files.items():
        if "/" in name or "\\" in name or not (path / name).is_file():
            raise BundleError("bundle_file", path=path, file=name)
        if _hash(path / name) != expected:
            raise BundleError("bundle_hash", path=path, file=name)
    if MODEL not in files:
        raise BundleError("bundle_file", path=path, file=MODEL)
    return manifest


def load_bundle(
    name: str | Path | None, taxonomy: Taxonomy, segmenter: str, vectors: StaticVectors | None = None
) -> Bundle:
    """Load a bundle and bind it to the policy files it fits.

    Parameters
    ----------
    name : str, Path or None
        See `resolve`.
    taxonomy : Taxonomy
        The office's codes; must be those the bundle was trained on.
    segmenter : str
        Fingerprint of the segmenter's terms.
    vectors : StaticVectors or None
        The table of word vectors; loaded from the policy folder by default.

    Raises
    ------
    BundleError
        If the bundle is damaged or made for other codes, terms or vectors.
    """
    path = resolve(name)
    manifest = verify(path)
    own_labels = manifest.get("own_labels", False)
    if not own_labels and manifest["taxonomy"] != taxonomy.fingerprint:
        raise BundleError("bundle_taxonomy", path=path, found=manifest["taxonomy"], allowed=taxonomy.fingerprint)
    if manifest["segmenter"]["terms"] != segmenter:
        raise BundleError("bundle_terms", path=path, found=manifest["segmenter"]["terms"], allowed=segmenter)
    models = tuple(_read(path / file) for file in _MODELS if file in manifest["files"])
    vectors = vectors or StaticVectors.load(shipped_vectors())
    for model in models:
        for part in model.featuriser.parts_:
            wanted = getattr(part, "fingerprint_", vectors.fingerprint)
            if wanted != vectors.fingerprint:
                raise BundleError("bundle_vectors", path=path, found=wanted, allowed=vectors.fingerprint)
        model.bind(vectors)
    metrics_file = path / "metrics.json"
    metrics = json.loads(metrics_file.read_text(encoding="utf-8")) if metrics_file.is_file() else {}
    return Bundle(path, manifest, models, metrics)


def _read(path: Path) -> LetterModel:
    try:
        return read_model(path)
    except ForeignType:
        raise BundleError("bundle_types", path=path) from None
    except Exception as error:  # a damaged archive can fail anywhere inside the reader
        raise BundleError("bundle_file", path=path.parent, file=f"{path.name} ({type(error).__name__})") from None


def save_bundle(
    path: Path,
    models: Mapping[str, LetterModel | Path],
    manifest: Mapping[str, Any],
    texts: Mapping[str, str],
) -> None:
    """Write a bundle beside its place and move it there whole.

    Parameters
    ----------
    path : Path
        The folder to make; an older bundle there is replaced, anything else is refused.
    models : Mapping[str, LetterModel or Path]
        File name to model, or to a model file to copy.
    manifest : Mapping
        What to record besides format and hashes.
    texts : Mapping[str, str]
        Further files: metrics, card.

    Raises
    ------
    BundleError
        If ``path`` holds something that is not a bundle.
    """
    if path.exists() and not _replaceable(path):
        raise BundleError("not_a_bundle", path=path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, model in models.items():
            if isinstance(model, Path):
                shutil.copyfile(model, draft / name)
            else:
                write_model(draft / name, model)
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
        hashes = {file.name: _hash(file) for file in sorted(draft.iterdir())}
        whole = {"format": FORMAT, **manifest, "files": hashes}
        text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True)
        (draft / "manifest.json").write_text(text + "\n", encoding="utf-8")
        draft.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
            try:
                os.replace(path, old / "bundle")
                try:
                    os.replace(draft, path)
                except OSError:
                    os.replace(old / "bundle", path)
                    raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _replaceable(path: Path) -> bool:
    """Tell whether a path is an empty folder or a bundle: many programs write some manifest.json."""
    if not path.is_dir():
        return False
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        return "format" in manifest and MODEL in manifest["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return not any(path.iterdir())
