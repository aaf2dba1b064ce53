"""The table of docs/sensitivity.md: how long it took, and how well it agrees with files really converted."""

from __future__ import annotations

from typing import Any


def sensitivity_table(document: dict[str, Any]) -> str:
    """Of each net what was measured of it; nothing where nothing was."""
    raw = document["sections"].get("sensitivity", {}).get("raw")
    if raw is None:
        return ""
    lines = ["| net | layers | what | measured |", "|---|---|---|---|"]
    for row in raw["minutes"]:
        what = f"{row['probes']} probes of at most {row['images']:,} images"
        lines.append(f"| `{row['net']}` on MNIST | {row['layers']} | {what} | {row['minutes']:.1f} min |")
    for row in raw["nets"]:
        worst = "the same" if row["same_worst"] else "another"
        what = "rank correlation with files in which one layer is int8; worst layer"
        lines.append(f"| {row['net']} on digits | {len(row['layers'])} | {what} | {row['rank']:.3f}; {worst} |")
    return "\n".join(lines)
