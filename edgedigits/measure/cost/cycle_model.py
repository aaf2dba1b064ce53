"""What a .tflite file costs on the cores of Raspberry Pis in cycles, foretold from its shapes: neither QEMU nor LLVM is needed.

`cycle_rates.json`, written by `python -m benchmarks.cycle_rates`, holds rates for every kind of operator, fitted to single ones
whose cycles `edgedigits cycles` reckons. What memory adds is apart (`memory.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.instruction_model import predict
from edgedigits.measure.cost.memory import BOARDS, list_memory_bytes
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.multiply_adds import Work, count_per_operator

RATES: Final = Path(__file__).parent / "cycle_rates.json"


@cache
def load_cycle_rates() -> JsonObject:
    """The rates by core."""
    found: JsonObject = json.loads(RATES.read_text(encoding="utf-8"))["rates"]
    return found


@dataclass(frozen=True)
class Foretold:
    """Of one inference on one thread: cycles of a core of kind `cpu`; milliseconds of them at the board's clock, and those that
    bytes from memory take besides, at most."""

    cpu: str
    cycles: int
    clock_ghz: float
    ms: float
    memory_ms: float


def predict_cycles(flat: bytes, core: str) -> float:
    """Cycles of one inference on one thread. Raises TfliteError for what is no .tflite file."""
    return predict(count_per_operator(read(flat, "the model")), core, load_cycle_rates()[core])


def foretell(works: Sequence[Work], device: str) -> Foretold:
    """What these operators take on a board, one of `zero2`, `pi3`, `pi4` and `pi5`."""
    core, board = next((core, one) for core, several in BOARDS.items() for one in several if one.device == device)
    cycles = predict(works, core, load_cycle_rates()[core])
    memory_ms = 1e3 * sum(list_memory_bytes(works, board.cache_bytes)) / board.bandwidth
    return Foretold(core, round(cycles), board.clock_ghz, cycles / (1e6 * board.clock_ghz), memory_ms)


def predict_ms(flat: bytes, device: str) -> float:
    """Milliseconds of one inference on a board, what comes from memory included."""
    found = foretell(count_per_operator(read(flat, "the model")), device)
    return found.ms + found.memory_ms
