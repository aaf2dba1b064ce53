"""An input whose quantization is not made for the images that come: pixels scaled otherwise when it was calibrated."""

from __future__ import annotations

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_number, word_share

_CUT, _USED = 0.01, 0.25
"""Shares: of values outside the range, and of the range that the images use. Images use all of their pixels' range."""


def find(layer: Layer) -> Finding | None:
    """Images outside of what the input can hold, or in a small part of it."""
    if not layer.is_input or not layer.limits.step:
        return None
    low, high = float(layer.found["channel_low"].min()), float(layer.found["channel_high"].max())
    used = (high - low) / (layer.limits.high - layer.limits.low)
    if layer.cut_share < _CUT and used >= _USED:
        return None
    holds = f"it holds {word_number(layer.limits.low)} to {word_number(layer.limits.high)}"
    comes = f"the images come as {word_number(low)} to {word_number(high)}"
    what = f"{word_share(layer.cut_share)} of the values are cut off" if layer.cut_share >= _CUT else ""
    what = what or f"{word_share(used)} of its range is used"
    return Finding(
        cause="input_scale",
        seen=f"{holds}, and {comes}: {what}",
        mend="say with --scale what the model was trained on, here and to compress, which calibrates on pixels scaled so",
        facts={"holds_low": layer.limits.low, "holds_high": layer.limits.high, "low": low, "high": high},
    )
