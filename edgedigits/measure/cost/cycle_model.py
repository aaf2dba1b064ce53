"""What a .tflite file costs on the cores of Raspberry Pis in cycles, foretold from its shapes: neither QEMU nor LLVM is needed.

`cycle_rates.json`, written by `python -m benchmarks.cycle_rates`, holds rates for every kind of operator, fitted to single ones
whose cycles `edgedigits cycles` reckons. What memory adds is apart (`memory.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.memory import BOARDS, Board, list_memory_bytes
from edgedigits.measure.cost.operator_features import predict
from edgedigits.tflite.flatbuffer import Contents, read
from edgedigits.tflite.multiply_adds import Work, count_per_operator

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


def foretell(contents: Contents, device: str) -> Foretold:
    """What a model takes on a board, one of `zero2`, `pi3`, `pi4` and `pi5`."""
    return foretell_each(contents, (device,), {})[device]


def foretell_each(contents: Contents, devices: Sequence[str], counted: Mapping[str, float]) -> dict[str, Foretold]:
    """The same of several boards; of cores whose cycles were `counted`, only the rest is foretold."""
    works = count_per_operator(contents)
    return {device: _foretell(works, device, counted, contents.float16_arithmetic) for device in devices}


def _foretell(works: Sequence[Work], device: str, counted: Mapping[str, float], float16: bool) -> Foretold:
    core, board = find_board(device)
    cycles = counted[core] if core in counted else predict(works, core, load_cycle_rates()[core], float16)
    memory_ms = 1e3 * sum(list_memory_bytes(works, board.cache_bytes)) / board.bandwidth
    return Foretold(core, round(cycles), board.clock_ghz, cycles / (1e6 * board.clock_ghz), memory_ms)


def find_board(device: str) -> tuple[str, Board]:
    """(the core, the board) of that name."""
    return next((core, one) for core, several in BOARDS.items() for one in several if one.device == device)


def predict_ms(flat: bytes, device: str) -> float:
    """Milliseconds of one inference on a board, what comes from memory included."""
    found = foretell(read(flat, "the model"), device)
    return found.ms + found.memory_ms
