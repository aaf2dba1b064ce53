"""How channels pass through each kind of layer: which come out, and which can then only go together.

A rule takes the channels on the last axis of each input and gives those on the last axis of the output. What computes on all
channels of a place at once (LayerNormalization, Softmax) or moves them to another axis keeps them whole. A kind without a row
is refused: what it does with channels can't be known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from edgedigits.keras_types import KerasLayer
from edgedigits.models.graph.channel_sets import Channels
from edgedigits.models.graph.walk import Call, is_softmax_layer
from edgedigits.models.layers.layer_kinds import Passage

MIXING: Final = ("log_softmax", "softmax")
"""Activations that compute each value from all of its place."""

Rule = Callable[[Channels, Call, list[np.ndarray]], np.ndarray]


def name_set(layer: KerasLayer) -> str:
    """The layer as a sentence names it."""
    return f"{layer.name} ({type(layer).__name__})"


def find_output_shape(call: Call) -> tuple[int | None, ...]:
    """Of the one tensor this use of the layer makes, without the batch; None where a size is open."""
    return tuple(call.use.made[0].shape[1:])


def find_input_shapes(call: Call) -> list[tuple[int | None, ...]]:
    """Of the tensors this use of the layer reads, without the batch."""
    read = call.use.read
    return [tuple(tensor.shape[1:]) for tensor in read]


def whole(channels: Channels, call: Call, axes: list[np.ndarray], reason: str | None = None) -> np.ndarray:
    """Everything that goes in and comes out stays."""
    why = reason or f"{name_set(call.layer)} needs all of its channels"
    for axis in axes:
        channels.fix(axis, why)
    return channels.fresh(int(find_output_shape(call)[-1] or 1), why)


def _passed_on(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    (axis,) = axes
    return axis if find_output_shape(call)[-1] == len(axis) else whole(channels, call, axes)


def _made(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    """A convolution or dense layer makes channels of its own, each from all that go in."""
    config = call.layer.get_config()
    if config.get("groups", 1) != 1:
        return whole(channels, call, axes, f"{name_set(call.layer)} computes in {config['groups']} groups of channels")
    softmax = config.get("activation") in MIXING
    return channels.fresh(
        int(find_output_shape(call)[-1] or 1), f"{name_set(call.layer)} ends in a softmax" if softmax else None
    )


def _depthwise(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    if call.layer.get_config().get("activation") in MIXING:
        return whole(channels, call, axes)
    return np.repeat(axes[0], int(call.layer.depth_multiplier))


def _merged(channels: Channels, _call: Call, axes: list[np.ndarray]) -> np.ndarray:
    """Value by value: channels at the same place go together; an axis of one is spread over the others."""
    widest = max(axes, key=len)
    for axis in axes:
        if axis is not widest and len(axis) > 1:
            channels.unite(widest, axis)
    return widest


def _concatenated(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    if call.layer.axis in (-1, len(find_output_shape(call))):
        return np.concatenate(axes)
    return _merged(channels, call, axes)


def _normalized(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    normalized = call.layer.axis if isinstance(call.layer.axis, (list, tuple)) else [call.layer.axis]
    if list(normalized) not in ([-1], [len(find_output_shape(call))]):
        return whole(channels, call, axes)
    return axes[0]


def _reshaped(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    """The values in their new places; those that come to share a place on the last axis go together."""
    before, after = find_input_shapes(call)[0], find_output_shape(call)
    if None in before or None in after or not after:
        return whole(channels, call, axes, f"{name_set(call.layer)} has an open size")
    places: np.ndarray = np.broadcast_to(axes[0], [size or 1 for size in before]).reshape(-1, after[-1] or 1)
    for row in np.unique(places, axis=0):
        channels.unite(places[0], row)
    return np.asarray(places[0])


def _permuted(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    stays = call.layer.dims[-1] == len(call.layer.dims)
    return axes[0] if stays else whole(channels, call, axes, f"{name_set(call.layer)} moves channels to another axis")


def _activated(channels: Channels, call: Call, axes: list[np.ndarray]) -> np.ndarray:
    mixes = is_softmax_layer(call.layer) or call.layer.get_config().get("activation") in MIXING
    return whole(channels, call, axes) if mixes else axes[0]


RULES: Final[dict[Passage, Rule]] = {
    Passage.MADE: _made,
    Passage.DEPTHWISE: _depthwise,
    Passage.MERGED: _merged,
    Passage.CONCATENATED: _concatenated,
    Passage.NORMALIZED: _normalized,
    Passage.RESHAPED: _reshaped,
    Passage.PERMUTED: _permuted,
    Passage.ACTIVATED: _activated,
    Passage.PASSED_ON: _passed_on,
    Passage.WHOLE: whole,
}
"""Which kind of layer has which of them stands in `layer_kinds.KINDS`."""
