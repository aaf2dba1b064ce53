"""The .tflite schema as `ai_edge_litert` ships it: the one place for names of operators, and for tables in and out of bytes.

Its classes come without types and trust their input: who unpacks foreign bytes does it within `checked_walk.follow`.
"""

from __future__ import annotations

from typing import Final, Protocol

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as generated

IDENTIFIER: Final = b"TFL3"
VERSION: Final = 3


class Table(Protocol):
    """Any table: its fields are its attributes."""

    def Pack(self, builder: object, /) -> int: ...


class CodeTable(Table, Protocol):
    """A kind of operator."""

    builtinCode: int
    deprecatedBuiltinCode: int
    version: int


class QuantizationTable(Table, Protocol):
    scale: np.ndarray | None
    zeroPoint: np.ndarray | None
    min: np.ndarray | None
    max: np.ndarray | None
    detailsType: int
    quantizedDimension: int


class IndexTable(Table, Protocol):
    values: np.ndarray


class DimensionTable(Table, Protocol):
    format: int
    denseSize: int
    arraySegmentsType: int
    arraySegments: IndexTable
    arrayIndicesType: int
    arrayIndices: IndexTable


class SparsityTable(Table, Protocol):
    traversalOrder: np.ndarray
    blockMap: np.ndarray
    dimMetadata: list[DimensionTable]


class TensorTable(Table, Protocol):
    name: bytes | None
    shape: np.ndarray
    shapeSignature: np.ndarray | None
    type: int
    buffer: int
    quantization: QuantizationTable | None
    sparsity: SparsityTable | None
    isVariable: bool
    hasRank: bool


class OptionsTable(Table, Protocol):
    """Of those operators that are looked into."""

    keepNumDims: bool
    newShape: np.ndarray


class OperatorTable(Table, Protocol):
    opcodeIndex: int
    inputs: np.ndarray
    outputs: np.ndarray
    intermediates: np.ndarray | None
    builtinOptionsType: int
    builtinOptions: OptionsTable | None
    debugMetadataIndex: int


class GraphTable(Table, Protocol):
    name: bytes | None
    tensors: list[TensorTable]
    operators: list[OperatorTable]
    inputs: np.ndarray
    outputs: np.ndarray
    debugMetadataIndex: int


class BufferTable(Table, Protocol):
    data: np.ndarray | None
    offset: int
    size: int


class EntryTable(Table, Protocol):
    """An entry of the metadata."""

    name: bytes | None
    buffer: int


class ModelTable(Table, Protocol):
    version: int
    operatorCodes: list[CodeTable]
    subgraphs: list[GraphTable]
    buffers: list[BufferTable]
    description: bytes | None
    metadata: list[EntryTable] | None
    metadataBuffer: np.ndarray | None
    signatureDefs: list[Table] | None
    externalBufferGroups: list[Table] | None
    externalBuffers: list[Table] | None


def list_names(enum: type) -> dict[int, str]:
    """Number -> name of an enumeration of the schema."""
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


OPERATOR_NAMES: Final = list_names(generated.BuiltinOperator)
TYPE_NAMES: Final = list_names(generated.TensorType)


def find_number(code: CodeTable) -> int:
    """Which operator a kind is: files say it in an older field of one byte, a newer one, or both."""
    return max(int(code.deprecatedBuiltinCode), int(code.builtinCode))


def unpack(flat: bytes) -> ModelTable:
    """A model's tables, to be changed at will. Raises whatever the generated code does on bytes that are none."""
    model: ModelTable = generated.ModelT.InitFromObj(generated.Model.GetRootAs(flat, 0))
    return model


def unpack_whole(flat: bytes) -> ModelTable:
    """The same with all values in its tables: some writers put them behind, where runtimes before 2024 do not look for them."""
    model = unpack(flat)
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(flat, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def pack(model: ModelTable) -> bytes:
    """The bytes of a model, as the stock builder lays them out; `rewrite.writer` does it in fewer."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
