"""What a .tflite file costs on the cores of a Raspberry Pi 4 and 5: arm64 instructions per inference, without running it there.

`board_rates.json`, written by `python -m benchmarks.board_rates`, holds counts made under QEMU: of whole nets, found again by the
work of their graphs, and rates fitted to counts of single operators, for all others. Instructions are no time, but which setting
pays on which core shows in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut, write_graph_signature
from edgedigits.tflite.multiply_adds import Work, count_per_operator
from edgedigits.tflite.rewrite.float16_arithmetic import forbid_float16

RATES: Final = Path(__file__).parent / "board_rates.json"
CORE_OF: Final = {"pi4": "cortex-a72", "pi5": "cortex-a76"}
BOARDS: Final = {"pi4": "Raspberry Pi 4", "pi5": "Raspberry Pi 5"}
BoardName = Literal["pi4", "pi5"]
Basis = Literal["counted", "predicted"]
FLOAT16_CORES: Final = frozenset({"cortex-a76"})
FLOAT16_FEWER: Final = 1.9
"""Those with float16 arithmetic, and how many times fewer instructions convolutions and dense layers take in it: the shipped CNN
and nano (`python -m benchmarks.float16`). Other operators are taken as no faster."""
_TILED: Final = frozenset({"CONV_2D", "FULLY_CONNECTED"})
TILES: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "cortex-a53": {"float32": (1, 8), "int8": (8, 8), "dynamic": (8, 8)},
    "cortex-a72": {"float32": (1, 8), "int8": (8, 8), "dynamic": (8, 8)},
    "cortex-a76": {"float32": (1, 8), "int8": (8, 16), "dynamic": (8, 16)},
}
"""By core and arithmetic, of which (input, output) channels XNNPACK's kernels take multiples: one channel costs as much as a
whole tile. Without them the first convolution of a small net is predicted several times too cheap."""


@dataclass(frozen=True)
class Instructions:
    """Instructions of one inference on one thread: `counted` under QEMU, or `predicted` from rates fitted to counts."""

    count: int
    basis: Basis


@cache
def load_rates() -> JsonObject:
    """The file of rates and counts."""
    found: JsonObject = json.loads(RATES.read_text(encoding="utf-8"))
    return found


def count_or_predict(flat: bytes, board: BoardName) -> Instructions:
    """Of a file's bytes: as counted where a net whose graph does the same work was, else from the rates."""
    core, known = CORE_OF[board], load_rates()
    flat = flat if core in FLOAT16_CORES else forbid_float16(flat)
    counted = known["graphs"].get(write_graph_signature(cut(flat)))
    if counted:
        return Instructions(int(counted[core]), "counted")
    contents = read(flat, "the model")
    works = count_per_operator(contents)
    return Instructions(round(predict(works, core, known["rates"][core], contents.float16_arithmetic)), "predicted")


def predict(works: Iterable[Work], core: str, of_core: JsonObject, float16: bool = False) -> float:
    """The sum over operators of what their features take, and what every inference takes besides; `float16`: floats are computed
    in it."""
    total = float(of_core["base"])
    for work in works:
        if work.macs or work.elements or not work.counted:
            known = of_core["operators"]
            each = known.get(name_group(work)) or known.get(f"other/{work.arithmetic}") or known["other/float32"]
            taken = sum(rate * feature for rate, feature in zip(each, compute_features(work, core), strict=True))
            total += taken / (FLOAT16_FEWER if float16 and work.kind in _TILED and _running(work) == "float32" else 1.0)
    return total


def name_group(work: Work) -> str:
    """Operators whose instructions go by one formula: kind and arithmetic."""
    return f"{work.kind}/{_running(work)}"


def _running(work: Work) -> str:
    """float16 weights are float32 when it runs."""
    return "float32" if work.arithmetic == "float16 weights" else work.arithmetic


def compute_features(work: Work, core: str) -> list[float]:
    """What the instructions of an operator grow with: one, its multiply-adds, the values it writes or touches, and how often a
    convolution looks up where a tap of its kernel lies; channels of convolutions and dense layers in whole tiles."""
    if not work.macs:
        return [1.0, 0.0, float(work.elements), 0.0]
    values = math.prod(work.output_shape)
    tile = TILES[core].get(_running(work)) if work.kind in _TILED else None
    if tile is None:
        return [1.0, float(work.macs), float(values), 0.0]
    places = values // work.output_shape[-1]
    inner, outer = (
        size * math.ceil(channels / size)
        for size, channels in zip(tile, (work.macs // (values * work.taps), work.output_shape[-1]), strict=True)
    )
    return [1.0, float(places * work.taps * inner * outer), float(places * outer), float(places * work.taps)]
