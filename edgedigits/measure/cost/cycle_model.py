"""What a .tflite file costs on the cores of Raspberry Pis in cycles, foretold from its shapes: neither QEMU nor LLVM is needed.

`cycle_rates.json`, written by `python -m benchmarks.cycle_rates`, holds rates for every kind of operator, fitted to single ones
whose cycles `edgedigits cycles` reckons. What memory adds is apart (`memory.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.memory import BOARDS, Board, list_memory_bytes
from edgedigits.measure.cost.operator_features import predict
from edgedigits.tflite.flatbuffer import Contents, read
from edgedigits.tflite.multiply_adds import count_per_operator

RATES: Final = Path(__file__).parent / "cycle_rates.json"


@cache
def _load() -> JsonObject:
    found: JsonObject = json.loads(RATES.read_text(encoding="utf-8"))
    return found


def load_cycle_rates() -> JsonObject:
    """The rates by core."""
    found: JsonObject = _load()["rates"]
    return found


def load_worst_error() -> float:
    """In percent of the cycles that are counted, of whole nets on which nothing was fitted."""
    return float(_load()["worst_error_percent"])


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
    contents = read(flat, "the model")
    return predict(count_per_operator(contents), core, load_cycle_rates()[core], contents.float16_arithmetic)


def foretell(contents: Contents, device: str, cycles: float | None = None) -> Foretold:
    """What a model takes on a board, one of `zero2`, `pi3`, `pi4` and `pi5`; of `cycles` that were counted, only the rest is
    foretold."""
    core, board = find_board(device)
    works = count_per_operator(contents)
    if cycles is None:
        cycles = predict(works, core, load_cycle_rates()[core], contents.float16_arithmetic)
    memory_ms = 1e3 * sum(list_memory_bytes(works, board.cache_bytes)) / board.bandwidth
    return Foretold(core, round(cycles), board.clock_ghz, cycles / (1e6 * board.clock_ghz), memory_ms)


def find_board(device: str) -> tuple[str, Board]:
    """(the core, the board) of that name."""
    return next((core, one) for core, several in BOARDS.items() for one in several if one.device == device)


def predict_ms(flat: bytes, device: str) -> float:
    """Milliseconds of one inference on a board, what comes from memory included."""
    found = foretell(read(flat, "the model"), device)
    return found.ms + found.memory_ms
