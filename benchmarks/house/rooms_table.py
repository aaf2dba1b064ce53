"""The tables of rooms for the docs: what stands in each, in its own first sentence, and what it may import."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from benchmarks.house.reading import TOOLKIT
from tests.test_rooms import MAY, WITHIN

_TOOLKIT = Path(__file__).parents[2] / TOOLKIT


def rooms_table() -> str:
    """The rooms, from the ground up."""
    return _table("room", dict(MAY))


def folders_table() -> str:
    """The folders inside of rooms, and the room itself where it imports one of them."""
    return _table("folder", {name: allowed for name, allowed in WITHIN.items() if "/" in name or allowed})


def _table(kind: str, rows: Mapping[str, str]) -> str:
    lines = [f"| {kind} | what stands there | may import |", "|---|---|---|"]
    for name, allowed in rows.items():
        imports = ", ".join(f"`{other}`" for other in allowed.split()) or "none of the others"
        lines.append(f"| `{name}` | {_sentence(name)} | {imports} |")
    return "\n".join(lines)


def _sentence(name: str) -> str:
    """The first line of the docstring of a package or a module."""
    path = _TOOLKIT / name / "__init__.py"
    path = path if path.is_file() else _TOOLKIT / f"{name}.py"
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said, f"{path} does not say what stands there"
    return said.partition("\n")[0].replace("|", "\\|")
