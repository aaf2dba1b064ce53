"""The int8 export.

Weights are quantized per output channel, those of dense layers per tensor: a scale per neuron buys no accuracy there, costs 12
bytes each and spreads the values of pruned kernels, so that they compress worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel
from edgedigits.measure.arithmetic_reasons import ZEROS_TAKE_TIME
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
from edgedigits.pipeline.export.export import find_converter
from edgedigits.pipeline.mixing.settings import Mixed, Points
from edgedigits.stages.candidate import make_settings_class
from edgedigits.tasks.lost_answers import Losses


@make_settings_class
class Int8:
    """Everything in int8. With uint8 input the raw pixel is the input, to within half a step of the quantization.

    `float_layers` and `int16_layers`, names of layers or patterns, compute in float32 or with int16 activations instead; `mixed`
    auto chooses some, so that the bytes lose at most `keep_within` points of accuracy on validation images (docs/precision.md).
    The litert converter makes them, whatever `converter` says.
    """

    integer: ClassVar[bool] = True
    rounds: ClassVar[bool] = True
    limits: ClassVar[Losses] = Losses(0.03, 0.03, 0.1)
    rewrites: ClassVar[tuple[str, ...]] = ("slim", "block_sparse")
    lacks: ClassVar[Mapping[str, str]] = {}
    lacks_fused: ClassVar[bool] = False
    coarse: ClassVar[frozenset[str]] = frozenset(
        {"LayerNormalization", "RMSNormalization", "ReciprocalRoot", "UnitNormalization"}
    )
    multiplies_int8: ClassVar[bool] = True
    why_zeros_take_time: ClassVar[str] = ZEROS_TAKE_TIME["int8"]
    why_no_faster: ClassVar[str] = ""
    why_slower: ClassVar[str] = "this runtime has no fast int8 kernels for this net"

    input: Literal["int8", "uint8"] = "int8"
    output: Literal["int8", "uint8"] = "int8"
    calibration: Calibration = "minmax"
    percentile: Percentile = 99.99
    calibration_images: CalibrationImages = IMAGES
    calibration_seed: CalibrationSeed = 0
    slim: bool = False
    block_sparse: bool = False
    converter: ConverterName = DEFAULT
    float_layers: list[str] = Field(default_factory=list)
    int16_layers: list[str] = Field(default_factory=list)
    mixed: Mixed = "named"
    keep_within: Points = 0.2

    def __call__(self, model: KerasModel, calibration: Images, scale: Scale) -> bytes:
        from edgedigits.pipeline.mixing.layers import check_layers

        check_layers(model, self)
        samples = draw_representative(calibration, scale, self.calibration_images, self.calibration_seed)
        return convert(model, self.numbers, samples, find_converter(self))

    @property
    def numbers(self) -> Numbers:
        """What a converter is asked for."""
        numbers = Numbers("int8", "int8", self.input, self.output, dense_per_tensor=True)
        return replace(
            numbers,
            calibration=self.calibration,
            percentile=self.percentile,
            float_layers=self.float_layers,
            int16_layers=self.int16_layers,
        )
