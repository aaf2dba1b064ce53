"""What an operator's cycles grow with, and their sum over a model by rates that were fitted to single operators."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.multiply_adds import Work

FLOAT16_CORES: Final = frozenset({"cortex-a76"})
"""Those with float16 arithmetic."""
_TILED: Final = frozenset({"CONV_2D", "FULLY_CONNECTED"})
TILES: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "cortex-a53": {"float32": (1, 8), "int8": (1, 16), "dynamic": (8, 8)},
    "cortex-a72": {"float32": (1, 8), "int8": (8, 8), "dynamic": (8, 8)},
    "cortex-a76": {"float32": (1, 8), "int8": (8, 16), "dynamic": (8, 16)},
}
"""By core and arithmetic, of which (input, output) channels XNNPACK's kernels take multiples: one channel costs as much as a
whole tile. Without them the first convolution of a small net is predicted several times too cheap."""


def predict(works: Iterable[Work], core: str, of_core: JsonObject, float16: bool = False) -> float:
    """The sum over operators of what their features take, and what every inference takes besides; `float16`: floats are computed
    in it on a core that can."""
    total, known = float(of_core["base"]), of_core["operators"]
    halved = of_core["float16"] if float16 and core in FLOAT16_CORES else {}
    for work in works:
        if work.macs or work.elements or not work.counted:
            name, others = name_group(work), f"other/{work.arithmetic}"
            each = halved.get(name) or known.get(name) or known.get(others) or known["other/float32"]
            total += sum(rate * feature for rate, feature in zip(each, compute_features(work, core), strict=True))
    return total


def name_group(work: Work) -> str:
    """Operators whose cycles go by one formula: kind and arithmetic."""
    return f"{work.kind}/{_running(work)}"


def _running(work: Work) -> str:
    """float16 weights are float32 when it runs."""
    return "float32" if work.arithmetic == "float16 weights" else work.arithmetic


def compute_features(work: Work, core: str) -> list[float]:
    """What the cycles of an operator grow with: one, its multiply-adds, the values it writes or touches, how often a convolution
    looks up where a tap of its kernel lies, and how often it begins to add up one, which it does for each tile of channels that
    it writes; channels of convolutions and dense layers in whole tiles."""
    if not work.macs:
        return [1.0, 0.0, float(work.elements), 0.0, 0.0]
    values = math.prod(work.output_shape)
    tile = TILES[core].get(_running(work)) if work.kind in _TILED else None
    if tile is None:
        return [1.0, float(work.macs), float(values), 0.0, 0.0]
    places = values // work.output_shape[-1]
    inner, outer = (
        size * math.ceil(channels / size)
        for size, channels in zip(tile, (work.macs // (values * work.taps), work.output_shape[-1]), strict=True)
    )
    taps = places * work.taps
    return [1.0, float(taps * inner * outer), float(places * outer), float(taps), float(taps * outer)]
