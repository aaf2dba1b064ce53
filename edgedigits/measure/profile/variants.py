"""Other forms of a single operator, to be tried on a runtime: which of them XNNPACK would take.

What a delegate takes hangs on its version and is written down nowhere but in its source; so it is asked, not foretold. The
values do not matter for that: constants become zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema
from edgedigits.tflite.checked_walk import follow

_KIND: Final = generated.TensorType
_REAL: Final = frozenset({_KIND.FLOAT32, _KIND.FLOAT16})
_INTEGERS: Final = frozenset({_KIND.INT8, _KIND.UINT8, _KIND.INT16, _KIND.INT4, _KIND.INT2})
_WIDE: Final = frozenset({_KIND.INT32, _KIND.INT64})
_FIXED_STEPS: Final = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
"""Of int8 outputs, as the operators demand them."""
_FUSED: Final = frozenset({generated.ActivationFunctionType.TANH, generated.ActivationFunctionType.SIGN_BIT})
_SHAPED: Final = {"RESHAPE": slice(None), "RESIZE_BILINEAR": slice(1, 3), "RESIZE_NEAREST_NEIGHBOR": slice(1, 3)}
"""Operators whose second input is the size of their output, or a part of it."""

STORED, ONE_SCALE, DENSE, PLAIN = "stored", "one scale", "dense", "no fused activation"
"""What was changed, but for a type: a computed parameter, the scales of weights, their sparse storage, a fused function."""


def list_variants(flat: bytes) -> Iterator[tuple[str, bytes]]:
    """(what was changed, the .tflite file) of a fragment of `tflite.fragments`; `what` is one of the above, or a type.

    Raises TfliteError where the fragment is of an altered file.
    """
    for what, change in _CHANGES.items():
        with follow("a single operator"):
            found = _change(flat, change)
        if found:
            yield what, found


def _change(flat: bytes, change: Callable[[_Single], bool]) -> bytes:
    """The changed file; b"" where there is nothing to change, or a tensor is too large to be filled."""
    one = _Single(schema.unpack(flat))
    if any(math.prod(map(int, one.tensor(end).shape)) > _MOST_ELEMENTS for end in one.ends):
        return b""
    one.unpack_constants()
    if not change(one):
        return b""
    one.drop_unread()
    return schema.pack(one.model)


class _Single:
    """A model of one operator, to be altered."""

    def __init__(self, model: schema.ModelTable) -> None:
        self.model, self.graph = model, model.subgraphs[0]
        *self.unpackers, self.operator = self.graph.operators
        self.kind = schema.OPERATOR_NAMES.get(schema.find_number(model.operatorCodes[self.operator.opcodeIndex]), "")

    def unpack_constants(self) -> None:
        """In place of the operators that unpack a constant, what they make of it."""
        for one in self.unpackers:
            for end in one.outputs:
                self.store(int(end))
        self.graph.operators = [self.operator]

    def tensor(self, index: int) -> schema.TensorTable:
        return self.graph.tensors[index]

    @property
    def inputs(self) -> list[int]:
        return [int(end) for end in self.operator.inputs if end >= 0]

    @property
    def ends(self) -> list[int]:
        return list(dict.fromkeys([*self.inputs, *(int(end) for end in self.operator.outputs)]))

    def is_stored(self, index: int) -> bool:
        data = self.model.buffers[self.tensor(index).buffer].data
        return data is not None and len(data) > 0

    def store(self, index: int, values: np.ndarray | None = None) -> None:
        """Gives a tensor values, zeros by default, and its own buffer."""
        tensor = self.tensor(index)
        if values is None:
            packed = tensor.type == _KIND.INT4
            shape = (math.prod(map(int, tensor.shape)) + 1) // 2 if packed else tensor.shape
            values = np.zeros(shape, _DTYPES.get(tensor.type, np.uint8))
        buffer = generated.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor.buffer = len(self.model.buffers) - 1
        self.graph.inputs = np.array([end for end in map(int, self.graph.inputs) if end != index], np.int32)

    def drop_unread(self) -> None:
        """Empties the buffers that no tensor of the operator holds any more; 0 is that of computed ones."""
        read = {self.tensor(end).buffer for end in self.ends}
        for place, buffer in enumerate(self.model.buffers):
            if place not in read:
                buffer.data = None

    def retype(self, index: int, kind: int, step: float | None, zero: int = 0) -> None:
        tensor, stored = self.tensor(index), self.is_stored(index)
        tensor.type, tensor.quantization, tensor.sparsity = kind, None, None
        if step is not None:
            tensor.quantization = generated.QuantizationParametersT()
            tensor.quantization.scale = np.array([step], np.float32)
            tensor.quantization.zeroPoint = np.array([zero], np.int64)
        if stored:
            self.store(index)

    def numbers(self) -> list[int]:
        """The tensors that hold numbers to compute with: no sizes, no axes."""
        return [end for end in self.ends if self.tensor(end).type in _REAL | _INTEGERS or self._is_bias(end)]

    def _is_bias(self, index: int) -> bool:
        tensor = self.tensor(index)
        steps = None if tensor.quantization is None else tensor.quantization.scale
        return tensor.type in _WIDE and steps is not None and len(steps) > 0


def _as_float32(one: _Single) -> bool:
    wanted = [end for end in one.numbers() if one.tensor(end).type != _KIND.FLOAT32]
    for end in wanted:
        one.retype(end, _KIND.FLOAT32, None)
    return bool(wanted)


def _as_int8(one: _Single) -> bool:
    numbers = one.numbers()
    if all(one.tensor(end).type == _KIND.INT8 or one._is_bias(end) for end in numbers):
        return False
    bias = one.inputs[2] if one.kind in _BIASED and len(one.inputs) > 2 else -1
    for end in numbers:
        if end == bias:
            one.retype(end, _KIND.INT32, _STEP * _STEP)
        elif end in map(int, one.operator.outputs) and one.kind in _FIXED_STEPS:
            one.retype(end, _KIND.INT8, *_FIXED_STEPS[one.kind])
        else:
            one.retype(end, _KIND.INT8, _STEP)
    return bool(numbers)


def _as_stored(one: _Single) -> bool:
    """Parameters that are computed: weights by anything, the size of the output by its size."""
    changed = False
    for place, end in enumerate(one.inputs[1:], start=1):
        if one.is_stored(end):
            continue
        if one.tensor(end).type in _WIDE:
            part = _SHAPED.get(one.kind)
            shape = one.tensor(int(one.operator.outputs[0])).shape
            if part is None or place != 1:
                continue
            one.store(end, np.asarray(shape[part], _DTYPES[one.tensor(end).type]))
        elif one.kind in _BIASED:
            one.store(end)
        else:
            continue
        changed = True
    return changed


def _with_one_scale(one: _Single) -> bool:
    many = [end for end in one.ends if _steps(one.tensor(end)) > 1]
    for end in many:
        one.retype(end, one.tensor(end).type, _STEP * _STEP if one.tensor(end).type in _WIDE else _STEP)
    return bool(many)


def _as_dense(one: _Single) -> bool:
    sparse = [end for end in one.ends if one.tensor(end).sparsity is not None]
    for end in sparse:
        one.tensor(end).sparsity = None
        one.store(end)
    return bool(sparse)


def _without_fused(one: _Single) -> bool:
    options: Any = one.operator.builtinOptions
    if getattr(options, "fusedActivationFunction", None) not in _FUSED:
        return False
    options.fusedActivationFunction = generated.ActivationFunctionType.NONE
    return True


def _steps(tensor: schema.TensorTable) -> int:
    steps = None if tensor.quantization is None else tensor.quantization.scale
    return 0 if steps is None else len(steps)


_MOST_ELEMENTS: Final = 2**27
_STEP: Final = 0.05
_BIASED: Final = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
_DTYPES: Final = {
    _KIND.FLOAT32: np.float32,
    _KIND.FLOAT16: np.float16,
    _KIND.INT8: np.int8,
    _KIND.UINT8: np.uint8,
    _KIND.INT16: np.int16,
    _KIND.INT32: np.int32,
    _KIND.INT64: np.int64,
}
_CHANGES: Final[dict[str, Callable[[_Single], bool]]] = {
    STORED: _as_stored,
    DENSE: _as_dense,
    PLAIN: _without_fused,
    ONE_SCALE: _with_one_scale,
    "int8": _as_int8,
    "float32": _as_float32,
}
