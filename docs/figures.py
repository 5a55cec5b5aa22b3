"""Write the figures that the documents show, from the files they come from.

``python docs/figures.py`` rewrites the blocks between the markers, ``--check`` exits 1 if one of them is stale.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
END = "<!-- end -->"
_WEAKEST = 3


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def figures(metrics: Mapping[str, Any]) -> str:
    """Return the table of a bundle's figures, read from its ``metrics.json``."""
    category, heads, decision = metrics["category"], metrics["heads"], metrics["decision"]
    weak = sorted(category["per_code"].items(), key=lambda item: item[1]["f1"])[:_WEAKEST]
    rows = [
        ("category right", _percent(category["accuracy"])),
        ("category, macro-F1", f"{category['macro_f1']:.3f}"),
        ("right code among the first three", _percent(category["top3"])),
        ("candidate set holds the right code", _percent(category["set_coverage"])),
        ("codes in the candidate set, mean", f"{category['set_size']:.2f}"),
        ("candidate set of one code", _percent(category["single_share"])),
        ("letters, surest first, that are 95 % right", _percent(category["coverage_at_95_accuracy"])),
        ("expected calibration error", f"{category['expected_calibration_error']:.3f}"),
        ("weakest categories, F1", ", ".join(f"`{code}` {row['f1']:.2f}" for code, row in weak)),
        *(
            (f"category right, `{lang}` letters ({row['letters']:,})", _percent(row["accuracy"]))
            for lang, row in metrics["slices"].items()
        ),
        ("nature right; macro-F1", f"{_percent(heads['nature']['accuracy'])}; {heads['nature']['macro_f1']:.3f}"),
        (
            "department by words alone, before the routing table",
            f"{_percent(heads['department']['accuracy'])}; macro-F1 {heads['department']['macro_f1']:.3f}",
        ),
        (
            "urgency, quadratic kappa; by rules alone",
            f"{decision['urgency_kappa']:.3f}; {decision['urgency_kappa_rules_alone']:.3f}",
        ),
        ("urgent letters (level 3 and 4) found", _percent(decision["urgent_recall"])),
        ("critical letters (level 4) found as such", _percent(decision["critical_recall"])),
        ("false alarms in 100 routine letters", f"{decision['false_alarms_per_100']:.1f}"),
        ("joint letters, F1; by rules alone", _pair(decision, "collective")),
        ("repeat letters, F1; by rules alone", _pair(decision, "repeat")),
    ]
    about = f"{category['letters']:,} letters of `data/corpora`; {metrics['validation']['method']}."
    return "\n".join([about, "", "| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _pair(decision: Mapping[str, float], name: str) -> str:
    return f"{decision[f'{name}_f1']:.3f}; {decision[f'{name}_f1_rules_alone']:.3f}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def performance(found: Mapping[str, Any]) -> str:
    """Return the tables of speed and memory, read from the bench's ``results.json``."""
    machine, kinds = found["machine"], [found["rates"][kind] for kind in ("all", "long")]
    parallel, growth, similar = found["parallel"], found["growth"], found["similar"]
    rates = (
        ("plain pipeline", "plain"),
        ("category only", "category"),
        ("full triage", "full"),
        ("`rjieba.cut` alone", "rjieba"),
        ("both cuts that the category reads, alone", "both_cuts"),
    )
    ratios = (
        ("category only / plain pipeline", "category_to_plain"),
        ("full triage / plain pipeline", "full_to_plain"),
        ("both cuts alone / plain pipeline: the bound", "both_cuts_to_plain"),
        ("category only / `rjieba.cut`", "category_to_rjieba"),
    )
    lengths = " | ".join(f"{kind['letters']:,} of {kind['characters']:.0f} characters" for kind in kinds)
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}; {machine['load_before']:.1f} "
        "processes of others at the start.",
        "",
        f"| letters a second | {lengths} |",
        "|---|---|---|",
        *(_row(name, [f"{kind['rates'][key]:,.0f}" for kind in kinds]) for name, key in rates),
        *(_row(name, [f"{kind[key]:.2f}" for kind in kinds]) for name, key in ratios),
        "",
        "| `triage batch`, by the clock | letters a second |",
        "|---|---|",
        *(
            f"| {way}, {workers} | {parallel['rates'][way + workers]:,.0f} |"
            for way in parallel["gains"]
            for workers in "12"
        ),
        *(f"| {way}, two workers / one | {gain:.2f} |" for way, gain in parallel["gains"].items()),
        "",
        "| letters, one worker | processor seconds | memory, MB |",
        "|---|---|---|",
        *(f"| {row['letters']:,} | {row['seconds']:.1f} | {row['memory']:,.0f} |" for row in growth["rows"]),
        "",
        f"A thousand letters more take {growth['seconds_per_1000']:.2f} s and {growth['memory_per_1000']:.2f} MB; "
        f"R² of the straight line {growth['straightness']:.4f}.",
        "",
        f"`import triage`: {1000 * found['start']['import']:.0f} ms. `triage classify` of one letter: "
        f"{found['start']['classify']:.2f} s.",
        "",
        f"Index of {similar['letters']:,} earlier letters: a question {similar['clock_ms'][0]:.1f} ms (median), "
        f"{similar['clock_ms'][1]:.1f} ms (95 %); {similar['many_per_second']:,.0f} insertions a second; "
        f"{similar['index_mb']:,.0f} MB.",
    ]
    return "\n".join(lines)


def counts(files: Sequence[Path]) -> str:
    """Return the tables of a corpus: letters by file, code, language, level, nature and register."""
    letters = {path: _letters(path) for path in files}
    rows = [row for own in letters.values() for row in own]
    lengths = {lang: [len(row["text"]) for row in rows if row["lang"] == lang] for lang in ("zh", "en")}
    by_code = Counter((row["category"], row["lang"]) for row in rows)
    flags = "; ".join(f"{name}: {sum(row[name] for row in rows):,}" for name in ("collective", "repeat"))
    lines = [
        f"{len(rows):,} letters in {len(files)} files: {len(lengths['zh']):,} Chinese, {len(lengths['en']):,} English; "
        f"{sum(bool(row['title']) for row in rows):,} have a title, "
        f"{sum(bool(row['secondary']) for row in rows):,} a second matter.",
        "",
        *(f"- length `{lang}`, characters: {_spread(own)}" for lang, own in lengths.items() if len(own) > 1),
        f"- urgency by level: {_listed(Counter(row['urgency'] for row in rows), ranked=False)}",
        f"- by nature: {_listed(Counter(row['nature'] for row in rows))}",
        f"- by register: {_listed(Counter(row['register'] for row in rows))}",
        f"- flags: {flags}",
        "",
        "| category | zh | en |",
        "|---|---|---|",
        *(
            f"| {code} | {by_code[code, 'zh']} | {by_code[code, 'en']} |"
            for code in sorted({code for code, _ in by_code})
        ),
        "",
        "| file | letters |",
        "|---|---|",
        *(f"| {path.name} | {len(own)} |" for path, own in letters.items()),
    ]
    return "\n".join(lines)


def _letters(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _spread(lengths: Sequence[int]) -> str:
    low, middle, high = statistics.quantiles(lengths, n=4)
    return f"quartiles {low:.0f}, {middle:.0f}, {high:.0f}, longest {max(lengths):,}"


def _listed(counter: Counter[Any], ranked: bool = True) -> str:
    pairs = sorted(counter.items(), key=lambda item: (-item[1], str(item[0])) if ranked else item[0])
    return "; ".join(f"{name}: {count:,}" for name, count in pairs)


def replaced(text: str, marker: str, block: str) -> str:
    """Return a text with another block between its marker and the end mark that follows.

    Raises
    ------
    ValueError
        If the marks are missing.
    """
    first = text.index(marker) + len(marker)
    return f"{text[:first]}\n{block}\n{text[text.index(END, first) :]}"


def blocks() -> dict[Path, tuple[str, str]]:
    """Return, by document, the marker and the block that belongs behind it."""
    metrics = json.loads((ROOT / "models" / "base" / "metrics.json").read_text(encoding="utf-8"))
    corpora = ROOT / "data" / "corpora"
    results = json.loads((ROOT / "tests" / "bench" / "results.json").read_text(encoding="utf-8"))
    return {
        ROOT / "docs" / "performance.md": ("<!-- performance -->", performance(results)),
        ROOT / "README.md": ("<!-- figures -->", figures(metrics)),
        corpora / "README.md": ("<!-- counts -->", counts(sorted(corpora.glob("*.jsonl")))),
    }


def main(arguments: Sequence[str]) -> int:
    """Rewrite what is stale; with ``--check`` only name it and return 1."""
    stale = 0
    for path, (marker, block) in blocks().items():
        old = path.read_text(encoding="utf-8")
        new = replaced(old, marker, block)
        if new == old:
            continue
        stale += 1
        print(f"{path.relative_to(ROOT)}: {'stale' if '--check' in arguments else 'rewritten'}")
        if "--check" not in arguments:
            path.write_text(new, encoding="utf-8")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
