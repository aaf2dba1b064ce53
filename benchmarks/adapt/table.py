"""The table of nets and data that are not ours, made from `results/adapt.json`."""

from __future__ import annotations

from typing import Any

from benchmarks.adapt.rows import ROWS


def adapt_table(document: dict[str, Any]) -> str:
    """A line for each model and recipe that was tried: accuracy of the bytes beside float's, and what they cost."""
    lines = [
        "| float model | recipe | float | int8 | points (McNemar p) | bytes, share of float | fewer cycles | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for net, recipe in ROWS:
        row = document["rows"].get(f"{net}, {recipe}")
        if row is None:
            lines.append(f"| {net} | `{recipe}` | not measured | | | | | |")
        elif not row["ok"]:
            lines.append(f"| {net} | `{recipe}` | refused: {row['why']} | | | | | |")
        else:
            lines.append(_line(net, recipe, row))
    return "\n".join(lines)


def _line(net: str, recipe: str, row: dict[str, Any]) -> str:
    points = f"{-row['drop_points']:+.2f} ({row['mcnemar_p']:.2g})"
    size = f"{row['bytes']:,}, {100 * row['share']:.1f} %"
    cells = [net, f"`{recipe}`", f"{row['float_accuracy']:.2f} %", f"{row['accuracy']:.2f} %", points, size]
    return f"| {' | '.join(cells)} | {row['times_fewer_cycles']:.1f}x | {row['minutes']:.1f} |"
