"""The table of `docs/gates.md`: how many of the simulated comparisons miss a gate, are not sure of it, hold it."""

from __future__ import annotations

from typing import Any


def gates_table(document: dict[str, Any]) -> str:
    """A row for each kind of comparison, gate and number of images; shares of all nets together."""
    sums: dict[tuple[str, str], list[int]] = {}
    for row in document["sections"]["gates"]["raw"]["rows"]:
        what = f"{row['kind']}, {row['images']:,} images" if "images" in row else row["kind"]
        found = sums.setdefault((what, row["gate"]), [0, 0, 0])
        for at, key in enumerate(("comparisons", "missed", "not_sure")):
            found[at] += row[key]
    lines = ["| two models | gate | comparisons | missed | not sure | held |", "|---|---|---|---|---|---|"]
    for (what, gate), (count, missed, unsure) in sums.items():
        shares = (f"{100 * each / count:.1f} %" for each in (missed, unsure, count - missed - unsure))
        lines.append(f"| {what} | `{gate}` | {count} | {' | '.join(shares)} |")
    return "\n".join(lines)
