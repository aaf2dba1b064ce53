"""The same net with other wires: its layers fed from outside, errors added to its tensors, its tensors as outputs, or in float.

All are made to be run once and thrown away; none of them ships.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.errors import TfliteError
from edgedigits.tflite import schema
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.layers.stored_values import read_constant, read_steps

_FLOAT32: Final = generated.TensorType.FLOAT32
_SAME: Final = (generated.BuiltinOperator.QUANTIZE, generated.BuiltinOperator.DEQUANTIZE)


def feed_tensors(flat: bytes, tensors: Sequence[int], source: str) -> bytes:
    """Whatever reads one of these tensors reads a further input of the graph instead, in this order behind the inputs it has.

    So each layer is computed from given inputs, not from what the layers before it came to.
    """
    with follow(source):
        model = schema.unpack_whole(flat)
        graph = model.subgraphs[0]
        twins = {index: _add_tensor(graph, graph.tensors[index]) for index in tensors}
        for operator in graph.operators:
            operator.inputs = np.array([twins.get(int(end), int(end)) for end in operator.inputs], np.int32)
        graph.inputs = np.array([*map(int, graph.inputs), *twins.values()], np.int32)
        return _packed(model)


def add_errors(flat: bytes, tensors: Sequence[int], source: str) -> bytes:
    """To each of these float tensors a further input of the graph is added before anything reads it."""
    with follow(source):
        model = schema.unpack_whole(flat)
        graph = model.subgraphs[0]
        code = _add_code(model)
        errors, sums = {}, {}
        for index in tensors:
            errors[index] = _add_tensor(graph, graph.tensors[index])
            sums[index] = _add_tensor(graph, graph.tensors[index])
        operators: list[schema.OperatorTable] = []
        for operator in graph.operators:
            operator.inputs = np.array([sums.get(int(end), int(end)) for end in operator.inputs], np.int32)
            operators.append(operator)
            operators += [_add(code, end, errors[end], sums[end]) for end in map(int, operator.outputs) if end in sums]
        graph.operators = operators
        graph.inputs = np.array([*map(int, graph.inputs), *errors.values()], np.int32)
        graph.outputs = np.array([sums.get(int(end), int(end)) for end in graph.outputs], np.int32)
        return _packed(model)


def expose_tensors(flat: bytes, tensors: Sequence[int], source: str) -> bytes:
    """These tensors, and no others, are the outputs of the graph."""
    with follow(source):
        model = schema.unpack_whole(flat)
        model.subgraphs[0].outputs = np.array(list(tensors), np.int32)
        return _packed(model)


def compute_in_float(flat: bytes, source: str) -> bytes:
    """What the file would compute without rounding between its layers: its own weights, in float32.

    Raises TfliteError where a constant can't be unpacked, as sparse or 4-bit ones.
    """
    with follow(source):
        model = schema.unpack_whole(flat)
        graph = model.subgraphs[0]
        for index, tensor in enumerate(graph.tensors):
            if len(read_steps(tensor)[0]) or tensor.type == generated.TensorType.FLOAT16:
                _unround(model, tensor, index, source)
        _drop_same(model)
        return _packed(model)


def _unround(model: schema.ModelTable, tensor: schema.TensorTable, index: int, source: str) -> None:
    values = model.buffers[tensor.buffer].data
    if values is not None and len(values):
        constant = read_constant(model, index)
        if constant is None:
            raise TfliteError(
                f"{source}: holds weights that can't be unpacked (sparse, or 4-bit); give its float form too"
            )
        buffer = generated.BufferT()
        buffer.data = np.frombuffer(constant.real.astype("<f4").tobytes(), np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    tensor.type, tensor.quantization = _FLOAT32, None


def _drop_same(model: schema.ModelTable) -> None:
    """QUANTIZE and DEQUANTIZE go; who read their output reads what they read."""
    graph = model.subgraphs[0]
    same: dict[int, int] = {}
    kept = []
    for operator in graph.operators:
        operator.inputs = np.array([same.get(int(end), int(end)) for end in operator.inputs], np.int32)
        if schema.find_number(model.operatorCodes[operator.opcodeIndex]) in _SAME:
            same[int(operator.outputs[0])] = int(operator.inputs[0])
        else:
            kept.append(operator)
    graph.operators = kept
    graph.outputs = np.array([same.get(int(end), int(end)) for end in graph.outputs], np.int32)


def _add_tensor(graph: schema.GraphTable, like: schema.TensorTable) -> int:
    """A tensor of that shape whose values come from outside or are computed; its number."""
    made = copy.copy(like)
    made.name, made.buffer = f"extra{len(graph.tensors)}".encode(), 0
    graph.tensors.append(made)
    return len(graph.tensors) - 1


def _add_code(model: schema.ModelTable) -> int:
    code = generated.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = generated.BuiltinOperator.ADD
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _add(code: int, one: int, other: int, result: int) -> schema.OperatorTable:
    made = generated.OperatorT()
    made.opcodeIndex = code
    made.inputs, made.outputs = np.array([one, other], np.int32), np.array([result], np.int32)
    made.builtinOptionsType, made.builtinOptions = generated.BuiltinOptions.AddOptions, generated.AddOptionsT()
    operator: schema.OperatorTable = made
    return operator


def _packed(model: schema.ModelTable) -> bytes:
    model.signatureDefs = None  # they would name inputs and outputs that are others now
    return schema.pack(model)
