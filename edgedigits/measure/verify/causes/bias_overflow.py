"""A bias that its integers can't hold: its scale is that of the input times that of the weights, and so not free."""

from __future__ import annotations

import numpy as np

from edgedigits.measure.verify.layer import Finding, Layer, word_number

_HALF = 0.5


def find(layer: Layer) -> Finding | None:
    """Channels whose bias, at the scale that the file gives it, is beyond the ends of its type."""
    stored, wanted = layer.biases
    if stored is None or wanted is None or not len(stored.steps) or stored.real.shape != wanted.real.shape:
        return None
    limits = np.iinfo(stored.stored.dtype)
    needed = wanted.real / np.broadcast_to(stored.steps, wanted.real.shape)
    over = np.flatnonzero(np.abs(needed) > limits.max + _HALF)
    if not len(over):
        return None
    worst = int(over[np.argmax(np.abs(needed[over]))])
    return Finding(
        cause="bias_overflow",
        seen=f"the bias of channel {worst} is {word_number(wanted.real[worst])}, which at its scale of "
        f"{word_number(float(np.broadcast_to(stored.steps, wanted.real.shape)[worst]))} is {word_number(needed[worst])} steps, "
        f"more than the {word_number(limits.max)} of {stored.stored.dtype.name}; the file holds {word_number(stored.real[worst])}",
        mend="the recipe int16x8 keeps biases in 64 bits; dynamic_int8 and float16 keep them in float",
        facts={"channels": len(over), "channel": worst, "bias": float(wanted.real[worst]), "steps": float(needed[worst])},
    )
