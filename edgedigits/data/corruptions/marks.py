"""Marks and edges: a dotted line, a zigzag, and edges in place of the thing. They are drawn in the colour of ink: light on dark
images, dark on light ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from edgedigits.data.corruptions.field import REFERENCE, Batch, Draws, find_unit, is_light, smooth, to_pixels

_LAST: Final = REFERENCE - 1
_FADE: Final = 2.3
"""Pixels of 28 over which a line fades."""
_LUMA: Final = np.array([0.299, 0.587, 0.114])


def add_dotted_line(batch: Batch, draws: Draws, _amount: None) -> Batch:
    """From the left edge to the right one, two pixels of 28 drawn, two left out."""
    ends = np.floor(draws.uniform(2) * _LAST)
    lines = np.stack([_draw_line(batch, 0, start, _LAST, end) for start, end in ends])
    gaps = (_columns(batch) // 2 % 2 == 0)[None, None]
    return _in_ink(batch, lambda dark: dark + np.where(gaps, 0, lines)[..., None])


def add_zigzag(batch: Batch, draws: Draws, _amount: None) -> Batch:
    """A zigzag of teeth of two pixels of 28, nearly level, across the image."""
    chance = draws.uniform(2)
    starts = np.floor(chance[:, 0] * _LAST)
    ends = starts + np.floor(chance[:, 1] * 10) - 5
    marks = np.zeros(batch.shape[:3])
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        points = _find_teeth(float(start), float(end))
        for one, other in pairwise(points):
            marks[number] = np.minimum(1, marks[number] + _draw_line(batch, *one, *other))
    return _in_ink(batch, lambda dark: dark + marks[..., None])


def _find_teeth(start: float, end: float, tooth: float = 2.0) -> np.ndarray:
    """(column, row) of every corner, [corners, 2], in pixels of 28."""
    first, last = 2, 25
    angle = math.atan((end - start) / (last - first))
    length = (last - first) / math.cos(angle)
    points = [(0.0, 0.0)]
    for number in range(int((length - tooth) // (2 * tooth)) + 1):
        points.append(((2 * number + 1) * tooth, (-1) ** number * tooth))
    whole = 2 * tooth * (length // (2 * tooth))
    if length != whole:
        points.append((length, points[-1][1] / (2 * (length - whole))))
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([(first + x * cos - y * sin, start + x * sin + y * cos) for x, y in points])


def _columns(batch: Batch) -> np.ndarray:
    """Where each column lies on a side of 28, [width]."""
    return np.asarray(np.arange(batch.shape[2]) * (_LAST / max(batch.shape[2] - 1, 1)))


def _draw_line(batch: Batch, from_x: float, from_y: float, to_x: float, to_y: float) -> np.ndarray:
    """How much ink lies where, of 0..1, [height, width]: 1 on the line, log(1 - d / 2.3) + 1 at the distance d above or below."""
    if to_x == from_x:
        return np.zeros(batch.shape[1:3])
    x = _columns(batch)
    y = np.arange(batch.shape[1])[:, None] * (_LAST / max(batch.shape[1] - 1, 1))
    line = (to_y - from_y) / (to_x - from_x) * (x - from_x) + from_y
    near = np.clip(np.abs(y - line), 0, _FADE - 1e-10)
    ink = np.clip(np.log(1 - near / _FADE) + 1, 0, 1)
    return np.where((x >= math.floor(from_x)) & (x < math.ceil(to_x)), ink, 0)


def keep_edges(batch: Batch, _draws: Draws, sigma: float) -> Batch:
    """Canny's edges (1986) of the brightness in place of the image; `sigma` of its blur, in pixels of 28."""
    import cv2

    unit = find_unit(batch)

    def find_edges(dark: Batch) -> Batch:
        grey = dark @ _LUMA[:, None] if dark.shape[3] == 3 else dark
        blurred = to_pixels(smooth(grey, sigma * unit))
        low, high = 0.1 * 255 / unit, 0.2 * 255 / unit
        edges = np.stack([cv2.Canny(one, low, high, L2gradient=True) for one in blurred])
        return np.repeat(edges[..., None] / 255, dark.shape[3], axis=3)

    return _in_ink(batch, find_edges)


def _in_ink(batch: Batch, change: Callable[[Batch], Batch]) -> Batch:
    """Changed as if it were light on dark, whichever way round it is."""
    light = is_light(batch)
    found = np.clip(change(np.where(light, 1 - batch, batch)), 0, 1)
    return np.where(light, 1 - found, found)
