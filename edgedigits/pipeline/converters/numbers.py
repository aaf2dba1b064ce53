"""What an export asks of a converter, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from edgedigits.pipeline.calibration.rule import Calibration

FloatArithmetic = Literal["float32", "float16"]
ARITHMETICS: Final[tuple[FloatArithmetic, ...]] = get_args(FloatArithmetic)
End = Literal["float32", "int8", "uint8", "int16"]


@dataclass(frozen=True)
class Numbers:
    """What the bytes hold and what they compute in; as it is, float32 throughout.

    Integer weights are symmetric, one scale per output channel; those of dense layers one per tensor with `dense_per_tensor`.
    Integer activations want calibration images, and then no operator may compute in float. `input` and `output` are the types
    at both ends of the file. What is computed in floats may be computed in float16 where the processor can, with that
    `arithmetic`. int4 are the weights of convolutions and dense layers, all of these per output channel; depthwise ones, which
    are few and lose most, and others are int8 then. Ranges of integer activations are found by `calibration` and, with
    `percentile`, by that share of the values.

    `float_layers` and `int16_layers` are names of Keras layers, or patterns of them, that keep float32 throughout, or activations
    in int16 and weights in int8, where the others are int8.
    """

    weights: Literal["float32", "float16", "int8", "int4"] = "float32"
    activations: Literal["float32", "int8", "int16"] = "float32"
    input: End = "float32"
    output: End = "float32"
    dense_per_tensor: bool = False
    arithmetic: FloatArithmetic = "float32"
    float_layers: Sequence[str] = ()
    int16_layers: Sequence[str] = ()
    calibration: Calibration = "minmax"
    percentile: float = 99.99
