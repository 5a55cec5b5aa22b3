"""Write the tables of the service's pages from its code: settings, roles, problems, routes.

``python docs/service_tables.py`` rewrites them, ``--check`` exits 1 if one is stale.
"""

from __future__ import annotations

import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from figures import replaced  # noqa: E402 - beside this file

from service import Settings, create_app  # noqa: E402
from service.access import PERMISSIONS, ROLES  # noqa: E402
from service.problems import status_of  # noqa: E402


def table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def settings() -> str:
    """Return the settings: variable, default, what it is for."""
    told: dict[str, str] = {}
    attributes = (Settings.__doc__ or "").partition("Attributes\n")[2].partition("-\n")[2]
    for names, text in re.findall(r"^    (\w[^\n]*)\n((?:        [^\n]+\n)+)", attributes, re.MULTILINE):
        meaning = " ".join(textwrap.dedent(text).split()).replace("``", "`")
        told |= dict.fromkeys(re.split(r",\s*", names.partition(" : ")[0]), meaning)
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if name == "state" else str(field.default)
        shown = {"None": "", "**********": "", "[]": ""}.get(default, default)
        rows.append((f"`TRIAGE_{name.upper()}`", f"`{shown}`" if shown else "", told[name]))
    return table(("variable", "default", "meaning"), rows)


def roles() -> str:
    """Return what each role may do."""
    rows = [
        (f"`{permission}`", text, *("yes" if permission in own else "" for own in ROLES.values()))
        for permission, text in PERMISSIONS.items()
    ]
    return table(("permission", "to", *ROLES), rows)


def problems() -> str:
    """Return the codes the service adds to the library's."""
    texts = tomllib.loads((ROOT / "service" / "messages.toml").read_text(encoding="utf-8"))
    rows = [(f"`{code}`", str(status_of(code)), text["en"].replace("|", "/")) for code, text in texts.items()]
    return table(("code", "status", "says"), rows)


def routes(described: dict[str, Any]) -> str:
    """Return every route, what it does and what it takes."""
    rows = []
    for path, methods in sorted(described["paths"].items()):
        for method, route in methods.items():
            body = route.get("requestBody", {}).get("content", {})
            taken = [f"`{kind}`" for kind in body] + [
                f"`{one['name']}`" for one in route.get("parameters", []) if one["in"] != "path"
            ]
            rows.append((f"`{method.upper()} {path}`", route["description"].split("\n")[0], ", ".join(taken)))
    return table(("route", "does", "takes"), rows)


def main(arguments: Sequence[str]) -> int:
    """Rewrite what is stale; with ``--check`` only name it and return 1."""
    described = create_app(Settings()).openapi()
    blocks = {
        "service.md": (("settings", settings()), ("roles", roles()), ("problems", problems())),
        "api.md": (("routes", routes(described)),),
    }
    stale = 0
    for name, parts in blocks.items():
        path = ROOT / "docs" / name
        new = old = path.read_text(encoding="utf-8")
        for marker, block in parts:
            new = replaced(new, f"<!-- {marker} -->", f"\n{block}\n")
        if new != old:
            stale += 1
            print(f"docs/{name}: {'stale' if '--check' in arguments else 'rewritten'}")
            if "--check" not in arguments:
                path.write_text(new, encoding="utf-8")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
