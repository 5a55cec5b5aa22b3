"""A summary as a file: by the ending of its name."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from html import escape
from pathlib import Path

from triage.errors import InputError
from triage.summary.charts import charts_of
from triage.summary.document import write_docx
from triage.summary.report import Summary
from triage.summary.tables import Table, shown
from triage.summary.texts import Words
from triage.summary.workbook import write_xlsx

__all__ = ["WRITERS", "write"]

_STYLE = """
body { font: 16px/1.6 "Noto Sans SC", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif; color: #222;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { text-align: center; font-size: 1.6rem }
h2 { font-size: 1.2rem; margin-top: 2rem }
caption { text-align: left; font-weight: bold; padding: .4rem 0 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { border: 1px solid #bbb; padding: .25rem .5rem; text-align: right }
th:first-child, td.t { text-align: left }
thead th { background: #eef2f7 }
img { max-width: 100% }
"""


def write(summary: Summary, path: str | Path) -> str:
    """Write a summary as ``.xlsx``, ``.docx``, ``.html`` or ``.json``.

    Returns
    -------
    str
        Why there are no charts in it; ``""`` if there are, or the kind holds none.

    Raises
    ------
    InputError
        If the kind is not written.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError("output_kind", path=path, found=path.suffix, allowed=" ".join(WRITERS))
    return writer(summary, path)


def _write_json(summary: Summary, path: Path) -> str:
    path.write_text(json.dumps(summary.to_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return ""


def _write_html(summary: Summary, path: Path) -> str:
    words = Words(summary.lang)
    charts, note = charts_of(summary)
    notes = [*summary.notes, *filter(None, [note])]
    pictures = [
        f'<p><img alt="{escape(one.title)}" src="data:image/png;base64,{b64encode(one.png).decode()}"></p>'
        for one in charts
    ]
    parts: list[tuple[str, list[str]]] = [
        ("summary", [f"<p>{escape(line)}</p>" for line in (*summary.overview, summary.units)]),
        ("charts", pictures),
        ("tables", [_table(one) for one in summary.tables]),
        ("hot", [*(f"<p>{escape(line)}</p>" for line in summary.hot_lines), _table(summary.hot)]),
        ("missing", [_table(summary.missing)]),
        ("notes", [f"<p>{escape(line)}</p>" for line in notes]),
    ]
    body = "".join(f"<h2>{escape(words(f'section_{key}'))}</h2>{''.join(lines)}" for key, lines in parts if lines)
    title = escape(summary.title)
    path.write_text(
        f'<!doctype html><html lang="{"zh-CN" if summary.lang == "zh" else "en"}"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(summary.about)}</p>"
        f"{body}</body></html>\n",
        encoding="utf-8",
    )
    return note


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(one.title)}</th>' for one in table.columns)
    rows = []
    for row in table.rows:
        cells = [
            f"<td{' class=t' if column.kind == 'text' else ''}>{escape(shown(cell, column.kind))}</td>"
            for column, cell in zip(table.columns, row.cells, strict=True)
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


WRITERS: dict[str, Callable[[Summary, Path], str]] = {
    ".xlsx": write_xlsx, ".docx": write_docx, ".html": _write_html, ".json": _write_json,
}  # fmt: skip
