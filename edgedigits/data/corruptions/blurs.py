"""Blurs: as through frosted glass, and of a hand or thing that moved."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.corruptions.field import Batch, Draws, find_unit, smooth, steady


def blur_as_glass(batch: Batch, draws: Draws, amount: tuple[float, int, int]) -> Batch:
    """Blurred, pixels swapped with near ones, blurred again; `amount`: sigma, how far, how often, in pixels of 28.

    Each pixel is swapped with probability one half, from the last row and column to the first.
    """
    (sigma, far, times), unit = amount, find_unit(batch)
    reach = max(1, round(far * unit))
    found = np.floor(steady(255 * smooth(batch, sigma * unit))) / 255
    for _ in range(times):
        order = _swap_near(draws, found.shape[1], found.shape[2], reach)
        flat = found.reshape(len(found), -1, found.shape[3])
        found = np.take_along_axis(flat, order[..., None], axis=1).reshape(found.shape)
    return smooth(found, sigma * unit)


def _swap_near(draws: Draws, height: int, width: int, reach: int) -> NDArray[np.int64]:
    """Which pixel lies where afterwards, [n, height * width]. In lists: the swaps of an image depend on each other."""
    rows, columns = np.arange(height - reach, reach, -1), np.arange(width - reach, reach, -1)
    chance = draws.uniform(len(rows), len(columns), 3)
    places = rows[:, None] * width + columns
    steps = np.floor(chance[..., 1:] * 2 * reach).astype(np.int64) - reach
    targets = places + steps[..., 0] * width + steps[..., 1]
    found = []
    for swapped, target in zip(chance[..., 0] < 0.5, targets, strict=True):
        order = list(range(height * width))
        for one, other in zip(places[swapped].tolist(), target[swapped].tolist(), strict=True):
            order[one], order[other] = order[other], order[one]
        found.append(order)
    return np.array(found)


def blur_by_motion(batch: Batch, draws: Draws, amount: tuple[float, float]) -> Batch:
    """Each pixel a mean of those along a line, half a Gaussian of `amount` (length, sigma, in pixels of 28), as ImageMagick has
    it; the line's angle is drawn from -45 to 45 degrees. Edges are repeated outwards."""
    unit = find_unit(batch)
    taps = 2 * math.ceil(amount[0] * unit) + 1
    weights = np.exp(-(np.arange(taps) ** 2) / (2 * (amount[1] * unit) ** 2))
    angles = (draws.uniform(1)[:, 0] - 0.5) * math.pi / 2
    images = np.arange(len(batch))[:, None, None]
    rows, columns = np.arange(batch.shape[1])[None, :, None], np.arange(batch.shape[2])[None, None]
    found = np.zeros_like(batch)
    for number, weight in enumerate(weights / weights.sum()):
        along, down = (
            np.ceil(steady(number * part(angles)) - 0.5).astype(np.int64)[:, None, None] for part in (np.cos, np.sin)
        )
        at_row, at_column = (
            np.clip(rows + down, 0, batch.shape[1] - 1),
            np.clip(columns + along, 0, batch.shape[2] - 1),
        )
        found += weight * batch[images, at_row, at_column]
    return found
