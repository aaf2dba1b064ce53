"""Ink told from its paper: the paper's level, even under uneven light, and how far each pixel is from it.

All sums are of whole numbers and all else is done element by element, so the answers are the same to the bit on every machine and
for every number of pictures at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.resizing import resized

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COARSE = 128  # pixels of a side; light changes slowly
_LEAST_CONTRAST = 16  # of 255, between the middle of what is ink and of what is paper; less is paper alone
_CLEAR = 4  # times the noise, which Otsu's limit parts as well, by less than twice its deviation
_K, _R = 0.2, 128.0  # of Sauvola and Pietikäinen (2000)


def contrast(images: NDArray[np.uint8], ink: str) -> NDArray[np.uint8]:
    """How much each pixel of [n, h, w, 1 or 3] is darker than its paper, or lighter where the ink is: [n, h, w], 255 where
    nothing comes back. Of colours the one that tells most, so that a blue or red pen is as good as a black one."""
    small = _coarse(images)
    light = _has_light_ink(small) if ink == "auto" else np.full(len(images), ink == "light")
    flip = light[:, None, None]
    found = np.zeros(images.shape[:3], np.uint8)
    for channel in range(images.shape[3]):
        pixels, coarse = (np.where(flip, 255 - one[..., channel], one[..., channel]) for one in (images, small))
        paper = resized(_paper_level(coarse)[..., None], *images.shape[1:3])[..., 0].astype(np.int32)
        part = np.maximum(paper - pixels, 0)
        found = np.maximum(found, ((255 * part + paper // 2) // paper).astype(np.uint8))
    return found


def ink_mask(dark: NDArray[np.uint8], threshold: str) -> NDArray[np.bool_]:
    """Where there is ink, bool [n, h, w], by what `contrast` found; nowhere in pictures that show paper alone."""
    limits, apart = _otsu(dark)
    there = (apart >= np.maximum(_LEAST_CONTRAST, _CLEAR * _noise(dark)))[:, None, None]
    if threshold == "otsu":
        return np.asarray((dark > limits[:, None, None]) & there)
    return _sauvola(dark) & there


def box_sums(values: NDArray[Any], reach: int, even: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums of whole numbers [n, h, w] over squares that reach so far to each side, cut off at the edges; their pixels [h, w].

    `even`: where an edge cuts one side off, the other ends as near, so that the middle stays where it is.
    """
    sums = values.astype(np.int64)
    counts = np.ones(values.shape[1:], np.int64)
    for axis in (1, 2):
        sums = _window_sums(sums, axis, reach, even)
        counts = _window_sums(counts, axis - 1, reach, even)
    return sums, counts


def _window_sums(values: NDArray[np.int64], axis: int, reach: int, even: bool) -> NDArray[np.int64]:
    length = values.shape[axis]
    before = np.zeros_like(values.take([0], axis))
    running = np.concatenate([before, values.cumsum(axis)], axis)
    places = np.arange(length)
    reaches = np.minimum(np.minimum(places, length - 1 - places), reach) if even else reach
    first, after = np.maximum(places - reaches, 0), np.minimum(places + reaches + 1, length)
    return np.asarray(running.take(after, axis) - running.take(first, axis))


def _coarse(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most _COARSE pixels a side."""
    height, width = images.shape[1:3]
    longest = max(height, width)
    if longest <= _COARSE:
        return images
    return resized(images, max(1, height * _COARSE // longest), max(1, width * _COARSE // longest))


def _has_light_ink(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the few that differ much from their surroundings, as ink does, are the lighter ones: bool [n]."""
    grey = images.astype(np.int64).sum(axis=3)
    sums, counts = box_sums(grey, max(images.shape[1:3]) // 3)
    apart = grey - sums // counts
    return np.asarray((apart**3).sum(axis=(1, 2)) > 0)


def _paper_level(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dark strokes on [n, h, w] filled with the paper around them: a closing, smoothed; from 1 to 255. The slope of the light is
    taken off before and put on again, for at the edges a closing knows but one side."""
    reach = max(1, max(pixels.shape[1:]) // 6)
    signed = pixels.astype(np.int16)
    slope = _slope(_closed(signed, reach))
    sums, counts = box_sums(_closed(signed - slope, reach), reach, even=True)
    return np.asarray(np.clip((sums + counts // 2) // counts + slope, 1, 255), np.uint8)


def _closed(values: NDArray[np.int16], reach: int) -> NDArray[np.int16]:
    for way in (np.maximum, np.minimum):
        for axis in (1, 2):
            values = _extreme(values, axis, reach, way)
    return values


def _slope(level: NDArray[np.int16]) -> NDArray[np.int16]:
    """The plane that fits [n, h, w] best, less its mean."""
    found = np.zeros(level.shape)
    for axis in (1, 2):
        length = level.shape[axis]
        places = (2 * np.arange(length) - length + 1).reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
        rise = (level.astype(np.int64) * places).sum(axis=(1, 2), keepdims=True)
        most = (places * places).sum() * (level[0].size // length)
        found += places * (rise / max(int(most), 1))
    return np.rint(found).astype(np.int16)


def _extreme(values: NDArray[np.int16], axis: int, reach: int, way: Any) -> NDArray[np.int16]:
    """The greatest or least within `reach` along an axis; in steps that double."""
    width = [(0, 0)] * 3
    width[axis] = (reach, reach)
    found = np.pad(values, width, mode="edge")
    covered, wanted = 1, 2 * reach + 1
    while covered < wanted:
        step = min(covered, wanted - covered)
        length = found.shape[axis] - step
        found = way(found.take(range(length), axis), found.take(range(step, step + length), axis))
        covered += step
    return found


def _otsu(dark: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Of each picture the limit that parts it best (Otsu 1979), ink is above it, and how far both parts' means lie apart."""
    number, size = len(dark), dark[0].size
    places = dark.reshape(number, -1).astype(np.intp) + 256 * np.arange(number)[:, None]
    counts = np.bincount(places.ravel(), minlength=256 * number).reshape(number, 256)
    below = counts.cumsum(axis=1)
    sums = (counts * np.arange(256)).cumsum(axis=1)
    above, rest = size - below, sums[:, -1:] - sums
    gap = rest / np.maximum(above, 1) - sums / np.maximum(below, 1)
    between = np.where((below > 0) & (above > 0), below * 1.0 * above * gap * gap, 0.0)
    best = between == between.max(axis=1, keepdims=True)
    limits = (best.argmax(axis=1) + 255 - best[:, ::-1].argmax(axis=1)) // 2
    apart = np.where(between.max(axis=1) > 0, gap[np.arange(number), limits], 0.0)
    return limits, apart


def _noise(dark: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Nearly the deviation of each picture's noise: the median of how much neighbours differ, strokes being few."""
    apart = np.abs(np.diff(dark.astype(np.int64), axis=2)).reshape(len(dark), -1)
    return np.sort(apart, axis=1)[:, apart.shape[1] // 2] if apart.size else np.zeros(len(dark), np.int64)


def _sauvola(dark: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Ink is what is darker than its neighbourhood's own limit, m * (1 + k * (s / R - 1))."""
    most = np.maximum(dark.max(axis=(1, 2), keepdims=True), 1).astype(np.int64)
    paper = 255 - (255 * dark.astype(np.int64)) // most
    reach = max(3, max(dark.shape[1:]) // 8)
    sums, counts = box_sums(paper, reach)
    squares, _ = box_sums(paper * paper, reach)
    mean = sums / counts
    spread = np.sqrt(np.maximum((counts * squares - sums * sums) / (counts * counts), 0.0))
    return np.asarray(paper < mean * (1 + _K * (spread / _R - 1)))
