"""Many models timed side by side: in rounds that visit every model once, each window in a process of its own.

A process of its own, for where a process lies in memory alone moves a small net's time by some percent: the median over
rounds is then over such chances too. The order rotates, so that a drifting clock or a neighbour meets all models alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.arrays import decode
from edgedigits_runner.bench import rotated
from numpy.typing import NDArray

from edgedigits.measure.bench import BenchSettings, bench_job
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.tasks.statistics import Interval, compute_speedup, compute_typical_percentile

Say = Callable[[str], None]
IMAGES = 64
"""So many images take turns in a window."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Window:
    """The laps of one window in microseconds, invoke() alone; `void` says why they don't count, None where they do."""

    laps_us: NDArray[np.float64]
    void: str | None


Racer = Callable[[float], Window]
"""Seconds to a window of that length, in a new process."""


def race(racers: Mapping[str, Racer], rounds: int, window_s: float, say: Say) -> dict[str, list[Window]]:
    """A window of every model in every round."""
    names = list(racers)
    windows: dict[str, list[Window]] = {name: [] for name in names}
    for number in range(rounds):
        say(f"timing, round {number + 1} of {rounds}: {len(names)} models")
        for at in rotated(len(names), number):
            windows[names[at]].append(racers[names[at]](window_s))
    return windows


def tflite_racer(runner: RunnerProcess, model: dict[str, Any], images: Path) -> Racer:
    """A .tflite file in LiteRT, one thread; `model` as `edgedigits.measure.bench.describe_model` gives it."""

    def run(window_s: float) -> Window:
        settings = BenchSettings(runtime="litert", windows=1, window_s=window_s)
        result = runner.run("bench", bench_job([model], str(images), settings))
        (window,) = result["latency"][0]["models"][0]["windows"]
        return Window(decode(window["laps_ns"]) / 1000, window["void"])

    return run


def few_images(images: Path, path: Path) -> Path:
    """The first images of an evaluation file, in a file of their own: enough to time with."""
    with np.load(images) as found:
        np.savez(path, images=found["images"][:IMAGES], labels=found["labels"][:IMAGES])
    return path


def timing(baseline: Sequence[Window], own: Sequence[Window]) -> dict[str, Any]:
    """p50 and how many times faster than the baseline, with bootstrap 95 % intervals over the rounds; JSON-safe.

    Rounds in which either window is void don't count, unless every round is such.
    """
    pairs = list(zip(baseline, own, strict=True))
    valid = [pair for pair in pairs if not (pair[0].void or pair[1].void)]
    before, after = ([pair[side].laps_us for pair in valid or pairs] for side in (0, 1))
    return {
        **_flat("p50", p50(after), "_us"),
        **_flat("times_faster", compute_speedup(before, after, resamples=RESAMPLES)),
        "window_p50_us": [round(float(np.median(window.laps_us)), 3) for window in own],
        "valid_rounds": len(valid),
        "void_reasons": [window.void for window in own if window.void],
    }


def p50(windows: Sequence[NDArray[Any]], seed: int = 0) -> Interval:
    """Median over the rounds of each window's median, with its bootstrap 95 % interval."""
    medians = np.array([np.median(laps) for laps in windows])
    drawn = np.random.default_rng(seed).integers(len(medians), size=(RESAMPLES, len(medians)))
    low, high = np.percentile(np.median(medians[drawn], axis=1), [2.5, 97.5])
    value = compute_typical_percentile(windows, 50)
    return Interval(value, min(value, float(low)), max(value, float(high)))


def _flat(name: str, interval: Interval, unit: str = "") -> dict[str, float]:
    return {f"{name}{unit}": interval.value, f"{name}_low{unit}": interval.low, f"{name}_high{unit}": interval.high}
