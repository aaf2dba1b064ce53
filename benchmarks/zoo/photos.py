"""Digits of MNIST as they look in small photos of a page: pen on paper, small, off the middle, in uneven light; made by seed.

They stand for photos where a setting is chosen or a net is trained: those that a target is measured on are for its last line.
"""

from __future__ import annotations

import numpy as np
from edgedigits_runner.resizing import resized

from edgedigits.data.images import Pixels


def make_photos(digits: Pixels, seed: int) -> Pixels:
    """White on black, uint8 [n, 28, 28], as dark on light photos of the same shape."""
    rng = np.random.default_rng(seed)
    found = np.zeros_like(digits)
    for number, digit in enumerate(digits):
        found[number] = _make_photo(digit, rng)
    return found


def _make_photo(digit: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = digit.shape
    ink = _write(digit, rng)
    paper = rng.uniform(120, 240) * (1 + _slope(height, width, rng.uniform(0, 0.15), rng))
    if rng.random() < 0.1:
        ink = np.maximum(ink, _edge(height, width, rng))
    shade = 1 - rng.uniform(0.2, 0.85) * ink
    return np.clip(paper * shade + rng.normal(0, rng.uniform(0.5, 3), ink.shape), 0, 255).astype(np.uint8)


def _write(digit: Pixels, rng: np.random.Generator) -> np.ndarray:
    """The ink, 0..1, in a box of 8 to 22 pixels somewhere on the page, a little blurred."""
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    crop = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = rng.uniform(8, 22) / max(crop.shape)
    tall, wide = (max(3, round(length * side * rng.uniform(0.9, 1.1))) for length in crop.shape)
    small = resized(crop[None, ..., None], min(tall, 24), min(wide, 24), "bilinear")[0, ..., 0] / 255
    page = np.zeros(digit.shape)
    top, left = (rng.integers(2, 27 - length) for length in small.shape)
    page[top : top + small.shape[0], left : left + small.shape[1]] = small
    blur = rng.uniform(0, 0.25)
    for axis in (0, 1):
        page = (1 - 2 * blur) * page + blur * (np.roll(page, 1, axis) + np.roll(page, -1, axis))
    return page


def _slope(height: int, width: int, much: float, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(much * (np.cos(angle) * rows + np.sin(angle) * columns))


def _edge(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A piece of a line beside the digit, at an edge of the picture."""
    page = np.zeros((height, width))
    start = rng.integers(0, width - 4)
    page[rng.integers(0, 2), start : start + rng.integers(4, width)] = rng.uniform(0.3, 1)
    return np.asarray(np.rot90(page, int(rng.integers(0, 4))))
