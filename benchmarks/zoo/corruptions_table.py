"""The table of `docs/robustness.md`: two small nets under each corruption, float and int8."""

from __future__ import annotations

from typing import Any


def corruptions_table(document: dict[str, Any]) -> str:
    """A row for each corruption, the images as they are first, the mean last; a word where nothing was measured yet."""
    section = document["sections"].get("corruptions")
    if section is None:
        return "Not measured yet: `python -m benchmarks.zoo --only corruptions`."
    nets = [section["raw"][name]["test"] for name in ("plain", "robust")]
    lines = [
        "| corruption | `nano` float | `nano` int8 | trained on them, float | int8 | p |",
        "|---|---|---|---|---|---|",
    ]
    pairs = zip(*([net["clean"], *net["corruptions"]] for net in nets), strict=True)
    for plain, robust in pairs:
        shares = [one[key] for one in (plain, robust) for key in ("float_accuracy", "accuracy")]
        cells = " | ".join(f"{100 * share:.2f} %" for share in shares)
        lines.append(f"| {plain['corruption']} | {cells} | {robust['mcnemar_p']:.2g} |")
    means = [net["mean"][key] for net in nets for key in ("float_accuracy", "accuracy")]
    lines.append(f"| mean of the fifteen | {' | '.join(f'{100 * share:.2f} %' for share in means)} | |")
    return "\n".join(lines)
