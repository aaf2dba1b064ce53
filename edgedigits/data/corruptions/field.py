"""What all corruptions share: draws of each image's own, fields of the size of an image, and numbers rounded alike everywhere.

Amounts were published for images of 28 pixels. `REFERENCE` is that side: lengths are multiplied by the shorter side over it, and
random fields are drawn on a grid of that side and enlarged, so that images of any size are spoilt as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

REFERENCE: Final = 28
_DIGITS: Final = 6
"""Decimals kept before a number is cut off or compared: what processors add up otherwise lies far behind them."""

Batch = NDArray[np.float64]
"""Images [n, height, width, channels] of 0..1."""


@dataclass(frozen=True)
class Draws:
    """Random numbers for some images, each from a generator of its own: an image is spoilt alike whatever is beside it."""

    seeds: Sequence[Sequence[int]]
    _rngs: list[np.random.Generator] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._rngs.extend(np.random.default_rng(seed) for seed in self.seeds)

    def each(self) -> Iterator[Draws]:
        """Those of every image by itself, where what is drawn for all at once would take too much memory."""
        return (Draws([seed]) for seed in self.seeds)

    def uniform(self, *shape: int) -> Batch:
        """Numbers of 0..1, float64 [n, *shape]; made of integers alone, they are the same on every processor."""
        return np.stack([rng.random(shape) for rng in self._rngs])

    def normal(self, *shape: int) -> Batch:
        """Of mean 0 and deviation 1, float64 [n, *shape]."""
        from scipy.special import ndtri

        found: Batch = ndtri(np.clip(self.uniform(*shape), 1e-12, 1 - 1e-12))
        return found

    def signs(self, count: int) -> Batch:
        """-1 or 1, float64 [n, count]."""
        return np.where(self.uniform(count) < 0.5, -1.0, 1.0)


def steady(values: Batch) -> Batch:
    """Rounded so far that processors that add in another order come to the same number."""
    return np.round(values, _DIGITS)


def to_pixels(batch: Batch) -> NDArray[np.uint8]:
    """Shares of 0..1, cut off there, as uint8 0..255."""
    return np.floor(steady(255 * np.clip(batch, 0, 1)) + 0.5).astype(np.uint8)


def find_unit(batch: Batch) -> float:
    """Pixels that one pixel of an image of 28 stands for."""
    return float(min(batch.shape[1:3])) / REFERENCE


def find_background(batch: Batch) -> Batch:
    """What lies around the thing that is shown, [n, 1, 1, channels]: the median of the image's edge."""
    edges = np.concatenate([batch[:, 0], batch[:, -1], batch[:, :, 0], batch[:, :, -1]], axis=1)
    return np.asarray(np.median(edges, axis=1))[:, None, None]


def is_light(batch: Batch) -> NDArray[np.bool_]:
    """Whether an image is dark on light, as ink on paper, bool [n, 1, 1, 1]."""
    return np.asarray(find_background(batch).mean(axis=-1, keepdims=True) > 0.5)


def find_grid(batch: Batch) -> tuple[int, int]:
    """(height, width) of the grid of fields: its shorter side is REFERENCE."""
    height, width = (max(REFERENCE, round(side / find_unit(batch))) for side in batch.shape[1:3])
    return height, width


def enlarge(fields: Batch, shape: Sequence[int]) -> Batch:
    """Fields [n, rows, columns] as [n, *shape[:2]]: bilinear, corners on corners."""
    for axis, side in ((1, shape[0]), (2, shape[1])):
        if fields.shape[axis] != side:
            at = np.linspace(0, fields.shape[axis] - 1, side)
            low = np.minimum(at.astype(np.int64), max(fields.shape[axis] - 2, 0))
            share = (at - low).reshape([-1 if one == axis else 1 for one in range(3)])
            high = np.minimum(low + 1, fields.shape[axis] - 1)
            fields = fields.take(low, axis) * (1 - share) + fields.take(high, axis) * share
    return fields


def smooth(fields: Batch, sigma: float) -> Batch:
    """Gaussian blur over axes 1 and 2; edges are repeated outwards."""
    from scipy.ndimage import gaussian_filter1d

    for axis in (1, 2):
        fields = gaussian_filter1d(fields, sigma, axis=axis, mode="nearest")
    return fields
