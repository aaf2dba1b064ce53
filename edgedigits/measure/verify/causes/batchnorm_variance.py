"""A BatchNorm that divides a channel by nearly nothing: folded into the kernel, it makes that channel of it huge."""

from __future__ import annotations

import numpy as np

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_number
from edgedigits.measure.verify.causes.outlier_channel import look_for_outlier

_RATIO = 4.0
"""How much larger than in the middle the kernel of the channel must be, so that it is the kernel that makes it large."""


def find(layer: Layer) -> Finding | None:
    """An outlier channel whose kernel is one, too, in a layer that a BatchNorm was folded into."""
    sizes = layer.kernel_sizes(1)
    one = look_for_outlier(layer)
    if one is None or sizes is None or not layer.match.normalized or len(sizes) != len(layer.channel_sizes):
        return None
    middle = float(np.median(np.delete(sizes, one.channel)))
    if sizes[one.channel] < _RATIO * middle:
        return None
    return Finding(
        cause="batchnorm_variance",
        seen=f"folding its BatchNorm makes the kernel of channel {one.channel} {word_number(sizes[one.channel] / middle)} times "
        f"as large as the others, as a variance near zero does: it reaches {word_number(one.size)}, the others "
        f"{word_number(one.others)} in the middle, and all share one scale",
        mend="the recipe repair_int8 folds it and gives the channels one size, without training; qat_int8 trains the rounding "
        "in",
        carried=("outlier", one.channel, len(layer.channel_sizes)),
        facts={
            "channel": one.channel,
            "kernel_ratio": sizes[one.channel] / middle,
            "size": one.size,
            "others": one.others,
        },
    )
