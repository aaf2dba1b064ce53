"""What a .tflite file costs on the cores of Raspberry Pis in cycles, foretold from its shapes: neither QEMU nor LLVM is needed.

`cycle_rates.json`, written by `python -m benchmarks.cycle_rates`, holds rates for every kind of operator, fitted to single ones
whose cycles `edgedigits cycles` reckons. What memory adds (`measure/cost/memory.py`) is not in them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.instruction_model import predict
from edgedigits.measure.cost.memory import BOARDS, list_memory_bytes
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.multiply_adds import count_per_operator

RATES: Final = Path(__file__).parent / "cycle_rates.json"


@cache
def load_cycle_rates() -> JsonObject:
    """The rates by core."""
    found: JsonObject = json.loads(RATES.read_text(encoding="utf-8"))["rates"]
    return found


def predict_cycles(flat: bytes, core: str) -> float:
    """Cycles of one inference on one thread. Raises TfliteError for what is no .tflite file."""
    return predict(count_per_operator(read(flat, "the model")), core, load_cycle_rates()[core])


def predict_ms(flat: bytes, device: str) -> float:
    """Milliseconds of one inference on a board, one thread: cycles at its clock, and the bytes that come from memory besides."""
    core, board = next((core, one) for core, several in BOARDS.items() for one in several if one.device == device)
    works = count_per_operator(read(flat, "the model"))
    cycles = predict(works, core, load_cycle_rates()[core])
    return cycles / (1e6 * board.clock_ghz) + 1e3 * sum(list_memory_bytes(works, board.cache_bytes)) / board.bandwidth
