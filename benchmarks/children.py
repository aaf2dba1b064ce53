"""Fifty int8 conversions of the shipped CNN in the child process: what it holds after each, and how long each takes.

    python -m benchmarks.children [OUT.json]

The child is replaced when it holds more than `children.MOST_HELD_KIB`; so its memory is bounded however many follow.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

CONVERSIONS = 50


def measured() -> dict[str, Any]:
    """KiB held and seconds taken after each conversion, the largest of the former, and how many children served."""
    from edgedigits import children
    from edgedigits.child import status_kib
    from edgedigits.data.images import ArrayImages
    from edgedigits.export import Int8
    from edgedigits.keras_models import load

    model = load(Path(__file__).parent.parent / "artifacts" / "baselines" / "cnn.keras").model
    pixels = np.random.default_rng(0).integers(0, 256, (100, *model.inputs[0].shape[1:]), dtype=np.uint8)
    calibration = ArrayImages(pixels, np.zeros(len(pixels), np.int32))
    held, seconds, served, first = [], [], set(), b""
    for _ in range(CONVERSIONS):
        began = time.perf_counter()
        flat = Int8(calibration_images=100)(model, calibration, "0..1")
        seconds.append(round(time.perf_counter() - began, 2))
        assert flat == (first := first or flat)
        served.add(children.process_id("tensorflow"))
        held.append(status_kib("VmHWM:", children.process_id("tensorflow")))
    return {"conversions": CONVERSIONS, "peak_kib": max(held), "children": len(served), "held_kib": held, "s": seconds}


if __name__ == "__main__":
    text = json.dumps(measured(), indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    print(text, end="")
