"""The float16 export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel
from edgedigits.measure.arithmetic_reasons import NO_FASTER, ZEROS_TAKE_TIME
from edgedigits.pipeline.converters.numbers import FloatArithmetic, Numbers
from edgedigits.pipeline.converters.table import DEFAULT, ConverterName
from edgedigits.pipeline.export.conversion import convert
from edgedigits.pipeline.export.float16_range import check_range
from edgedigits.stages.candidate import make_settings_class
from edgedigits.tasks.lost_answers import Losses


@make_settings_class
class Float16:
    """Weights in float16. Arithmetic in float32; with `arithmetic: float16` in float16 where the processor has that."""

    integer: ClassVar[bool] = False
    rounds: ClassVar[bool] = False
    limits: ClassVar[Losses] = Losses(0.002, 0.002, 0.005)
    rewrites: ClassVar[tuple[str, ...]] = ("slim",)
    lacks: ClassVar[Mapping[str, str]] = {}
    lacks_fused: ClassVar[bool] = False
    coarse: ClassVar[frozenset[str]] = frozenset()
    multiplies_int8: ClassVar[bool] = False
    why_zeros_take_time: ClassVar[str] = ZEROS_TAKE_TIME["float16 weights"]
    why_no_faster: ClassVar[str] = NO_FASTER["float16 weights"]
    why_slower: ClassVar[str] = ""

    slim: bool = False
    converter: ConverterName = DEFAULT
    arithmetic: FloatArithmetic = "float32"

    def __call__(self, model: KerasModel, calibration: Images, scale: Scale) -> bytes:
        flat = convert(model, Numbers(weights="float16", arithmetic=self.arithmetic), converter=self.converter)
        if self.arithmetic == "float16":
            check_range(flat, calibration, scale)
        return flat
