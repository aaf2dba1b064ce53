"""A .tflite file that is well formed and wrong: indices, shapes, types and steps changed in its tables, then written anew."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks.attack.mutations import blind

_INDICES = (-2, -1, 0, 1, 3, 255, 2**31 - 1)
_LENGTHS = (-1, 0, 1, 2, 3, 1000, 65536, 2**31 - 1)
_STEPS = (0.0, -1.0, 1e-45, 3e38, float("inf"), float("nan"))


def spoil(rng: Random, data: bytes) -> bytes:
    """Half of them in the tables, half blindly."""
    if rng.random() < 0.5:
        return blind.spoil(rng, data)
    try:
        model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_CHANGES)(rng, model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
    except Exception:  # noqa: BLE001  # what can't be written is no file to try
        return blind.spoil(rng, data)


def _graph(model: Any) -> Any:
    return model.subgraphs[0]


def _shape(rng: Random, model: Any) -> None:
    tensor = rng.choice(_graph(model).tensors)
    shape = [int(length) for length in tensor.shape] if tensor.shape is not None else []
    if shape and rng.random() < 0.7:
        shape[rng.randrange(len(shape))] = rng.choice(_LENGTHS)
    else:
        shape = rng.choice(([], [1], shape[:-1], [*shape, 2], [0], [1] * 9, [2**16, 2**16, 2**16], shape[::-1]))
    tensor.shape = np.array(shape, np.int32)


def _type(rng: Random, model: Any) -> None:
    rng.choice(_graph(model).tensors).type = rng.choice((*range(19), 99, -1))


def _buffer(rng: Random, model: Any) -> None:
    rng.choice(_graph(model).tensors).buffer = rng.choice((0, 1, 2, len(model.buffers), 2**31))


def _values(rng: Random, model: Any) -> None:
    """A buffer spoiled, shortened, emptied or all zero."""
    buffer = rng.choice(model.buffers)
    raw = bytes(bytearray(buffer.data)) if buffer.data is not None else b""
    new = rng.choice(
        (blind.spoil(rng, raw or b"\0"), raw[: len(raw) // 2], b"", bytes(len(raw)), b"\xff" * len(raw), raw * 2)
    )
    buffer.data = np.frombuffer(new, np.uint8) if new else None


def _steps(rng: Random, model: Any) -> None:
    found = rng.choice(_graph(model).tensors).quantization
    if found is None:
        return
    way = rng.randrange(4)
    if way == 0 and found.scale is not None:
        found.scale = np.array([rng.choice(_STEPS)] * rng.choice((1, len(found.scale))), np.float32)
    elif way == 1:
        found.zeroPoint = np.array([rng.choice(_LENGTHS)] * rng.choice((0, 1, 3)), np.int64)
    elif way == 2:
        found.quantizedDimension = rng.choice((-1, 0, 1, 3, 4, 2**31 - 1))
    else:
        found.scale = None


def _ends(rng: Random, model: Any) -> None:
    """What an operator reads or writes, or the graph does."""
    holder = rng.choice((*_graph(model).operators, _graph(model)))
    side = rng.choice(("inputs", "outputs"))
    ends = [int(end) for end in getattr(holder, side)] if getattr(holder, side) is not None else []
    if ends and rng.random() < 0.7:
        ends[rng.randrange(len(ends))] = rng.choice((*_INDICES, len(_graph(model).tensors)))
    else:
        ends = rng.choice(([], ends[:-1], ends * 2, [-1], ends[::-1]))
    setattr(holder, side, np.array(ends, np.int32))


def _kind(rng: Random, model: Any) -> None:
    way = rng.randrange(3)
    if way == 0:
        rng.choice(_graph(model).operators).opcodeIndex = rng.choice((0, 1, len(model.operatorCodes), 2**31 - 1))
    code = rng.choice(model.operatorCodes)
    if way == 1:
        code.builtinCode = rng.choice((*range(210), 2**31 - 1))
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    elif way == 2:
        code.version = rng.choice((-1, 0, 1, 99, 2**31 - 1))


def _options(rng: Random, model: Any) -> None:
    operator = rng.choice(_graph(model).operators)
    options = operator.builtinOptions
    if options is None or rng.random() < 0.2:
        operator.builtinOptions, operator.builtinOptionsType = None, rng.choice((0, operator.builtinOptionsType))
        return
    names = [name for name, value in vars(options).items() if isinstance(value, int)]
    if names:
        setattr(options, rng.choice(names), rng.choice((0, 1, 2, 3, 7, 100, 127)))


def _tables(rng: Random, model: Any) -> None:
    """A table missing, twice, or in another order."""
    name = rng.choice(("tensors", "operators", "buffers", "operatorCodes", "subgraphs"))
    holder = _graph(model) if name in ("tensors", "operators") else model
    items = list(getattr(holder, name))
    at = rng.randrange(len(items))
    ways: tuple[list[Any], ...] = (
        items[:at] + items[at + 1 :],
        [*items, copy.copy(items[at])],
        items[::-1],
        [],
        items * 40,
    )
    setattr(holder, name, rng.choice(ways))


def _sparse(rng: Random, model: Any) -> None:
    """A sparse layout where there is none: one that is empty, or does not fit the shape."""
    tensor = rng.choice(_graph(model).tensors)
    layout = schema.SparsityParametersT()
    rank = len(tensor.shape) if tensor.shape is not None else 0
    layout.traversalOrder = np.array(rng.choice((range(rank), [0], [9] * rank)), np.int32)
    layout.dimMetadata = []
    for _ in range(rng.choice((rank, 1, 0))):
        one = schema.DimensionMetadataT()
        one.format, one.denseSize = rng.choice((0, 1, 7)), rng.choice(_LENGTHS)
        layout.dimMetadata.append(one)
    tensor.sparsity = layout


_CHANGES = (_shape, _shape, _type, _buffer, _values, _values, _steps, _ends, _ends, _kind, _options, _tables, _sparse)
