"""Cuts a .tflite file into files of one operator each, so that an operator can be timed or counted alone.

A fragment keeps shapes, types, options and weights of its operator; what computes its other inputs is left out. Operators that
only unpack a constant (float16 weights) are done when a file is loaded, so they go with the operator that reads them. Where the
file may be computed in float16 its fragments may, and that is other work than in float32.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import flatbuffer, schema
from edgedigits.tflite.checked_walk import follow

_UNPACKING: Final = frozenset({"DEQUANTIZE", "DENSIFY"})
_FREE: Final = frozenset({"IF", "WHILE", "CALL", "CALL_ONCE"})  # they run other graphs, which a fragment does not hold
# Constants of these types, where not quantized, are shapes, axes, paddings: they tell what is computed.
_TELLING: Final = frozenset({generated.TensorType.INT32, generated.TensorType.INT64, generated.TensorType.BOOL})


@dataclass(frozen=True)
class Fragment:
    """One operator of a file.

    `signature` is the same for operators that do the same work: kind, version, options, shapes, types, but no values of
    weights and no quantization steps. `flat` is the .tflite file of it alone, b"" where it can't stand alone; `stored` are
    the bytes of its constants, those that an earlier operator stores too left out; `names` are of its tensors, the weights'
    first; `parameters` counts the values of weights and biases. `unpacks` says that it only unpacks a constant when the
    file is loaded, so it takes no time.
    """

    index: int
    kind: str
    signature: str
    flat: bytes
    stored: bytes
    names: tuple[str, ...]
    parameters: int = 0
    unpacks: bool = False


def cut(flat: bytes, source: str = "the model") -> tuple[Fragment, ...]:
    """One for each operator of the graph that runs, in its order. Raises TfliteError where `flat` can't be read."""
    float16 = flatbuffer.read(flat, source).float16_arithmetic
    with follow(source):
        return tuple(_Cutter(schema.unpack_whole(flat), float16).cut())


def nearly_nothing() -> bytes:
    """A .tflite file that computes the ReLU of one number: what it takes is what every inference takes besides its work."""
    model, graph, operator = generated.ModelT(), generated.SubGraphT(), generated.OperatorT()
    code = generated.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = generated.BuiltinOperator.RELU
    code.version = 1
    graph.tensors = []
    for name in (b"in", b"out"):
        tensor = generated.TensorT()
        tensor.name, tensor.shape, tensor.type = name, np.array([1, 1], np.int32), generated.TensorType.FLOAT32
        graph.tensors.append(tensor)
    operator.inputs, operator.outputs = [0], [1]
    graph.inputs, graph.outputs, graph.operators = [0], [1], [operator]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = (
        schema.VERSION,
        [code],
        [graph],
        [generated.BufferT()],
    )
    return schema.pack(model)


def _count_values(tensor: schema.TensorTable) -> int:
    """Of a single number the shape may be left out."""
    return 1 if tensor.shape is None else int(np.prod(tensor.shape))


class _Cutter:
    """Walks the operators of the first graph, remembering which constants were met before."""

    def __init__(self, model: schema.ModelTable, float16: bool) -> None:
        self.model = model
        self.float16 = float16
        self.graph = model.subgraphs[0]
        self.met: set[int] = set()
        self.unpackers = {
            int(operator.outputs[0]): operator
            for operator in self.graph.operators
            if self.kind(operator) in _UNPACKING and self.data(int(operator.inputs[0])) is not None
        }

    def kind(self, operator: schema.OperatorTable) -> str:
        code = self.model.operatorCodes[operator.opcodeIndex]
        number = schema.find_number(code)
        return schema.OPERATOR_NAMES.get(number, f"BUILTIN_{number}")

    def data(self, index: int) -> np.ndarray | None:
        """The stored values of a tensor, None for one that is computed."""
        values = self.model.buffers[self.graph.tensors[index].buffer].data
        return values if values is not None and len(values) else None

    def cut(self) -> Iterator[Fragment]:
        for index, operator in enumerate(self.graph.operators):
            ends = [int(end) for end in operator.inputs if end >= 0]
            sources = [int(self.unpackers[end].inputs[0]) if end in self.unpackers else end for end in ends]
            unpacks = any(one is operator for one in self.unpackers.values())
            named = [*sources[1:2], *(int(end) for end in operator.outputs)]
            yield Fragment(
                index=index,
                kind=self.kind(operator),
                signature=hashlib.sha256(schema.pack(self.alone(operator, bare=True))).hexdigest(),
                flat=b"" if unpacks or not self.cuttable(operator) else schema.pack(self.alone(operator)),
                stored=b"" if unpacks else self.stored(sources),
                names=tuple(_text(self.graph.tensors[end].name) for end in named),
                parameters=sum(
                    _count_values(self.graph.tensors[end]) for end in sources[1:] if self.data(end) is not None
                ),
                unpacks=unpacks,
            )

    def cuttable(self, operator: schema.OperatorTable) -> bool:
        ends = [int(end) for end in (*operator.inputs, *operator.outputs) if end >= 0]
        state = any(self.graph.tensors[end].isVariable for end in ends)
        return not state and self.kind(operator) not in _FREE

    def stored(self, sources: list[int]) -> bytes:
        found = []
        for end in sources:
            buffer, values = self.graph.tensors[end].buffer, self.data(end)
            if values is not None and buffer not in self.met:
                self.met.add(buffer)
                found.append(np.asarray(values, np.uint8).tobytes())
        return b"".join(found)

    def alone(self, operator: schema.OperatorTable, bare: bool = False) -> schema.ModelTable:
        """A model of that operator, with the operators that unpack its constants; `bare` of all values and steps."""
        steps = [self.unpackers[end] for end in dict.fromkeys(map(int, operator.inputs)) if end in self.unpackers]
        whole = generated.ModelT()
        whole.version, whole.buffers, whole.operatorCodes = schema.VERSION, [generated.BufferT()], []
        graph = generated.SubGraphT()
        graph.tensors, graph.operators = [], []
        places: dict[int, int] = {-1: -1}
        for one in (*steps, operator):
            moved = copy.copy(one)
            whole.operatorCodes.append(self.model.operatorCodes[one.opcodeIndex])
            moved.opcodeIndex, moved.debugMetadataIndex = len(whole.operatorCodes) - 1, -1
            for end in dict.fromkeys(map(int, (*one.inputs, *one.outputs))):
                if end not in places:
                    places[end] = len(graph.tensors)
                    graph.tensors.append(self.tensor(end, whole, len(graph.tensors), bare))
            moved.inputs = np.array([places[int(end)] for end in one.inputs], np.int32)
            moved.outputs = np.array([places[int(end)] for end in one.outputs], np.int32)
            graph.operators.append(moved)
        made = {int(end) for one in steps for end in one.outputs}
        computed = [end for end in dict.fromkeys(map(int, operator.inputs)) if end >= 0 and end not in made]
        graph.inputs = [places[end] for end in computed if self.data(end) is None]
        graph.outputs = [places[int(end)] for end in operator.outputs]
        whole.subgraphs = [graph]
        result: schema.ModelTable = whole
        if self.float16:
            self.enter_leave(result)
        return result

    def enter_leave(self, whole: schema.ModelTable) -> None:
        """The metadata that lets the file be computed in float16."""
        name = flatbuffer.FLOAT16_ENTRY.encode()
        entry = copy.copy(next(one for one in self.model.metadata or [] if one.name == name))
        whole.buffers.append(self.model.buffers[entry.buffer])
        entry.buffer = len(whole.buffers) - 1
        whole.metadata = [entry]

    def tensor(self, index: int, whole: schema.ModelTable, place: int, bare: bool) -> schema.TensorTable:
        """A tensor under a short name, its values taken along; without values and steps where it is `bare`."""
        moved, values = copy.copy(self.graph.tensors[index]), self.data(index)
        moved.name, moved.buffer = f"t{place}".encode(), 0
        if bare:
            moved.quantization = _without_steps(moved.quantization)
        if values is not None:
            telling = moved.type in _TELLING and moved.quantization is None
            buffer = generated.BufferT()
            buffer.data = values if telling or not bare else np.zeros(1, np.uint8)
            whole.buffers.append(buffer)
            moved.buffer = len(whole.buffers) - 1
        return moved


def _without_steps(quantization: schema.QuantizationTable | None) -> schema.QuantizationTable | None:
    """How many steps there are, and along which axis, tells the work; the steps themselves do not."""
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    bare = copy.copy(quantization)
    bare.min = bare.max = None
    bare.scale = np.zeros(len(quantization.scale), np.float32)
    bare.zeroPoint = np.zeros(len(quantization.scale), np.int64)
    return bare


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")
