"""Dense matrix products as .tflite files: what a core multiplies at most is measured on them.

256 rows times 128 x 128 weights: 4.2 million multiply-adds over operands that lie in the second cache of every core here, so that
a core has nothing to wait for.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema

ROWS: Final = 256
WIDTH: Final = 128
MACS: Final = ROWS * WIDTH * WIDTH

Multiplied = Literal["float32", "int8"]


def make_product(arithmetic: Multiplied) -> bytes:
    """A .tflite file of one FULLY_CONNECTED, float32 [256, 128] in and out, or int8."""
    integer = arithmetic == "int8"
    kind = generated.TensorType.INT8 if integer else generated.TensorType.FLOAT32
    random = np.random.default_rng(0)
    weights = random.integers(-127, 128, (WIDTH, WIDTH), np.int8)
    bias = np.zeros(WIDTH, np.int32 if integer else np.float32)
    model, graph = generated.ModelT(), generated.SubGraphT()
    model.version, model.operatorCodes, model.subgraphs = schema.VERSION, [_code(4 if integer else 1)], [graph]
    stored = [weights if integer else weights.astype(np.float32) / 127, bias]
    model.buffers = [generated.BufferT(), *map(_buffer, stored)]
    graph.tensors = [
        _tensor(b"rows", (ROWS, WIDTH), kind, 0, 0.02 if integer else None),
        _tensor(b"weights", (WIDTH, WIDTH), kind, 1, 0.01 if integer else None),
        _tensor(b"bias", (WIDTH,), generated.TensorType.INT32 if integer else kind, 2, 0.0002 if integer else None),
        _tensor(b"products", (ROWS, WIDTH), kind, 0, 0.2 if integer else None),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [3], [_operator()]
    return schema.pack(model)


def _code(version: int) -> generated.OperatorCodeT:
    code = generated.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = generated.BuiltinOperator.FULLY_CONNECTED
    code.version = version
    return code


def _operator() -> generated.OperatorT:
    operator = generated.OperatorT()
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    operator.builtinOptionsType = generated.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = generated.FullyConnectedOptionsT()
    return operator


def _buffer(values: np.ndarray) -> generated.BufferT:
    buffer = generated.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def _tensor(name: bytes, shape: tuple[int, ...], kind: int, buffer: int, step: float | None) -> generated.TensorT:
    tensor = generated.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, np.array(shape, np.int32), kind, buffer
    if step is not None:
        tensor.quantization = generated.QuantizationParametersT()
        tensor.quantization.scale = np.array([step], np.float32)
        tensor.quantization.zeroPoint = np.zeros(1, np.int64)
    return tensor
