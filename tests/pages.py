"""Digits drawn on made paper: lines of a pen, and all that a photo adds to them."""

from __future__ import annotations

import cv2
import numpy as np

STROKES = {
    1: [(52, 12), (47, 100)],
    4: [(52, 12), (25, 66), (75, 66), (58, 66), (58, 100)],
    7: [(22, 14), (75, 16), (42, 100)],
}
"""Corners of each digit's lines, x and y, on a page 96 wide and 120 high."""


def draw(digit: int, pen: tuple[int, int, int] = (30, 30, 30), paper: int = 225, thick: int = 7) -> np.ndarray:
    """uint8 [120, 96, 3], RGB."""
    page = np.full((120, 96, 3), paper, np.uint8)
    cv2.polylines(page, [np.array(STROKES[digit], np.int32)], False, pen, thick, cv2.LINE_AA)
    return page


def shade(page: np.ndarray, darkest: float = 0.4) -> np.ndarray:
    """Light that falls off from one corner to the other, with the noise of a camera."""
    rows, columns = np.mgrid[0 : 1 : page.shape[0] * 1j, 0 : 1 : page.shape[1] * 1j]
    light = 1 - (1 - darkest) * (rows + columns) / 2
    noise = np.random.default_rng(1).normal(0, 2, page.shape)
    return np.asarray(np.clip(page * light[..., None] + noise, 0, 255), np.uint8)


def rule(page: np.ndarray, slope: float = 0.03, colour: tuple[int, int, int] = (120, 150, 200)) -> np.ndarray:
    """Four ruled lines from edge to edge, a little aslant."""
    found, (height, width) = page.copy(), page.shape[:2]
    for y in range(20, height, 28):
        cv2.line(found, (0, y), (width, round(y + slope * width)), colour, 1, cv2.LINE_AA)
    return found
