"""Fifty int8 conversions of the shipped CNN in the child process: what it holds after each, and how long each takes.

The child is replaced when it holds more than `children.MOST_HELD_KIB`; so its memory is bounded however many follow. A section of
`python -m benchmarks.faults`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document import target

CONVERSIONS = 50


def measured() -> dict[str, Any]:
    """KiB held and seconds taken after each conversion, the largest of the former, and how many children served."""
    from edgedigits.data.images import ArrayImages
    from edgedigits.ground.processes import children
    from edgedigits.ground.processes.child import read_status_kib
    from edgedigits.models.importer.loading import load
    from edgedigits.pipeline.export.int8 import Int8

    model = load(Path(__file__).parent.parent / "artifacts" / "baselines" / "cnn.keras").model
    pixels = np.random.default_rng(0).integers(0, 256, (100, *model.inputs[0].shape[1:]), dtype=np.uint8)
    calibration = ArrayImages(pixels, np.zeros(len(pixels), np.int32))
    held, peaks, seconds, served, first = [], [], [], set(), b""
    for _ in range(CONVERSIONS):
        began = time.perf_counter()
        flat = Int8(calibration_images=100)(model, calibration, "0..1")
        seconds.append(round(time.perf_counter() - began, 2))
        assert flat == (first := first or flat)
        served.add(children.process_id("tensorflow"))
        held.append(read_status_kib("VmRSS:", children.process_id("tensorflow")))
        peaks.append(read_status_kib("VmHWM:", children.process_id("tensorflow")))
    return {"peak_kib": max(peaks), "children": len(served), "held_kib": held, "seconds": seconds}


def section(folder: Path, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], dict[str, Any]]:  # noqa: ARG001
    """Targets and what was measured."""
    say(f"children: {CONVERSIONS} conversions")
    found = measured()
    peak, last, first = found["peak_kib"] / 1024, found["held_kib"][-1], found["held_kib"][4]
    return [
        target("warm child: conversions", f">= {CONVERSIONS}", len(found["seconds"]), "conversions", True),
        target("warm child: peak memory", "< 2048", round(peak), "MiB", peak < 2048),
        target(
            "warm child: memory after the last against the fifth",
            "<= 1.5",
            round(last / first, 2),
            "times",
            last <= 1.5 * first,
        ),
        target("warm child: children that it took", "== 1", found["children"], "children", found["children"] == 1),
    ], found
