"""A .tflite file that names one operator and computes nothing, and where in it the operator's number and version stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite.schema import VERSION, pack

MOST = 40
"""Versions that are asked for: the highest that any operator has is far below."""
_NUMBERS = (0x15, 0x1A2B3C4D, 0x5A6B7C1D), (0x2A, 0x1D4C3B2A, 0x5B1A6D2E)


def make_question() -> dict[str, Any]:
    """The file in hexadecimal digits; the places of the operator's number, in its short and its long field, and its version."""
    one, other = (_make(*numbers) for numbers in _NUMBERS)
    places = [one.index(number.to_bytes(size, "little")) for number, size in zip(_NUMBERS[0], (1, 4, 4), strict=True)]
    places[0] = next(at for at in range(len(one)) if (one[at], other[at]) == (_NUMBERS[0][0], _NUMBERS[1][0]))
    changed = {at for at in range(len(one)) if one[at] != other[at]}
    if changed != {places[0], *range(places[1], places[1] + 4), *range(places[2], places[2] + 4)}:
        raise ValueError("the two files differ elsewhere than in the operator")
    names = ("short_place", "number_place", "version_place")
    return {"content": one.hex(), "most": MOST, **dict(zip(names, places, strict=True))}


def _make(short: int, number: int, version: int) -> bytes:
    """One tensor goes in and comes out."""
    code, tensor, graph, model = (
        generated.OperatorCodeT(),
        generated.TensorT(),
        generated.SubGraphT(),
        generated.ModelT(),
    )
    code.deprecatedBuiltinCode, code.builtinCode, code.version = short, number, version
    tensor.name, tensor.shape, tensor.buffer = b"x", np.array([1], np.int32), 0
    graph.tensors, graph.operators = [tensor], []
    graph.inputs = graph.outputs = np.array([0], np.int32)
    model.version, model.operatorCodes, model.subgraphs = VERSION, [code], [graph]
    model.buffers = [generated.BufferT()]
    return pack(model)
