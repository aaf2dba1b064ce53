"""Room for biases where ai-edge-quantizer leaves none.

A bias is stored in steps of its channel's weights times those of the input; where the weights are next to nothing, as those of a
channel that training has switched off, it takes more steps than 32 bits count, and is cut off. TensorFlow's converter gives such
a channel a larger scale; here that is done in the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema

_LARGEST: Final = 2.0**30
_INPUT: Final = {
    generated.BuiltinOperator.CONV_2D: 0,
    generated.BuiltinOperator.DEPTHWISE_CONV_2D: 0,
    generated.BuiltinOperator.TRANSPOSE_CONV: 2,
}
"""Operators with a scale for each channel, and which of what they read are the values; weights come second, a bias last."""


def make_room(made: bytes, flat: bytes) -> bytes:
    """The quantized file `made` of the float file `flat`, with larger scales for weights of channels whose bias is cut off: as
    many steps as it then takes are 2^30. The file itself where there is none."""
    model, plain = schema.unpack_whole(made), schema.unpack_whole(flat)
    mended = False
    for graph, before in zip(model.subgraphs, plain.subgraphs, strict=True):
        values = {one.name: plain.buffers[one.buffer].data for one in before.tensors if one.name}
        for source, weight, bias in _find_convolutions(model, graph):
            numbers = [
                None if (raw := values.get(one.name or b"")) is None else _read(raw, np.float32)
                for one in (weight, bias)
            ]
            if numbers[0] is not None and numbers[1] is not None:
                mended |= _mend(model, float(_scales(source)[0]), weight, bias, numbers[0], numbers[1])
    return schema.pack(model) if mended else made


def _find_convolutions(
    model: schema.ModelTable, graph: schema.GraphTable
) -> Iterator[tuple[schema.TensorTable, schema.TensorTable, schema.TensorTable]]:
    """Values, weights and bias of those in int8 that have one scale for each filter."""
    for operator in graph.operators:
        place = _INPUT.get(schema.find_number(model.operatorCodes[operator.opcodeIndex]))
        if place is None or len(operator.inputs) < place + 2 or operator.inputs[-1] < 0:
            continue
        source, weight, bias = (graph.tensors[operator.inputs[at]] for at in (place, 1, -1))
        types = generated.TensorType.INT8, generated.TensorType.INT8, generated.TensorType.INT32
        if (source.type, weight.type, bias.type) == types and _scales(weight).size == _scales(bias).size > 0:
            yield source, weight, bias


def _mend(
    model: schema.ModelTable,
    step: float,
    weight: schema.TensorTable,
    bias: schema.TensorTable,
    weights: np.ndarray,
    biases: np.ndarray,
) -> bool:
    """Rounds the float weights and biases of channels anew that take a larger scale; whether one does."""
    scales = _scales(weight).astype(np.float64)
    wanted = np.abs(biases.astype(np.float64)) / (step * _LARGEST)
    if not (wanted > scales).any():
        return False
    scales = np.maximum(scales, wanted).astype(np.float32)
    assert weight.quantization is not None
    assert bias.quantization is not None
    axis = weight.quantization.quantizedDimension
    spread = [-1 if at == axis else 1 for at in range(len(weight.shape))]
    rounded = np.rint(weights.reshape(weight.shape) / scales.reshape(spread).astype(np.float64)).clip(-127, 127)
    weight.quantization.scale, bias.quantization.scale = scales, (scales * step).astype(np.float32)
    _write(model, weight, rounded.astype(np.int8))
    _write(model, bias, np.rint(biases / (scales.astype(np.float64) * step)).astype(np.int32))
    return True


def _scales(tensor: schema.TensorTable) -> np.ndarray:
    found = None if tensor.quantization is None else tensor.quantization.scale
    return np.zeros(0, np.float32) if found is None else found


def _read(raw: np.ndarray, dtype: type) -> np.ndarray:
    return np.frombuffer(np.asarray(raw, np.uint8).tobytes(), dtype)


def _write(model: schema.ModelTable, tensor: schema.TensorTable, values: np.ndarray) -> None:
    buffer: schema.BufferTable = generated.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
