"""Faults that no converter makes, put into the bytes of an int8 file."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema

_BIASED = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2}


def _name(model: schema.ModelTable, operator: schema.OperatorTable) -> str:
    return schema.OPERATOR_NAMES[schema.find_number(model.operatorCodes[operator.opcodeIndex])]


def _values(model: schema.ModelTable, index: int, dtype: str) -> np.ndarray:
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    assert data is not None
    return np.frombuffer(data.tobytes(), dtype)


def _store(model: schema.ModelTable, index: int, values: np.ndarray) -> None:
    """In a buffer of its own: others may share the one it had."""
    buffer = generated.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    model.subgraphs[0].tensors[index].buffer = len(model.buffers) - 1


def narrow_range(flat: bytes, operator: int, times: float) -> bytes:
    """The output of an operator holds a range that is so many times as narrow; biases behind it are stored anew, so that all else
    computes as before."""
    model = schema.unpack(flat)
    graph = model.subgraphs[0]
    (output,) = map(int, graph.operators[operator].outputs)
    _divide(model, output, times)
    for reader in graph.operators:
        if (
            int(reader.inputs[0]) == output
            and (slot := _BIASED.get(_name(model, reader)))
            and len(reader.inputs) > slot
        ):
            _divide(model, int(reader.inputs[slot]), times)
            old = _values(model, int(reader.inputs[slot]), "<i4").astype(np.float64)
            _store(model, int(reader.inputs[slot]), np.rint(old * times).astype("<i4"))
    return schema.pack(model)


def overflow_bias(flat: bytes, operator: int, channel: int, kernel: np.ndarray, bias: float) -> bytes:
    """A channel as a converter leaves it that gives its weights all of their steps, whatever its bias then needs.

    `kernel` are the channel's float weights. The bias is cut off at the ends of int32.
    """
    model = schema.unpack(flat)
    graph = model.subgraphs[0]
    source, weight, place = (int(end) for end in graph.operators[operator].inputs[:3])
    step = float(np.abs(kernel).max()) / 127
    unit = step * float(_scales(model, source)[0])
    _rescale(model, weight, channel, step)
    _rescale(model, place, channel, unit)
    weights = _values(model, weight, "i1").reshape(graph.tensors[weight].shape).copy()
    weights[channel] = np.rint(kernel / step)
    _store(model, weight, weights)
    limits, biases = np.iinfo(np.int32), _values(model, place, "<i4").copy()
    biases[channel] = int(np.clip(bias / unit, limits.min, limits.max))
    _store(model, place, biases)
    return schema.pack(model)


def _divide(model: schema.ModelTable, index: int, times: float) -> None:
    quantization = model.subgraphs[0].tensors[index].quantization
    assert quantization is not None
    quantization.scale = (_scales(model, index) / times).astype(np.float32)


def _scales(model: schema.ModelTable, index: int) -> np.ndarray:
    quantization = model.subgraphs[0].tensors[index].quantization
    assert quantization is not None
    assert quantization.scale is not None
    return np.array(quantization.scale, np.float32)


def _rescale(model: schema.ModelTable, index: int, channel: int, step: float) -> None:
    scales, quantization = _scales(model, index), model.subgraphs[0].tensors[index].quantization
    assert quantization is not None
    scales[channel] = step
    quantization.scale = scales
