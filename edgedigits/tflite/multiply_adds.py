"""Multiply-adds per operator, counted from the shapes in a .tflite file.

A multiply-add is one product added to a sum. The formulas are those of the operators themselves, as in "MobileNets"
(https://arxiv.org/abs/1704.04861), section 3.1: output elements times the length of the sum each of them is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from edgedigits.errors import TfliteError
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.contents import Contents, Operator, Tensor

Arithmetic = Literal["float32", "float16 weights", "int8", "int8x4", "dynamic", "int16x8"]
"""int8x4: int8 activations and int4 weights."""

_DATA_SLOT: Final = {"TRANSPOSE_CONV": 2}  # which input is the image; elsewhere the first
_BYTES: Final = {"FLOAT16": 2, "INT16": 2, "FLOAT32": 4, "INT32": 4, "FLOAT64": 8, "INT64": 8}  # others: 1
_INT8: Final = frozenset({"INT8", "UINT8", "INT4", "INT2"})
_FREE: Final = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SHAPE"})  # move no value
_UNPACKING: Final = frozenset({"DEQUANTIZE", "DENSIFY"})
# Operators whose work is not in their own shapes: loops, recurrences, and code that only their author knows.
UNCOUNTED: Final = frozenset(
    {
        "CALL",
        "CALL_ONCE",
        "CUSTOM",
        "IF",
        "WHILE",
        "LSTM",
        "RNN",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
    }
)


@dataclass(frozen=True)
class Work:
    """What one operator has to do for one inference.

    `macs` are multiply-adds, `taps` the places of a convolution's kernel (9 of a 3x3 one), 1 elsewhere. An operator that has no
    multiply-adds counts in `elements`: the values of its larger side, each touched once. `weight_bytes` is what its weights and
    biases take when it runs (float16 weights are unpacked to float32 first), `activation_bytes` what it reads and writes besides.
    `counted` is False where its shapes do not tell its work.
    """

    index: int
    kind: str
    output_shape: tuple[int, ...]
    arithmetic: Arithmetic
    macs: int
    taps: int
    elements: int
    weight_bytes: int
    activation_bytes: int
    counted: bool


def count_per_operator(contents: Contents) -> tuple[Work, ...]:
    """The work of each operator of the graph that runs, in its order; graphs called by it are not looked into.

    A batch of unknown size counts as one.

    Raises:
        TfliteError: an operator lacks an input, or has shapes from which nothing can be counted, or the file takes
            images of any size.
    """
    for tensor in contents.inputs:
        if tensor.shape[1:3] == (1, 1) and len(tensor.shape) == 4:  # what the converter writes for an open size
            raise TfliteError(
                f"{contents.source}: its input {tensor.name!r} has shape {tensor.shape}, as files open to images of any "
                "size do, so its work can't be counted; convert the model again with an input of fixed size."
            )
    with follow(contents.source):
        reader = _Reader(contents)
        return tuple(reader.work(operator) for operator in contents.operators if operator.subgraph == 0)


class _Reader:
    """Looks through the operators that only unpack a constant to the constant behind them."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.unpacked = {
            operator.outputs[0]: operator.inputs[0]
            for operator in contents.operators
            if operator.subgraph == 0 and operator.name in _UNPACKING and self._stored(operator)
        }

    def _stored(self, operator: Operator) -> bool:
        return bool(operator.outputs) and bool(operator.inputs) and self._is_constant(operator.inputs[0])

    def _is_constant(self, index: int) -> bool:
        return index >= 0 and self.contents.tensor(index).size_bytes > 0

    def work(self, operator: Operator) -> Work:
        used = dict.fromkeys(index for index in operator.inputs if index >= 0)
        constants = [index for index in used if index in self.unpacked or self._is_constant(index)]
        ends = [self.contents.tensor(index) for index in (*used, *operator.outputs) if index not in constants]
        once = (
            bool(operator.outputs) and operator.outputs[0] in self.unpacked
        )  # unpacked when loaded, not per inference
        macs = self._macs(operator)
        moves = not (once or macs or operator.name in _FREE or operator.name in UNCOUNTED)
        return Work(
            index=operator.index,
            kind=operator.name,
            output_shape=self.contents.tensor(operator.outputs[0]).shape if operator.outputs else (),
            arithmetic=self._arithmetic(operator),
            macs=macs,
            taps=self._taps(operator) if macs else 1,
            elements=max((tensor.elements for tensor in ends), default=0) if moves else 0,
            weight_bytes=sum(self._running_bytes(index) for index in constants) if macs else 0,
            activation_bytes=sum(map(_bytes, ends)) if macs or moves else 0,
            counted=operator.name not in UNCOUNTED,
        )

    def _running_bytes(self, index: int) -> int:
        tensor = self.contents.tensor(index)
        return tensor.size_bytes or _bytes(tensor)

    def _arithmetic(self, operator: Operator) -> Arithmetic:
        slot = _DATA_SLOT.get(operator.name, 0)
        data = operator.input_dtypes[slot] if slot < len(operator.input_dtypes) else "FLOAT32"
        if data == "INT16":
            return "int16x8"
        weights = self._weights_dtype(operator)
        if data in _INT8:
            return "int8x4" if weights == "INT4" else "int8"
        if weights == "FLOAT16":
            return "float16 weights"
        return "dynamic" if weights in _INT8 else "float32"

    def _weights_dtype(self, operator: Operator) -> str:
        if len(operator.inputs) < 2 or operator.inputs[1] < 0:
            return "NONE"
        index = operator.inputs[1]
        return self.contents.tensor(self.unpacked.get(index, index)).dtype

    def _macs(self, operator: Operator) -> int:
        if operator.name not in _COUNTERS:
            return 0
        slot = _DATA_SLOT.get(operator.name, 0)
        places = [*operator.inputs[slot : slot + 1], *operator.inputs[1:2], *operator.outputs[:1]]
        if len(places) < 3 or min(places) < 0:
            self._broken(operator, "lacks an input or an output")
        data, weights, output = (self.contents.tensor(place) for place in places)
        ranks, shapes = _RANKS[operator.name], (data.shape, weights.shape, output.shape)
        if any(len(shape) < rank for shape, rank in zip(shapes, ranks, strict=True)) or not output.elements:
            self._broken(operator, f"has shapes {', '.join(map(str, shapes))}, from which no work can be counted")
        return _COUNTERS[operator.name](data, weights, output)

    def _taps(self, operator: Operator) -> int:
        """Weights [filters, height, width, channels]."""
        return math.prod(self.contents.tensor(operator.inputs[1]).shape[1:3]) if operator.name == "CONV_2D" else 1

    def _broken(self, operator: Operator, what: str) -> None:
        raise TfliteError(
            f"{self.contents.source}: operator #{operator.index} {operator.name} {what}; export or copy the file again."
        )


def _bytes(tensor: Tensor) -> int:
    return tensor.elements * _BYTES.get(tensor.dtype, 1)


def _conv(data: Tensor, weights: Tensor, output: Tensor) -> int:  # noqa: ARG001
    """Weights [filters, height, width, channels of one group]."""
    return output.elements * math.prod(weights.shape[1:])


def _depthwise(data: Tensor, weights: Tensor, output: Tensor) -> int:  # noqa: ARG001
    """Weights [1, height, width, channels]: each output sees one channel."""
    return output.elements * math.prod(weights.shape[1:3])


def _dense(data: Tensor, weights: Tensor, output: Tensor) -> int:  # noqa: ARG001
    """Weights [outputs, inputs]."""
    return output.elements * weights.shape[-1]


def _transpose_conv(data: Tensor, weights: Tensor, output: Tensor) -> int:  # noqa: ARG001
    """Weights [filters, height, width, channels]: each input element meets height x width x filters of them."""
    return data.elements * math.prod(weights.shape[:3])


def _conv_3d(data: Tensor, weights: Tensor, output: Tensor) -> int:  # noqa: ARG001
    """Weights [depth, height, width, channels, filters]."""
    return output.elements * math.prod(weights.shape[:4])


def _batch_matmul(data: Tensor, weights: Tensor, output: Tensor) -> int:
    """[batch, m, k] times [batch, k, n]; which axis is k follows from the sizes, transposed or not."""
    batch = math.prod(output.shape[:-2])
    return output.elements * math.isqrt(data.elements * weights.elements // (output.elements * batch))


_COUNTERS: Final = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "TRANSPOSE_CONV": _transpose_conv,
    "CONV_3D": _conv_3d,
    "BATCH_MATMUL": _batch_matmul,
}
# The fewest dimensions of data, weights and output.
_RANKS: Final = {
    "CONV_2D": (4, 4, 4),
    "DEPTHWISE_CONV_2D": (4, 4, 4),
    "FULLY_CONNECTED": (1, 2, 1),
    "TRANSPOSE_CONV": (4, 4, 4),
    "CONV_3D": (5, 5, 5),
    "BATCH_MATMUL": (2, 2, 2),
}
