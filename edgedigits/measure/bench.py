"""Measures a .tflite file, alone or against its float form, through the device runner.

Accuracy and latency come from one process in which the models take turns; memory, load time and first inference from
processes that hold one model each, so that neither model's peak hides in the other's.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from edgedigits_runner.tasks import CLASSIFICATION, Task

from edgedigits.data.images import Images, read_all
from edgedigits.data.scale import Scale, parse_scaling
from edgedigits.errors import EdgeDigitsError, InputError, TfliteError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench_result import (
    Comparison,
    ModelReport,
    Probes,
    Report,
    compare,
    compute_accuracy,
    compute_latencies,
    find_right,
    find_task,
    pick_models,
    read_answers,
    read_labels,
    read_scores,
)
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.rounds_apart import FEW_NAME, draw_few, join_rounds, reverse
from edgedigits.measure.runs_on.foretelling import check_files
from edgedigits.measure.runtimes.asked import parse_asked
from edgedigits.measure.runtimes.environments import RuntimeName, find_python_for
from edgedigits.measure.why_no_faster import CLEARLY_FASTER, Race, Side, explain, look_at
from edgedigits.tflite.flatbuffer import FLOAT16_ENTRY, read
from edgedigits.tflite.fragments import nearly_nothing
from edgedigits.tflite.packed_file import unpack_file

_NOTHING: Final = "nothing.tflite"
_FIXED_WINDOWS: Final = 5
_FIXED_WINDOW_S: Final = 0.05


@dataclass(frozen=True)
class Contestant:
    """A .tflite file and how pixels become its input; `resize` is (height, width), None where the images fit.

    `task` says what its outputs mean.
    """

    name: str
    path: Path
    scale: Scale = "0..1"
    resize: tuple[int, int] | None = None
    task: Task = CLASSIFICATION


@dataclass(frozen=True)
class BenchSettings:
    """`windows` of `window_s` seconds per model and number of threads, after `warmup_s` (at least 0.5) of warm-up.

    `probes` processes per model and number of threads measure load, first inference (medians) and memory (the largest);
    with `cold` as many more, the model's file dropped from the page cache before each. `pin` is the one core that
    everything runs on, None leaves that to the system. `apart`: each round in a process of its own (`rounds_apart`).
    """

    threads: tuple[int, ...] = (1,)
    runtime: RuntimeName = "auto"
    windows: int = 5
    window_s: float = 0.5
    warmup_s: float = 0.5
    probes: int = 3
    pin: int | None = None
    cold: bool = False
    apart: bool = False

    def __post_init__(self) -> None:
        if not self.threads or min(self.threads) < 1 or len(set(self.threads)) != len(self.threads):
            raise InputError(f"threads: found {list(self.threads)}; give different whole numbers of at least 1, as 1,2")
        if self.windows < 1 or self.probes < 1:
            raise InputError(f"found {self.windows} windows and {self.probes} probes; give at least 1 of each")
        if self.window_s < 0.01 or self.warmup_s < 0.5:
            raise InputError(
                f"found windows of {self.window_s:g} s and a warm-up of {self.warmup_s:g} s; "
                "give at least 0.01 s and 0.5 s"
            )
        if self.pin is not None and self.pin < 0:
            raise InputError(f"--pin {self.pin}: give the number of a core, from 0")


class Runner(Protocol):
    """Something that does jobs of the device runner, on this machine or another."""

    def run(self, kind: str, job: JsonObject) -> JsonObject:
        """The result of a job of that kind, checked by `edgedigits.measure.result_check`; `job` leaves out schema and kind."""
        ...

    def put(self, files: Mapping[str, bytes]) -> None:
        """Lays files beside those that its jobs name."""
        ...


def bench(
    compressed: Contestant,
    baseline: Contestant | None,
    images: Path | Images,
    settings: BenchSettings = BenchSettings(),
    progress: Say = lambda _: None,
) -> Report:
    """Accuracy, size and speed of `compressed`, and what they are against `baseline`.

    `images` are labelled images or an .npz file of them: images uint8 [n, height, width, channels], labels int32 [n], or uint8
    [n, labels] of 0 and 1.
    `progress` is called with one line at a time. Raises TfliteError, DataError or InputError where something given
    can't be used, OperatorError where a runtime that was named lacks an operator, EdgeDigitsError where the runner crashed.
    """
    contestants = [compressed] if baseline is None else [baseline, compressed]
    return bench_together(contestants, images, settings, progress)[0]


def bench_together(
    contestants: Sequence[Contestant],
    images: Path | Images,
    settings: BenchSettings = BenchSettings(),
    progress: Say = lambda _: None,
) -> tuple[Report, ...]:
    """As `bench`, of any number of contestants in one run, where all take turns: what each is against the first."""
    models = [describe_model(contestant) for contestant in contestants]
    check_files([contestant.path for contestant in contestants], settings.runtime)
    python = find_python_for(settings.runtime, progress)
    settings = replace(settings, runtime=parse_asked(settings.runtime).name)
    with tempfile.TemporaryDirectory(prefix="edgedigits-bench-") as folder:
        runner = RunnerProcess(python, Path(folder), progress)
        few = draw_few(images) if settings.apart else None
        return measure_together(runner, models, str(_eval_file(images, Path(folder))), contestants, settings, few)


def measure(
    runner: Runner,
    models: Sequence[JsonObject],
    eval_path: str,
    contestants: Sequence[Contestant],
    settings: BenchSettings,
    few: bytes | None = None,
) -> Report:
    """The report of one or two contestants (the baseline first) on whatever machine `runner` runs.

    `models` are the contestants as `model_job` gives them, `eval_path` is an .npz file; paths as the runner finds them. `few` is
    an .npz file of some of the images, which rounds need that run apart.
    """
    return measure_together(runner, models, eval_path, contestants, settings, few)[0]


def measure_together(
    runner: Runner,
    models: Sequence[JsonObject],
    eval_path: str,
    contestants: Sequence[Contestant],
    settings: BenchSettings,
    few: bytes | None = None,
) -> tuple[Report, ...]:
    """A report of each contestant against the first, or of the only one, all of one run."""
    result = _run(runner, models, eval_path, settings, few)
    probes = [_probes(runner, model, result["image_shape"], settings) for model in models]
    sides = [[0, at] for at in range(1, len(contestants))] or [[0]]
    return tuple(
        _report(
            runner,
            [contestants[at] for at in places],
            pick_models(result, places),
            [probes[at] for at in places],
            settings,
        )
        for places in sides
    )


def _run(
    runner: Runner, models: Sequence[JsonObject], eval_path: str, settings: BenchSettings, few: bytes | None
) -> JsonObject:
    """The result of the job, of rounds that run apart too."""
    if not settings.apart or few is None:
        return runner.run("bench", bench_job(models, eval_path, settings))
    runner.put({FEW_NAME: few})
    one = replace(settings, windows=1)
    rounds = [
        runner.run("bench", bench_job(reverse(models, at), FEW_NAME if at else eval_path, one))
        for at in range(settings.windows)
    ]
    return join_rounds(rounds)


def _report(
    runner: Runner,
    contestants: Sequence[Contestant],
    result: JsonObject,
    probes: Sequence[Sequence[Probes]],
    settings: BenchSettings,
) -> Report:
    """The report of a result of one or two contestants."""
    reports = [_model_report(one, result, at, probes[at]) for at, one in enumerate(contestants)]
    comparison = compare(result) if len(reports) > 1 else None
    if comparison is not None:
        comparison = replace(comparison, why_no_faster=_why(runner, comparison, reports, result, settings))
    return Report(
        environment=result["environment"],
        eval_sha256=result["eval_sha256"],
        images=len(read_labels(result)),
        windows=settings.windows,
        window_s=settings.window_s,
        pin=settings.pin,
        baseline=reports[0] if len(reports) > 1 else None,
        compressed=reports[-1],
        comparison=comparison,
        labels=read_labels(result),
        apart=settings.apart,
    )


def _why(
    runner: Runner,
    comparison: Comparison,
    reports: Sequence[ModelReport],
    result: JsonObject,
    settings: BenchSettings,
) -> str:
    """Why the compressed model is not clearly faster, at the fewest threads where it is not; "" where it is at all of them."""
    slow = [at for at, one in enumerate(comparison.speedups) if one.ratio.value < CLEARLY_FASTER]
    if not slow:
        return ""
    at = slow[0]
    times = [report.latencies[at] for report in reports]
    works = [look_at(unpack_file(Path(report.path)), report.name) for report in reports]
    baseline, compressed = [
        Side(report.name, time.p50_us, time.delegated, work)
        for report, time, work in zip(reports, times, works, strict=True)
    ]
    fixed = _fixed_us(runner, settings) if times[0].threads == 1 else None
    said = explain(Race(baseline, compressed, result["environment"], fixed))
    return said if times[0].valid_windows else f"every round is void, so perhaps it is; if not, {said}"


def _fixed_us(runner: Runner, settings: BenchSettings) -> float | None:
    """What a call takes that computes next to nothing, on one thread; None where it could not be measured."""
    runner.put({_NOTHING: nearly_nothing()})
    job = {"runtime": settings.runtime, "files": [_NOTHING], "windows": _FIXED_WINDOWS, "window_s": _FIXED_WINDOW_S}
    try:
        (found,) = runner.run("timings", job)["files"]
    except EdgeDigitsError:  # all else is measured by then
        return None
    return None if found["ns"] is None else float(found["ns"]) / 1000


def describe_model(contestant: Contestant, path: str | None = None) -> JsonObject:
    """The model as the runner's job file names it; `path` is where the runner finds it, if not where it lies here."""
    scale = parse_scaling(contestant.scale, "--scale")
    if contestant.resize is not None and min(contestant.resize) < 1:
        raise InputError(f"--resize {contestant.resize}: give height and width of at least 1, as 96x96")
    return {
        "name": contestant.name,
        "path": path or str(contestant.path.resolve()),
        "sha256": hashlib.sha256(_content(contestant.path)).hexdigest(),
        "scale": scale.as_json(),
        "resize": None if contestant.resize is None else list(contestant.resize),
        "task": contestant.task.as_json(),
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TfliteError(f"{path}: can't be read ({error.strerror}); give a .tflite file") from error


def _eval_file(images: Path | Images, folder: Path) -> Path:
    """Where the runner finds the images; those in memory are written down first."""
    if isinstance(images, Path):
        return images.resolve()
    path = folder / "eval.npz"
    np.savez(path, images=read_all(images), labels=images.labels)
    return path


def bench_job(models: Sequence[JsonObject], eval_path: str, settings: BenchSettings) -> JsonObject:
    """Accuracy of the models, then their latency, in one process."""
    return {
        "runtime": settings.runtime,
        "models": list(models),
        "eval": eval_path,
        "threads": list(settings.threads),
        "windows": settings.windows,
        "window_s": settings.window_s,
        "warmup_s": settings.warmup_s,
        "pin": settings.pin,
    }


def _probes(runner: Runner, model: JsonObject, image_shape: list[int], settings: BenchSettings) -> list[Probes]:
    """For every number of threads, the results of its probes."""
    job = {"runtime": settings.runtime, "model": model, "image_shape": image_shape, "pin": settings.pin}
    return [
        Probes(
            *(
                [runner.run("probe", {**job, "threads": threads, "cold": cold}) for _ in range(count)]
                for cold, count in ((False, settings.probes), (True, settings.probes if settings.cold else 0))
            )
        )
        for threads in settings.threads
    ]


def _model_report(contestant: Contestant, result: JsonObject, at: int, probes: Sequence[Probes]) -> ModelReport:
    flat = _content(contestant.path)
    return ModelReport(
        name=contestant.name,
        path=str(contestant.path),
        sha256=result["models"][at]["sha256"],
        scale=parse_scaling(contestant.scale).as_json(),
        resize=contestant.resize,
        input=result["models"][at]["input"],
        raw_bytes=len(flat),
        gzip_bytes=len(gzip.compress(flat, 9, mtime=0)),
        right=int(find_right(result, at).sum()),
        accuracy=compute_accuracy(result, at),
        latencies=compute_latencies(result, at, probes),
        answers=read_answers(result, at),
        task=find_task(result, at).as_json(),
        scores=read_scores(result, at),
        float16_arithmetic=_allows_float16(contestant.path),
    )


def _allows_float16(path: Path) -> bool:
    """Read only where the file may say so: it has been run, whatever else of it the reader would not take."""
    flat = unpack_file(path)
    return FLOAT16_ENTRY.encode() in flat and read(flat, str(path)).float16_arithmetic
