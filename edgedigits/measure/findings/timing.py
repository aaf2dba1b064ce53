"""How long both forms take on this machine: in all, with the distribution of the laps, and operator by operator."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from edgedigits.data.images import Images
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench import BenchSettings, Contestant, bench
from edgedigits.measure.bench_result import Latency, Report
from edgedigits.measure.profile.profile import ProfileSettings, make_task, profile_here
from edgedigits.measure.profile.report import OperatorTime, ProfileReport


@dataclass(frozen=True)
class Clock:
    """`windows` of `window_s` seconds for each form, in which both take turns, and as many for the operators."""

    windows: int = 5
    window_s: float = 0.3


def describe_latency(report: Report) -> JsonObject:
    """Of the first number of threads, in microseconds; `float` and `speedup` are None where one file was measured alone. Void
    rounds are left out, unless all are (`valid_windows` 0): then nothing has an interval."""
    times = report.compressed.latencies[0]
    pair = report.comparison.speedups[0] if report.comparison else None
    found: JsonObject = {
        "environment": report.environment,
        "threads": times.threads,
        "windows": report.windows,
        "window_s": report.window_s,
        "valid_windows": times.valid_windows,
        "void_reasons": list(times.void_reasons),
        "float": None if report.baseline is None else _describe(report.baseline.latencies[0]),
        "compressed": _describe(times),
        "speedup": None if pair is None else asdict(pair.ratio),
        "saved_us": None if pair is None else asdict(pair.saved_us),
        "why_no_faster": report.comparison.why_no_faster if report.comparison else "",
        "delegated": {one.name: one.latencies[0].delegated for one in report.models},
    }
    if not times.valid_windows:
        for name in ("speedup", "saved_us"):
            found[name] = found[name] and {**found[name], "low": None, "high": None}
    return found


def _describe(times: Latency) -> JsonObject:
    return {
        "p50_us": {"value": times.p50_us, "low": times.p50_low_us, "high": times.p50_high_us},
        "p90_us": times.p90_us,
        "p99_us": times.p99_us,
        "first_us": times.first_us,
        "load_ms": times.load_ms,
        "peak_memory_mib": times.peak_memory_mib,
        "laps": times.laps,
        "quantiles_us": [list(pair) for pair in times.quantiles_us],
    }


def time_forms(before: Contestant, after: Contestant, images: Images, clock: Clock, say: Say) -> Report:
    """Both forms side by side on one thread; a few images are enough. Raises as `bench` does."""
    settings = BenchSettings(windows=clock.windows, window_s=clock.window_s, probes=1)
    return bench(after, before, images, settings, say)


def describe_operators(file: Path, clock: Clock, say: Say) -> JsonObject:
    """What each operator takes: microseconds, share of the whole, where it runs. Raises as `profile` does."""
    settings = ProfileSettings(windows=clock.windows, window_s=clock.window_s)
    return tell_operators(profile_here(make_task(file), settings, say))


def tell_operators(report: ProfileReport) -> JsonObject:
    """The part of a report on operators."""
    return {
        "whole_us": asdict(report.whole),
        "fixed_us": asdict(report.fixed),
        "windows": report.windows,
        "valid_windows": report.valid_windows,
        "rows": [_tell_operator(one) for one in report.operators],
    }


def _tell_operator(one: OperatorTime) -> JsonObject:
    return {
        "index": one.work.index,
        "kind": one.work.kind,
        "output_shape": list(one.work.output_shape),
        "macs": one.work.macs,
        "us": None if one.us is None else asdict(one.us),
        "share": one.share,
        "gmacs_per_s": one.gmacs,
        "xnnpack": one.delegation.runs,
        "untimed": one.untimed,
    }
