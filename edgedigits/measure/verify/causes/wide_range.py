"""A layer that holds a range far wider than its values: most of its steps are never used.

TensorFlow's converter gives a layer that is added to another the range of the sum; where the other is far larger, that is this.
"""

from __future__ import annotations

from typing import Final

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_mixed, word_number, word_share

_USED: Final = 0.125
"""Of the range; three of the eight bits are lost below it."""


def find(layer: Layer) -> Finding | None:
    """Values in a small part of the range."""
    limits = layer.limits
    if layer.is_input or layer.last or not limits.step:
        return None
    low, high = float(layer.found["channel_low"].min()), float(layer.found["channel_high"].max())
    used = (high - low) / (limits.high - limits.low)
    if used >= _USED:
        return None
    return Finding(
        cause="wide_range",
        seen=f"it holds {word_number(limits.low)} to {word_number(limits.high)}, and its values reach only {word_number(low)} to "
        f"{word_number(high)}: {word_share(used)} of its range is used, as where it takes that of a larger layer it is added to",
        mend="where calibration met other images, compress again on images like these; else export: {int8: {calibration: mse}} "
        f"goes by what the layer itself holds, and {word_mixed(layer)}",
        facts={"holds_low": limits.low, "holds_high": limits.high, "low": low, "high": high, "used": used},
    )
