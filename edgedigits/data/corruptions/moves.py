"""Moves: shear, scale, rotation and translation about the middle; what comes in from outside has the colour of the edge."""

from __future__ import annotations

import numpy as np

from edgedigits.data.corruptions.field import REFERENCE, Batch, Draws, find_background


def shear(batch: Batch, draws: Draws, angle: float) -> Batch:
    """Rows slid along by an angle in radians, to the left or to the right."""
    angles = angle * draws.signs(1)[:, 0]
    return _move(batch, np.ones(len(batch)), -np.sin(angles), np.zeros(len(batch)), np.cos(angles))


def shrink(batch: Batch, _draws: Draws, share: float) -> Batch:
    """Made so much of its size."""
    by, zero = np.full(len(batch), 1 / share), np.zeros(len(batch))
    return _move(batch, by, zero, zero, by)


def rotate(batch: Batch, draws: Draws, angle: float) -> Batch:
    """Turned by an angle in radians, one way or the other."""
    angles = angle * draws.signs(1)[:, 0]
    cos, sin = np.cos(angles), np.sin(angles)
    return _move(batch, cos, -sin, sin, cos)


def translate(batch: Batch, draws: Draws, pixels: float) -> Batch:
    """Moved by so many pixels of 28 along each side, one way or the other."""
    one, zero = np.ones(len(batch)), np.zeros(len(batch))
    return _move(batch, one, zero, zero, one, draws.signs(2) * pixels / REFERENCE)


def _move(batch: Batch, *maps: np.ndarray) -> Batch:
    """Each output point read at its map of [x, y] about the middle, bilinear: a0 x + a1 y, b0 x + b1 y, each [n], and perhaps
    shares of the sides to add, [n, 2]."""
    a0, a1, b0, b1 = (one[:, None, None] for one in maps[:4])
    count, height, width, _ = batch.shape
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x, y = np.arange(width)[None, None] - middle_x, np.arange(height)[None, :, None] - middle_y
    to_x, to_y = a0 * x + a1 * y + middle_x, b0 * x + b1 * y + middle_y
    if len(maps) > 4:
        to_x, to_y = to_x + (maps[4][:, 0] * width)[:, None, None], to_y + (maps[4][:, 1] * height)[:, None, None]
    padded = np.broadcast_to(find_background(batch), (count, height + 2, width + 2, batch.shape[3])).copy()
    padded[:, 1:-1, 1:-1] = batch
    to_x, to_y = np.clip(to_x + 1, 0, width + 1), np.clip(to_y + 1, 0, height + 1)
    left = np.minimum(np.floor(to_x).astype(np.int64), width)
    top = np.minimum(np.floor(to_y).astype(np.int64), height)
    across, down = (to_x - left)[..., None], (to_y - top)[..., None]
    images = np.arange(count)[:, None, None]
    above = padded[images, top, left] * (1 - across) + padded[images, top, left + 1] * across
    below = padded[images, top + 1, left] * (1 - across) + padded[images, top + 1, left + 1] * across
    found: Batch = above * (1 - down) + below * down
    return found
