"""Whether a net's values fit into float16, in which other processors than this one may compute it.

Parity is shown here, where most processors compute in float32 and nothing overflows; what does in float16 is infinity there.
"""

from __future__ import annotations

from typing import Final

from edgedigits.data.images import Images, read_all
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale
from edgedigits.errors import RecipeError
from edgedigits.pipeline.converters.samples import name_layer
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.rewrite.float16_arithmetic import LARGEST

IMAGES: Final = 64
MOST: Final = LARGEST / 4
"""The largest value that is let through: sums on the way to a value, and values of other images, are larger."""


def check_range(flat: bytes, calibration: Images, scale: Scale) -> None:
    """Raises RecipeError naming the layer whose values, met on calibration images, leave too little room in float16."""
    tensor, value = TfliteModel(flat).largest(read_all(draw_sample(calibration, IMAGES)), scale)
    if value > MOST:
        raise RecipeError(
            f"export: arithmetic float16: values of the net reach {value:,.0f} (layer {name_layer(tensor)}), and float16, which "
            f"holds {LARGEST:,.0f} at most, leaves sums of such no room; take float32, or train the model on smaller inputs, as "
            "with --scale 0..1"
        )
