"""From the gates of a call to a verdict on what a benchmark found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgedigits.ground import artifact_folder
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_job import BenchTask
from edgedigits.measure.bench_result import Report
from edgedigits.pipeline.gates.evidence import read_report
from edgedigits.pipeline.gates.gate import Gate, check_measurable, overlay, parse_gates
from edgedigits.pipeline.gates.judge import judge
from edgedigits.pipeline.gates.wording import to_record

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


def judge_report(report: Report, gates: Sequence[Gate], strict: bool, other: str = "float") -> list[JsonObject]:
    """How each gate fares on what was measured, as the JSON has it."""
    if not gates:
        return []
    return to_record(judge(gates, read_report(report, gates, other), strict))
