"""A model to be run: its file, and how pixels become its input."""

from __future__ import annotations

from typing import NamedTuple

SCALES = {"0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0), "0..255": (1.0, 0.0)}


class ModelFile(NamedTuple):
    """A .tflite file and how pixels become its input: `scale` of `SCALES`, `resize` to (height, width) or None."""

    name: str
    path: str
    sha256: str
    scale: str
    resize: tuple[int, int] | None
