"""Every cause that is looked for, in the order in which they are: the first that fits a layer is the one that is told.

What a file can't have right (a bias, a mask, an input) comes first; then what calibration did; then what the model's own values
do; last, what can't be explained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edgedigits.measure.verify.causes import (
    batchnorm_variance,
    bias_overflow,
    input_scale,
    outlier_channel,
    revived_mask,
    saturation,
    unexplained,
    weight_spread,
    wide_range,
)
from edgedigits.measure.verify.causes.layer import Finding, Layer

CAUSES: Final[dict[str, Callable[[Layer], Finding | None]]] = {
    "bias_overflow": bias_overflow.find,
    "revived_mask": revived_mask.find,
    "input_scale": input_scale.find,
    "weight_spread": weight_spread.find,
    "saturation": saturation.find,
    "batchnorm_variance": batchnorm_variance.find,
    "outlier_channel": outlier_channel.find,
    "wide_range": wide_range.find,
    "unexplained": unexplained.find,
}


def find_cause(layer: Layer) -> Finding | None:
    """The first row that fits, None where none does."""
    return next((found for cause in CAUSES.values() if (found := cause(layer)) is not None), None)
