"""A bias that its integers can't hold: its scale is that of the input times that of the weights, and so not free.

A converter that minds cuts nothing off but widens the scale until the bias fits, at half of what int32 holds; then the weights of
that channel have no steps left. Both are this fault.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_number

_HALF: Final = 0.5
_WIDENED: Final = 2**30
"""What TensorFlow's converter makes of a bias that would overflow."""
_FEW_STEPS: Final = 4
_MEND: Final = "the recipe int16x8 keeps biases in 64 bits; dynamic_int8 and float16 keep them in float"


def find(layer: Layer) -> Finding | None:
    """Channels whose bias, at the scale that the file gives it, is beyond the ends of its type, or only just within."""
    stored, wanted = layer.biases
    if stored is None or wanted is None or not len(stored.steps) or stored.real.shape != wanted.real.shape:
        return None
    limits = np.iinfo(stored.stored.dtype)
    steps = np.broadcast_to(stored.steps, wanted.real.shape)
    needed = wanted.real / steps
    over = np.flatnonzero(np.abs(needed) > limits.max + _HALF)
    if not len(over):
        return _widened(layer)
    worst = int(over[np.argmax(np.abs(needed[over]))])
    return Finding(
        cause="bias_overflow",
        seen=f"the bias of channel {worst} is {word_number(wanted.real[worst])}, which at its scale of "
        f"{word_number(steps[worst])} is {word_number(needed[worst])} steps, more than the {word_number(limits.max)} of "
        f"{stored.stored.dtype.name}; the file holds {word_number(stored.real[worst])}",
        mend=_MEND,
        facts={
            "channels": len(over),
            "channel": worst,
            "bias": float(wanted.real[worst]),
            "steps": float(needed[worst]),
        },
    )


def _widened(layer: Layer) -> Finding | None:
    """Weights without steps behind a bias that is exactly what a converter widens it to."""
    (weight, _), (bias, _), sizes = layer.weights, layer.biases, layer.kernel_sizes(1)
    if (
        weight is None
        or bias is None
        or sizes is None
        or bias.stored.dtype != np.int32
        or len(sizes) != bias.stored.size
    ):
        return None
    starved = (
        sizes < _FEW_STEPS * np.broadcast_to(weight.steps, sizes.shape)
        if len(weight.steps) in (1, len(sizes))
        else sizes < 0
    )
    found = np.flatnonzero((np.abs(bias.stored.astype(np.int64)) == _WIDENED) & starved & (sizes > 0))
    if not len(found):
        return None
    channel = int(found[0])
    return Finding(
        cause="bias_overflow",
        seen=f"the bias of channel {channel}, {word_number(bias.real[channel])}, is so large for its weights, of "
        f"{word_number(sizes[channel])} at most, that their scale was widened until it fits into int32: they have fewer than "
        f"{_FEW_STEPS} steps of 127",
        mend=_MEND,
        facts={"channels": len(found), "channel": channel, "bias": float(bias.real[channel])},
    )
