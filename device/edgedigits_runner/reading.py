"""The words that say how images are read; light, so that a manifest can be checked without what reads them."""

from __future__ import annotations

import re

METHODS = ("area", "bilinear", "bicubic", "lanczos", "keras")
"""Of resizing, see `resizing`; the first is the default."""

WHITE = "white"


def colour_of(background: str) -> tuple[int, int, int]:
    """Red, green and blue of "white", "black" or "#rrggbb"; ValueError for anything else."""
    text = {"white": "#ffffff", "black": "#000000"}.get(background, background)
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError("white, black or #rrggbb")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
