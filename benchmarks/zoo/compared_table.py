"""The tables of compared nets, from the section "nets" of `results/zoo.json`; the shipped baselines until there is one."""

from __future__ import annotations

import json
from typing import Any, Final

from benchmarks.pages import ROOT
from edgedigits.api.zoo.shown.page import write_table
from edgedigits.models.zoo.shipped import find_shipped_folder

RESULT: Final = ROOT / "benchmarks" / "results" / "zoo.json"
MOST: Final = 8


def compared_table(short: bool = False) -> str:
    """The best row of each net; short: of those only that no other beats in accuracy for as few bytes, at most MOST."""
    document = _read()
    if document is None:
        return _shipped_table()
    return write_table(_keep_front(document) if short else document).strip()


def _read() -> dict[str, Any] | None:
    whole = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    section = whole.get("sections", {}).get("nets")
    return None if section is None else dict(section["raw"]["comparison"])


def _keep_front(document: dict[str, Any]) -> dict[str, Any]:
    rows = document["rows"]
    nets = [net for net in document["nets"] if net["best"] is not None]
    costs = {net["net"]: _costs(rows[net["best"]]) for net in nets}
    front = [net for net in nets if not any(_beats(one, costs[net["net"]]) for one in costs.values())]
    return {**document, "nets": sorted(front, key=lambda net: costs[net["net"]])[:MOST]}


def _costs(row: dict[str, Any]) -> tuple[int, float]:
    return row["compressed"]["raw_bytes"], -row["compressed"]["accuracy"]


def _beats(one: tuple[int, float], other: tuple[int, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]


def _shipped_table() -> str:
    """What the records of the shipped baselines say."""
    lines = ["| net | images | parameters | float, test images right |", "|---|---|---:|---:|"]
    for path in sorted(find_shipped_folder().glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        size = "x".join(map(str, record["input"]["shape"]))
        share = f"{100 * record['test_accuracy']:.2f} %"
        lines.append(f"| {path.stem} | {record['data']['name']}, {size} | {record['parameters']:,} | {share} |")
    return "\n".join(lines)
