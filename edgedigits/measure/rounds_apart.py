"""A benchmark whose rounds run in processes of their own.

Where a model's memory comes to lie is settled when it is loaded, and can make one of two equal files a few percent slower for as
long as the process lives: no number of windows in it shows that. Of rounds that each load anew, the spread does.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.data.images import Images
from edgedigits.ground.facts import JsonObject

FEW: Final = 16
"""Images that later rounds run on: their answers are known from the first."""
FEW_NAME: Final = "few.npz"


def draw_few(images: Path | Images) -> bytes:
    """An .npz file of a few of the images, from all over."""
    if isinstance(images, Path):
        with np.load(images) as file:
            pixels, labels = file["images"], file["labels"]
        rows = _spread(len(labels))
        pixels = pixels[rows]
    else:
        rows, labels = _spread(len(images)), images.labels
        pixels = images.read(rows)
    told = io.BytesIO()
    np.savez(told, images=pixels, labels=labels[rows])
    return told.getvalue()


def _spread(count: int) -> Any:
    return np.unique(np.linspace(0, count - 1, FEW).astype(np.int64))


def reverse(models: Sequence[Any], number: int) -> list[Any]:
    """In every second round the other way round, for who comes first may gain by it."""
    return list(models) if number % 2 == 0 else list(models)[::-1]


def join_rounds(rounds: Sequence[JsonObject]) -> JsonObject:
    """One result out of the results of all rounds; answers are those of the first."""
    first = rounds[0]
    turned = [[reverse(entry["models"], at) for entry in one["latency"]] for at, one in enumerate(rounds)]

    def joined(threads_at: int, model_at: int) -> JsonObject:
        parts = [one[threads_at][model_at] for one in turned]
        return {**parts[0], "windows": [window for part in parts for window in part["windows"]]}

    latency = [
        {**entry, "models": [joined(at, model) for model in range(len(entry["models"]))]}
        for at, entry in enumerate(first["latency"])
    ]
    return {**first, "latency": latency}
