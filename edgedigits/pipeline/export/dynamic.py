"""The dynamic range export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel
from edgedigits.measure.arithmetic_reasons import NO_FASTER, ZEROS_TAKE_TIME
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.table import DEFAULT, ConverterName
from edgedigits.pipeline.export.conversion import convert
from edgedigits.stages.candidate import make_settings_class
from edgedigits.tasks.lost_answers import Losses


@make_settings_class
class Dynamic:
    """Weights in int8; activations are quantized while it runs. Input and output are float."""

    integer: ClassVar[bool] = False
    rounds: ClassVar[bool] = True
    limits: ClassVar[Losses] = Losses(0.02, 0.02, 0.05)
    rewrites: ClassVar[tuple[str, ...]] = ("slim",)
    lacks: ClassVar[Mapping[str, str]] = {}
    lacks_fused: ClassVar[bool] = False
    coarse: ClassVar[frozenset[str]] = frozenset()
    multiplies_int8: ClassVar[bool] = True
    why_zeros_take_time: ClassVar[str] = ZEROS_TAKE_TIME["dynamic"]
    why_no_faster: ClassVar[str] = NO_FASTER["dynamic"]
    why_slower: ClassVar[str] = ""

    slim: bool = False
    converter: ConverterName = DEFAULT

    def __call__(self, model: KerasModel, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        return convert(model, Numbers(weights="int8"), converter=self.converter)
