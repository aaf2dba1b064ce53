"""What a benchmark found, in the units of the host: bytes, microseconds, shares of 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from edgedigits_runner.arrays import decode
from numpy.typing import NDArray

from edgedigits.data.scale import Scale
from edgedigits.statistics import Interval, Paired, pair, speedup, typical_percentile, wilson


@dataclass(frozen=True)
class Latency:
    """One model at one number of threads, one image at a time.

    p50, p90 and p99 are of invoke() alone: the median over the windows of each window's percentile. `call_p50_us` adds
    handing the image over and fetching the scores. First inference, load (constructor and allocate_tensors, the file
    in the page cache) and memory come from processes of their own: `peak_memory_mib` is that of the whole process, with
    Python and NumPy; `added_memory_mib` is its rise from loading the model on, None where the system does not tell.
    """

    threads: int
    p50_us: float
    p90_us: float
    p99_us: float
    call_p50_us: float
    first_us: float
    load_ms: float
    peak_memory_mib: float
    added_memory_mib: float | None
    laps: int
    window_p50_us: tuple[float, ...]
    delegated: bool | None


@dataclass(frozen=True)
class ModelReport:
    """One file: its bytes, as they are and through gzip -9; its accuracy with the 95 % interval; its latencies."""

    name: str
    path: str
    sha256: str
    scale: Scale
    resize: tuple[int, int] | None
    input: dict[str, Any]
    raw_bytes: int
    gzip_bytes: int
    right: int
    accuracy: Interval
    latencies: tuple[Latency, ...]


@dataclass(frozen=True)
class Speedup:
    """p50 of the baseline divided by that of the compressed model; above 1 the compressed one is the faster."""

    threads: int
    ratio: Interval


@dataclass(frozen=True)
class Comparison:
    """The compressed model against the baseline."""

    paired: Paired
    speedups: tuple[Speedup, ...]


@dataclass(frozen=True)
class Report:
    """`baseline` and `comparison` are None where the compressed model was measured alone."""

    environment: dict[str, Any]
    images: int
    windows: int
    window_s: float
    baseline: ModelReport | None
    compressed: ModelReport
    comparison: Comparison | None

    @property
    def models(self) -> tuple[ModelReport, ...]:
        """The baseline, if there is one, then the compressed model."""
        return (self.compressed,) if self.baseline is None else (self.baseline, self.compressed)


def laps_us(result: dict[str, Any], threads_at: int, model_at: int) -> list[NDArray[np.float64]]:
    """The laps of every window, in microseconds."""
    windows = result["latency"][threads_at]["models"][model_at]["windows"]
    return [decode(window["laps_ns"]) / 1000 for window in windows]


def latencies(result: dict[str, Any], model_at: int, probes: Sequence[Sequence[dict[str, Any]]]) -> tuple[Latency, ...]:
    """One model at every number of threads; `probes[i]` are the results of its probes at the i-th number."""
    return tuple(
        _latency(entry["threads"], laps_us(result, at, model_at), entry["models"][model_at], probes[at])
        for at, entry in enumerate(result["latency"])
    )


def _latency(
    threads: int, windows: list[NDArray[np.float64]], entry: dict[str, Any], probes: Sequence[dict[str, Any]]
) -> Latency:
    return Latency(
        threads=threads,
        p50_us=typical_percentile(windows, 50),
        p90_us=typical_percentile(windows, 90),
        p99_us=typical_percentile(windows, 99),
        call_p50_us=float(np.median([window["call_p50_ns"] for window in entry["windows"]])) / 1e3,
        first_us=float(np.median([probe["first_ns"] for probe in probes])) / 1e3,
        load_ms=float(np.median([probe["load_ns"] for probe in probes])) / 1e6,
        peak_memory_mib=max(probe["peak_kib"] for probe in probes) / 1024,
        added_memory_mib=_added_mib(probes),
        laps=sum(len(laps) for laps in windows),
        window_p50_us=tuple(typical_percentile([laps], 50) for laps in windows),
        delegated=entry["delegated"],
    )


def _added_mib(probes: Sequence[dict[str, Any]]) -> float | None:
    rises = [probe["peak_kib"] - probe["imported_kib"] for probe in probes if probe["imported_kib"] is not None]
    return max(rises) / 1024 if rises else None


def right_answers(result: dict[str, Any], model_at: int) -> NDArray[np.bool_]:
    """Which images the model got right, bool [n]."""
    right: NDArray[np.bool_] = decode(result["models"][model_at]["answers"]["class"]) == decode(result["labels"])
    return right


def accuracy(result: dict[str, Any], model_at: int) -> Interval:
    """Share of right answers with Wilson's 95 % interval."""
    right = right_answers(result, model_at)
    return wilson(int(right.sum()), len(right))


def compare(result: dict[str, Any]) -> Comparison:
    """The second model of a result against the first."""
    speedups = [
        Speedup(entry["threads"], speedup(laps_us(result, at, 0), laps_us(result, at, 1)))
        for at, entry in enumerate(result["latency"])
    ]
    return Comparison(pair(right_answers(result, 0), right_answers(result, 1)), tuple(speedups))
