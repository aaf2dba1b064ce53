"""Preprocessing that stands within a model: layers that first of all scale pixels of 0..255."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.layers import keras_private
from edgedigits.models.layers.layer_kinds import PixelUse, find_kind

LEAST_GAIN = 0.1
"""First layers that make less of the difference of two pixels are made for differences of whole numbers, as 0..255 has: those
take a gain of 1/255 to 1/30. Pixels of 0..1 or -1..1 are divided by a deviation, so that they take a gain from 1 on."""


def find_own_scaling(model: KerasModel) -> tuple[str, ...]:
    """The names of the layers by which a flat model first of all scales pixels of 0..255; none where it takes them scaled."""
    uses, tensor = list(keras_private.list_uses(model)), model.inputs[0]
    gain, names = np.ones(1), list[str]()
    while True:
        readers = [use for use in uses if any(one is tensor for one in use.read)]
        if len(readers) != 1 or len(readers[0].read) != 1:
            break
        layer, kind = readers[0].layer, find_kind(readers[0].layer)
        own = _gain(layer)
        if own is None and (kind is None or kind.pixels is PixelUse.CHANGED) and type(layer).__name__ not in _MOVING:
            break
        if own is not None:
            gain, names = gain * own, [*names, layer.name]
        tensor = readers[0].made[0]
    return tuple(names) if names and gain.max() < LEAST_GAIN else ()


_MOVING = ("CenterCrop", "Permute", "Reshape", "Resizing")


def _gain(layer: KerasLayer) -> np.ndarray | None:
    """By how much a layer that draws a line for each channel stretches pixels; None for another kind."""
    config = layer.get_config()
    if type(layer).__name__ == "Rescaling":
        return np.abs(np.asarray(config["scale"], dtype=np.float64)).reshape(-1)
    if type(layer).__name__ == "Normalization" and not config.get("invert"):
        spread = np.sqrt(np.asarray(config["variance"], dtype=np.float64)).reshape(-1)
        return np.asarray(1 / np.maximum(spread, 1e-7))
    return None


def word_own_scaling(names: Sequence[str]) -> str:
    """What to say of a model whose first layers scale pixels."""
    if len(names) == 1:
        return f"its first layer, {names[0]}, scales pixels, so that it takes them as 0..255"
    return f"its first layers, {', '.join(names)}, scale pixels, so that it takes them as 0..255"
