"""In which numbers a net trains fastest on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from edgedigits.backend import has_bfloat16
from edgedigits.keras_types import KerasLayer
from edgedigits.models.layers.layer_kinds import list_kernels

WIDE: Final = 64
"""Filters from which bfloat16 pays."""
TILE: Final = 16
"""Of which filters must be a multiple for it."""


def choose_training_policy(layers: Iterable[KerasLayer]) -> str:
    """The Keras dtype policy in which a model of these layers trains fastest on this CPU.

    bfloat16 where it is native, but not for depthwise convolutions, which TensorFlow computes at half the speed of float32 then,
    nor for nets that are narrow throughout, nor where a convolution has filters that fill no whole tiles: 24 of them double the
    time of a step.
    """
    depthwise, filters = False, []
    for layer in _open(layers):
        depthwise = depthwise or any(kernel.depthwise for kernel in list_kernels(layer).values())
        filters += [layer.filters] if getattr(layer, "filters", 0) else []
    fits = not filters or (max(filters) >= WIDE and not any(count % TILE for count in filters))
    return "mixed_bfloat16" if has_bfloat16() and not depthwise and fits else "float32"


def _open(layers: Iterable[KerasLayer]) -> Iterator[KerasLayer]:
    """Each layer; of a model among them, its own."""
    for layer in layers:
        inner: Iterable[KerasLayer] | None = getattr(layer, "layers", None)
        yield from [layer] if inner is None else _open(inner)
