"""The demo for people (one table of three forms, and sentences) and for programs (a JSON-safe dict)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render import bench
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_result import ModelReport, Report
from edgedigits.measure.cost.cycle_model import load_worst_error
from edgedigits.measure.cost.forms import Forms, OnBoard
from edgedigits.tasks.differences import tell_classes, tell_mcnemar, word_interval

_SCHEMA: Final = 1
_SMALLER, _FASTER, _FEWER = ("smaller", "larger"), ("faster", "slower"), ("fewer", "more")
_WHY: Final = (
    "Fewer channels save time on every machine, int8 as much as the processor makes of it, zeros only packed bytes."
)

Cells = tuple[str, ...]


def to_json(found: Forms) -> JsonObject:
    """All of it: each form against float as `edgedigits bench --json` gives it, and a row for each form on each board."""
    return {
        "schema": _SCHEMA,
        "kind": "demo",
        "data": found.data,
        "notes": list(found.notes),
        "artifacts": [str(path) for path in found.artifacts],
        "benches": [bench.to_json(report) for report in found.reports],
        "foretold": [asdict(one) for one in found.boards],
        "conclusion": conclude(found),
    }


def render(found: Forms) -> Group:
    """The table, how it came about, why a form is no faster here, and what to take away; made for 100 columns."""
    first = found.reports[0]
    parts: list[RenderableType] = [
        _table(found),
        Text(bench.tell_machine(first), style="dim"),
        Text(_tell_foretold(), style="dim"),
    ]
    remarks = [line for report in found.reports for line in bench.list_remarks(report)]
    parts += map(Text, dict.fromkeys(remarks))
    for report in found.reports:
        parts += map(Text, bench.tell_why(report))
    for report in found.reports:
        parts += _tell_accuracy(report)
    parts += [Text(f"Note: {note}.") for note in found.notes]
    parts.append(Text(f"What pays: {conclude(found)}", style="bold"))
    return Group(*parts)


def _tell_foretold() -> str:
    """How sure the boards' rows are. What memory adds is known only as the most that it can be, and float has most of it."""
    return (
        "Cycles on boards are foretold from the files' shapes, not measured, at worst "
        f"{load_worst_error():.0f} % from what is counted of nets the rates were not fitted on: one thread, milliseconds at the "
        "clock the board comes with, what memory adds left out. `edgedigits bench --host` measures on a board."
    )


def _tell_accuracy(report: Report) -> Iterator[RenderableType]:
    if report.comparison is None or report.baseline is None:
        return
    name = report.compressed.name
    yield Text(f"{name}: {tell_mcnemar(report.comparison.paired, report.baseline.name, name)}")
    if lost := tell_classes(report.comparison.classes, report.classes, "the images"):
        yield Text(f"Warning: {name}: {lost}.", style="bold")


def _table(found: Forms) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for at, model in enumerate(found.models):
        table.add_column(model.name.replace("_short", "\n_short"), justify="right", overflow="fold")
        if at:
            table.add_column("against\nfloat", justify="right")
    for rows in (_file_rows(found), _latency_rows(found), _board_rows(found)):
        table.add_section()
        for row in rows:
            table.add_row(*row)
    return table


def _file_rows(found: Forms) -> Iterator[Cells]:
    points = [report.comparison.paired.difference_points for report in found.reports if report.comparison]
    accuracies = [f"{100 * model.accuracy.value:.2f} %" for model in found.models]
    yield _row("accuracy", accuracies, [f"{each:+.2f} points" for each in points])
    yield _row("  95 % interval", [word_interval(model.accuracy) for model in found.models], ["", ""])
    yield _ratios(found.models, "raw bytes", lambda model: model.raw_bytes, "{:,.0f}", _SMALLER)
    yield _ratios(found.models, "gzip bytes", lambda model: model.gzip_bytes, "{:,.0f}", _SMALLER)


def _latency_rows(found: Forms) -> Iterator[Cells]:
    name = "p50 here"
    yield _ratios(found.models, name, lambda model: model.latencies[0].p50_us / 1e3, "{:#.3g} ms", _FASTER)
    sure = ["" if bench.is_void(1, report) else _interval(report) for report in found.reports]
    yield _row("  95 % interval", ["" for _ in found.models], sure)


def _interval(report: Report) -> str:
    if report.comparison is None:
        return ""
    ratio = report.comparison.speedups[0].ratio
    return f"{ratio.low:.2f} to {ratio.high:.2f}"


def _board_rows(found: Forms) -> Iterator[Cells]:
    """Cycles and milliseconds of each form, board by board."""
    yield _row("foretold:", ["" for _ in found.models], ["" for _ in found.reports])
    for device in dict.fromkeys(one.device for one in found.boards):
        rows = _on(found, device)
        fewer = [bench.word_ratio(one.times_fewer, _FEWER) for one in rows[1:]]
        yield _row(f"{_short(rows[0])}, cycles", [f"{one.cycles:,}" for one in rows], fewer)
        times = [f"{one.ms:#.3g} ms" for one in rows]
        yield _row(f"  at {rows[0].clock_ghz:g} GHz", times, ["" for _ in found.reports])


def _short(one: OnBoard) -> str:
    """The board's name, as people say it."""
    return one.board.removeprefix("Raspberry ")


def _on(found: Forms, device: str) -> list[OnBoard]:
    return [one for one in found.boards if one.device == device]


def _ratios(
    models: Sequence[ModelReport], name: str, get: Callable[[ModelReport], float], form: str, words: tuple[str, str]
) -> Cells:
    values = [get(model) for model in models]
    changes = [bench.word_ratio(values[0] / value, words) for value in values[1:]]
    return _row(name, [form.format(value) for value in values], changes)


def _row(name: str, values: Sequence[str], changes: Sequence[str]) -> Cells:
    """The float form's value, then of each other its value and what it is against float."""
    pairs = zip(values[1:], changes, strict=True)
    return (name, values[0], *(cell for pair in pairs for cell in pair))


def conclude(found: Forms) -> str:
    """What pays where, the fastest form first, and why."""
    ranked = sorted(found.reports, key=lambda report: report.compressed.latencies[0].p50_us)
    told = "; ".join(_tell_form(found, report) for report in ranked)
    return f"{told}. {_WHY}"


def _tell_form(found: Forms, report: Report) -> str:
    """How many times as fast as float here and on each board, and how much smaller."""
    one, before = report.compressed, report.models[0]
    here = before.latencies[0].p50_us / one.latencies[0].p50_us
    boards = [f"{each.times_fewer:.1f} on a {_short(each)}" for each in found.boards if each.model == one.name]
    size = before.gzip_bytes / one.gzip_bytes
    return (
        f"{one.name} is {here:.1f} times as fast as float here, foretold {', '.join(boards[:-1])} and {boards[-1]}, and "
        f"{size:.1f} times smaller through gzip"
    )
