"""Seven ways to break a quantized model, each on any net that has a layer for it; where it is broken is known, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.evidence.bytes_broken import narrow_range, overflow_bias
from benchmarks.evidence.nets import Trained
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.export.conversion import convert
from edgedigits.tflite.layers.matching import match_steps
from edgedigits.tflite.layers.steps import Net
from edgedigits.tflite.layers.stored_values import read_constant

INT8: Final = Numbers("int8", "int8", "int8", "int8", dense_per_tensor=True)
CHANNEL: Final = 3


@dataclass(frozen=True)
class Broken:
    """A float file and an int8 one of it; `layer` is what is wrong in it, "input" for the image."""

    plain: bytes
    compressed: bytes
    layer: str


def _samples(images: Iterable[np.ndarray]) -> list[list[np.ndarray]]:
    return [[image[None]] for image in images]


def _both(net: Trained, model: Any, layer: str) -> Broken:
    return Broken(convert(model), convert(model, INT8, _samples(net.calibration)), layer)


def convert_whole(net: Trained) -> Broken:
    """Nothing is broken."""
    return _both(net, net.model, "")


def _convolutions(model: Any, normalized: bool) -> list[Any]:
    """Convolutions that a BatchNorm follows, or those that none does; the first of the net is none of them."""
    from keras import layers

    found = [one for one in model.layers if type(one) is layers.Conv2D][1:]
    return [one for one in found if isinstance(_follower(model, one), layers.BatchNormalization) == normalized]


def _follower(model: Any, layer: Any) -> Any:
    return next(one for one in model.layers if any(end is layer.output for end in _sources(one)))


def _sources(layer: Any) -> list[Any]:
    from keras import tree

    return list(tree.flatten(layer.input)) if layer._inbound_nodes else []


def _operator(flat: bytes, layer: str) -> int:
    net = Net(flat, "the file")
    return next(one.index for one in match_steps(net, net) if one.name == layer)


def outlier_channel(net: Trained) -> Broken | None:
    """One channel of a convolution is a hundred times as large."""
    model = net.copy()
    for layer in _convolutions(model, normalized=False)[:1]:
        kernel, bias = layer.get_weights()
        kernel[..., CHANNEL] *= 100
        bias[CHANNEL] *= 100
        layer.set_weights([kernel, bias])
        return _both(net, model, layer.name)
    return None


def batchnorm_variance(net: Trained) -> Broken | None:
    """A BatchNorm has seen a channel that hardly varies; not before a ReLU6, which bounds what comes of it."""
    model = net.copy()
    for layer in _convolutions(model, normalized=True)[:1]:
        norm = _follower(model, layer)
        if "relu6" in str(_follower(model, norm).get_config().get("activation")):
            return None
        gamma, beta, mean, variance = norm.get_weights()
        variance[CHANNEL] = 0.0
        norm.epsilon = 1e-6
        norm.set_weights([gamma, beta, mean, variance])
        return _both(net, model, layer.name)
    return None


def input_scale(net: Trained) -> Broken:
    """Calibrated on pixels that were scaled to a quarter of what the model takes."""
    return Broken(convert(net.model), convert(net.model, INT8, _samples(net.calibration / 4)), "input")


def saturation(net: Trained) -> Broken:
    """The range of a layer, as a calibration on other images gives it, is an eighth of what its values reach."""
    whole = convert_whole(net)
    layer = [*_convolutions(net.model, normalized=False), *_convolutions(net.model, normalized=True)][0].name
    return Broken(whole.plain, narrow_range(whole.compressed, _operator(whole.compressed, layer), 8.0), layer)


def revived_mask(net: Trained) -> Broken:
    """Four of five weights of a convolution are pruned, and its bytes are those of before."""
    model = net.copy()
    layer = [*_convolutions(model, normalized=True), *_convolutions(model, normalized=False)][0]
    kernel, *rest = layer.get_weights()
    compressed = convert(net.model, INT8, _samples(net.calibration))
    layer.set_weights([np.where(np.abs(kernel) < np.quantile(np.abs(kernel), 0.8), 0, kernel), *rest])
    return Broken(convert(model), compressed, layer.name)


def bias_overflow(net: Trained) -> Broken | None:
    """A channel with tiny weights and a bias of 2: at the scale of such weights it needs far more than 32 bits."""
    model = net.copy()
    for layer in _convolutions(model, normalized=False)[:1]:
        kernel, bias = layer.get_weights()
        kernel[..., CHANNEL] *= 1e-7 / np.abs(kernel[..., CHANNEL]).max()
        bias[CHANNEL] = 2.0
        layer.set_weights([kernel, bias])
        whole = _both(net, model, layer.name)
        weights = np.moveaxis(kernel, 3, 0)[CHANNEL]
        flat = overflow_bias(whole.compressed, _operator(whole.compressed, layer.name), CHANNEL, weights, 2.0)
        return Broken(whole.plain, flat, layer.name)
    return None


def weight_spread(net: Trained) -> Broken | None:
    """The output channels of a convolution differ a thousandfold, and share one scale."""
    model = net.copy()
    for layer in _convolutions(model, normalized=False)[:1]:
        kernel, bias = layer.get_weights()
        factors = np.logspace(0, -3, len(bias))
        layer.set_weights([kernel * factors, bias * factors])
        whole = _both(net, model, layer.name)
        return Broken(whole.plain, _per_tensor(whole, layer.name), layer.name)
    return None


def _per_tensor(whole: Broken, layer: str) -> bytes:
    """The int8 file with one scale for all weights of that layer, as converters without scales per channel give it."""
    from ai_edge_litert import schema_py_generated as generated

    from edgedigits.tflite import schema

    compressed, plain = Net(whole.compressed, "the int8 file"), Net(whole.plain, "the float file")
    match = next(one for one in match_steps(compressed, plain) if one.name == layer)
    model = compressed.model
    kernel, bias = (read_constant(plain.model, places[1]) for places in (match.weights, match.biases))
    assert kernel is not None
    assert bias is not None
    graph = model.subgraphs[0]
    step = float(np.abs(kernel.real).max()) / 127
    source = graph.tensors[int(graph.operators[match.index].inputs[0])].quantization
    assert source is not None
    assert source.scale is not None
    for place, values, unit, dtype in (
        (match.weights[0], kernel.real, step, "i1"),
        (match.biases[0], bias.real, step * float(source.scale[0]), "<i4"),
    ):
        quantization = graph.tensors[place].quantization
        assert quantization is not None
        quantization.scale, quantization.zeroPoint = np.array([unit], np.float32), np.array([0], np.int64)
        buffer = generated.BufferT()
        buffer.data = np.frombuffer(np.rint(values / unit).astype(dtype).tobytes(), np.uint8)
        model.buffers.append(buffer)
        graph.tensors[place].buffer = len(model.buffers) - 1
    return schema.pack(model)


FAULTS: Final[dict[str, Callable[[Trained], Broken | None]]] = {
    "outlier_channel": outlier_channel,
    "input_scale": input_scale,
    "saturation": saturation,
    "revived_mask": revived_mask,
    "batchnorm_variance": batchnorm_variance,
    "bias_overflow": bias_overflow,
    "weight_spread": weight_spread,
}
"""By the cause that is to be found. None comes back where a net has no layer for it."""
