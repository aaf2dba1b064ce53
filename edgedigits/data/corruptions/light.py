"""Light and dirt: brightness, inverted stripes, fog, and spatter of mud."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgedigits.data.corruptions.field import Batch, Draws, enlarge, find_grid, smooth

_MAP: Final = 256
"""The side of a whole map of fog, of which an image sees a corner; a power of two."""
_MUD: Final = 63 / 255


def brighten(batch: Batch, _draws: Draws, share: float) -> Batch:
    """The brightest channel of each pixel raised by `share`, the others in proportion, as the value of HSV."""
    value = batch.max(axis=-1, keepdims=True)
    wanted = np.minimum(value + share, 1)
    found: Batch = np.where(value > 0, batch * (wanted / np.where(value > 0, value, 1)), wanted)
    return found


def invert_stripes(batch: Batch, _draws: Draws, _amount: None) -> Batch:
    """The first and the last quarter of the columns inverted."""
    width, found = batch.shape[2], batch.copy()
    quarter = round(width / 4)
    for part in (slice(0, quarter), slice(width - quarter, width)):
        found[:, :, part] = 1 - found[:, :, part]
    return found


def add_fog(batch: Batch, draws: Draws, amount: tuple[float, float]) -> Batch:
    """Lightened by a plasma fractal; `amount`: how much of it, and by how much finer detail is weaker."""
    dense, decay = amount
    rows, columns = find_grid(batch)
    rows, columns = min(rows, _MAP), min(columns, _MAP)
    maps = np.concatenate([make_plasma(one, decay)[:, :rows, :columns] for one in draws.each()])
    fog = enlarge(maps, batch.shape[1:3])[..., None]
    most = batch.max(axis=(1, 2, 3), keepdims=True)
    found: Batch = (batch + dense * fog) * most / (most + dense)
    return found


def make_plasma(draws: Draws, decay: float) -> Batch:
    """Maps of 0..1 by the diamond-square algorithm, [n, 256, 256], at whose edges they go on on the other side."""
    chance = 2 * draws.uniform(_MAP, _MAP) - 1
    found = np.zeros_like(chance)
    step, wibble = _MAP, 100.0
    while step >= 2:
        half, spread = step // 2, wibble**2
        corners = found[:, ::step, ::step]
        sums = corners + np.roll(corners, -1, axis=1)
        sums = sums + np.roll(sums, -1, axis=2)
        found[:, half::step, half::step] = sums / 4 + spread * chance[:, half::step, half::step]
        middles = found[:, half::step, half::step]
        upper = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        found[:, ::step, half::step] = upper / 4 + spread * chance[:, ::step, half::step]
        left = middles + np.roll(middles, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        found[:, half::step, ::step] = left / 4 + spread * chance[:, half::step, ::step]
        step, wibble = half, wibble / decay
    found -= found.min(axis=(1, 2), keepdims=True)
    plasma: Batch = found / found.max(axis=(1, 2), keepdims=True)
    return plasma


def add_spatter(batch: Batch, draws: Draws, amount: tuple[float, float, float, float, float]) -> Batch:
    """Mud over the image where smoothed noise is high; `amount`: mean, deviation and sigma of the noise, from where on it is mud,
    and sigma of the mud's edge, in pixels of 28."""
    mean, deviation, sigma, level, edge = amount
    liquid = smooth(mean + deviation * draws.normal(*find_grid(batch)), sigma)
    mud = smooth((liquid > level).astype(np.float64), edge)
    mud = enlarge(np.where(mud < 0.8, 0.0, mud), batch.shape[1:3])[..., None]
    return batch * (1 - mud) + _MUD * mud
