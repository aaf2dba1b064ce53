"""The int4 export: half the bytes of int8 for what convolutions and dense layers weigh.

Weights are quantized per output channel. Of LiteRT 2.3 and tflite-runtime 2.14 all kernels, XNNPACK's, their own and the
reference, answer right with int4 weights and int8 activations; blocks of weights with a scale each, which only dense layers with
float activations have, LiteRT's reference kernels answer wrong. Depthwise convolutions stay int8: the quantizer has no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel
from edgedigits.measure.arithmetic_reasons import NO_FASTER, ZEROS_TAKE_TIME
from edgedigits.pipeline.calibration.rule import Calibration
from edgedigits.pipeline.calibration.settings import (
    IMAGES,
    CalibrationImages,
    CalibrationSeed,
    Percentile,
)
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.export.conversion import convert, draw_representative
from edgedigits.stages.candidate import make_settings_class
from edgedigits.tasks.lost_answers import Losses


@make_settings_class
class Int4:
    """Weights of convolutions and dense layers in int4, all else in int8. Only the litert converter makes it."""

    integer: ClassVar[bool] = True
    rounds: ClassVar[bool] = True
    limits: ClassVar[Losses] = Losses(0.1, 0.1, 0.3)
    rewrites: ClassVar[tuple[str, ...]] = ("slim",)
    lacks: ClassVar[Mapping[str, str]] = {}
    lacks_fused: ClassVar[bool] = False
    coarse: ClassVar[frozenset[str]] = frozenset(
        {"LayerNormalization", "RMSNormalization", "ReciprocalRoot", "UnitNormalization"}
    )
    multiplies_int8: ClassVar[bool] = True
    why_zeros_take_time: ClassVar[str] = ZEROS_TAKE_TIME["int8x4"]
    why_no_faster: ClassVar[str] = NO_FASTER["int8x4"]
    why_slower: ClassVar[str] = ""

    input: Literal["int8", "uint8"] = "int8"
    output: Literal["int8", "uint8"] = "int8"
    calibration: Calibration = "minmax"
    percentile: Percentile = 99.99
    calibration_images: CalibrationImages = IMAGES
    calibration_seed: CalibrationSeed = 0
    slim: bool = False
    converter: Literal["litert"] = "litert"

    def __call__(self, model: KerasModel, calibration: Images, scale: Scale) -> bytes:
        numbers = Numbers("int4", "int8", self.input, self.output)
        numbers = replace(numbers, calibration=self.calibration, percentile=self.percentile)
        samples = draw_representative(calibration, scale, self.calibration_images, self.calibration_seed)
        return convert(model, numbers, samples, self.converter)
