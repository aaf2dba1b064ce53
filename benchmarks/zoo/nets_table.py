"""The tables of docs/zoo.md: the nets, from the code, and what came of each, from the section "layers" of results/zoo.json."""

from __future__ import annotations

from typing import Any

from benchmarks.zoo.every_layer import CASES
from benchmarks.zoo_nets import RECIPES
from edgedigits.models.zoo import NETS
from edgedigits.models.zoo.shipped import find_shipped_record


def nets_table() -> str:
    """Every architecture: parameters, images, what it is for, its training if nothing is said, and what a shipped one reaches."""
    lines = ["| net | parameters | images | for | epochs | rate | shipped |", "|---|---|---|---|---|---|---|"]
    for name, net in NETS.items():
        height, width, channels = net.images
        habits = net.habits
        lines.append(
            f"| `{name}` | {net.parameters:,} | {height}x{width}x{channels} | {net.use} | {habits.epochs} | {habits.rate:g} | "
            f"{_shipped(name)} |"
        )
    return "\n".join(lines)


def _shipped(name: str) -> str:
    record = find_shipped_record(name)
    if record is None:
        return ""
    return f"[{100 * record['test_accuracy']:.2f} %](../artifacts/baselines/{name}.md) of {record['data']['name']}"


def layers_table(document: dict[str, Any]) -> str:
    """Net by recipe: the bytes and what rounding left to the converter, or the number of the sentence that refused."""
    rows = document["sections"].get("layers", {"raw": {"nets": {}}})["raw"]["nets"]
    cells = [cell for row in rows.values() for cell in row.values()]
    reasons = list(dict.fromkeys(cell["why"] for cell in cells if not cell["ok"]))
    lines = [f"| net | {' | '.join(f'`{recipe}`' for recipe in RECIPES)} |", "|---|" + "---|" * len(RECIPES)]
    for name in CASES:
        found = (rows.get(name, {}).get(recipe) for recipe in RECIPES)
        lines.append(f"| `{name}` | {' | '.join(_cell(cell, reasons) for cell in found)} |")
    if reasons:
        lines += ["", *(f"{number}. {why}" for number, why in enumerate(reasons, 1))]
    return "\n".join(lines)


def _cell(cell: dict[str, Any] | None, reasons: list[str]) -> str:
    if cell is None:
        return "not tried"
    if not cell["ok"]:
        return f"no ({reasons.index(cell['why']) + 1})"
    left = len(cell["left_to_converter"])
    return f"{cell['bytes']:,}" + (f"; {left} left" if left else "")
