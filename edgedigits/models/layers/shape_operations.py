"""Operations that reorder, cut, join or gather the values of a tensor, as layers: the batch stays whole and first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import EllipsisType
from typing import Final

import numpy as np

from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasTensor
from edgedigits.models.layers.activations import Make

Made = KerasTensor | list[KerasTensor]
Operate = Callable[[Make, str, Sequence[KerasTensor], JsonObject], Made]


def find_shape_operation(operation: str) -> Operate | None:
    """What calls layers in place of the operation, on its tensors and with its settings; None for another kind."""
    return _OPERATIONS.get(operation)


def refuse(operation: str, why: str, remedy: str = "use a built-in layer") -> ModelError:
    """The refusal of an operation as it is used."""
    return ModelError(f"'{operation}' {why}, which has no layer; {remedy}.")


def _reduce(make: Make, operation: str, tensors: Sequence[KerasTensor], settings: JsonObject) -> KerasTensor:
    """Mean, maximum, minimum or sum over axes: by operators that int8 has, so a sum is a mean, many times."""
    (x,) = tensors
    rank, given = len(x.shape), settings.get("axis")
    axes = sorted({axis % rank for axis in ([given] if isinstance(given, int) else list(given or []))})
    if not axes or axes[0] == 0:
        raise refuse(
            operation, f"over the axes {given} of a tensor of shape {tuple(x.shape)}", "leave the batch (0) out"
        )
    keeps = bool(settings.get("keepdims", False))
    if rank == 4 and axes == [1, 2] and operation in ("mean", "max"):
        kind = {"mean": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}[operation]
        return make(kind, operation, keepdims=keeps)(x)
    scale = {"sum": float(math.prod(_known(x, axis, operation) for axis in axes)), "min": -1.0}.get(operation, 1.0)
    if operation == "min":
        x = make("Rescaling", f"{operation}_mirror", scale=-1.0)(x)
    plain = scale == 1.0 and keeps
    how = "mean" if operation in ("mean", "sum") else "max"
    y = make("Reduce", operation if plain else f"{operation}_of", how=how, axes=axes)(x)
    if scale != 1.0:
        y = make("Rescaling", operation if keeps else f"{operation}_scale", scale=scale)(y)
    left = [_known(x, axis, operation) for axis in range(1, rank) if axis not in axes]
    return y if keeps else make("Reshape", operation, target_shape=left)(y)


def _transpose(make: Make, operation: str, tensors: Sequence[KerasTensor], settings: JsonObject) -> KerasTensor:
    (x,) = tensors
    rank = len(x.shape)
    if operation == "transpose":
        order = [axis % rank for axis in settings.get("axes") or range(rank - 1, -1, -1)]
    else:
        move = np.moveaxis if operation == "moveaxis" else np.swapaxes
        names = ("source", "destination") if operation == "moveaxis" else ("axis1", "axis2")
        numbered = move(np.empty(range(1, rank + 1)), *(settings[name] for name in names))
        order = [size - 1 for size in numbered.shape]
    if order[0] != 0:
        raise refuse(operation, "moves the batch", "leave its first axis where it is")
    return x if order == sorted(order) else make("Permute", operation, dims=order[1:])(x)


def _stack(make: Make, operation: str, tensors: Sequence[KerasTensor], settings: JsonObject) -> KerasTensor:
    """Each gets the axis, of size 1, along which they are then joined."""
    axis = int(settings.get("axis", 0)) % (len(tensors[0].shape) + 1)
    if axis == 0:
        raise refuse(operation, "joins tensors along the batch", "give another axis")
    shaped = []
    for number, x in enumerate(tensors, 1):
        shape = [_known(x, place, operation) for place in range(1, len(x.shape))]
        shape.insert(axis - 1, 1)
        shaped.append(make("Reshape", f"{operation}_{number}", target_shape=shape)(x))
    return shaped[0] if len(shaped) == 1 else make("Concatenate", operation, axis=axis)(shaped)


def _split(make: Make, operation: str, tensors: Sequence[KerasTensor], settings: JsonObject) -> list[KerasTensor]:
    (x,) = tensors
    axis, parts = int(settings.get("axis", 0)) % len(x.shape), settings["indices_or_sections"]
    if axis == 0:
        raise refuse(operation, "cuts the batch", "give another axis")
    size = _known(x, axis, operation)
    inner = (
        [size // parts * number for number in range(1, parts)]
        if isinstance(parts, int)
        else [int(one) for one in parts]
    )
    ends = [None, *inner, None]
    return [
        cut(make, f"{operation}_{number}", x, {axis: slice(start, stop)})
        for number, (start, stop) in enumerate(pairwise(ends), 1)
    ]


def cut(make: Make, name: str, x: KerasTensor, parts: dict[int, slice]) -> KerasTensor:
    """The part of a tensor that the slices of some axes, counted with the batch, take."""
    ends = [parts.get(axis, slice(None)) for axis in range(1, len(x.shape))]
    return make(
        "Slice",
        name,
        start=[one.start for one in ends],
        stop=[one.stop for one in ends],
        step=[one.step for one in ends],
    )(x)


def _get_item(make: Make, operation: str, tensors: Sequence[KerasTensor], settings: JsonObject) -> KerasTensor:
    """`x[:, 1, 2:, ..., None]`: a cut, and a new shape where axes go or come."""
    (x,) = tensors
    key = settings["key"]
    parts = list(key) if isinstance(key, (tuple, list)) else [key]
    if not all(isinstance(one, (int, slice, EllipsisType)) or one is None for one in parts):
        raise refuse(operation, f"with the key {key}", "give numbers and slices")
    whole = next((place for place, one in enumerate(parts) if one is Ellipsis), len(parts))
    missing = len(x.shape) - sum(one is not None and one is not Ellipsis for one in parts)
    parts = [*parts[:whole], *[slice(None)] * missing, *parts[whole + 1 :]]
    ends: dict[int, slice] = {}
    shape: list[int] = []
    axis = 0
    for one in parts:
        if one is None:
            shape.append(1)
            continue
        if axis == 0 and one != slice(None):
            raise refuse(operation, "takes some images of the batch", "begin with a colon")
        if axis:
            size = _known(x, axis, operation)
            part = slice(one % size, one % size + 1) if isinstance(one, int) else one
            if part.step is not None and part.step < 1:
                raise refuse(operation, f"takes the axis {axis} backwards", "flip the kernel that reads it instead")
            if range(size)[part] != range(size):
                ends[axis] = part
            if not isinstance(one, int):
                shape.append(len(range(size)[part]))
        axis += 1
    if parts[0] is None:
        raise refuse(operation, "puts an axis before the batch", "begin with a colon")
    reshapes = any(one is None or isinstance(one, int) for one in parts)
    y = cut(make, f"{operation}_part" if reshapes else operation, x, ends) if ends else x
    return make("Reshape", operation, target_shape=shape)(y) if reshapes else y


def _pad(make: Make, operation: str, tensors: Sequence[KerasTensor], settings: JsonObject) -> KerasTensor:
    (x,) = tensors
    widths = [[int(one) for one in pair] for pair in settings["pad_width"]]
    widths = widths * len(x.shape) if len(widths) == 1 else widths
    if settings.get("mode", "constant") != "constant" or float(settings.get("constant_values") or 0.0):
        raise refuse(operation, f"with mode {settings.get('mode')} and other values than 0", "pad with zeros")
    if any(widths[0]):
        raise refuse(operation, "adds images to the batch", "give its first axis [0, 0]")
    if len(x.shape) == 4 and not any(widths[3]):
        return make("ZeroPadding2D", operation, padding=widths[1:3])(x)
    return make("Pad", operation, widths=widths[1:])(x)


def _matmul(make: Make, operation: str, tensors: Sequence[KerasTensor], _: JsonObject) -> KerasTensor:
    first, second = tensors
    if len(first.shape) < 3 or tuple(first.shape[:-2]) != tuple(second.shape[:-2]):
        shapes = f"of shapes {tuple(first.shape)} and {tuple(second.shape)}"
        raise refuse(operation, shapes, "give both the same axes before the last two")
    return make("MatMul", operation)([first, second])


def _known(x: KerasTensor, axis: int, operation: str) -> int:
    size = x.shape[axis]
    if size is None:
        raise ModelError(
            f"'{operation}' reads a shape that depends on the input; give the model an input of fixed size."
        )
    return int(size)


_OPERATIONS: Final[dict[str, Operate]] = {
    "get_item": _get_item,
    "matmul": _matmul,
    "max": _reduce,
    "mean": _reduce,
    "min": _reduce,
    "moveaxis": _transpose,
    "pad": _pad,
    "split": _split,
    "stack": _stack,
    "sum": _reduce,
    "swapaxes": _transpose,
    "transpose": _transpose,
}
