"""The same model in fewer bytes: without what no interpreter reads, and with what is equal written once.

Left out: names of tensors and graphs, signatures, description, metadata, ranges of quantization (min and max), shape
signatures that say no more than the shape, quantization tables that hold nothing, operator kinds, tensors and buffers
that nothing uses. Equal buffers, constants, tables and vectors become one. Kept, though they look idle: scales of biases
and shapes of activations (without them XNNPACK leaves convolutions to slower kernels), a zero point per channel (loaders
count them), versions of operators (the converter writes the least that their types need; a lower one would let an old
runtime load what it then computes wrongly), and of the metadata the leave to compute in float16, which XNNPACK reads.

A loader needs numbers aligned by their own size, not the 16 bytes the converter gives constants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Final, TypeGuard, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.errors import TfliteError
from edgedigits.tflite import flatbuffer, schema
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.rewrite.float16_arithmetic import list_leave
from edgedigits.tflite.rewrite.slim_graph import fold
from edgedigits.tflite.rewrite.writer import Builder

_EIGHT_BYTE_TYPES: Final = (
    generated.TensorType.INT64,
    generated.TensorType.UINT64,
    generated.TensorType.FLOAT64,
    generated.TensorType.COMPLEX64,
    generated.TensorType.COMPLEX128,
)
_IN_ONE_BYTE: Final = 127  # kinds below this number are told by the older field alone

_Vector = TypeVar("_Vector", bound=np.ndarray)


def slim(flat: bytes, source: str = "the model") -> bytes:
    """The model in fewer bytes, never more; the same model gives the same bytes.

    That it answers alike is for `equivalence` to show. Raises TfliteError where `flat` can't be read, or keeps values
    outside its tables, as files over 2 GB do.
    """
    flatbuffer.read(flat, source)
    with follow(source):
        made = _slim(flat, source)
    return made if len(made) < len(flat) else flat


def _slim(flat: bytes, source: str) -> bytes:
    model = schema.unpack(flat)
    if model.externalBuffers or any(buffer.offset > 1 for buffer in model.buffers or []):
        raise TfliteError(
            f"{source}: keeps values outside its tables, which can't be made smaller; export it as one file"
        )
    _drop_texts(model)
    for graph in model.subgraphs:
        fold(graph, model)
        for tensor in graph.tensors:
            _slim_tensor(tensor)
    _share_buffers(model)
    for graph in model.subgraphs:
        _share_tensors(graph)
    _share_buffers(model)  # once more, for those that only tensors now gone have used
    _share_kinds(model)
    wide = _wide(model)
    builder = Builder(wide)
    return builder.finished(model.Pack(builder), schema.IDENTIFIER)


def _drop_texts(model: schema.ModelTable) -> None:
    model.description = model.metadataBuffer = model.signatureDefs = None
    model.metadata = list_leave(model) or None
    model.externalBufferGroups = model.externalBuffers = None
    for graph in model.subgraphs:
        graph.name, graph.debugMetadataIndex = None, -1
        for operator in graph.operators or []:
            operator.debugMetadataIndex = -1
            for vector in ("customOptions", "mutatingVariableInputs", "intermediates"):
                if not _filled(getattr(operator, vector)):
                    setattr(operator, vector, None)


def _filled(vector: _Vector | None) -> TypeGuard[_Vector]:
    return vector is not None and len(vector) > 0


def _slim_tensor(tensor: schema.TensorTable) -> None:
    tensor.name = None
    tensor.hasRank = tensor.hasRank and not _filled(tensor.shape)  # a scalar is told from an unknown shape by it
    if not _filled(tensor.shapeSignature) or np.array_equal(tensor.shapeSignature, tensor.shape):
        tensor.shapeSignature = None
    found = tensor.quantization
    if found is None:
        return
    found.min = found.max = None
    if not _filled(found.scale) and not found.detailsType:
        tensor.quantization = None
    elif max(len(found.scale if _filled(found.scale) else ()), 1) == 1 and not found.detailsType:
        found.quantizedDimension = 0


def _share_buffers(model: schema.ModelTable) -> None:
    """Buffer 0 is the empty one, by the format's rule; of equal ones the first stays."""
    numbers: dict[bytes, int] = {b"": 0}
    for holder in [*(tensor for graph in model.subgraphs for tensor in graph.tensors), *(model.metadata or [])]:
        data = model.buffers[holder.buffer].data
        flat = data.tobytes() if _filled(data) else b""
        holder.buffer = numbers.setdefault(flat, len(numbers))
    model.buffers = [generated.BufferT() for _ in numbers]
    for flat, number in numbers.items():
        model.buffers[number].data = np.frombuffer(flat, np.uint8) if flat else None


def _share_tensors(graph: schema.GraphTable) -> None:
    """Tensors that nothing names go; equal constants become one."""
    ends = {*graph.inputs.tolist(), *graph.outputs.tolist()}
    used = ends | {index for operator in graph.operators for index in _read_or_written(operator)}
    written = {index for operator in graph.operators for index in operator.outputs.tolist()}
    kept: dict[object, int] = {}
    numbers = {-1: -1}
    for index, tensor in enumerate(graph.tensors):
        if index in used:
            constant = tensor.buffer and not tensor.isVariable and index not in ends | written
            numbers[index] = kept.setdefault(_told(tensor) if constant else index, len(kept))
    first = {number: index for index, number in reversed(numbers.items()) if index >= 0}
    graph.tensors = [graph.tensors[first[number]] for number in range(len(kept))]
    for holder in (graph, *graph.operators):
        for vector in ("inputs", "outputs", "intermediates"):
            if _filled(getattr(holder, vector, None)):
                setattr(holder, vector, np.array([numbers[index] for index in getattr(holder, vector)], np.int32))


def _read_or_written(operator: schema.OperatorTable) -> set[int]:
    named = (
        vector.tolist() for vector in (operator.inputs, operator.outputs, operator.intermediates) if _filled(vector)
    )
    return {index for vector in named for index in vector if index >= 0}


def _told(table: object) -> Hashable:
    """A table with all it holds, as a key."""
    if isinstance(table, np.ndarray):
        return table.dtype.str, table.tobytes()
    if isinstance(table, list):
        return tuple(_told(item) for item in table)
    return (
        tuple((name, _told(value)) for name, value in sorted(vars(table).items())) if hasattr(table, "Pack") else table
    )


def _share_kinds(model: schema.ModelTable) -> None:
    """Operator kinds once each, and only those in use."""
    kinds: dict[object, int] = {}
    codes = model.operatorCodes or []
    for code in codes:
        if 0 <= code.builtinCode < _IN_ONE_BYTE:
            code.deprecatedBuiltinCode, code.builtinCode = max(code.deprecatedBuiltinCode, code.builtinCode), 0
    for operator in (operator for graph in model.subgraphs for operator in graph.operators):
        operator.opcodeIndex = kinds.setdefault(_told(codes[operator.opcodeIndex]), operator.opcodeIndex)
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    counted = Counter(operator.opcodeIndex for operator in operators)
    used = sorted(counted, key=lambda index: (-counted[index], index))  # number 0 is not written
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.operatorCodes = [codes[index] for index in used]


def _wide(model: schema.ModelTable) -> frozenset[bytes]:
    """Constants whose elements are of 8 bytes."""
    tensors = (tensor for graph in model.subgraphs for tensor in graph.tensors)
    numbers = {tensor.buffer for tensor in tensors if tensor.type in _EIGHT_BYTE_TYPES and tensor.buffer}
    return frozenset(np.asarray(model.buffers[number].data).tobytes() for number in numbers)
