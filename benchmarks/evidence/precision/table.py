"""The tables of docs/precision.md: bytes, accuracy and time of int4 against int8, and of mixed precision against int8."""

from __future__ import annotations

from typing import Any


def int4_table(document: dict[str, Any]) -> str:
    """A row for each net and export."""
    lines = ["| net | export | bytes | test accuracy | time, int8 = 1 |", "|---|---|---|---|---|"]
    for row in _raw(document).get("exports", []):
        lines.append(
            f"| {row['net']} | {row['export']} | {row['bytes']:,} | {100 * row['accuracy']:.2f} % "
            f"| {row['times_as_long_as_int8']:.2f} |"
        )
    return "\n".join(lines)


def mixed_table(document: dict[str, Any]) -> str:
    """A row for each net with a broken layer."""
    lines = [
        "| net | float32 | all int8 | mixed: auto | recovered | layers in float | bytes, int8 = 1 | time, int8 = 1 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in _raw(document).get("mixed", []):
        shares = " | ".join(f"{100 * row[f'{name}_accuracy']:.2f} %" for name in ("float32", "int8", "mixed"))
        layers = ", ".join(f"`{name}`" for name in row["layers"])
        lines.append(
            f"| {row['net']}, broken in `{row['broken']}` | {shares} | {row['recovered_percent']:.1f} % | {layers} "
            f"| {row['mixed_bytes'] / row['int8_bytes']:.2f} | {row['times_as_long']:.2f} |"
        )
    return "\n".join(lines)


def _raw(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["sections"].get("int4", {}).get("raw", {})
    return found
