"""Attention as the dense layers, products and softmax that it is made of.

Tokens are rows: [tokens, width]. Each head has its own slice of the width; keys, queries and values are made by dense layers,
whose kernels are then pruned, clustered and rounded as any other's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgedigits.keras_types import KerasTensor
from edgedigits.models.layers.activations import Make
from edgedigits.models.layers.layer_configs import cannot, read_config
from edgedigits.models.layers.openings.einsum_dense import Call, Weighted


def open_attention(layer: Any, name: str, make: Make, _: Weighted) -> Call:
    """softmax(Q K^T) V of [query, value] or [query, value, key], each [tokens, width]."""
    config = read_config(layer)
    if config.get("score_mode") != "dot":
        raise cannot(
            layer, f"has score_mode={config['score_mode']!r}, for which no rule is known", "use score_mode='dot'"
        )
    scale = float(layer.scale) if config.get("use_scale") else 1.0
    drop = make("Dropout", f"{name}_dropout", rate=layer.dropout) if layer.dropout else None

    def call(tensors: Sequence[KerasTensor], **more: object) -> KerasTensor:
        _check_call(layer, more)
        query, value, key = (*tensors, tensors[1])[:3]
        query = query if scale == 1.0 else make("Rescaling", f"{name}_scale", scale=scale)(query)
        scores = make("MatMul", f"{name}_scores", transpose_b=True)([query, key])
        shares = make("Softmax", f"{name}_softmax")(scores)
        return make("MatMul", name)([shares if drop is None else drop(shares), value])

    return call


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
        _check_call(layer, more)
        if list(layer.attention_axes) != list(range(1, len(query.shape) - 1)):
            some = f"attends along the axes {list(layer.attention_axes)} only"
            raise cannot(layer, some, "put the places on one axis (Reshape)")
        given = {"query": query, "key": value if key is None else key, "value": value}
        shape = query.shape[1:-1]
        made = {
            part: _split(parts[part](_rows(x, f"{name}_{part}", make)), heads, f"{name}_{part}", make)
            for part, x in given.items()
        }
        scaled = make("Rescaling", f"{name}_scale", scale=scale)(made["query"])
        scores = make("MatMul", f"{name}_scores", transpose_b=True)([scaled, made["key"]])
        shares = make("Softmax", f"{name}_softmax")(scores)
        mixed = make("MatMul", f"{name}_mixed")([shares if drop is None else drop(shares), made["value"]])
        y = answer(_join(mixed, name, make))
        return y if len(shape) == 1 else make("Reshape", f"{name}_image", target_shape=[*shape, y.shape[-1]])(y)

    return call


def _check_call(layer: Any, more: Mapping[str, object]) -> None:
    """Refuses masks and the like, by which some places don't see others."""
    if asked := [setting for setting, given in more.items() if given is not None and given is not False]:
        raise cannot(layer, f"is called with {asked[0]}", "leave it out: all places of an image may see each other")


def _rows(x: KerasTensor, name: str, make: Make) -> KerasTensor:
    """[places, width], whatever the axes of the places."""
    if len(x.shape) == 3:
        return x
    return make("Reshape", f"{name}_rows", target_shape=[math.prod(x.shape[1:-1]), x.shape[-1]])(x)


def _split(x: KerasTensor, heads: int, name: str, make: Make) -> KerasTensor:
    """[heads, places, width of one]; a lone head is the whole."""
    if heads == 1:
        return x
    parts = make("Reshape", f"{name}_split", target_shape=[x.shape[1], heads, x.shape[2] // heads])(x)
    return make("Permute", f"{name}_heads", dims=(2, 1, 3))(parts)


def _join(x: KerasTensor, name: str, make: Make) -> KerasTensor:
    """[places, width], the heads side by side."""
    if len(x.shape) == 3:
        return x
    rows = make("Permute", f"{name}_places", dims=(2, 1, 3))(x)
    return make("Reshape", f"{name}_joined", target_shape=[rows.shape[1], rows.shape[2] * rows.shape[3]])(rows)


def _projection(dense: Any, name: str, weighted: Weighted) -> Call:
    """One of the layer's own EinsumDense, over rows, its heads side by side."""
    kernel = np.asarray(dense.kernel)
    cut = kernel.ndim - 1 if name.endswith("_output") else 1  # [heads, width, made], and [read, heads, width]
    flat = kernel.reshape(math.prod(kernel.shape[:cut]), -1)
    weights = [flat] if dense.bias is None else [flat, np.asarray(dense.bias).reshape(-1)]
    return weighted("Dense", name, weights, units=flat.shape[1], use_bias=dense.bias is not None)
