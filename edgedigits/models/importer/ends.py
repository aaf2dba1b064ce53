"""The input of a model made that of a classifier of images, where that is exact; what was done is said in sentences.

An input open to images of any size takes the data's size; one of [height, width] gets a channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgedigits.errors import ModelError, OpenSizeError
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.layers import keras_private
from edgedigits.models.layers.layer_kinds import PixelUse, find_kind

Size = tuple[int, int]
SizeOf = Callable[[], Size]
LEAST_GAIN = 0.1
"""First layers that make less of the difference of two pixels are made for differences of whole numbers, as 0..255 has: those
take a gain of 1/255 to 1/30. Pixels of 0..1 or -1..1 are divided by a deviation, so that they take a gain from 1 on."""


def image_shape(given: Sequence[int | None], size: Size | None) -> tuple[tuple[int, int, int], str]:
    """(height, width, channels) of the images for an input of shape `given`, the batch left out, and what to say about it.

    `size` is (height, width) of the data, which an open input gets. Raises ModelError for an input that no grey or RGB image
    fits, OpenSizeError for an open one without `size`.
    """
    if len(given) not in (2, 3) or (len(given) == 3 and given[2] is None):
        raise ModelError(
            f"the model takes input of shape {[None, *given]}, not images [None, height, width, 1 or 3]; put "
            "an Input and a Reshape layer in front of it."
        )
    height, width, channels = (*given, 1)[:3]
    if channels not in (1, 3):
        raise ModelError(
            f"the model takes input of shape {[None, *given]}, so {channels} channels, and the images that can be read are "
            "grey (1) or RGB (3); build it for one of those and train it again."
        )
    if height and width:
        said = f"its input [{height}, {width}] takes grey images without a channel; a Reshape in front drops it"
        return (height, width, channels), said if len(given) == 2 else ""
    if size is None:
        raise OpenSizeError(
            f"the model takes images of any size ({[None, *given]}), and that of a .tflite file is fixed; name data, whose "
            "size it then gets, or save it with an input of fixed size."
        )
    found = (height or size[0], width or size[1])
    said = f"it takes images of any size; its input is now {found[0]}x{found[1]}, the data's"
    return (*found, channels), said


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
