"""Weights that share one scale though their channels differ by orders of magnitude."""

from __future__ import annotations

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_number, word_share

_FEW_STEPS = 4
"""The magnitude of a channel's weights in steps below which it has three bits or less; then others are over 32 times as large."""
_STARVED = 0.1


def find(layer: Layer) -> Finding | None:
    """A good part of the channels with a few steps of the one scale."""
    stored, sizes = layer.weights[0], layer.kernel_sizes(1)
    if stored is None or sizes is None or len(stored.steps) != 1 or stored.stored.dtype.kind not in "iu":
        return None
    alive = sizes[sizes > 0]
    starved = float((alive < _FEW_STEPS * stored.steps[0]).mean()) if len(alive) > 1 else 0.0
    if starved < _STARVED:
        return None
    ratio = float(alive.max() / alive.min())
    dense = layer.match.kind.startswith("FULLY_CONNECTED")
    return Finding(
        cause="weight_spread",
        seen=f"its weights share one scale, and those of its largest output channel are {word_number(ratio)} times those of its "
        f"smallest: {word_share(starved)} of the channels have fewer than {_FEW_STEPS} steps of 127",
        mend=f"export: {{int8: {{int16_layers: [{layer.name}]}}}} gives every neuron of it a scale of its own, and float_layers "
        "rounds nothing in it"
        if dense
        else "the recipe ptq_int8 gives every output channel of a convolution a scale of its own",
        facts={"ratio": ratio, "starved": starved},
    )
