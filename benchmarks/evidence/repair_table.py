"""The table of docs/repair.md: what int8 loses of badly scaled nets, and what repair wins back."""

from __future__ import annotations

from typing import Any


def repair_table(document: dict[str, Any]) -> str:
    """A row for each net, whole or badly scaled, and each way to make its bytes."""
    lines = ["| net | channels | stages | calibration | float | int8 | divergence |", "|---|---|---|---|---|---|---|"]
    for row in document["sections"].get("repair", {}).get("raw", {}).get("rows", []):
        found = row["test"]
        lines.append(
            f"| {row['net']} | {row['form']} | {row['steps']} | {row['calibration']} | {found['float_percent']:.2f} % | "
            f"{found['percent']:.2f} % | {found['divergence']:.4f} |"
        )
    return "\n".join(lines)
