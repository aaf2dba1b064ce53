"""Images with several labels each: two digits side by side, and shapes in colour; and small nets that learn them in seconds."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgedigits.backend import keras

L = keras.layers
SHAPES = ("bar", "green", "framed")


def pairs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two real digits, 8x16, of the kinds 0, 1, 2 and 3: uint8 [n, 8, 16, 1], and which of the four are there, uint8 [n, 4]."""
    from sklearn.datasets import load_digits

    digits = load_digits(n_class=4)
    both = np.random.default_rng(seed).integers(len(digits.images), size=(count, 2))
    pixels = np.concatenate([digits.images[both[:, 0]], digits.images[both[:, 1]]], axis=2) * (255 / 16)
    kinds = digits.target[both]
    return pixels.astype(np.uint8)[..., None], (kinds[:, :, None] == np.arange(4)).any(axis=1).astype(np.uint8)


def coloured(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise in colour, 12x12, with or without each of `SHAPES`: uint8 [n, 12, 12, 3] and uint8 [n, 3]; a frame is rare."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, 3)) < (0.5, 0.4, 0.15)).astype(np.uint8)
    pixels = rng.integers(0, 70, (count, 12, 12, 3))
    for image, (bar, green, framed) in zip(pixels, labels, strict=True):
        at = rng.integers(2, 9)
        image[at : at + 2, 2:10] += 150 * int(bar)
        image[..., 1] += 60 * int(green)
        if framed:
            image[[0, -1]] += 120
            image[:, [0, -1]] += 60
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def folder(root: Path, pixels: np.ndarray, labels: np.ndarray, names: Sequence[str], table: str = "labels.csv") -> Path:
    """The images as files below `root`, and a table of their labels."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    start = len(list((root / "images").iterdir()))
    rows = []
    for number, (image, row) in enumerate(zip(pixels, labels, strict=True), start):
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(root / "images" / f"{number}.png")
        rows.append([f"images/{number}.png", ";".join(name for name, has in zip(names, row, strict=True) if has)])
    with (root / table).open("w", newline="") as file:
        csv.writer(file).writerows([["path", "labels"], *rows])
    return root


def learned(
    pixels: np.ndarray, labels: np.ndarray, path: Path, closing: str | None = "sigmoid", epochs: int = 25
) -> Path:
    """The file of a small net that has learned these."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input(pixels.shape[1:]),
            L.Conv2D(12, 3, padding="same", activation="relu"),
            L.Conv2D(16, 3, strides=2, activation="relu"),
            L.Flatten(),
            L.Dense(24, activation="relu"),
            L.Dense(labels.shape[1], activation=closing, name="answer"),
        ]
    )
    loss: Any = keras.losses.BinaryCrossentropy(from_logits=closing is None)
    net.compile(keras.optimizers.Adam(4e-3), loss, jit_compile=False)
    net.fit(pixels / 255.0, labels, epochs=epochs, batch_size=32, verbose=0)
    net.save(path)
    return path
