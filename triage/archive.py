"""Model files in the skops format, for triage's own types alone.

Written by skops, made byte-stable, read here: skops imports all of scikit-learn before it opens a file, which takes
longer than judging a thousand letters. This reader knows five classes, lists, texts, numbers and arrays; anything else
in a file is refused, so nothing in it can run. ``skops.io.load`` reads the same files.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from triage.classify import Head, LetterModel
from triage.features import Featuriser, StaticBlock, WordBlock

__all__ = ["TRUSTED", "ForeignType", "read_model", "write_model"]

# What a bundle may hold. It stands here and not in the bundle, which must not vouch for itself.
_CLASSES = (Featuriser, Head, LetterModel, StaticBlock, WordBlock)
TRUSTED = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in _CLASSES}
_SCHEMA = "schema.json"


class ForeignType(ValueError):
    """A model file holds a type that triage does not trust."""


def read_model(path: Path) -> LetterModel:
    """Read a model.

    Raises
    ------
    ForeignType
        If the file holds any other type than those of `TRUSTED`.
    Exception
        Whatever a damaged archive makes zipfile, json or NumPy raise.
    """
    with zipfile.ZipFile(path) as archive:
        model = _value(json.loads(archive.read(_SCHEMA)), archive)
    if not isinstance(model, LetterModel):
        raise ForeignType(type(model).__name__)
    return model


def _value(node: Mapping[str, Any], archive: zipfile.ZipFile) -> Any:
    kind, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    if kind == "JsonNode" and name.startswith("builtins."):
        return json.loads(node["content"])
    if kind == "ListNode" and name == "builtins.list":
        return [_value(item, archive) for item in node["content"]]
    if kind == "DictNode" and name == "builtins.dict":
        return {key: _value(item, archive) for key, item in node["content"].items()}
    if kind == "NdArrayNode" and name == "numpy.ndarray" and node["type"] == "numpy":
        return np.load(BytesIO(archive.read(node["file"])), allow_pickle=False)
    if kind == "ObjectNode" and name in TRUSTED:
        made = TRUSTED[name].__new__(TRUSTED[name])
        state = _value(node["content"], archive)
        made.__setstate__(state) if hasattr(made, "__setstate__") else made.__dict__.update(state)
        return made
    raise ForeignType(f"{kind} {name}")


def write_model(path: Path, model: LetterModel) -> None:
    """Save a model so that the same model gives the same bytes: a zip records the hour, skops memory addresses."""
    from skops.io import dump

    raw = path.with_suffix(".raw")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dump(model, raw)
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target:
        names = {name: f"{place:03d}{Path(name).suffix}" for place, name in enumerate(_arrays(source))}
        schema = _stable(json.loads(source.read(_SCHEMA)), names, {})
        for name, stable in names.items():
            target.writestr(_entry(stable), source.read(name))
        target.writestr(_entry(_SCHEMA), json.dumps(schema, sort_keys=True))
    raw.unlink()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _arrays(source: zipfile.ZipFile) -> list[str]:
    """Return array files in the order in which the schema names them."""
    text = source.read(_SCHEMA).decode()
    files = [name for name in source.namelist() if name != _SCHEMA]
    return sorted(files, key=lambda name: text.find(f'"{name}"'))


def _stable(node: Any, names: Mapping[str, str], ids: dict[int, int]) -> Any:
    if isinstance(node, dict):
        return {
            key: ids.setdefault(value, len(ids)) if key == "__id__" else _stable(value, names, ids)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_stable(item, names, ids) for item in node]
    return names.get(node, node) if isinstance(node, str) else node
