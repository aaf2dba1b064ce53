"""What a benchmark found, in the units of the host: bytes, microseconds, shares of 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from edgedigits_runner.arrays import decode
from edgedigits_runner.tasks import Task, from_json
from numpy.typing import NDArray

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.class_recalls import ClassChanges, count_by_class
from edgedigits.tasks.f1_difference import compare_f1
from edgedigits.tasks.statistics import (
    Interval,
    Paired,
    Spread,
    bound_median,
    bound_share,
    compute_saving,
    compute_speedup,
    compute_typical_percentile,
    pair_up,
)

Laps = Sequence[NDArray[np.float64]]
"""Of each window, in microseconds."""
PERCENTS: Final = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.9, 100)
"""Those that tell how laps are distributed."""


@dataclass(frozen=True)
class Probes:
    """Results of probes of one model at one number of threads; `cold` is empty unless asked for."""

    warm: Sequence[JsonObject]
    cold: Sequence[JsonObject]


@dataclass(frozen=True)
class Cold:
    """Load and first inference with the model's file dropped from the page cache, medians of the probes.

    `resident_share` is how much of the file was there all the same, the largest of the probes; None where not told.
    """

    load_ms: float
    first_us: float
    resident_share: float | None


@dataclass(frozen=True)
class Latency:
    """One model at one number of threads, one image at a time.

    p50, p90 and p99 are of invoke() alone: the median over the windows of each window's percentile. `p50_low_us` and
    `p50_high_us` are its 95 % interval over the windows, None where fewer than three count. `call_p50_us` adds handing the
    image over and fetching the scores, and `per_second` is how many such whole calls fit into a second, again the median
    of the windows. First inference, load (constructor and allocate_tensors, the file in the page cache) and memory come
    from processes of their own: `peak_memory_mib` is that of the whole process, with Python and NumPy,
    `steady_memory_mib` what it holds after 0.2 s of inferences; `added_memory_mib` is the rise from loading the
    model on; None where the system does not tell. `cold` is None unless asked for.

    `quantiles_us` are pairs of a percent of PERCENTS and microseconds, over all laps that count.

    Only rounds in which no model's window is void count: the windows of one round share their time, so they stay or
    go together. `valid_windows` says how many do, `void_reasons` why the others don't. Where it is 0 the numbers come
    from all windows, for a doubtful number that says so is better than none.
    """

    threads: int
    p50_us: float
    p90_us: float
    p99_us: float
    call_p50_us: float
    per_second: float
    first_us: float
    load_ms: float
    peak_memory_mib: float
    steady_memory_mib: float | None
    added_memory_mib: float | None
    cold: Cold | None
    laps: int
    window_p50_us: tuple[float, ...]
    p50_low_us: float | None
    p50_high_us: float | None
    valid_windows: int
    void_reasons: tuple[str, ...]
    delegated: bool | None
    quantiles_us: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class ModelReport:
    """One file: its bytes, as they are and through gzip -9; its accuracy with the 95 % interval; its latencies.

    `scale` is as the runner's job names it, JSON-safe.
    `task` is what its outputs mean, JSON-safe, `scores` what the task counts, shares of 1: accuracy, and F1 of labels.
    `float16_arithmetic`: processors that have it compute the file in float16.
    `answers` is the class it gives for every image, int32 [n], or the labels, bool [n, labels]; it stays out of the JSON.
    """

    name: str
    path: str
    sha256: str
    scale: Any
    resize: tuple[int, int] | None
    input: JsonObject
    raw_bytes: int
    gzip_bytes: int
    right: int
    accuracy: Interval
    latencies: tuple[Latency, ...]
    answers: np.ndarray = field(repr=False, compare=False)
    task: JsonObject = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    float16_arithmetic: bool = False


@dataclass(frozen=True)
class Speedup:
    """p50 of the baseline divided by that of the compressed model, of the rounds' ratios the median; above 1 the compressed one
    is the faster. `saved_us`: by how many microseconds. Where no round is valid the intervals are of void ones, and are not
    shown."""

    threads: int
    ratio: Interval
    saved_us: Interval


@dataclass(frozen=True)
class Comparison:
    """The compressed model against the baseline, in all and class by class: images with all labels right, and of each label
    how many of those that have it are found. `f1` is the difference in macro F1, None where one class is answered.

    `why_no_faster` is a sentence without its full stop where the compressed model is not at least 1.2 times as fast, else "".
    """

    paired: Paired
    speedups: tuple[Speedup, ...]
    classes: ClassChanges
    f1: Interval | None = None
    why_no_faster: str = ""


@dataclass(frozen=True)
class Report:
    """`baseline` and `comparison` are None where the compressed model was measured alone.

    `apart`: each round was measured in a process of its own.
    `labels` are the true classes, int32 [n], or labels, uint8 [n, labels]; they stay out of the JSON. `classes` are their names,
    () where not known.
    """

    environment: JsonObject
    eval_sha256: str
    images: int
    windows: int
    window_s: float
    pin: int | None
    baseline: ModelReport | None
    compressed: ModelReport
    comparison: Comparison | None
    labels: np.ndarray = field(repr=False, compare=False)
    classes: tuple[str, ...] = ()
    apart: bool = False

    @property
    def answers(self) -> dict[str, np.ndarray]:
        """By name of the model, the class or labels it gives for every image, [n] or [n, labels]."""
        return {model.name: model.answers for model in self.models}

    @property
    def models(self) -> tuple[ModelReport, ...]:
        """The baseline, if there is one, then the compressed model."""
        return (self.compressed,) if self.baseline is None else (self.baseline, self.compressed)


def read_laps_us(result: JsonObject, threads_at: int, model_at: int) -> list[NDArray[np.float64]]:
    """The laps of every window, in microseconds."""
    windows = result["latency"][threads_at]["models"][model_at]["windows"]
    return [decode(window["laps_ns"]) / 1000 for window in windows]


def find_valid_rounds(result: JsonObject, threads_at: int) -> list[int]:
    """The rounds in which no model's window is void."""
    models = result["latency"][threads_at]["models"]
    rounds = zip(*(model["windows"] for model in models), strict=True)
    return [at for at, windows in enumerate(rounds) if not any(window["void"] for window in windows)]


def pick_models(result: JsonObject, places: Sequence[int]) -> JsonObject:
    """The result of those models alone. A round that was void for another of them stays void: all shared its time."""
    if list(places) == list(range(len(result["models"]))):
        return result
    return {
        **result,
        "models": [result["models"][at] for at in places],
        "latency": [_pick_latency(entry, places) for entry in result["latency"]],
    }


def _pick_latency(entry: JsonObject, places: Sequence[int]) -> JsonObject:
    rounds = zip(*(model["windows"] for model in entry["models"]), strict=True)
    why = [next((window["void"] for window in windows if window["void"]), None) for windows in rounds]

    def told(windows: Sequence[JsonObject]) -> list[JsonObject]:
        return [{**window, "void": window["void"] or whole} for window, whole in zip(windows, why, strict=True)]

    models = [entry["models"][at] for at in places]
    return {**entry, "models": [{**model, "windows": told(model["windows"])} for model in models]}


def pick_laps_us(result: JsonObject, threads_at: int, model_at: int) -> list[NDArray[np.float64]]:
    """The laps of the windows that count: those of valid rounds, or of all where no round is valid."""
    laps = read_laps_us(result, threads_at, model_at)
    return [laps[at] for at in find_valid_rounds(result, threads_at) or range(len(laps))]


def compute_latencies(result: JsonObject, model_at: int, probes: Sequence[Probes]) -> tuple[Latency, ...]:
    """One model at every number of threads; `probes[i]` are the results of its probes at the i-th number."""
    return tuple(_latency(result, at, model_at, probes[at]) for at in range(len(result["latency"])))


def _latency(result: JsonObject, threads_at: int, model_at: int, probes: Probes) -> Latency:
    entry = result["latency"][threads_at]["models"][model_at]
    valid, everything = find_valid_rounds(result, threads_at), read_laps_us(result, threads_at, model_at)
    counting = valid or range(len(everything))
    laps = [everything[at] for at in counting]
    windows = [entry["windows"][at] for at in counting]
    each_p50 = np.array([compute_typical_percentile([each], 50) for each in laps])
    sure = bound_median(each_p50) if valid else Spread(0.0, None, None)
    return Latency(
        threads=result["latency"][threads_at]["threads"],
        p50_us=compute_typical_percentile(laps, 50),
        p90_us=compute_typical_percentile(laps, 90),
        p99_us=compute_typical_percentile(laps, 99),
        call_p50_us=_median(windows, "call_p50_ns") / 1e3,
        per_second=float(np.median([1e9 * len(laps[at]) / window["calls_ns"] for at, window in enumerate(windows)])),
        first_us=_median(probes.warm, "first_ns") / 1e3,
        load_ms=_median(probes.warm, "load_ns") / 1e6,
        peak_memory_mib=max(probe["peak_kib"] for probe in probes.warm) / 1024,
        steady_memory_mib=_largest([probe["steady_kib"] for probe in probes.warm]),
        added_memory_mib=_added_mib(probes.warm),
        cold=_cold(probes.cold),
        laps=sum(len(each) for each in laps),
        window_p50_us=tuple(compute_typical_percentile([each], 50) for each in everything),
        p50_low_us=sure.low,
        p50_high_us=sure.high,
        valid_windows=len(valid),
        void_reasons=tuple(window["void"] for window in entry["windows"] if window["void"]),
        delegated=entry["delegated"],
        quantiles_us=tuple(zip(PERCENTS, map(float, np.percentile(np.concatenate(laps), PERCENTS)), strict=True)),
    )


def _median(entries: Sequence[JsonObject], key: str) -> float:
    return float(np.median([entry[key] for entry in entries]))


def _largest(kib: Sequence[int | None]) -> float | None:
    """In MiB, of what is known."""
    known = [each for each in kib if each is not None]
    return max(known) / 1024 if known else None


def _cold(probes: Sequence[JsonObject]) -> Cold | None:
    if not probes:
        return None
    shares = [probe["model_resident_share"] for probe in probes]
    return Cold(
        load_ms=_median(probes, "load_ns") / 1e6,
        first_us=_median(probes, "first_ns") / 1e3,
        resident_share=None if None in shares else max(shares),
    )


def _added_mib(probes: Sequence[JsonObject]) -> float | None:
    return _largest(
        [None if probe["imported_kib"] is None else probe["peak_kib"] - probe["imported_kib"] for probe in probes]
    )


def read_labels(result: JsonObject) -> np.ndarray:
    """The true classes, int32 [n], or labels, uint8 [n, labels]."""
    return decode(result["labels"])


def find_task(result: JsonObject, model_at: int) -> Task:
    """What the model's outputs mean; in results of schema 1 always a class."""
    return from_json(result["models"][model_at].get("task"))


def read_answers(result: JsonObject, model_at: int) -> np.ndarray:
    """The class that the model gives for every image, int32 [n], or the labels, bool [n, labels]."""
    task, found = find_task(result, model_at), result["models"][model_at]["answers"]
    return task.predictions({key: decode(found[key]) for key in task.kept})


def find_right(result: JsonObject, model_at: int) -> NDArray[np.bool_]:
    """Which images the model got right, with all labels where there are several, bool [n]."""
    return find_task(result, model_at).right(read_answers(result, model_at), read_labels(result))


def read_scores(result: JsonObject, model_at: int) -> dict[str, float]:
    """What the task counts, shares of 1; of results of schema 1 too."""
    return find_task(result, model_at).scores_of(read_answers(result, model_at), read_labels(result))


def compute_accuracy(result: JsonObject, model_at: int) -> Interval:
    """Share of right answers with Wilson's 95 % interval."""
    right = find_right(result, model_at)
    return bound_share(int(right.sum()), len(right))


def _speed(threads: int, baseline: Laps, compressed: Laps) -> Speedup:
    return Speedup(threads, compute_speedup(baseline, compressed), compute_saving(baseline, compressed))


def compare(result: JsonObject) -> Comparison:
    """The second model of a result against the first."""
    speedups = [
        _speed(entry["threads"], pick_laps_us(result, at, 0), pick_laps_us(result, at, 1))
        for at, entry in enumerate(result["latency"])
    ]
    right = [find_right(result, at) for at in (0, 1)]
    truth, both = read_labels(result), [read_answers(result, at) for at in (0, 1)]
    if truth.ndim == 1:
        return Comparison(pair_up(*right), tuple(speedups), count_by_class(truth, *right))
    has = truth.astype(bool)
    found = count_by_class(has.nonzero()[1], *(each[has] for each in both))
    return Comparison(pair_up(*right), tuple(speedups), found, compare_f1(truth, *both))
