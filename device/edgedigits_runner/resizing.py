"""Images in another size, the same to the bit on every machine: integer weights, and sums that are exact in any order.

Every method comes to a sum of pixels times whole numbers along each axis. The sums are made by matrix products in float64, or in
float32 where they stay below 2**24: all of them are whole numbers that the type holds exactly, so no order of adding, no
fused multiplication and no library changes a bit.

    area      shrunk by averaging areas, where both sides shrink; else bilinear without smoothing. Within one grey level of
              OpenCV's INTER_AREA and INTER_LINEAR.
    bilinear, bicubic, lanczos
              Pillow's Image.resize to the bit: smoothed by the filter's width where a side shrinks.
    keras     keras.utils.image_dataset_from_directory, rounded: bilinear, centres of pixels at half, never smoothed.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FILTERS = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}  # half of each one's width, in pixels
_BITS = 22  # of Pillow's weights behind the point
_EXACT_IN_FLOAT32 = 2**24
_TILE = 16  # new pixels made by one product
_BLOCK_BYTES = 2**24


class _Weights(NamedTuple):
    """New pixel i of an axis is the sum of `table[i, j]` times old pixel `first[i] + j`; the weights of each sum to `total`."""

    first: NDArray[np.intp]
    table: NDArray[np.float64]
    total: int


def resized(images: NDArray[np.uint8], height: int, width: int, method: str = "area") -> NDArray[np.uint8]:
    """uint8 [n, h, w, channels] to [n, height, width, channels] by a method of `reading.METHODS`; unchanged in that size."""
    if images.shape[1:3] == (height, width):
        return images
    step = max(1, _BLOCK_BYTES // max(1, images[0].size, height * width * images.shape[3]))
    parts = [_resized(images[at : at + step], height, width, method) for at in range(0, len(images), step)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _resized(images: NDArray[np.uint8], height: int, width: int, method: str) -> NDArray[np.uint8]:
    if method in _FILTERS:
        return _as_pillow(images, height, width, method)
    shrinking = method == "area" and images.shape[1] > height and images.shape[2] > width
    rule = _areas if shrinking else _between
    across, down = rule(images.shape[2], width), rule(images.shape[1], height)
    sums = _summed(_summed(images, 1, down, 255), 2, across, 255 * down.total)
    return np.asarray(np.rint(sums / np.float64(across.total * down.total)), np.uint8)


def _as_pillow(images: NDArray[np.uint8], height: int, width: int, method: str) -> NDArray[np.uint8]:
    """An axis after the other, and rounded in between, so that their order tells: Pillow goes across first.

    From version 13 on it goes down first where an image loses more than twice as much height as width.
    """
    lost, narrowed = images.shape[1] - height, images.shape[2] - width
    for axis in (1, 2) if lost > max(0, 2 * narrowed) else (2, 1):
        length = height if axis == 1 else width
        if images.shape[axis] != length:
            images = _pillow_rounded(_summed(images, axis, _filtered(images.shape[axis], length, method), 255))
    return images


def _summed(images: NDArray[Any], axis: int, weights: _Weights, most: int) -> NDArray[Any]:
    """An axis (1 or 2) of [n, h, w, c] by its weights, whole numbers; `most` is the greatest that `images` hold."""
    bound = most * int(np.abs(weights.table).sum(axis=1).max())
    kind = np.dtype(np.float32 if bound < _EXACT_IN_FLOAT32 else np.float64)
    taps = weights.table.shape[1]
    if taps * len(weights.first) < images.shape[axis]:  # most old pixels count for nothing
        places = (weights.first[:, None] + np.arange(taps)).ravel()
        images = images.take(places, axis)
        weights = weights._replace(first=np.arange(len(weights.first)) * taps)
    shape = list(images.shape)
    length, shape[axis] = shape[axis], len(weights.first)
    new = np.empty(shape, kind)
    for start in range(0, len(weights.first), _TILE):
        rows = slice(start, start + _TILE)
        low = int(weights.first[rows].min())
        high = min(length, int(weights.first[rows].max()) + taps)
        matrix = _dense(weights, rows, low, high).astype(kind)
        if axis == 1:
            block = images[:, low:high].reshape(shape[0], high - low, -1).astype(kind)
            new[:, rows] = (matrix @ block).reshape(new[:, rows].shape)
            continue
        for channel in range(shape[3]):
            new[:, :, rows, channel] = images[:, :, low:high, channel].astype(kind) @ matrix.T
    return new


def _dense(weights: _Weights, rows: slice, low: int, high: int) -> NDArray[np.float64]:
    """The weights of some new pixels as a matrix over the old pixels from `low` to `high`."""
    first, table = weights.first[rows], weights.table[rows]
    matrix = np.zeros((len(first), high - low + table.shape[1]))
    places = (first - low)[:, None] + np.arange(table.shape[1])
    np.put_along_axis(matrix, places, table, axis=1)
    return matrix[:, : high - low]


def _pillow_rounded(sums: NDArray[Any]) -> NDArray[np.uint8]:
    whole = (sums.astype(np.int64) + 2 ** (_BITS - 1)) >> _BITS
    return np.asarray(np.clip(whole, 0, 255), np.uint8)


@lru_cache(maxsize=64)
def _areas(old: int, new: int) -> _Weights:
    """By how much every old pixel lies in a new one; an old pixel is `new` long, a new one `old`."""
    edges = np.arange(new + 1, dtype=np.int64) * old
    first = edges[:-1] // new
    taps = int((-(-edges[1:] // new) - first).max())
    places = (first[:, None] + np.arange(taps)) * new
    inside = np.minimum(places + new, edges[1:, None]) - np.maximum(places, edges[:-1, None])
    return _Weights(first.astype(np.intp), np.maximum(inside, 0).astype(np.float64), old)


@lru_cache(maxsize=64)
def _between(old: int, new: int) -> _Weights:
    """Bilinear, without smoothing: the two old centres around a new one, in parts of 2 * `new`."""
    unit = 2 * new
    centres = np.clip((2 * np.arange(new, dtype=np.int64) + 1) * old - new, 0, (old - 1) * unit)
    first = np.minimum(centres // unit, max(0, old - 2))
    share = centres - first * unit
    table = np.stack([unit - share, share], axis=1)
    return _Weights(first.astype(np.intp), table[:, : min(2, old)].astype(np.float64), unit)


@lru_cache(maxsize=64)
def _filtered(old: int, new: int, method: str) -> _Weights:
    """Pillow's weights (libImaging/Resample.c): in doubles, added from left to right, then rounded to 22 bits."""
    scale = old / new
    stretch = max(scale, 1.0)
    support = _FILTERS[method] * stretch
    centres = (np.arange(new) + 0.5) * scale
    first = np.maximum(0, (centres - support + 0.5).astype(np.int64))  # casts cut toward zero, in C as here
    after = np.minimum(old, (centres + support + 0.5).astype(np.int64))
    places = first[:, None] + np.arange(min(old, ceil(support) * 2 + 1))
    table = _FILTER[method]((places - centres[:, None] + 0.5) * (1.0 / stretch))
    table[places >= after[:, None]] = 0.0
    total = np.zeros(new)
    for tap in table.T:
        total += tap
    table /= total[:, None]
    return _Weights(first.astype(np.intp), np.trunc(table * 2**_BITS + np.where(table < 0, -0.5, 0.5)), 2**_BITS)


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic with a = -1/2, in the order in which Pillow calculates it."""
    x = np.abs(x)
    near = ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where((x >= -3.0) & (x < 3.0), _sinc(x) * _sinc(x / 3.0), 0.0)


def _sinc(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """sin(pi x) / (pi x). By a series, for the sine of C libraries is not the same on all machines."""
    turns = np.rint(x)
    angle = (x - turns) * np.pi
    square, sine = angle * angle, np.zeros_like(x)
    for number in range(23, 1, -2):
        sine = (sine + 1.0) * square / float(-number * (number - 1))
    sine = (sine + 1.0) * angle * np.where(turns % 2 == 0, 1.0, -1.0)
    return np.where(x == 0.0, 1.0, sine / np.where(x == 0.0, 1.0, x * np.pi))


_FILTER = {"bilinear": _triangle, "bicubic": _cubic, "lanczos": _lanczos}
