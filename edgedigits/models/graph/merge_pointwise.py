"""1x1 convolutions that follow each other with no activation between: one of them can do the work of both.

In a net of inverted residuals (Sandler et al. 2018) every block ends in a narrow linear convolution and the next begins with a
wide one. The narrow tensor between is there for the shortcut. Where the shortcut is gone, the product of the two kernels gives
the same answers with a layer less, and training may use more of it than the narrow tensor let through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import fold_batchnorm, walk
from edgedigits.models.graph.duplicate_inputs import sums
from edgedigits.models.layers.layer_kinds import list_kernels


def find_pairs(model: KerasModel, held: Collection[str] = ()) -> dict[str, str]:
    """Name of a linear 1x1 convolution -> the 1x1 convolution that alone reads it, at most through a batch normalization.

    Both are used once, neither is part of two pairs. Kernels `held`, by path, are left as they are.
    """
    calls = list(walk.list_calls(model))
    makers = {number: call for call in calls for number in call.outputs}
    uses = Counter(call.layer.name for call in calls)
    reads = Counter(number for call in calls for number in call.inputs)
    normalized = {normalization.name: name for name, normalization in fold_batchnorm.find_pairs(model).items()}
    found: dict[str, str] = {}
    for call in calls:
        before = makers.get(call.inputs[0])
        if before is not None and before.layer.name in normalized and reads[call.inputs[0]] == 1:
            before = makers[before.inputs[0]]
        if before is None or not (_pointwise(call.layer) and _pointwise(before.layer) and _linear(before.layer)):
            continue
        first, second = before.layer.name, call.layer.name
        alone = uses[first] == uses[second] == reads[call.inputs[0]] == reads[before.outputs[0]] == 1
        if alone and first not in found.values() and not {*_paths(before.layer), *_paths(call.layer)} & set(held):
            found[first] = second
    return found


def merge_pairs(model: KerasModel, held: Collection[str] = ()) -> tuple[KerasModel, list[str]]:
    """(the model with such pairs made one layer by the second's name, the names of the convolutions that went into another).

    The answers are the same within float rounding; it is the model itself where there are no pairs.
    """
    gone: list[str] = []
    while found := find_pairs(model, held):
        model = _joined(model, found)
        gone += found
    return model, gone


def _joined(model: KerasModel, found: dict[str, str]) -> KerasModel:
    normalized = fold_batchnorm.find_pairs(model)
    absent = {*found, *(normalized[first].name for first in found if first in normalized)}
    firsts = {second: first for first, second in found.items()}

    def make(layer: KerasLayer) -> KerasLayer | None:
        if layer.name in absent:
            return None
        return type(layer).from_config(layer.get_config() | ({"use_bias": True} if layer.name in firsts else {}))

    result = walk.exchange_layers(model, make)
    for layer in result.layers:
        if layer.name in firsts:
            first = model.get_layer(firsts[layer.name])
            layer.set_weights(_product(first, normalized.get(first.name), model.get_layer(layer.name)))
        elif layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return result


def _product(
    first: KerasLayer, normalization: fold_batchnorm.BatchNormalization | None, second: KerasLayer
) -> list[np.ndarray]:
    """[kernel, bias] of both in sequence."""
    weights = fold_batchnorm.fold_weights(first, normalization) if normalization is not None else first.get_weights()
    kernel, bias = (array.astype(np.float64) for array in (weights if len(weights) == 2 else [*weights, np.zeros(1)]))
    other, *rest = (array.astype(np.float64) for array in second.get_weights())
    bias = np.broadcast_to(bias, kernel.shape[-1:]) @ other.reshape(other.shape[-2:]) + (rest[0] if rest else 0.0)
    return [(kernel @ other).astype(np.float32), bias.astype(np.float32)]


def _pointwise(layer: KerasLayer) -> bool:
    """A dense layer, which has no kernel size, is none."""
    return sums(layer) and set(layer.get_config().get("kernel_size", ())) == {1}


def _paths(layer: KerasLayer) -> list[str]:
    return [f"{layer.name}/{attribute}" for attribute in list_kernels(layer)]


def _linear(layer: KerasLayer) -> bool:
    config = layer.get_config()
    return config["activation"] == "linear" and set(config["strides"]) == {1}
