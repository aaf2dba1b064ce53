"""A run of a net in which what layers read is multiplied, a unit of channels at a time: as if the unit were weaker, or gone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.narrow import Layout
from edgedigits.models.layers.layer_kinds import find_kind


def run_gated(
    model: KerasModel,
    layout: Layout,
    pixels: KerasTensor,
    make_gate: Callable[[np.ndarray], KerasTensor],
    renormalize: bool = False,
) -> KerasTensor:
    """The model's outputs; `make_gate` gives float32 [1 or n, channels] for the units, int64 [channels] with -1 for none, of what
    a convolution or a dense layer reads. With zeros for a unit these are the outputs of the model without it.

    renormalize: batch normalizations take the statistics of these images, as they would after a little training, and not those
    that are kept, of a net that nothing has gone from.
    """
    units = layout.coupling.units

    def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
        axis = units[call.inputs[0]]
        kind = find_kind(call.layer)
        if kind is not None and kind.makes_channels and (axis >= 0).any():
            spread = tf.reshape(make_gate(axis), [-1, *[1] * (len(args[0].shape) - 2), len(axis)])
            args = (args[0] * spread, *args[1:])
        if renormalize and isinstance(call.layer, keras.layers.BatchNormalization):
            kwargs = {**kwargs, "training": True}
        return call.layer(*args, **kwargs)

    result: KerasTensor = walk.run(model, pixels, apply)
    return result


def gate_by(factors: KerasTensor, count: int) -> Callable[[np.ndarray], KerasTensor]:
    """What `run_gated` takes: each of the `count` units times its own number of float32 [units] `factors`, all else as it is."""
    known = tf.concat([factors, [1.0]], axis=0)  # the last is for channels that are of no unit
    return lambda axis: tf.gather(known, axis % (count + 1))
