"""How pixels become model input. Never guessed: the user says it, the manifest records it."""

from __future__ import annotations

from typing import Any, Literal, get_args

Scale = Literal["0..1", "-1..1", "0..255"]
SCALES: tuple[Scale, ...] = get_args(Scale)

# (a, b) such that model input = a * pixel + b for a pixel in 0..255
FACTORS: dict[Scale, tuple[float, float]] = {"0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0), "0..255": (1.0, 0.0)}


def scaled(pixels: Any, scale: Scale) -> Any:
    """float32 model input for uint8 (or float32) pixels; works on NumPy arrays and TensorFlow tensors alike."""
    a, b = FACTORS[scale]
    if hasattr(pixels, "astype"):
        return pixels.astype("float32") * a + b
    import tensorflow as tf

    return tf.cast(pixels, tf.float32) * a + b
