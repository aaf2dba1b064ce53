"""The table of docs/evidence.md: what was broken, and what `verify` said of it."""

from __future__ import annotations

from typing import Any


def verify_table(document: dict[str, Any]) -> str:
    """What was broken, and what was said of it."""
    lines = ["| broken | net | layer | named first | sentence |", "|---|---|---|---|---|"]
    for row in document["sections"].get("verify", {}).get("raw", {}).get("rows", []):
        named = "yes" if row["found"] else f"**no**: {row['first_layer'] or 'nothing'}"
        lines.append(
            f"| {row['fault'].replace('_', ' ')} | {row['net']} | `{row['layer']}` | {named} | {row['sentence']} |"
        )
    return "\n".join(lines)
