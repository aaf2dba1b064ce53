"""The table of ready-made nets, made from the section "zoo" of `results/keras3.json`."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.zoo_nets import NETS, RECIPES

_PLACE = re.compile(r"^export: ")


def zoo_table(document: dict[str, Any]) -> str:
    """Net by recipe: the bytes that came, or the number of the sentence that refused, which stands below."""
    rows = document["zoo"]["nets"]
    cells = [rows.get(net, {}).get(recipe) for net in NETS for recipe in RECIPES]
    reasons = list(dict.fromkeys(cell["why"] for cell in cells if cell and not cell["ok"]))
    lines = [
        f"| net | pixels | {' | '.join(f'`{recipe}`' for recipe in RECIPES)} |",
        "|---|---|" + "---|" * len(RECIPES),
    ]
    for net in NETS.values():
        found = (rows.get(net.name, {}).get(recipe) for recipe in RECIPES)
        told = " | ".join(_cell(cell, reasons) for cell in found)
        lines.append(f"| {net.name} | {net.size}x{net.size} | {told} |")
    if reasons:
        lines += ["", *(f"{number}. {_PLACE.sub('', why)}" for number, why in enumerate(reasons, 1))]
    return "\n".join(lines)


def _cell(cell: dict[str, Any] | None, reasons: list[str]) -> str:
    if cell is None:
        return "not tried"
    return f"{cell['bytes']:,}" if cell["ok"] else f"no ({reasons.index(cell['why']) + 1})"
