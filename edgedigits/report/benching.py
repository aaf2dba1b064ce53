"""A benchmark for people (a table of rich and sentences) and for programs (a JSON-safe dict)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.bench_report import Latency, ModelReport, Report
from edgedigits.statistics import Interval, Paired

SCHEMA: Final = 1
_SIGNIFICANT: Final = 0.05
_BUSY: Final = 0.6  # share of the cores that other work had kept busy in the last minute

Row = tuple[str, ...]


def as_json(report: Report) -> dict[str, Any]:
    """All that was found; the unit is in the key, accuracies are shares of 1."""
    found = {"schema": SCHEMA, **asdict(report)}
    if report.comparison is not None:
        paired = report.comparison.paired
        found["comparison"]["paired"] |= {
            "difference_points": paired.difference_points,
            "mcnemar_p": paired.p_value,
        }
    return found


def render(report: Report) -> Group:
    """The table, then what it was measured on and how sure the differences are; made for 100 columns."""
    parts: list[RenderableType] = [
        _table(report),
        Text(_measured_on(report), style="dim"),
        *map(Text, _remarks(report)),
    ]
    if report.baseline is not None and report.comparison is not None:
        for each in report.comparison.speedups:
            parts.append(Text(speed_sentence(each.threads, each.ratio, report)))
        parts.append(Text(mcnemar_sentence(report.comparison.paired, report.baseline.name, report.compressed.name)))
    return Group(*parts)


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for model in report.models:
        table.add_column(model.name, justify="right", overflow="fold")
    if report.baseline is not None:
        table.add_column(f"against {report.baseline.name}", justify="right")
    for row in _file_rows(report):
        table.add_row(*row)
    for at in range(len(report.compressed.latencies)):
        table.add_section()
        for row in _latency_rows(report, at):
            table.add_row(*row)
    return table


def _file_rows(report: Report) -> Iterator[Row]:
    change = (f"{report.comparison.paired.difference_points:+.2f} points",) if report.comparison else ()
    yield ("accuracy", *(f"{100 * model.accuracy.value:.2f} %" for model in report.models), *change)
    yield ("  95 % interval", *(_shares(model.accuracy) for model in report.models), *("" for _ in change))
    yield _row(report, "raw bytes", lambda model: model.raw_bytes, "{:,.0f}", ("smaller", "larger"))
    yield _row(report, "gzip bytes", lambda model: model.gzip_bytes, "{:,.0f}", ("smaller", "larger"))


def _latency_rows(report: Report, at: int) -> Iterator[Row]:
    def of(get: Callable[[Latency], float]) -> Callable[[ModelReport], float]:
        return lambda model: get(model.latencies[at])

    threads = report.compressed.latencies[at].threads
    where = f", {threads} thread" + ("s" if threads > 1 else "")
    speed = ("faster", "slower")
    yield _row(report, f"p50{where}", of(lambda it: it.p50_us / 1e3), "{:#.4g} ms", speed)
    yield _row(report, "p90", of(lambda it: it.p90_us / 1e3), "{:#.4g} ms", speed)
    yield _row(report, "p99", of(lambda it: it.p99_us / 1e3), "{:#.4g} ms", speed)
    yield _row(report, "first inference", of(lambda it: it.first_us / 1e3), "{:#.3g} ms", speed)
    yield _row(report, "load", of(lambda it: it.load_ms), "{:#.3g} ms", speed)
    yield _row(report, "peak memory, process", of(lambda it: it.peak_memory_mib), "{:.1f} MiB", ("smaller", "larger"))
    added = [model.latencies[at].added_memory_mib for model in report.models]
    yield (
        "  added by the model",
        *("?" if mib is None else f"{mib:.1f} MiB" for mib in added),
        *[""] * (len(added) - 1),
    )


def _row(report: Report, name: str, get: Callable[[ModelReport], float], form: str, words: tuple[str, str]) -> Row:
    values = [get(model) for model in report.models]
    ratio = (times(values[0] / values[1], words),) if len(values) == 2 else ()
    return (name, *(form.format(value) for value in values), *ratio)


def times(ratio: float, words: tuple[str, str]) -> str:
    """2.0 as "2.00x smaller", 0.5 as "2.00x larger", for `words` ("smaller", "larger")."""
    better = ratio >= 1
    factor = ratio if better else 1 / ratio
    shown = f"{factor:,.0f}" if factor >= 100 else f"{factor:#.3g}"
    return "the same" if shown == "1.00" else f"{shown}x {words[0] if better else words[1]}"


def _shares(interval: Interval) -> str:
    return f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"


def _measured_on(report: Report) -> str:
    at = report.environment
    machine = at["board"] or at["cpu"] or at["machine"]
    return (
        f"{report.images:,} images; {at['runtime']} {at['runtime_version']}, Python {at['python']}, "
        f"NumPy {at['numpy']}, on {machine}, {at['cpus']} cores. One image at a time, invoke() alone; {report.windows} "
        f"window(s) of {report.window_s:g} s per model, taking turns; a percentile is the median of the windows'."
    )


def _remarks(report: Report) -> Iterator[str]:
    """What makes the times worth less than they look."""
    load, cores = report.environment["load_average"][0], report.environment["cpus"]
    if load > _BUSY * cores:
        yield f"The machine was busy when this began (load average {load:.1f}, {cores} cores): p90 and p99 suffer most."
    for model in report.models:
        if any(it.delegated is False for it in model.latencies):
            yield f"{model.name} ran on the interpreter's own kernels, often several times slower than XNNPACK."


def speed_sentence(threads: int, ratio: Interval, report: Report) -> str:
    """How many times faster, with its interval, and whether that could be nothing."""
    where = "one thread" if threads == 1 else f"{threads} threads"
    said = (
        f"With {where}, {report.compressed.name} is {ratio.value:.2f} times as fast "
        f"(95 % interval {ratio.low:.2f} to {ratio.high:.2f})"
    )
    return said + (": not a clear difference." if ratio.low <= 1 <= ratio.high else ".")


def mcnemar_sentence(paired: Paired, baseline: str, compressed: str) -> str:
    """The difference in accuracy, whether it is more than chance, and the counts behind that."""
    p = paired.p_value
    verdict = "is significant" if p < _SIGNIFICANT else "is not significant"
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    return (
        f"The difference of {paired.difference_points:+.2f} points {verdict}: {paired.both:,} images both got right, "
        f"{paired.only_baseline:,} only {baseline}, {paired.only_compressed:,} only {compressed}, "
        f"{paired.neither:,} neither; {shown} (exact McNemar test)."
    )
