"""A checked walk through the FlatBuffers tables of a .tflite file: every byte it follows is bounds-checked and owned.

The classes generated from the schema trust their input: on altered bytes they raise `struct.error` or read
elsewhere. This walk trusts nothing, and while it reads it notes for each byte which part of the file it belongs to.
Format: https://flatbuffers.dev/internals/; schema: tensorflow/compiler/mlir/lite/schema/schema.fbs. That the field
numbers below are the schema's is tested against the generated classes.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.byte_breakdown import PARTS, UNOWNED

Record = JsonObject
"""One table: field name -> number, str, array of numbers, Span, Record, list of Records, or None where absent."""

# Fields in the order of their numbers. A union's type is the field before it.
TABLES: Final[dict[str, str]] = {
    "Model": "version:u32 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string buffers:[Buffer]"
    " metadata_buffer:i32s metadata:[Metadata] signature_defs:[SignatureDef]"
    " external_buffer_groups:[ExternalBufferGroup] external_buffers:[ExternalBuffer]",
    "OperatorCode": "deprecated_builtin_code:i8 custom_code:string version:i32=1 builtin_code:i32",
    "SubGraph": "tensors:[Tensor] inputs:i32s outputs:i32s operators:[Operator] name:string"
    " debug_metadata_index:i32=-1",
    "Tensor": "shape:i32s type:i8 buffer:u32 name:string quantization:QuantizationParameters is_variable:u8"
    " sparsity:SparsityParameters shape_signature:i32s has_rank:u8 variant_tensors:[VariantSubType]"
    " external_buffer:u32",
    "Operator": "opcode_index:u32 inputs:i32s outputs:i32s builtin_options_type:u8 builtin_options:BuiltinOptions?"
    " custom_options:bytes custom_options_format:i8 mutating_variable_inputs:bytes intermediates:i32s"
    " large_custom_options_offset:u64 large_custom_options_size:u64 builtin_options_2_type:u8"
    " builtin_options_2:BuiltinOptions2? debug_metadata_index:i32=-1",
    "Buffer": "data:bytes offset:u64 size:u64",
    "QuantizationParameters": "min:f32s max:f32s scale:f32s zero_point:i64s details_type:u8"
    " details:QuantizationDetails? quantized_dimension:i32",
    "SparsityParameters": "traversal_order:i32s block_map:i32s dim_metadata:[DimensionMetadata]",
    "DimensionMetadata": "format:i8 dense_size:i32 array_segments_type:u8 array_segments:SparseIndexVector?"
    " array_indices_type:u8 array_indices:SparseIndexVector?",
    "VariantSubType": "shape:i32s type:i8 has_rank:u8",
    "Metadata": "name:string buffer:u32",
    "SignatureDef": "inputs:[TensorMap] outputs:[TensorMap] signature_key:string deprecated_tag:string"
    " subgraph_index:u32",
    "TensorMap": "name:string tensor_index:u32",
    "ExternalBufferGroup": "name:string",
    "ExternalBuffer": "id:u32 group:u32 offset:u64 length:u64 packing:string",
    "Int32Vector": "values:i32s",
    "Uint16Vector": "values:u16s",
    "Uint8Vector": "values:bytes",
    "CustomQuantization": "custom:bytes",
    "BlockwiseQuantization": "scales:i32 zero_points:i32 block_size:i32 block_shape:i32s",
    "ReshapeOptions": "new_shape:i32s",
    "SqueezeOptions": "squeeze_dims:i32s",
    "Opaque": "",
}
# Union members that hold more than numbers; the others (most operators' options) are read as `Opaque`.
UNIONS: Final[dict[str, dict[int, str]]] = {
    "SparseIndexVector": {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"},
    "QuantizationDetails": {1: "CustomQuantization", 2: "BlockwiseQuantization"},
    "BuiltinOptions": {17: "ReshapeOptions", 30: "SqueezeOptions"},
    "BuiltinOptions2": {},
}
# What a table, or a field of this name, and all it leads to count as. A sparse encoding's index is part of what the
# weights cost.
_PART_OF: Final = {
    "QuantizationParameters": "scales",
    "SparsityParameters": "weights",
    "Metadata": "metadata",
    "SignatureDef": "metadata",
    "description": "metadata",
}
_NUMBERS: Final = {
    "i8": struct.Struct("<b"),
    "u8": struct.Struct("<B"),
    "u16": struct.Struct("<H"),
    "i32": struct.Struct("<i"),
    "u32": struct.Struct("<I"),
    "u64": struct.Struct("<Q"),
}
_VECTORS: Final = {"i32s": "<i4", "f32s": "<f4", "i64s": "<i8", "u16s": "<u2"}
_FIELDS: Final = {
    table: tuple((name, kind) for name, _, kind in (field.partition(":") for field in fields.split()))
    for table, fields in TABLES.items()
}
# An honest file's spans overlap in shared vtables only. A hostile one could make the walk quadratic; it stops here.
_MOST_TIMES_EACH_BYTE: Final = 16


@dataclass(frozen=True)
class Span:
    """Bytes `start` to `stop` of the file; empty where a field is absent."""

    start: int = 0
    stop: int = 0

    def __len__(self) -> int:
        return self.stop - self.start


class Walk:
    """`model` is the root table, `owner` names each byte's part by its place in `byte_breakdown.PARTS`, or UNOWNED.

    Raises:
        TfliteError: bytes are missing or an offset leads nowhere.
    """

    def __init__(self, flat: bytes, source: str) -> None:
        self.flat = flat
        self.source = source
        self.owner: npt.NDArray[np.uint8] = np.full(len(flat), UNOWNED, np.uint8)
        self._allowance = _MOST_TIMES_EACH_BYTE * len(flat)
        self._seen: dict[tuple[int, str], object] = {}
        self.claim(0, 8, "graph", "the header")
        self.model: Record = self._follow(0, "Model", "graph")

    def broken(self, what: str) -> NoReturn:
        """Raises the error every altered or truncated file ends in."""
        raise TfliteError(f"{self.source}: truncated or altered: {what}. Export or copy the file again.")

    def claim(self, start: int, size: int, part: str, what: str) -> Span:
        """Bytes `start` to `start + size` belong to `part`; raises TfliteError where the file has no such bytes."""
        stop = start + size
        if start < 0 or stop > len(self.flat):
            self.broken(f"{what} at byte {start} needs {size} bytes, the file ends at {len(self.flat)}")
        self.spend(size)
        self.owner[start:stop] = PARTS.index(part)
        return Span(start, stop)

    def spend(self, size: int) -> None:
        """Counts `size` bytes as looked at; raises TfliteError when a file makes its reader look far too often."""
        self._allowance -= size
        if self._allowance < 0:
            self.broken("its tables overlap")

    def _number(self, kind: str, at: int) -> int:
        value: int = _NUMBERS[kind].unpack_from(self.flat, at)[0]
        return value

    def _follow(self, at: int, kind: str, part: str) -> Any:
        """Reads what the offset stored at byte `at` points to, each place once."""
        target = at + self._number("u32", at)
        key = (target, kind)
        if key not in self._seen:
            self._seen[key] = self._read(target, kind, part)
        return self._seen[key]

    def _read(self, at: int, kind: str, part: str) -> object:
        if kind == "string":
            return self._string(at, part)
        if kind == "bytes":
            return self._vector(at, 1, part)
        if kind in _VECTORS:
            dtype = np.dtype(_VECTORS[kind])
            span = self._vector(at, dtype.itemsize, part)
            return np.frombuffer(self.flat, dtype, len(span) // dtype.itemsize, span.start)
        if kind.startswith("["):
            kind = kind[1:-1]
            part = _PART_OF.get(kind, part)
            span = self._vector(at, 4, part)
            return [self._follow(place, kind, part) for place in range(span.start, span.stop, 4)]
        return self._table(at, kind, _PART_OF.get(kind, part))

    def _vector(self, at: int, item_bytes: int, part: str) -> Span:
        """The elements of a vector, without the count before them."""
        self.claim(at, 4, part, "a vector's length")
        return self.claim(at + 4, self._number("u32", at) * item_bytes, part, "a vector")

    def _string(self, at: int, part: str) -> str:
        span = self._vector(at, 1, part)
        self.claim(span.stop, 1, part, "a string's last byte")
        return self.flat[span.start : span.stop].decode(errors="backslashreplace")

    def _table(self, at: int, kind: str, part: str) -> Record:
        self.claim(at, 4, part, f"table {kind}")
        vtable = at - self._number("i32", at)
        self.claim(vtable, 4, part, f"the field list of {kind}")
        listed, inline = self._number("u16", vtable), self._number("u16", vtable + 2)
        if listed < 4 or listed % 2 or inline < 4:
            self.broken(f"the field list of {kind} at byte {vtable} has impossible sizes")
        self.claim(vtable, listed, part, f"the field list of {kind}")
        self.claim(at, inline, part, f"table {kind}")
        record: Record = {}
        for slot, (name, form) in enumerate(_FIELDS[kind]):
            entry = 4 + 2 * slot
            offset = self._number("u16", vtable + entry) if entry < listed else 0
            record[name] = self._field(at, offset, inline, form, _PART_OF.get(name, part), record)
        return record

    def _field(self, table: int, offset: int, inline: int, form: str, part: str, before: Record) -> object:
        kind, _, default = form.partition("=")
        width = _NUMBERS[kind].size if kind in _NUMBERS else 4
        if offset == 0:
            return int(default or 0) if kind in _NUMBERS else _absent(kind)
        if offset < 4 or offset + width > inline:
            self.broken(f"a field of the table at byte {table} lies outside it")
        if kind in _NUMBERS:
            return self._number(kind, table + offset)
        if kind.endswith("?"):
            union_type = list(before.values())[-1]
            kind = UNIONS[kind[:-1]].get(union_type, "Opaque")
        return self._follow(table + offset, kind, part)


@contextmanager
def follow(source: str) -> Iterator[None]:
    """For what follows tables by the classes generated from the schema, or counts from the numbers in them.

    They trust their input: whatever they raise on altered bytes becomes TfliteError.
    """
    try:
        yield
    except (struct.error, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError) as error:
        raise TfliteError(
            f"{source}: truncated or altered: its tables can't be followed ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}). Export or copy the file again."
        ) from error


def _absent(kind: str) -> object:
    if kind in _VECTORS:
        return np.empty(0, _VECTORS[kind])
    if kind.startswith("["):
        return []
    return {"string": "", "bytes": Span()}.get(kind)
