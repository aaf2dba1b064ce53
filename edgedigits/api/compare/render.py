"""A comparison of two models for people (a table of rich and sentences) and for programs (a JSON-safe dict)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render import bench as shown
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_result import Comparison, ModelReport, Report
from edgedigits.measure.cost.cycle_model import load_cycle_rates, predict_cycles
from edgedigits.pipeline.gates.evidence import count_flips
from edgedigits.tasks.class_recalls import to_record
from edgedigits.tasks.differences import tell_classes, tell_f1, tell_mcnemar
from edgedigits.tasks.statistics import bound_difference
from edgedigits.tflite.packed_file import unpack_file

_SCHEMA: Final = 1


def to_json(report: Report) -> JsonObject:
    """All that was found; the unit is in the key, accuracies are shares of 1. Ratios are of old by new, above 1: new is the
    better."""
    old, new, between = _both(report)
    found, paired = shown.to_json(report), between.paired
    lost = bound_difference(paired.only_compressed, paired.only_baseline, paired.images)
    return {
        "schema": _SCHEMA,
        "kind": "compare",
        **{key: found[key] for key in ("images", "eval_sha256", "windows", "window_s", "environment")},
        "same_bytes": old.sha256 == new.sha256,
        "old": found["baseline"] | {"cycles": _cycles(old)},
        "new": found["compressed"] | {"cycles": _cycles(new)},
        "accuracy_change": {
            "value": lost.value,
            "low": lost.low,
            "high": lost.high,
            "mcnemar_p": paired.p_value,
            "only_old_right": paired.only_baseline,
            "only_new_right": paired.only_compressed,
        },
        "flips": count_flips(old.answers, new.answers),
        "speedups": found["comparison"]["speedups"],
        "why_no_faster": between.why_no_faster,
        "classes": [_of_new(row) for row in to_record(between.classes, report.classes, "old")],
    }


def _of_new(row: JsonObject) -> JsonObject:
    return {key.replace("compressed", "new"): value for key, value in row.items()}


def _both(report: Report) -> tuple[ModelReport, ModelReport, Comparison]:
    assert report.baseline is not None
    assert report.comparison is not None
    return report.baseline, report.compressed, report.comparison


def _cycles(model: ModelReport) -> dict[str, int]:
    """Of one inference on each core, foretold."""
    flat = unpack_file(Path(model.path))
    return {core: round(predict_cycles(flat, core)) for core in load_cycle_rates()}


def render(report: Report) -> Group:
    """The table, then how sure each change is; made for 100 columns."""
    parts: list[RenderableType] = [_table(report), Text(shown.tell_machine(report), style="dim")]
    parts += map(Text, shown.list_remarks(report))
    parts += map(Text, _sentences(report))
    return Group(*parts)


def _sentences(report: Report) -> Iterator[str]:
    old, new, between = _both(report)
    if old.sha256 == new.sha256:
        yield "Both are the same bytes."
    yield tell_mcnemar(between.paired, "old", "new")
    yield f"{count_flips(old.answers, new.answers):,} of {report.images:,} images change their answer."
    if between.f1 is not None:
        yield tell_f1(between.f1)
    if lost := tell_classes(between.classes, report.classes, "the images"):
        yield f"Warning: {lost}."
    for each in between.speedups:
        yield shown.tell_speed(each.threads, each.ratio, report)


def tell_in_a_line(report: Report) -> str:
    """What matters most, in a few words."""
    old, new, between = _both(report)
    points, speed = between.paired.difference_points, between.speedups[0].ratio.value
    return f"{points:+.2f} points, {new.raw_bytes - old.raw_bytes:+,} bytes, {speed:.2f} times as fast"


def _table(report: Report) -> Table:
    old, new, between = _both(report)
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "old", "new", "change"):
        table.add_column(name, justify="right" if name else "left")
    right = [f"{100 * model.accuracy.value:.2f} %" for model in (old, new)]
    table.add_row("accuracy", *right, f"{between.paired.difference_points:+.2f} points")
    less, fast = ("smaller", "larger"), ("faster", "slower")
    rows = [
        ("bytes", old.raw_bytes, new.raw_bytes, less),
        ("gzip bytes", old.gzip_bytes, new.gzip_bytes, less),
        *((f"cycles, {core}", count, _cycles(new)[core], ("fewer", "more")) for core, count in _cycles(old).items()),
    ]
    for name, before, after, words in rows:
        table.add_row(name, f"{before:,}", f"{after:,}", shown.word_ratio(before / after, words))
    p50 = [model.latencies[0].p50_us for model in (old, new)]
    table.add_row("p50", *(f"{each / 1e3:#.4g} ms" for each in p50), shown.word_ratio(p50[0] / p50[1], fast))
    return table
