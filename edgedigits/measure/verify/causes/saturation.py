"""A layer whose values leave the range that calibration gave it."""

from __future__ import annotations

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_number, word_share

_CUT = 0.002
"""Of the values. A layer that was calibrated on images of the same kind loses its rarest peaks, a tenth of this and less."""
_BEYOND = 1.25
"""How far beyond the range values go; what lies just outside loses little."""


def find(layer: Layer) -> Finding | None:
    """More values cut off than the rarest peaks, and by much."""
    limits = layer.limits
    if layer.is_input or layer.last or not limits.step or layer.cut_share < _CUT:
        return None
    low, high = float(layer.found["channel_low"].min()), float(layer.found["channel_high"].max())
    if high < _BEYOND * limits.high and low > _BEYOND * limits.low:
        return None
    known = layer.calibration_images
    more = f"calibration_images above {known}" if known else "more calibration_images"
    return Finding(
        cause="saturation",
        seen=f"it holds {word_number(limits.low)} to {word_number(limits.high)}, and its values reach {word_number(low)} to "
        f"{word_number(high)}: {word_share(layer.cut_share)} of them are cut off",
        mend=f"calibrate on images like these: export: {{int8: {{calibration_images: ...}}}} with {more}, from the data that it "
        "will meet",
        facts={"holds_low": limits.low, "holds_high": limits.high, "low": low, "high": high},
    )
