"""The constants of a .tflite file as real numbers: weights and biases, dequantized by the steps that the file gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.tflite import schema
from edgedigits.tflite.zeros import unpack_bits

_NUMPY: Final = {
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "INT8": "i1",
    "INT4": "i1",
    "UINT8": "u1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
}


@dataclass(frozen=True, eq=False)
class Constant:
    """`stored` are the numbers in the file, `real` what they mean, float64 of the same shape. `steps` are the scales, empty where
    it is not quantized, one for all, or one for each slice of `axis`."""

    stored: np.ndarray
    real: np.ndarray
    steps: np.ndarray
    axis: int


def read_constant(model: schema.ModelTable, index: int) -> Constant | None:
    """A tensor of the first graph, int4 as int8; None for one that is computed or sparse, of a type that NumPy lacks, or whose
    scales do not fit its shape."""
    if index < 0:
        return None
    tensor = model.subgraphs[0].tensors[index]
    values = model.buffers[tensor.buffer].data
    kind = _NUMPY.get(schema.TYPE_NAMES.get(tensor.type, ""))
    if values is None or not len(values) or kind is None or tensor.sparsity is not None:
        return None
    raw, shape = np.asarray(values, np.uint8).tobytes(), read_shape(tensor)
    packed = schema.TYPE_NAMES.get(tensor.type) == "INT4"
    stored = unpack_bits(raw, 4, signed=True)[: math.prod(shape)] if packed else np.frombuffer(raw, kind)
    stored = stored.reshape(shape)
    steps, points, axis = read_steps(tensor)
    if not len(steps):
        return Constant(stored, stored.astype(np.float64), steps, 0)
    if len(steps) > 1 and (not 0 <= axis < stored.ndim or stored.shape[axis] != len(steps)):
        return None
    along = [-1 if place == axis and len(steps) > 1 else 1 for place in range(stored.ndim)]
    zero = points.reshape(along) if len(points) == len(steps) else 0
    return Constant(stored, (stored.astype(np.float64) - zero) * steps.reshape(along), steps, axis)


def read_shape(tensor: schema.TensorTable) -> tuple[int, ...]:
    """() for a scalar."""
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def read_steps(tensor: schema.TensorTable) -> tuple[np.ndarray, np.ndarray, int]:
    """(scales float64, zero points int64, axis) of a tensor; empty where it is not quantized."""
    found = tensor.quantization
    if found is None or found.scale is None or not len(found.scale):
        return np.zeros(0), np.zeros(0, np.int64), 0
    points = np.zeros(0, np.int64) if found.zeroPoint is None else np.asarray(found.zeroPoint, np.int64)
    return np.asarray(found.scale, np.float64), points, int(found.quantizedDimension)
