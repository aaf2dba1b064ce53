"""EinsumDense as the one matrix that it mostly is: a Dense, with axes moved and joined before and behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasTensor
from edgedigits.models.layers.activations import Make
from edgedigits.models.layers.layer_configs import cannot

Call = Callable[..., KerasTensor]


class Weighted(Protocol):
    """Makes a new layer that takes these weights when its first call has built it; gives what calls it."""

    def __call__(self, kind: str, name: str, weights: Sequence[np.ndarray], /, **settings: object) -> Call: ...


@dataclass(frozen=True)
class Plan:
    """An EinsumDense as one matrix `kernel` and its bias, one for all places or, in the output's shape, one for each.

    before, after: how axes move, as `dims` of a Permute; None where they stay. places, made: sizes of the axes that it is used
    along, and of those that it makes.
    """

    before: tuple[int, ...] | None
    places: tuple[int, ...]
    kernel: np.ndarray
    bias: np.ndarray | None
    made: tuple[int, ...]
    after: tuple[int, ...] | None


def open_einsum_dense(layer: KerasLayer, name: str, make: Make, weighted: Weighted) -> Call:
    """A Dense, with the axes moved and joined before and behind it where they lie otherwise.

    Raises ModelError where the equation is no such matrix.
    """
    return _dense(_plan(layer, tuple(layer.input.shape)), name, make, weighted)


def _dense(plan: Plan, name: str, make: Make, weighted: Weighted) -> Call:
    width, count = plan.kernel.shape
    shared = plan.bias is not None and plan.bias.ndim == 1
    weights = [plan.kernel, plan.bias] if plan.bias is not None and shared else [plan.kernel]
    dense = weighted("Dense", name, weights, units=count, use_bias=shared)
    placed = None if plan.bias is None or shared else weighted("PlaceBias", f"{name}_places", [plan.bias])

    def call(x: KerasTensor, **_: object) -> KerasTensor:
        if plan.before:
            x = make("Permute", f"{name}_before", dims=plan.before)(x)
        if tuple(x.shape[1:]) != (*plan.places, width):
            x = make("Reshape", f"{name}_rows", target_shape=[*plan.places, width])(x)
        y = dense(x)
        if plan.made != (count,):
            y = make("Reshape", f"{name}_parts", target_shape=[*plan.places, *plan.made])(y)
        y = make("Permute", f"{name}_after", dims=plan.after)(y) if plan.after else y
        return y if placed is None else placed(y)

    return call


def _plan(layer: Any, shape: tuple[int | None, ...]) -> Plan:
    read, weight, made = _labels(layer.equation, len(shape))

    def refuse(why: str) -> Exception:
        remedy = "use a Dense layer, or an equation that is one matrix for all places, as 'abc,cd->abd'"
        return cannot(layer, f"has the equation '{layer.equation}', {why}", remedy)

    if None in shape[1:]:
        raise refuse(f"and reads a shape that is open, {list(shape)}")
    summed = [one for one in read if one in weight and one not in made]
    places = [one for one in read[1:] if one not in weight]
    new = [one for one in made if one not in read]
    if any(one in weight and one in made for one in read):
        raise refuse("by which places have weights of their own")
    if read[0] != made[0] or not summed or set(made) != {read[0], *places, *new} or len(weight) != len(summed + new):
        raise refuse("which is no matrix")
    sizes = dict(zip(read[1:], shape[1:], strict=True)) | dict(zip(weight, layer.kernel.shape, strict=True))
    kernel = np.transpose(np.asarray(layer.kernel), [weight.index(one) for one in summed + new])
    bias = None
    if layer.bias is not None:
        bias = np.broadcast_to(np.asarray(layer.bias), [sizes[one] for one in made[1:]])
        first = bias[tuple(slice(None) if one in new else slice(1) for one in made[1:])]
        if (bias == first).all():
            order = [made[1:].index(one) for one in new]
            bias = np.transpose(first, [*(axis for axis in range(first.ndim) if axis not in order), *order]).reshape(-1)
    return Plan(
        _moved(read[1:], places + summed),
        tuple(int(sizes[one]) for one in places),
        kernel.reshape(math.prod(kernel.shape[: len(summed)]), -1),
        bias,
        tuple(int(sizes[one]) for one in new),
        _moved(places + new, list(made[1:])),
    )


def _labels(equation: str, rank: int) -> tuple[list[str], list[str], list[str]]:
    """(of the input, the kernel, the output), an ellipsis written out."""
    read, rest = equation.replace(" ", "").split(",")
    weight, made = rest.split("->")
    free = [one for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if one not in equation]
    dots = "".join(free[: rank - len(read.replace("...", ""))])
    return list(read.replace("...", dots)), list(weight), list(made.replace("...", dots))


def _moved(now: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...] | None:
    """`dims` of a Permute from the one order to the other; None where they are the same."""
    return None if list(now) == list(wanted) else tuple(list(now).index(one) + 1 for one in wanted)
