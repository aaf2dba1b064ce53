"""From measured files to a row for each entry of `benchmarks.pays`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pays_entries import Entry

CORES = {"cortex-a53": "a53", "cortex-a72": "a72", "cortex-a76": "a76"}
"""Of a Zero 2 W and a Pi 3, of a Pi 4, of a Pi 5."""
COUNTED = ("cycles", "instructions")
TIMES = ("p50_us", "times_faster", "amx_p50_us", "amx_times_faster")
"""Those with AMX only where the CPU has it."""


def row(entry: Entry, seeds: Sequence[Mapping[str, Any]], float_form: Mapping[str, Any]) -> dict[str, Any]:
    """One line for an entry from the facts of its seeds, each as `benchmarks.pays` measures it.

    With several seeds: accuracy is the median and its low and high are the range, p50 and speed-up are medians, bytes,
    cycles, instructions and seconds the largest. With one seed all is its own, and accuracy has its 95 % interval. McNemar's p
    and the points against float are those of the seed with the median accuracy.
    """
    middle = sorted(seeds, key=lambda one: one["accuracy_percent"])[(len(seeds) - 1) // 2]
    several = len(seeds) > 1
    most = {key: max(one[key] for one in seeds) for kind in COUNTED for key in counted_keys(kind)}
    return {
        "name": entry.name,
        "group": entry.model,
        "recipe": entry.recipe,
        "model": entry.model,
        "seeds": [one["seed"] for one in seeds],
        "accuracy_percent": middle["accuracy_percent"],
        "accuracy_low": min(one["accuracy_percent"] for one in seeds) if several else middle["accuracy_low"],
        "accuracy_high": max(one["accuracy_percent"] for one in seeds) if several else middle["accuracy_high"],
        "images": middle["images"],
        "mcnemar_p": middle["mcnemar_p"],
        "points_against_float": middle["points_against_float"],
        **{key: max(one[key] for one in seeds) for key in ("raw_bytes", "gzip_bytes", "seconds")},
        **{key: statistics.median(one[key] for one in seeds) for key in TIMES if key in middle},
        "times_faster_low": min(one["times_faster_low"] for one in seeds),
        "times_faster_high": max(one["times_faster_high"] for one in seeds),
        "share_of_float_bytes": max(one["raw_bytes"] for one in seeds) / float_form["raw_bytes"],
        **most,
        **{f"times_fewer_{key}": float_form[key] / count for key, count in most.items()},
        "cached": any(one["cached"] for one in seeds),
        "of_seeds": [dict(one) for one in seeds],
    }


def counted_keys(kind: str) -> list[str]:
    """Of cycles or instructions, in a row and in the facts of a file."""
    return [f"{kind}_{short}" for short in CORES.values()]
