"""From the gates of a call to a verdict on what a benchmark found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from edgedigits_runner.pictures import fitted_all

from edgedigits.data.images import ArrayImages
from edgedigits.ground import artifact_folder
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench_job import BenchTask
from edgedigits.measure.bench_result import Report
from edgedigits.measure.findings.answers import Asked
from edgedigits.measure.findings.corrupted import Robustness
from edgedigits.pipeline.gates.evidence import read_report, spoil_for
from edgedigits.pipeline.gates.gate import Gate, check_measurable, overlay, parse_gates
from edgedigits.pipeline.gates.judge import judge
from edgedigits.pipeline.gates.wording import to_record
from edgedigits.tflite.packed_file import unpack_file

Said = Mapping[str, Any] | Sequence[str]


def find_gates(task: BenchTask, said: Said) -> tuple[Gate, ...]:
    """The gates of the artifact's recipe, those that a call says in their place. Raises InputError for a gate on what the task
    does not measure."""
    own = {}
    if task.artifact is not None:
        own = artifact_folder.read(task.artifact).manifest["recipe"].get("gates", {})
    where = f"{task.artifact}/manifest.json: recipe.gates"
    found = overlay(parse_gates(own, where), said)
    lacks = None if len(task.contestants) > 1 else "name the other form with --baseline"
    check_measurable(found, other=lacks)
    return found


def prepare_task(task: BenchTask, gates: Sequence[Gate]) -> BenchTask:
    """The task with its rounds apart where a gate is about time."""
    if not any(gate.needs_times for gate in gates):
        return task
    return replace(task, settings=replace(task.settings, apart=True))


def judge_report(
    report: Report, task: BenchTask, gates: Sequence[Gate], strict: bool, say: Say, other: str = "float"
) -> list[JsonObject]:
    """How each gate fares on what was measured, as the JSON has it; answers to corrupted images, which only a gate asks for, are
    found here, on whatever machine the report is of."""
    if not gates:
        return []
    corrupted = _spoil(task, gates, say) if any(gate.needs_corruptions for gate in gates) else None
    return to_record(judge(gates, read_report(report, gates, other, corrupted), strict))


def _spoil(task: BenchTask, gates: Sequence[Gate], say: Say) -> Robustness | None:
    first, second = (
        Asked(unpack_file(one.path), one.task, False, one.scale) for one in (task.contestants[0], task.contestants[-1])
    )
    with np.load(task.images) as kept:
        pixels, labels = kept["images"], kept["labels"]
    if (size := task.contestants[-1].resize) is not None:
        pixels = fitted_all(pixels, (*size, pixels.shape[3]))
    return spoil_for(gates, (first, second), ArrayImages(pixels, labels), say)
