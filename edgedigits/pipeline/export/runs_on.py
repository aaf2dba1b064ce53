"""Whether the bytes run on the runtimes that were asked for: known when they are made, and before training where it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgedigits.data.splits import FitData
from edgedigits.errors import OperatorError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runtimes.asked import Asked
from edgedigits.measure.runtimes.foretelling import check_runs, foretell_and_load
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tflite.flatbuffer import read


def check_runs_on(flat: bytes, name: str, asked: Sequence[Asked]) -> JsonObject:
    """What was found of each, {} where none was asked for. Raises OperatorError for bytes that won't run on one."""
    if not asked:
        return {}
    found = foretell_and_load(flat, read(flat, f"{name} export"), asked)
    try:
        check_runs(found, f"{name} export")
    except OperatorError as error:
        raise OperatorError(f"{error}; nothing was written") from error
    return {"runtimes": [one.as_json() for one in found]}


def try_runs_on(recipe: Recipe, model: Any, data: FitData, asked: Sequence[Asked], say: Callable[[str], None]) -> None:
    """The same of the model as it is, whose operators are those of what the stages make of it, unless that is another net.

    Raises OperatorError before anything is trained.
    """
    if not asked or not recipe.stages or any(getattr(one, "makes_another_net", False) for _, one in recipe.stages):
        return
    say(f"trying the {recipe.export_name} export on {', '.join(map(str, asked))}")
    check_runs_on(recipe.export(model, data.calibration, data.scale), recipe.export_name, asked)

