"""Batch normalization folded into the layer before it, as the converter will do: y = g (Wx + b - m) / s + beta; and what can't
be, behind a concatenation or a pooling, made a convolution of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, cast

import numpy as np

from edgedigits.backend import keras
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor, KerasVariable
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import Kernel, find_kind, list_kernels

_IMAGES: Final = 4
"""Axes of a batch of images."""


class BatchNormalization(KerasLayer, Protocol):
    """What of it goes into another layer; each variable has one number a channel."""

    epsilon: float
    scale: bool
    center: bool
    gamma: KerasVariable
    beta: KerasVariable
    moving_mean: KerasVariable
    moving_variance: KerasVariable


def find_pairs(model: KerasModel) -> dict[str, BatchNormalization]:
    """Layer name -> the BatchNormalization after it, where both are used once and nothing else reads the layer's output."""
    calls = list(walk.list_calls(model))
    makers = {number: call for call in calls for number in call.outputs}
    uses: dict[str, int] = {}
    readers: dict[int, int] = {}
    for call in calls:
        uses[call.layer.name] = uses.get(call.layer.name, 0) + 1
        for number in call.inputs:
            readers[number] = readers.get(number, 0) + 1
    found: dict[str, BatchNormalization] = {}
    for call in calls:
        maker = makers.get(call.inputs[0])
        if type(call.layer).__name__ != "BatchNormalization" or maker is None or not _on_channels(call.layer):
            continue
        linear = maker.layer.get_config().get("activation") == "linear"
        alone = uses[call.layer.name] == uses[maker.layer.name] == readers[call.inputs[0]] == 1
        if (kind := find_kind(maker.layer)) and kind.folds_batchnorm and linear and alone:
            found[maker.layer.name] = cast("BatchNormalization", call.layer)
    return found


def _on_channels(layer: KerasLayer) -> bool:
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return list(axes) in ([-1], [len(layer.input.shape) - 1])


def fold(model: KerasModel) -> tuple[KerasModel, list[str]]:
    """(the same model with foldable batch normalizations gone, names of the layers that took them in).

    The answers are the same within float rounding; names and shapes of kernels are kept.
    """
    found = find_pairs(model)
    absorbed = {normalization.name for normalization in found.values()}

    def make(layer: KerasLayer) -> KerasLayer | None:
        if layer.name in absorbed:
            return None
        config = layer.get_config()
        if layer.name in found:
            config["use_bias"] = True
        return type(layer).from_config(config)

    result = walk.exchange_layers(model, make)
    for layer in result.layers:
        source = model.get_layer(layer.name) if layer.weights else None
        if source is not None:
            layer.set_weights(fold_weights(source, found[layer.name]) if layer.name in found else source.get_weights())
    return result, list(found)


def fold_weights(layer: KerasLayer, normalization: BatchNormalization) -> list[np.ndarray]:
    """float32 [kernel, bias] of a layer with the normalization after it in them."""
    kernel, *rest = (weight.astype(np.float64) for weight in layer.get_weights())
    bias = rest[0] if rest else 0.0
    gain, shift = _find_line(normalization)
    (known,) = list_kernels(layer).values()
    return [(kernel * along(gain, kernel.shape, known)).astype(np.float32), (bias * gain + shift).astype(np.float32)]


def make_convolutions(model: KerasModel) -> KerasModel:
    """The same model with each batch normalization of an image's channels that `fold` leaves a depthwise 1x1 convolution of the
    same name: one operator with a scale for each channel, where the converter makes a product and a sum, each rounded with one
    for all. The answers are the same within float rounding."""
    folded = {normalization.name for normalization in find_pairs(model).values()}
    turned = {
        call.layer.name: cast("BatchNormalization", call.layer)
        for call in walk.list_calls(model)
        if type(call.layer).__name__ == "BatchNormalization"
        and call.layer.name not in folded
        and len(call.layer.input.shape) == _IMAGES
        and _on_channels(call.layer)
    }
    if not turned:
        return model
    made: dict[str, KerasLayer] = {}

    def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
        layer, name = call.layer, call.layer.name
        if name not in made:
            other = keras.layers.DepthwiseConv2D(1, name=name)
            made[name] = other if name in turned else type(layer).from_config(layer.get_config())
        return made[name](args[0]) if name in turned else made[name](*args, **kwargs)

    result = walk.rebuild_with(model, apply)
    for layer in result.layers:
        if layer.name in turned:
            gain, shift = _find_line(turned[layer.name])
            layer.set_weights([gain.astype(np.float32)[None, None, :, None], shift.astype(np.float32)])
        elif layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return result


def _find_line(normalization: BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Gain and shift of each channel, float64 [channels]."""
    mean, variance = (
        one.numpy().astype(np.float64) for one in (normalization.moving_mean, normalization.moving_variance)
    )
    gain = (normalization.gamma.numpy() if normalization.scale else 1.0) / np.sqrt(variance + normalization.epsilon)
    return gain, (normalization.beta.numpy() if normalization.center else 0.0) - mean * gain


def along(values: np.ndarray, shape: Sequence[int], kernel: Kernel) -> np.ndarray:
    """One value for each filter of a kernel of that shape, laid out to spread over the kernel."""
    axes = {axis % len(shape) for axis in kernel.filters}
    return np.reshape(values, [size if axis in axes else 1 for axis, size in enumerate(shape)])
