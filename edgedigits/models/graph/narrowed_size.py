"""What a model would weigh and work with fewer channels, counted without building it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.graph.channel_rules import find_input_shapes, find_output_shape, name_set
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.graph.narrow import Layout, find_kept_places, stay
from edgedigits.models.layers.layer_kinds import Kernel, find_kind, list_kernels

CHANNEL_BYTES: Final = 16
"""Of an int8 file for each channel that a layer makes: an int32 bias, a float32 scale and an int64 zero point."""


def count_parameters(layout: Layout, keep: np.ndarray) -> int:
    """As Keras counts them, statistics of batch normalization too; `keep`, bool [units], says which units stay."""
    before = sum(math.prod(weight.variable.shape) for weight in layout.weights)
    left = sum(math.prod(map(len, places)) for places in find_kept_places(layout, keep).values())
    return int(layout.coupling.model.count_params()) - before + left


def count_int8_bytes(layout: Layout, keep: np.ndarray) -> int:
    """That weights, biases and scales take in a full int8 form: what a file holds besides its graph. A channel of few weights
    takes most of its bytes for the others. Weights of layers whose channels are not followed count a byte each."""
    places, coupling = find_kept_places(layout, keep), layout.coupling
    kernels = sum(
        math.prod(map(len, places[weight.path])) for weight in layout.weights if isinstance(weight.known, Kernel)
    )
    others = int(coupling.model.count_params()) - sum(math.prod(weight.variable.shape) for weight in layout.weights)
    makers = {call.layer.name: call for call in walk.list_calls(coupling.model) if list_kernels(call.layer)}
    channels = sum(len(stay(coupling.units[call.outputs[0]], keep)) for call in makers.values())
    return kernels + others + CHANNEL_BYTES * channels


def count_multiply_adds(layout: Layout, keep: np.ndarray) -> int:
    """Of one inference: products of kernels, as `multiply_adds.count_per_operator` counts them.

    Raises ModelError where the model takes images of any size.
    """
    total, places = 0, find_kept_places(layout, keep)
    for call in walk.list_calls(layout.coupling.model):
        for attribute in list_kernels(call.layer):
            if kernel := places.get(f"{call.layer.name}/{attribute}"):
                total += _places(call) * math.prod(map(len, kernel))
    return total


def find_sizes(model: KerasModel) -> dict[str, int]:
    """Parameters and multiply-adds of a model as it is; no multiply-adds where it takes images of any size."""
    layout = Layout(find_coupling(model))
    everything = np.ones(layout.coupling.count, bool)
    found = {"parameters": count_parameters(layout, everything)}
    if None in model.inputs[0].shape[1:]:
        return found
    return {**found, "multiply_adds": count_multiply_adds(layout, everything)}


def count_whole_multiply_adds(model: KerasModel) -> int:
    """As `count_multiply_adds` of all channels, also where these can't be followed. Raises ModelError as it does."""
    return sum(
        _places(call) * math.prod(getattr(call.layer, attribute).shape)
        for call in walk.list_calls(model)
        for attribute in list_kernels(call.layer)
    )


def _places(call: walk.Call) -> int:
    """How often each weight of a kernel is multiplied: once for every place, of the input where the layer spreads it."""
    kind = find_kind(call.layer)
    shape = (find_input_shapes(call)[0] if kind and kind.spreads else find_output_shape(call))[:-1]
    if None in shape:
        raise ModelError(
            f"{name_set(call.layer)} works on images of any size, so its multiply-adds can't be counted; "
            "give the model an input of fixed size"
        )
    return math.prod(size or 1 for size in shape)
