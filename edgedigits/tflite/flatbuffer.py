"""Reads what the bytes of a .tflite file hold: operators, tensors, zeros, and where every byte goes.

Everything is read from the file, nothing from the Keras model before it, and no interpreter runs. TensorFlow is not
imported. Names of operators and types come from the schema that ships with ai-edge-litert.
"""

import math
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

from edgedigits.errors import TfliteError
from edgedigits.tflite.byte_breakdown import PARTS, PartBytes
from edgedigits.tflite.checked_walk import Record, Span, Walk
from edgedigits.tflite.contents import (
    Contents,
    Operator,
    OperatorCode,
    Role,
    Signature,
    Tensor,
    WeightZeros,
    count_weight_zeros,
    list_float_operators,
)
from edgedigits.tflite.schema import OPERATOR_NAMES, TYPE_NAMES
from edgedigits.tflite.zeros import WeightLayout, ZeroCount, count_stored_bytes, count_zeros

__all__ = [
    "Contents",
    "Operator",
    "PartBytes",
    "Role",
    "Signature",
    "Tensor",
    "WeightZeros",
    "break_down",
    "count_weight_zeros",
    "list_float_operators",
    "read",
]

_IDENTIFIER: Final = b"TFL3"
_SCHEMA_VERSION: Final = 3  # the only one TFLite and LiteRT load
_OTHER_FORMATS: Final = {
    b"PK\x03\x04": "a zip archive, perhaps a .keras model",
    b"\x89HDF": "an HDF5 file, perhaps a Keras .h5 model",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
    b"\x1f\x8b": "gzip-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
}
# Which inputs of an operator are its weights, and which its biases.
_SLOTS: Final[dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "CONV_2D": ((1,), (2,)),
    "DEPTHWISE_CONV_2D": ((1,), (2,)),
    "FULLY_CONNECTED": ((1,), (2,)),
    "TRANSPOSE_CONV": ((1,), (3,)),
    "CONV_3D": ((1,), (2,)),
    "CONV_3D_TRANSPOSE": ((1,), (3,)),
    "BATCH_MATMUL": ((0, 1), ()),
    "EMBEDDING_LOOKUP": ((1,), ()),
    "SVDF": ((1, 2), (3,)),
    "RNN": ((1, 2), (3,)),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ((1, 2), (3,)),
    "LSTM": ((*range(1, 12), 16), (*range(12, 16), 17)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ((*range(1, 12), 16), (*range(12, 16), 17)),
}
# Operators that only unpack a constant: float16 weights reach their convolution through one of these.
_UNPACKING: Final = frozenset({"DEQUANTIZE", "DENSIFY"})
_PART_OF_ROLE: Final = {"weight": "weights", "bias": "biases"}
_RANK: Final[tuple[Role, ...]] = ("activation", "input", "output", "constant", "bias", "weight")  # the last tells most
_MOST_AXES: Final = 64  # numpy's limit; TFLite's operators take 8 at the most
_MOST_ELEMENTS: Final = 2**40  # more than any memory holds
_MIN_RUNTIME: Final = "min_runtime_version"
FLOAT16_ENTRY: Final = "reduced_precision_support"
FLOAT16_LEAVE: Final = (b"fp16accfp16", b"fp16bf16accfp16")
"""Metadata, and the values by which LiteRT 2.3 and tflite-runtime 2.14 let XNNPACK compute in float16; with sums in float32, as
fp16accfp32 says, they do not."""
_NO_QUANTIZATION: Final[Record] = {
    "scale": np.empty(0, np.float32),
    "zero_point": np.empty(0, np.int64),
    "quantized_dimension": 0,
}
_T = TypeVar("_T")


def read(flat: bytes, source: str) -> Contents:
    """Reads a .tflite file's bytes; `source` names it in errors.

    Raises:
        TfliteError: it is empty, not a .tflite file, truncated, or altered so that its tables contradict each other.
    """
    _check_format(flat, source)
    return _Reader(Walk(flat, source)).contents()


def break_down(flat: bytes, source: str = "the model") -> tuple[PartBytes, ...]:
    """Where every byte of a .tflite file goes; the raw sizes add up to `len(flat)`. Raises TfliteError as `read`."""
    return read(flat, source).breakdown


def _check_format(flat: bytes, source: str) -> None:
    if not flat:
        raise TfliteError(f"{source}: the file is empty. Export or copy it again.")
    for start, kind in _OTHER_FORMATS.items():
        if flat.startswith(start):
            raise TfliteError(f"{source}: not a .tflite file but {kind}.")
    if len(flat) >= 8 and flat[4:8] != _IDENTIFIER:
        raise TfliteError(f"{source}: not a .tflite file: bytes 4 to 8 are {flat[4:8]!r}, not {_IDENTIFIER!r}.")


def _code(code: Record) -> OperatorCode:
    """Old files keep an operator's number in one byte, newer ones in four."""
    number = max(code["deprecated_builtin_code"], code["builtin_code"])
    name = OPERATOR_NAMES.get(number, f"BUILTIN_{number}")
    custom = name == "CUSTOM"
    return OperatorCode((code["custom_code"] or name) if custom else name, code["version"], custom)


class _Reader:
    """Turns walked tables into Contents; claims the stored values for the part that only the graph tells."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.model = walk.model
        self.subgraphs: list[Record] = self.model["subgraphs"]
        if self.model["version"] != _SCHEMA_VERSION:
            walk.broken(f"schema version {self.model['version']}, readable is {_SCHEMA_VERSION}")
        if not self.subgraphs:
            walk.broken("it has no graph")
        self.buffers = [self._span_of(buffer) for buffer in self.model["buffers"]]
        self.codes = [_code(code) for code in self.model["operator_codes"]]
        self.counted: dict[tuple[Span, WeightLayout], ZeroCount] = {}

    def contents(self) -> Contents:
        tensors = [self._tensors(number) for number in range(len(self.subgraphs))]
        operators = [self._operators(number, tensors[number]) for number in range(len(self.subgraphs))]
        first = self.subgraphs[0]
        self._claim_values([tensor for group in tensors for tensor in group])
        metadata = {entry["name"]: self._metadata(entry) for entry in self.model["metadata"]}
        return Contents(
            source=self.walk.source,
            size_bytes=len(self.walk.flat),
            schema_version=self.model["version"],
            description=self.model["description"],
            min_runtime=metadata.get(_MIN_RUNTIME, b"").rstrip(b"\0").decode(errors="backslashreplace"),
            float16_arithmetic=metadata.get(FLOAT16_ENTRY, b"") in FLOAT16_LEAVE,
            codes=tuple(self.codes),
            operators=tuple(operator for group in operators for operator in group),
            tensors=tuple(tensor for group in tensors for tensor in group),
            inputs=tuple(self._pick(tensors[0], index, "a graph input") for index in first["inputs"].tolist()),
            outputs=tuple(self._pick(tensors[0], index, "a graph output") for index in first["outputs"].tolist()),
            signatures=tuple(self._signature(entry, tensors) for entry in self.model["signature_defs"]),
            metadata=tuple((name, len(value)) for name, value in metadata.items()),
            _flat=self.walk.flat,
            _owner=self.walk.owner,
        )

    def _pick(self, items: Sequence[_T], index: int, what: str) -> _T:
        if not 0 <= index < len(items):
            self.walk.broken(f"{what} has number {index}, there are {len(items)}")
        return items[index]

    def _span_of(self, buffer: Record) -> Span:
        """A buffer's bytes; files over 2 GB keep them behind the tables, at `offset` (1 is a placeholder)."""
        data: Span = buffer["data"]
        if len(data) or buffer["offset"] <= 1 or buffer["size"] <= 1:
            return data
        return self.walk.claim(buffer["offset"], buffer["size"], "other", "a buffer behind the tables")

    def _tensors(self, number: int) -> list[Tensor]:
        subgraph = self.subgraphs[number]
        uses = self._uses(subgraph)
        ends: dict[int, Role] = dict.fromkeys(subgraph["outputs"].tolist(), "output")
        ends |= dict.fromkeys(subgraph["inputs"].tolist(), "input")
        return [
            self._tensor(number, index, table, ends.get(index), uses.get(index, "constant"))
            for index, table in enumerate(subgraph["tensors"])
        ]

    def _uses(self, subgraph: Record) -> dict[int, Role]:
        """What each tensor is to the operators that read it, seen through those that only unpack it."""
        uses: dict[int, Role] = {}
        for operator in reversed(subgraph["operators"]):  # readers come after what they read
            name = self._pick(self.codes, operator["opcode_index"], "an operator's kind").name
            weights, biases = _SLOTS.get(name, ((), ()))
            for slot, index in enumerate(operator["inputs"].tolist()):
                use: Role = "weight" if slot in weights else "bias" if slot in biases else "constant"
                if name in _UNPACKING:
                    results = operator["outputs"].tolist()
                    use = max((uses.get(result, use) for result in results), key=_RANK.index, default=use)
                uses[index] = max(use, uses.get(index, use), key=_RANK.index)
        return uses

    def _tensor(self, subgraph: int, index: int, table: Record, end: Role | None, use: Role) -> Tensor:
        where = f"tensor #{index} {table['name']!r}"
        layout = self._layout(where, table)
        quantization = table["quantization"] or _NO_QUANTIZATION
        values = self._pick(self.buffers, table["buffer"], f"the buffer of {where}")
        count = self._count(where, values, layout, table)
        return Tensor(
            index=index,
            subgraph=subgraph,
            name=table["name"] or f"#{index}",
            dtype=layout.dtype,
            shape=layout.shape,
            scales=quantization["scale"],
            zero_points=quantization["zero_point"],
            axis=layout.axis if max(quantization["scale"].size, quantization["zero_point"].size) > 1 else None,
            role=end or (use if len(values) or table["external_buffer"] else "activation"),
            buffer=table["buffer"],
            size_bytes=len(values),
            elements=layout.elements,
            sparse=layout.sparse,
            zeros=count.zeros,
            no_zeros=count.reason,
        )

    def _layout(self, where: str, table: Record) -> WeightLayout:
        quantization = table["quantization"] or _NO_QUANTIZATION
        if not np.isfinite(quantization["scale"]).all():
            self.walk.broken(f"{where} has a scale that is not a number")
        shape = tuple(table["shape"].tolist())
        if len(shape) > _MOST_AXES or any(size < -1 for size in shape) or math.prod(map(abs, shape)) > _MOST_ELEMENTS:
            self.walk.broken(f"{where} has shape {shape[:_MOST_AXES]}")
        return WeightLayout(
            dtype=TYPE_NAMES.get(table["type"], f"TYPE_{table['type']}"),
            shape=shape,
            zero_points=tuple(quantization["zero_point"].tolist()),
            axis=quantization["quantized_dimension"],
            sparse=table["sparsity"] is not None,
        )

    def _count(self, where: str, values: Span, layout: WeightLayout, table: Record) -> ZeroCount:
        if table["external_buffer"]:
            return ZeroCount(None, "its values are in another file")
        if not values:
            return ZeroCount(None, "computed at run time")
        wanted = count_stored_bytes(layout)
        if wanted is not None and wanted != len(values):
            self.walk.broken(f"{where} of {layout.dtype} {layout.shape} needs {wanted} bytes and has {len(values)}")
        if table["quantization"] and table["quantization"]["details_type"]:
            return ZeroCount(None, "quantized by blocks or by a custom scheme")
        if (values, layout) not in self.counted:
            self.walk.spend(len(values))
            self.counted[values, layout] = count_zeros(self.walk.flat[values.start : values.stop], layout)
        return self.counted[values, layout]

    def _operators(self, number: int, tensors: list[Tensor]) -> list[Operator]:
        operators = []
        for index, table in enumerate(self.subgraphs[number]["operators"]):
            code = self._pick(self.codes, table["opcode_index"], "an operator's kind")
            name, version = code.name, code.version
            inputs, outputs = table["inputs"].tolist(), table["outputs"].tolist()
            dtypes = [
                tuple("NONE" if end == -1 else self._pick(tensors, end, f"a tensor of {name}").dtype for end in ends)
                for ends in (inputs, outputs)
            ]
            operators.append(Operator(index, number, name, version, tuple(inputs), tuple(outputs), *dtypes))
            if table["large_custom_options_offset"] > 1 and table["large_custom_options_size"] > 1:
                place, size = table["large_custom_options_offset"], table["large_custom_options_size"]
                self.walk.claim(place, size, "graph", f"the options of {name}")
        return operators

    def _claim_values(self, tensors: list[Tensor]) -> None:
        """Each buffer goes to the part of its most telling tensor; one that no tensor reads stays "other"."""
        parts = dict.fromkeys(self.buffers, "other")
        for tensor in sorted(tensors, key=lambda tensor: _RANK.index(tensor.role)):
            parts[self.buffers[tensor.buffer]] = _PART_OF_ROLE.get(tensor.role, "constants")
        for values, part in parts.items():
            self.walk.owner[values.start : values.stop] = PARTS.index(part)

    def _metadata(self, entry: Record) -> bytes:
        values = self._pick(self.buffers, entry["buffer"], f"the metadata {entry['name']!r}")
        self.walk.owner[values.start : values.stop] = PARTS.index("metadata")
        return self.walk.flat[values.start : values.stop]

    def _signature(self, entry: Record, tensors: list[list[Tensor]]) -> Signature:
        subgraph = entry["subgraph_index"]
        known = self._pick(tensors, subgraph, "the graph of a signature")
        for end in entry["inputs"] + entry["outputs"]:
            self._pick(known, end["tensor_index"], "a tensor of a signature")
        names = [tuple(end["name"] for end in entry[ends]) for ends in ("inputs", "outputs")]
        return Signature(entry["signature_key"], subgraph, *names)
