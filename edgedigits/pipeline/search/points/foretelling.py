"""What a recipe's bytes will take, said before any of its training: channels go, students are built, and the bytes are made."""

from __future__ import annotations

import dataclasses
import gzip
from typing import Any, Final

from edgedigits.data.splits import FitData
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.cost.cycle_model import find_board, predict_cycles, predict_ms
from edgedigits.pipeline.advise.dry_run import cut_short, imitate_training
from edgedigits.pipeline.export.export import list_rewrites
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.recipe import Recipe
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.distil.students import make_student
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.rewrite.slim import slim

_FEW_IMAGES: Final = 256
"""So many images tell which channels go: others would leave about as many bytes and the same time."""


@dataclasses.dataclass(frozen=True)
class Outlay:
    """What a file takes: bytes, bytes through gzip -9, milliseconds of one inference on the target, and its cycles there; None
    where the target is this machine."""

    size_bytes: int
    gzip_bytes: int
    ms: float
    cycles: int | None

    def as_json(self) -> JsonObject:
        """Every number."""
        return dataclasses.asdict(self)


def find_core(target: str) -> str:
    """The core of a board, of which cycles are foretold."""
    return find_board(target)[0]


def measure(flat: bytes, target: str) -> Outlay:
    """What these bytes take on a board, foretold from their shapes; on `here` they are run."""
    packed = len(gzip.compress(flat, 9, mtime=0))
    if target == "here":
        return Outlay(len(flat), packed, round(TfliteModel(flat).latency_us() / 1e3, 6), None)
    cycles = round(predict_cycles(flat, find_core(target)))
    return Outlay(len(flat), packed, round(predict_ms(flat, target), 6), cycles)


def foretell(recipe: Recipe, job: Job, data: FitData, target: str) -> Outlay:
    """What the recipe's bytes will take on the target. Raises what its stages and its export raise."""
    candidate = Candidate(job.loaded.model, original=job.loaded.model, custom=job.custom)
    for _, stage in recipe.stages:
        candidate = _shaped(stage, candidate, data)
    flat = recipe.export(candidate.model, data.calibration, data.scale)
    return measure(slim(flat, "the export") if "slim" in list_rewrites(recipe.export) else flat, target)


def _shaped(stage: Any, candidate: Candidate, data: FitData) -> Candidate:
    """The candidate in the shape that the stage gives it; one that changes values alone is left out."""
    if isinstance(stage, Distil):
        if not stage.makes_another_net:
            return candidate
        student = make_student(stage.student, stage.options, candidate, data)
        return dataclasses.replace(candidate, model=imitate_training(student, data.seed))
    if not isinstance(stage, Shrink):
        return candidate
    hurried = dataclasses.replace(cut_short(stage), images=min(_FEW_IMAGES, stage.images), epochs_between=1e-6)
    made, _ = hurried(candidate, data)
    shaped: Candidate = made.after(candidate)
    return shaped
