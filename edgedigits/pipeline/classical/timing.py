"""How long a classical model takes for an image, its features included: one at a time, and in batches."""

from __future__ import annotations

import time

import numpy as np

from edgedigits.ground.facts import Facts
from edgedigits.models.classical.skops_file import ClassicalModel

WARM, MOST, SECONDS = 3, 200, 2.0
BATCH, ROUNDS = 100, 5


def time_classical(model: ClassicalModel, pixels: np.ndarray) -> Facts:
    """Medians in microseconds for an image, of uint8 `pixels` [n, height, width, channels] that are at hand in memory."""
    for one in pixels[:WARM]:
        model.answer(one[None])
    single = _time(model, [pixels[at % len(pixels)][None] for at in range(MOST)])
    batch = np.resize(pixels, (BATCH, *pixels.shape[1:]))
    batched = _time(model, [batch] * ROUNDS)
    return {
        "p50_us": round(float(np.median(single)), 1),
        "timed_images": len(single),
        "batch": BATCH,
        "p50_us_in_batches": round(float(np.median(batched)) / BATCH, 1),
    }


def _time(model: ClassicalModel, batches: list[np.ndarray]) -> list[float]:
    """Of each call, as many as go into SECONDS, at least one."""
    found: list[float] = []
    end = time.perf_counter() + SECONDS
    for one in batches:
        began = time.perf_counter_ns()
        model.answer(one)
        found.append((time.perf_counter_ns() - began) / 1000)
        if time.perf_counter() > end:
            break
    return found
