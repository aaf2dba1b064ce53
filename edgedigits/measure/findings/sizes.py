"""Where the bytes of both forms go, how many weights are zero, and what boards would take, foretold from the bytes alone."""

from __future__ import annotations

from dataclasses import asdict

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.cycle_model import foretell, load_cycle_rates, load_worst_error, predict_cycles
from edgedigits.measure.cost.memory import BOARDS
from edgedigits.tflite.contents import Contents, count_weight_zeros


def describe_ledger(before: Contents | None, after: Contents) -> list[JsonObject]:
    """A row for each part of the files that has bytes in one of them."""
    rows = [
        {"part": part, "float_bytes": None if before is None else before.parts[part], "bytes": size}
        for part, size in after.parts.items()
    ]
    return [row for row in rows if row["bytes"] or row["float_bytes"]]


def describe_zeros(contents: Contents) -> list[JsonObject]:
    """A row for each tensor of weights; `share` of 1, None where they can't be counted."""
    return [
        {
            "layer": row.tensor.name or f"#{row.tensor.index}",
            "shape": list(row.tensor.shape),
            "dtype": row.tensor.dtype,
            "weights": row.elements,
            "zeros": row.zeros,
            "share": row.share,
        }
        for row in count_weight_zeros(contents)
    ]


def describe_cycles(before: bytes | None, after: bytes) -> JsonObject:
    """Cycles of one inference on one thread, by core, with how many times fewer they are; the error of such predictions."""
    cores = {}
    for core in load_cycle_rates():
        ours, other = predict_cycles(after, core), None if before is None else predict_cycles(before, core)
        cores[core] = {
            "float": None if other is None else round(other),
            "compressed": round(ours),
            "ratio": None if other is None else other / ours,
        }
    return {"worst_error_percent": load_worst_error(), "cores": cores}


def describe_boards(before: Contents | None, after: Contents) -> list[JsonObject]:
    """Milliseconds of one inference, what comes from memory included, on each board."""
    rows = []
    for board in (one.device for several in BOARDS.values() for one in several):
        ours, other = foretell(after, board), None if before is None else foretell(before, board)
        ms = ours.ms + ours.memory_ms
        float_ms = None if other is None else other.ms + other.memory_ms
        rows.append(
            {
                "board": board,
                "core": ours.cpu,
                "float_ms": float_ms,
                "ms": ms,
                "ratio": None if float_ms is None else float_ms / ms,
                "foretold": asdict(ours),
            }
        )
    return rows
