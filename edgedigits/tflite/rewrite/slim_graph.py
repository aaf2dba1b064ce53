"""Operators a graph can do without, where every kernel computes the same without them.

- RESHAPE before FULLY_CONNECTED: a dense layer reads its input as rows of its own length, whatever the shape.
- QUANTIZE from a type, scale and zero point to the same ones.
- The shape given to RESHAPE as a constant tensor is written into its options instead, where readers look without one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema

_OPERATOR: Final = generated.BuiltinOperator


def fold(graph: schema.GraphTable, model: schema.ModelTable) -> None:
    """Changes the graph in place; tensors it no longer names stay listed."""
    graph.inputs, graph.outputs = _indices(graph.inputs), _indices(graph.outputs)
    for operator in graph.operators or []:
        operator.inputs, operator.outputs = _indices(operator.inputs), _indices(operator.outputs)
    graph.operators = graph.operators or []
    graph.tensors = graph.tensors or []
    graph.operators = [operator for operator in graph.operators if not _bypassed(operator, graph, model)]
    for operator in graph.operators:
        if _kind(operator, model) == _OPERATOR.RESHAPE:
            _shape_into_options(operator, graph, model)


def _indices(vector: np.ndarray | None) -> np.ndarray:
    return np.array([] if vector is None else vector, np.int32)


def _kind(operator: schema.OperatorTable, model: schema.ModelTable) -> int:
    return schema.find_number(model.operatorCodes[operator.opcodeIndex])


def _bypassed(operator: schema.OperatorTable, graph: schema.GraphTable, model: schema.ModelTable) -> bool:
    """Whether its readers now read its input instead."""
    kind = _kind(operator, model)
    if kind not in (_OPERATOR.RESHAPE, _OPERATOR.QUANTIZE):
        return False
    before, after = int(operator.inputs[0]), int(operator.outputs[0])
    readers = [other for other in graph.operators if after in other.inputs]
    if not readers or after in graph.outputs or before in graph.outputs or graph.tensors[before].isVariable:
        return False
    if kind == _OPERATOR.QUANTIZE:
        needless = _same_form(graph.tensors[before], graph.tensors[after])
    else:
        needless = all(_reads_rows(reader, before, after, graph, model) for reader in readers)
    if needless:
        for reader in readers:
            reader.inputs = np.where(reader.inputs == after, before, reader.inputs).astype(np.int32)
    return needless


def _same_form(one: schema.TensorTable, other: schema.TensorTable) -> bool:
    def told(tensor: schema.TensorTable) -> list[object] | None:
        found = tensor.quantization
        return None if found is None else [np.array(found.scale).tolist(), np.array(found.zeroPoint).tolist()]

    return bool(one.type == other.type and told(one) == told(other))


def _reads_rows(
    reader: schema.OperatorTable, before: int, after: int, graph: schema.GraphTable, model: schema.ModelTable
) -> bool:
    """Whether it is a dense layer that reads `after` as its input, and would read `before` as the same rows."""
    if _kind(reader, model) != _OPERATOR.FULLY_CONNECTED or reader.inputs.tolist().count(after) != 1:
        return False
    if reader.inputs[0] != after or reader.builtinOptions is None or reader.builtinOptions.keepNumDims:
        return False
    shapes = [graph.tensors[index].shape for index in (before, after, int(reader.inputs[1]))]
    if any(shape is None or len(shape) == 0 or min(shape) < 1 for shape in shapes):
        return False
    whole, rows, weights = shapes
    fits = len(weights) == 2 and rows.tolist() == [int(np.prod(whole)) // int(weights[1]), int(weights[1])]
    return fits and _same_form(graph.tensors[before], graph.tensors[after])


def _shape_into_options(operator: schema.OperatorTable, graph: schema.GraphTable, model: schema.ModelTable) -> None:
    if len(operator.inputs) != 2:
        return
    shape = graph.tensors[int(operator.inputs[1])]
    data = model.buffers[shape.buffer].data
    if shape.type != generated.TensorType.INT32 or data is None or not len(data) or len(shape.shape) != 1:
        return
    options = generated.ReshapeOptionsT()
    options.newShape = np.frombuffer(data.tobytes(), "<i4")
    operator.builtinOptionsType, operator.builtinOptions = generated.BuiltinOptions.ReshapeOptions, options
    operator.inputs = operator.inputs[:1]
