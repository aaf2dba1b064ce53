"""What gates are judged by: two forms' answers to the same images, their bytes and cycles, and their times if a gate asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgedigits.data.corruptions.table import CORRUPTIONS
from edgedigits.data.images import Images
from edgedigits.ground.facts import Say
from edgedigits.measure.bench_result import Report
from edgedigits.measure.cost.cycle_model import predict_cycles
from edgedigits.measure.findings.answers import Asked
from edgedigits.measure.findings.corrupted import Robustness, find_robustness
from edgedigits.pipeline.gates.gate import Gate
from edgedigits.tasks.class_recalls import ClassChanges, count_by_class
from edgedigits.tasks.statistics import Interval, Paired, Spread
from edgedigits.tflite.packed_file import unpack_file


@dataclass(frozen=True)
class Answers:
    """What was answered to `images`: of every class (called `names`) how many were found before and after; how the two forms
    agree, None where there is only one. `flips`: images that they answer differently."""

    images: int
    classes: ClassChanges
    names: Sequence[str]
    paired: Paired | None
    flips: int | None


@dataclass(frozen=True)
class Times:
    """p50 of the form that is judged, in microseconds; how many times as fast it is as the other, and by how many microseconds
    faster, None where there is no other. `rounds` are those that count; where none does the numbers are of void ones."""

    p50_us: Spread
    speedup: Interval | None
    saved_us: Interval | None
    rounds: int


@dataclass(frozen=True)
class Evidence:
    """Of the form that is judged, and of the `other`, which is called so ("float", "old"); `size_bytes` and `cycles`, those by
    core, are pairs of the judged form's and the other's, None where there is none. `times` is None where nothing was timed,
    `corrupted` where no corrupted images were answered."""

    answers: Answers
    size_bytes: tuple[int, int | None]
    cycles: Mapping[str, tuple[float, float | None]]
    times: Times | None
    other: str = "float"
    corrupted: Robustness | None = None


def predict_for(gates: Iterable[Gate], flat: bytes, other: bytes | None) -> dict[str, tuple[float, float | None]]:
    """Cycles of both forms on the cores that gates ask for, foretold: the same on any machine."""
    return {
        core: (round(predict_cycles(flat, core)), None if other is None else round(predict_cycles(other, core)))
        for core in {gate.core for gate in gates if gate.core}
    }


def read_times(report: Report) -> Times:
    """Those of a report, at the first number of threads that it measured."""
    latency = report.compressed.latencies[0]
    pair = None if report.comparison is None else report.comparison.speedups[0]
    return Times(
        Spread(latency.p50_us, latency.p50_low_us, latency.p50_high_us),
        None if pair is None else pair.ratio,
        None if pair is None else pair.saved_us,
        latency.valid_windows,
    )


def spoil_for(gates: Iterable[Gate], forms: tuple[Asked, Asked], images: Images, say: Say) -> Robustness | None:
    """How both forms (the other, the judged one) bear all corruptions of these images, where a gate asks for it."""
    if not any(gate.needs_corruptions for gate in gates):
        return None
    return find_robustness(forms, images, tuple(CORRUPTIONS), progress=lambda name, _: say(f"corruption: {name}"))


def read_report(
    report: Report, gates: Iterable[Gate], other: str = "float", corrupted: Robustness | None = None
) -> Evidence:
    """All that a report holds for gates; cycles are foretold from the files that it measured."""
    flats = [unpack_file(Path(model.path)) for model in report.models]
    first = report.baseline
    sizes = report.compressed.raw_bytes, None if first is None else first.raw_bytes
    cycles = predict_for(gates, flats[-1], flats[0] if first else None)
    return Evidence(_answers(report), sizes, cycles, read_times(report), other, corrupted)


def _answers(report: Report) -> Answers:
    if report.baseline is not None and report.comparison is not None:
        flips = count_flips(report.baseline.answers, report.compressed.answers)
        return Answers(report.images, report.comparison.classes, report.classes, report.comparison.paired, flips)
    truth, found = report.labels, report.compressed.answers
    if truth.ndim == 1:
        right = found == truth
        return Answers(report.images, count_by_class(truth, right, right), report.classes, None, None)
    has = truth.astype(bool)
    hits = found[has]
    return Answers(report.images, count_by_class(has.nonzero()[1], hits, hits), report.classes, None, None)


def count_flips(before: np.ndarray, after: np.ndarray) -> int:
    """Images that two forms answer differently; both [n], or bool [n, labels] where any label counts."""
    return int((before != after).reshape(len(after), -1).any(axis=1).sum())
