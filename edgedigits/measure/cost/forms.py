"""Several forms of one model: what each is against float, measured here in one run, and what boards would take, foretold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.measure.bench_result import ModelReport, Report
from edgedigits.measure.cost.cycle_model import find_board, foretell_each
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import unpack_file

DEVICES: Final = ("zero2", "pi4", "pi5")
"""One of each core; a Pi 3 has that of a Zero 2 W."""


@dataclass(frozen=True)
class OnBoard:
    """One inference of a file on one thread: cycles, milliseconds of them at the board's clock, and those that bytes from memory
    take besides, at most. `times_fewer` cycles than the float form takes, 1 for that itself."""

    model: str
    device: str
    board: str
    cpu: str
    clock_ghz: float
    cycles: int
    ms: float
    memory_ms: float
    times_fewer: float


@dataclass(frozen=True)
class Forms:
    """Reports of one run, each of a compressed form against the same float form; every form on every board, board by board.

    `notes` are what is to be known of how they came about, sentences without their full stop.
    """

    data: str
    artifacts: tuple[Path, ...]
    reports: tuple[Report, ...]
    boards: tuple[OnBoard, ...]
    notes: tuple[str, ...]

    @property
    def models(self) -> tuple[ModelReport, ...]:
        """The float form, then the compressed ones."""
        return list_forms(self.reports)


def list_forms(reports: Sequence[Report]) -> tuple[ModelReport, ...]:
    """The float form that all have in common, then the compressed ones."""
    return reports[0].models + tuple(report.compressed for report in reports[1:])


def foretell_forms(models: Sequence[ModelReport]) -> tuple[OnBoard, ...]:
    """Each on every board, board by board; the float form comes first."""
    each = {one.name: foretell_each(read(unpack_file(Path(one.path)), one.path), DEVICES, {}) for one in models}
    found = []
    for device in DEVICES:
        _, board = find_board(device)
        told = {name: boards[device] for name, boards in each.items()}
        whole = told[models[0].name].cycles
        found += [
            OnBoard(model=name, device=device, board=board.name, times_fewer=whole / one.cycles, **vars(one))
            for name, one in told.items()
        ]
    return tuple(found)
