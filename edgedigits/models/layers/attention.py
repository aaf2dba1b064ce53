"""EinsumDense and attention as the dense layers, products and softmax that they are made of.

Tokens are rows: [tokens, width]. Each head has its own slice of the width; keys, queries and values are made by dense layers,
whose kernels are then pruned, clustered and rounded as any other's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasTensor
from edgedigits.models.layers.activations import Make
from edgedigits.models.layers.layer_configs import cannot, read_config

Call = Callable[..., KerasTensor]


class Weighted(Protocol):
    """Makes a new layer that takes these weights when its first call has built it; gives what calls it."""

    def __call__(self, kind: str, name: str, weights: Sequence[np.ndarray], /, **settings: object) -> Call: ...


@dataclass(frozen=True)
class Plan:
    """An EinsumDense as one matrix `kernel` and its bias.

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
    weights = [plan.kernel] if plan.bias is None else [plan.kernel, plan.bias]
    dense = weighted("Dense", name, weights, units=count, use_bias=plan.bias is not None)

    def call(x: KerasTensor, **_: object) -> KerasTensor:
        if plan.before:
            x = make("Permute", f"{name}_before", dims=plan.before)(x)
        if tuple(x.shape[1:]) != (*plan.places, width):
            x = make("Reshape", f"{name}_rows", target_shape=[*plan.places, width])(x)
        y = dense(x)
        if plan.made != (count,):
            y = make("Reshape", f"{name}_parts", target_shape=[*plan.places, *plan.made])(y)
        return make("Permute", f"{name}_after", dims=plan.after)(y) if plan.after else y

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
        spread = np.broadcast_to(np.asarray(layer.bias), [sizes[one] for one in made[1:]])
        first = spread[tuple(slice(None) if one in new else slice(1) for one in made[1:])]
        if not (spread == first).all():
            raise refuse("with a bias of its own for each place")
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


def open_multi_head(layer: Any, name: str, make: Make, weighted: Weighted) -> Call:
    """softmax(Q K^T / sqrt(d)) V for each head: four dense layers, two products.

    Raises ModelError for masks and for attention along some axes only.
    """
    config = read_config(layer)
    for setting in ("sliding_window", "use_gate"):
        if config.get(setting):
            raise cannot(layer, f"has {setting}={config[setting]!r}, for which no rule is known", "leave it out")
    if len(layer.output_dense.kernel.shape) != 3:
        raise cannot(layer, f"has output_shape={config['output_shape']}", "give one number, and reshape behind it")
    heads, scale = int(layer.num_heads), 1 / math.sqrt(layer.key_dim)
    parts = {
        part: _projection(getattr(layer, f"{part}_dense"), f"{name}_{part}", weighted)
        for part in ("query", "key", "value")
    }
    answer = _projection(layer.output_dense, f"{name}_output", weighted)
    drop = make("Dropout", f"{name}_dropout", rate=layer.dropout) if layer.dropout else None

    def call(query: KerasTensor, value: KerasTensor, key: KerasTensor | None = None, **more: object) -> KerasTensor:
        if asked := [setting for setting, given in more.items() if given is not None and given is not False]:
            raise cannot(layer, f"is called with {asked[0]}", "leave it out: all places of an image may see each other")
        if list(layer.attention_axes) != list(range(1, len(query.shape) - 1)):
            some = f"attends along the axes {list(layer.attention_axes)} only"
            raise cannot(layer, some, "put the places on one axis (Reshape)")
        given = {"query": query, "key": value if key is None else key, "value": value}
        shape = query.shape[1:-1]
        made = {
            part: make("Permute", f"{name}_{part}_heads", dims=(2, 1, 3))(
                _split(parts[part](_rows(x, f"{name}_{part}", make)), heads, f"{name}_{part}", make)
            )
            for part, x in given.items()
        }
        scaled = make("Rescaling", f"{name}_scale", scale=scale)(made["query"])
        scores = make("MatMul", f"{name}_scores", transpose_b=True)([scaled, made["key"]])
        shares = make("Softmax", f"{name}_softmax")(scores)
        mixed = make("MatMul", f"{name}_mixed")([shares if drop is None else drop(shares), made["value"]])
        rows = make("Permute", f"{name}_places", dims=(2, 1, 3))(mixed)
        joined = make("Reshape", f"{name}_joined", target_shape=[rows.shape[1], rows.shape[2] * rows.shape[3]])(rows)
        y = answer(joined)
        return y if len(shape) == 1 else make("Reshape", f"{name}_image", target_shape=[*shape, y.shape[-1]])(y)

    return call


def _rows(x: KerasTensor, name: str, make: Make) -> KerasTensor:
    """[places, width], whatever the axes of the places."""
    if len(x.shape) == 3:
        return x
    return make("Reshape", f"{name}_rows", target_shape=[math.prod(x.shape[1:-1]), x.shape[-1]])(x)


def _split(x: KerasTensor, heads: int, name: str, make: Make) -> KerasTensor:
    return make("Reshape", f"{name}_split", target_shape=[x.shape[1], heads, x.shape[2] // heads])(x)


def _projection(dense: Any, name: str, weighted: Weighted) -> Call:
    """One of the layer's own EinsumDense, over rows, its heads side by side."""
    kernel = np.asarray(dense.kernel)
    cut = kernel.ndim - 1 if name.endswith("_output") else 1  # [heads, width, made], and [read, heads, width]
    flat = kernel.reshape(math.prod(kernel.shape[:cut]), -1)
    weights = [flat] if dense.bias is None else [flat, np.asarray(dense.bias).reshape(-1)]
    return weighted("Dense", name, weights, units=flat.shape[1], use_bias=dense.bias is not None)
