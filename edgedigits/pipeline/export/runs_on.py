"""Whether the bytes run on the runtimes that were asked for."""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.errors import OperatorError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runs_on.foretelling import check_runs, foretell_and_load
from edgedigits.measure.runtimes.asked import Asked
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
