"""A benchmark for people (a table of rich and sentences) and for programs (a JSON-safe dict)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_result import Cold, Latency, ModelReport, Report
from edgedigits.tasks.class_recalls import to_record
from edgedigits.tasks.differences import find_worst_class, tell_classes, tell_f1, tell_mcnemar, word_interval
from edgedigits.tasks.statistics import Interval

_SCHEMA: Final = 2
_BUSY: Final = 0.6  # share of the cores that other work had kept busy in the last minute

Cells = tuple[str, ...]


def to_json(report: Report) -> JsonObject:
    """All that was found; the unit is in the key, accuracies are shares of 1. A speedup of void rounds has no interval."""
    found = {"schema": _SCHEMA, **asdict(report)}
    del found["labels"]
    for model in (found["baseline"], found["compressed"]):
        if model is not None:
            del model["answers"]
    if report.comparison is not None:
        paired = report.comparison.paired
        found["comparison"]["paired"] |= {
            "difference_points": paired.difference_points,
            "mcnemar_p": paired.p_value,
        }
        for speedup, ratio in zip(report.comparison.speedups, found["comparison"]["speedups"], strict=True):
            if is_void(speedup.threads, report):
                for one in ("ratio", "saved_us"):
                    ratio[one] |= {"low": None, "high": None}
        found["comparison"]["classes"] = to_record(report.comparison.classes, report.classes, "baseline")
    return found


def render(report: Report) -> Group:
    """The table, then what it was measured on and how sure the differences are; made for 100 columns."""
    parts: list[RenderableType] = [
        _table(report),
        Text(tell_machine(report), style="dim"),
        *map(Text, list_remarks(report)),
    ]
    if report.baseline is not None and report.comparison is not None:
        for each in report.comparison.speedups:
            parts.append(Text(tell_speed(each.threads, each.ratio, report)))
        parts += map(Text, tell_why(report))
        parts.append(Text(tell_mcnemar(report.comparison.paired, report.baseline.name, report.compressed.name)))
        if report.comparison.f1 is not None:
            parts.append(Text(tell_f1(report.comparison.f1)))
        if lost := tell_classes(report.comparison.classes, report.classes, "the images"):
            parts.append(Text(f"Warning: {lost}.", style="bold"))
    return Group(*parts)


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for model in report.models:
        table.add_column(model.name, justify="right", overflow="fold")
    if report.baseline is not None:
        table.add_column(f"against {report.baseline.name}", justify="right")
    for rows in list_sections(report):
        table.add_section()
        for row in rows:
            table.add_row(*row)
    return table


def list_sections(report: Report) -> list[list[Cells]]:
    """The rows of the table: those of the files, then those of every number of threads."""
    return [
        list(_file_rows(report)),
        *(list(_latency_rows(report, at)) for at in range(len(report.compressed.latencies))),
    ]


def _file_rows(report: Report) -> Iterator[Cells]:
    change = (f"{report.comparison.paired.difference_points:+.2f} points",) if report.comparison else ()
    several = any("f1_macro" in model.scores for model in report.models)
    yield (
        "all labels right" if several else "accuracy",
        *(f"{100 * model.accuracy.value:.2f} %" for model in report.models),
        *change,
    )
    yield ("  95 % interval", *(word_interval(model.accuracy) for model in report.models), *("" for _ in change))
    if several:
        yield from _f1_rows(report)
    if report.comparison and (worst := find_worst_class(report.comparison.classes, report.classes)):
        yield ("  recall, worst class", *worst)
    yield _row(report, "raw bytes", lambda model: model.raw_bytes, "{:,.0f}", ("smaller", "larger"))
    yield _row(report, "gzip bytes", lambda model: model.gzip_bytes, "{:,.0f}", ("smaller", "larger"))


def _f1_rows(report: Report) -> Iterator[Cells]:
    for key, name in (("f1_macro", "F1, mean of labels"), ("f1_micro", "F1, all labels")):
        values = [100 * model.scores[key] for model in report.models]
        change = (f"{values[1] - values[0]:+.2f} points",) if len(values) == 2 else ()
        yield (name, *(f"{value:.2f} %" for value in values), *change)


def _latency_rows(report: Report, at: int) -> Iterator[Cells]:
    def of(get: Callable[[Latency], float]) -> Callable[[ModelReport], float]:
        return lambda model: get(model.latencies[at])

    threads = report.compressed.latencies[at].threads
    where = f", {threads} thread" + ("s" if threads > 1 else "")
    speed = ("faster", "slower")
    yield _row(report, f"p50{where}", of(lambda it: it.p50_us / 1e3), "{:#.4g} ms", speed)
    yield _row(report, "p90", of(lambda it: it.p90_us / 1e3), "{:#.4g} ms", speed)
    yield _row(report, "p99", of(lambda it: it.p99_us / 1e3), "{:#.4g} ms", speed)
    rates = [model.latencies[at].per_second for model in report.models]
    yield ("whole calls a second", *(f"{rate:,.0f}" for rate in rates), *_ratio([1 / rate for rate in rates], speed))
    yield _row(report, "first inference", of(lambda it: it.first_us / 1e3), "{:#.3g} ms", speed)
    yield _row(report, "load", of(lambda it: it.load_ms), "{:#.3g} ms", speed)
    if all(model.latencies[at].cold for model in report.models):
        yield _row(report, "cold first", of(lambda it: it.cold.first_us / 1e3 if it.cold else 0), "{:#.3g} ms", speed)
        yield _row(report, "cold load", of(lambda it: it.cold.load_ms if it.cold else 0), "{:#.3g} ms", speed)
    yield _row(report, "peak memory, process", of(lambda it: it.peak_memory_mib), "{:.1f} MiB", ("smaller", "larger"))
    for name, mib in (
        ("  steady", [model.latencies[at].steady_memory_mib for model in report.models]),
        ("  added by the model", [model.latencies[at].added_memory_mib for model in report.models]),
    ):
        yield (name, *("?" if each is None else f"{each:.1f} MiB" for each in mib), *[""] * (len(mib) - 1))


def _row(report: Report, name: str, get: Callable[[ModelReport], float], form: str, words: tuple[str, str]) -> Cells:
    values = [get(model) for model in report.models]
    return (name, *(form.format(value) for value in values), *_ratio(values, words))


def _ratio(values: Sequence[float], words: tuple[str, str]) -> Cells:
    """The last column, where there are two models; the less the better."""
    return (word_ratio(values[0] / values[1], words),) if len(values) == 2 else ()


def word_ratio(ratio: float, words: tuple[str, str]) -> str:
    """2.0 as "2.00x smaller", 0.5 as "2.00x larger", for `words` ("smaller", "larger")."""
    better = ratio >= 1
    factor = ratio if better else 1 / ratio
    shown = f"{factor:,.0f}" if factor >= 100 else f"{factor:#.3g}"
    return "the same" if shown == "1.00" else f"{shown}x {words[0] if better else words[1]}"


def tell_machine(report: Report) -> str:
    """The machine, and how the times came about."""
    at = report.environment
    machine = at["board"] or at["cpu"] or at["machine"]
    apart = ", each round in a process of its own" if report.apart else ""
    pinned = "" if report.pin is None else f", pinned to core {report.pin}"
    return (
        f"{report.images:,} images; {at['runtime']} {at['runtime_version']}, Python {at['python']}, "
        f"NumPy {at['numpy']}, on {machine}, {at['cpus']} cores{pinned}. One image at a time, invoke() alone; "
        f"{report.windows} window(s) of {report.window_s:g} s per model, taking turns{apart}; a percentile is the median of the "
        f"windows'. Every lap holds {at['timer_ns']} ns of the timer's own."
    )


def list_remarks(report: Report) -> Iterator[str]:
    """What makes the times worth less than they look."""
    load, cores = report.environment["load_average"][0], report.environment["cpus"]
    if load > _BUSY * cores:
        yield f"The machine was busy when this began (load average {load:.1f}, {cores} cores): p90 and p99 suffer most."
    for at in range(len(report.compressed.latencies)):
        yield from _void_sentences(report, at)
    for model in report.models:
        for it in model.latencies:
            if it.cold and it.cold.resident_share != 0:
                yield _not_cold(model.name, it.cold)
        if model.float16_arithmetic:
            yield f"{model.name} allows float16 arithmetic: processors with it, as a Pi 5's, compute in it, others in float32."
        if any(it.delegated is False for it in model.latencies):
            yield f"{model.name} ran on the interpreter's own kernels, often several times slower than XNNPACK."


def _void_sentences(report: Report, at: int) -> Iterator[str]:
    """How many windows did not count at one number of threads, and why."""
    found = [model.latencies[at] for model in report.models]
    reasons = list(dict.fromkeys(reason for latency in found for reason in latency.void_reasons))
    if not reasons:
        return
    threads, valid, windows = found[0].threads, found[0].valid_windows, report.windows
    where = "one thread" if threads == 1 else f"{threads} threads"
    why = "; ".join(reasons[:3]) + ("; ..." if len(reasons) > 3 else "")
    if valid:
        yield f"With {where}, {windows - valid} of {windows} rounds are void and left out ({why})."
    else:
        yield f"With {where}, every round is void ({why}): times are shown, but measure again before believing them."


def _not_cold(name: str, cold: Cold) -> str:
    if cold.resident_share is None:
        return f"{name}: whether the file was out of the page cache for the cold numbers can't be told."
    return f"{name}: {100 * cold.resident_share:.0f} % of the file stayed in the page cache, so cold is not cold here."


def tell_why(report: Report) -> Iterator[str]:
    """Why the compressed model is no faster than it is, where it is not at least 1.2 times as fast."""
    if report.comparison is not None and report.comparison.why_no_faster:
        yield f"Why {report.compressed.name} is no faster: {report.comparison.why_no_faster}."


def is_void(threads: int, report: Report) -> bool:
    """Whether no round counts that was measured with so many threads: an interval of what is doubtful would look sure."""
    return any(one.threads == threads and not one.valid_windows for one in report.compressed.latencies)


def tell_speed(threads: int, ratio: Interval, report: Report) -> str:
    """How many times faster, with its interval, and whether that could be nothing; by void rounds alone, without one."""
    where = "one thread" if threads == 1 else f"{threads} threads"
    said = f"With {where}, {report.compressed.name} is {ratio.value:.2f} times as fast"
    if is_void(threads, report):
        return f"{said} by void rounds alone, so without an interval."
    said += f" (95 % interval {ratio.low:.2f} to {ratio.high:.2f})"
    return said + (": not a clear difference." if ratio.low <= 1 <= ratio.high else ".")
