"""The int16x8 export. Weights are quantized per output channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.errors import RecipeError
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
from edgedigits.pipeline.converters.table import DEFAULT, ConverterName
from edgedigits.pipeline.export.conversion import convert, draw_representative
from edgedigits.stages.candidate import make_settings_class
from edgedigits.tasks.lost_answers import Losses


@make_settings_class
class Int16x8:
    """Activations in int16, weights in int8: closest to float, but no fast kernels exist for it."""

    integer: ClassVar[bool] = True
    rounds: ClassVar[bool] = True
    limits: ClassVar[Losses] = Losses(0.02, 0.02, 0.05)
    rewrites: ClassVar[tuple[str, ...]] = ("slim",)
    lacks: ClassVar[Mapping[str, str]] = {
        "PReLU": "PRELU",
        "RMSNormalization": "GREATER",
        "ReciprocalRoot": "GREATER",
        "ThresholdedReLU": "GREATER",
        "UnitNormalization": "GREATER",
        "log_softmax": "LOG_SOFTMAX",
        "softsign": "DIV",
    }
    lacks_fused: ClassVar[bool] = True
    coarse: ClassVar[frozenset[str]] = frozenset()
    multiplies_int8: ClassVar[bool] = False
    why_zeros_take_time: ClassVar[str] = ZEROS_TAKE_TIME["int16x8"]
    why_no_faster: ClassVar[str] = NO_FASTER["int16x8"]
    why_slower: ClassVar[str] = ""

    calibration: Calibration = "minmax"
    percentile: Percentile = 99.99
    calibration_images: CalibrationImages = IMAGES
    calibration_seed: CalibrationSeed = 0
    slim: bool = False
    converter: ConverterName = DEFAULT

    def __call__(self, model: KerasModel, calibration: Images, scale: Scale) -> bytes:
        if self.converter == "tf" and self.calibration != "minmax":
            raise RecipeError(
                f"export: int16x8: calibration {self.calibration}: TensorFlow's converter finds ranges of int16 by minmax alone, "
                "whose 65,536 steps hold every peak; leave it out, or take converter: litert"
            )
        numbers = Numbers("int8", "int16", "int16", "int16")
        numbers = replace(numbers, calibration=self.calibration, percentile=self.percentile)
        samples = draw_representative(calibration, scale, self.calibration_images, self.calibration_seed)
        return convert(model, numbers, samples, self.converter)
