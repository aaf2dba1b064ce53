"""Benchmarks on devices, for people and for programs: two machines side by side, and a fleet as one table."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render import bench
from edgedigits.devices.fleet import FleetRow
from edgedigits.devices.remote_bench import Agreement, SideBySide
from edgedigits.ground.atomic import whole_file
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_result import Report
from edgedigits.tasks.differences import tell_classes, tell_f1, tell_mcnemar

_SCHEMA: Final = 1


def to_json(found: SideBySide) -> JsonObject:
    """Both reports as `edgedigits bench --json` gives them, and how the answers compare."""
    return {
        "schema": _SCHEMA,
        "kind": "bench on a device",
        "device": found.name,
        "doctor": found.doctor,
        "agreement": [asdict(each) for each in found.agreement],
        "here": bench.to_json(found.here),
        "there": bench.to_json(found.there),
    }


def keep(found: SideBySide, folder: Path) -> Path:
    """Writes the JSON into `folder`, one file per device and model, whole or not at all."""
    path = folder / _file_name(found)
    with whole_file(path) as part:
        part.write_text(json.dumps(to_json(found), indent=1) + "\n", encoding="utf-8")
    return path


def _file_name(found: SideBySide) -> str:
    """The device and the model, in letters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{found.name}-{found.there.compressed.name}").lstrip(".-") + ".json"


def render(found: SideBySide) -> Group:
    """One table with both machines, then what each was measured on, and whether they answer alike."""
    parts: list[RenderableType] = [_table(found)]
    for title, report in _machines(found):
        parts.append(Text(f"{title}: {bench.tell_machine(report)}", style="dim"))
        parts += [Text(f"{title}: {remark}") for remark in bench.list_remarks(report)]
        if report.comparison is not None:
            parts += [
                Text(f"{title}: {bench.tell_speed(each.threads, each.ratio, report)}")
                for each in report.comparison.speedups
            ]
            parts += [Text(f"{title}: {why}") for why in bench.tell_why(report)]
    comparison = found.there.comparison
    if comparison is not None and found.there.baseline is not None:
        baseline, compressed = found.there.baseline.name, found.there.compressed.name
        parts.append(Text(f"{found.name}: {tell_mcnemar(comparison.paired, baseline, compressed)}"))
        if comparison.f1 is not None:
            parts.append(Text(f"{found.name}: {tell_f1(comparison.f1)}"))
        if lost := tell_classes(comparison.classes, found.there.classes, "the images"):
            parts.append(Text(f"{found.name}: warning: {lost}.", style="bold"))
    parts.append(Text(tell_agreement(found.agreement)))
    if found.doctor:
        parts.append(Text(f"{found.name}: the doctor there says: {found.doctor['verdict']}."))
    return Group(*parts)


def tell_agreement(agreement: Sequence[Agreement]) -> str:
    """Whether the device gives the answers that this machine gives."""
    if not any(each.otherwise for each in agreement):
        return f"Both machines answer all {agreement[0].images:,} images alike."
    counts = ", ".join(f"{each.otherwise:,} by {each.model}" for each in agreement)
    return f"Of {agreement[0].images:,} images answered otherwise on the device: {counts}."


def _machines(found: SideBySide) -> tuple[tuple[str, Report], tuple[str, Report]]:
    return ("here", found.here), (found.name, found.there)


def _table(found: SideBySide) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for title, report in _machines(found):
        for model in report.models:
            table.add_column(f"{title}\n{model.name}", justify="right", overflow="fold")
        if report.baseline is not None:
            table.add_column("\nratio", justify="right")
    for here, there in zip(bench.list_sections(found.here), bench.list_sections(found.there), strict=True):
        table.add_section()
        theirs = {row[0]: row[1:] for row in there}
        for name, *cells in here:
            table.add_row(name, *cells, *theirs.get(name, ()))
    return table


def fleet_to_json(here: Report, rows: Sequence[FleetRow]) -> JsonObject:
    """This machine's report, and for every device its own or why there is none."""
    devices = [
        {"device": row.name, "error": row.why} if row.found is None else {**to_json(row.found), "here": None}
        for row in rows
    ]
    return {"schema": _SCHEMA, "kind": "bench of a fleet", "here": bench.to_json(here), "devices": devices}


def render_fleet(here: Report, rows: Sequence[FleetRow]) -> Group:
    """A row for every machine; one that failed says why. Then why the model is no faster, where it is not."""
    machines = [("here", here), *((row.name, row.found.there) for row in rows if row.found is not None)]
    return Group(
        _fleet(here, rows), *(Text(f"{name}: {why}") for name, report in machines for why in bench.tell_why(report))
    )


def _fleet(here: Report, rows: Sequence[FleetRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    table.add_column("machine", overflow="fold", width=18)  # also the place of a reason; with min_width, rich overruns
    for title in ("runtime", "accuracy"):
        table.add_column(title, overflow="fold")
    threads = here.compressed.latencies[0].threads
    for title in (f"p50, {threads} thread" + ("s" if threads > 1 else ""), "against float", "other answers"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_row("here", *_cells(here), "")
    for row in rows:
        if row.found is None:
            table.add_row(row.name, Text(row.why, style="red"))
        else:
            table.add_row(row.name, *_cells(row.found.there), str(row.found.agreement[-1].otherwise))
    return table


def _cells(report: Report) -> tuple[str, ...]:
    at, first = report.environment, report.compressed.latencies[0]
    machine = str(at["board"] or at["cpu"] or at["machine"])
    ratio = ""
    if report.comparison is not None:
        ratio = bench.word_ratio(report.comparison.speedups[0].ratio.value, ("faster", "slower"))
    void = "" if first.valid_windows else " (void)"
    return (
        machine,
        f"{at['runtime']} {at['runtime_version']}",
        _scores(report),
        f"{first.p50_us / 1e3:#.4g} ms{void}",
        ratio,
    )


def _scores(report: Report) -> str:
    accuracy = f"{100 * report.compressed.accuracy.value:.2f} %"
    f1 = report.compressed.scores.get("f1_macro")
    return accuracy if f1 is None else f"{accuracy}, F1 {100 * f1:.2f} %"
