"""`bench` and `fleet_bench`: accuracy and latency here, on a device, on many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.devices import make_place
from edgedigits.api.gates.gated import Gated, add_gates, show_gates
from edgedigits.api.given import Data, Gates, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.errors import InputError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_result import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.devices.fleet import FleetRow
    from edgedigits.devices.remote_bench import SideBySide

_LATENCIES = (
    *("threads", "p50_us", "p90_us", "p99_us", "call_p50_us", "per_second", "first_us", "load_ms"),
    *("peak_memory_mib", "steady_memory_mib", "added_memory_mib", "valid_windows"),
)


@dataclass(frozen=True, repr=False)
class Bench(Gated, Result):
    """What a benchmark found. Frames: "models", a row for each model and number of threads; "windows", the p50 of each window in
    microseconds; "classes", the recall of each class, where there are two models."""

    FRAMES: ClassVar[tuple[str, ...]] = ("models", "windows", "classes")
    DRAWN: ClassVar[Drawn | None] = Drawn("models", ("model", "threads"), "p50_us", "p50, microseconds")

    report: Report
    gates: Sequence[JsonObject] = ()

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import bench as shown

        return add_gates(shown.to_json(self.report), self.gates)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import bench as shown

        return show_gates(shown.render(self.report), self.gates)

    def _in_a_line(self) -> str:
        one = self.report.compressed
        p50 = one.latencies[0].p50_us
        return f"{one.name}, {100 * one.accuracy.value:.2f} % of {self.report.images:,} images, p50 {p50:.1f} us"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        if of == "classes":
            found = self.as_json()["comparison"]
            return list(found["classes"]) if found else []
        return list(
            list_model_rows([("here", self.report)]) if of == "models" else list_window_rows([("here", self.report)])
        )


@dataclass(frozen=True, repr=False)
class DeviceBench(Gated, Result):
    """The same task here and on a device; `path` is where the JSON is kept. Frames as of Bench, with the machine."""

    FRAMES: ClassVar[tuple[str, ...]] = ("models", "windows")
    DRAWN: ClassVar[Drawn | None] = Drawn("models", ("model", "machine"), "p50_us", "p50, microseconds")

    found: SideBySide
    path: Path
    gates: Sequence[JsonObject] = ()

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import devices

        return add_gates(devices.to_json(self.found), self.gates)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import devices

        return show_gates(devices.render(self.found), self.gates)

    def _in_a_line(self) -> str:
        p50 = self.found.there.compressed.latencies[0].p50_us
        return f"{self.found.there.compressed.name} on {self.found.name}, p50 {p50:.1f} us there"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        both = [("here", self.found.here), (self.found.name, self.found.there)]
        return list(list_model_rows(both) if of == "models" else list_window_rows(both))


@dataclass(frozen=True, repr=False)
class FleetBench(Result):
    """A task here and on every device of a list. Frame: "models", with the machine; `failed` are the devices with a reason."""

    FRAMES: ClassVar[tuple[str, ...]] = ("models",)
    DRAWN: ClassVar[Drawn | None] = Drawn("models", ("model", "machine"), "p50_us", "p50, microseconds")

    here: Report
    rows: tuple[FleetRow, ...]
    paths: tuple[Path, ...]

    @property
    def failed(self) -> dict[str, str]:
        """Why nothing was measured, by device."""
        return {row.name: row.why for row in self.rows if row.found is None}

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import devices

        return devices.fleet_to_json(self.here, self.rows)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import devices

        return devices.render_fleet(self.here, self.rows)

    def _in_a_line(self) -> str:
        return f"{self.here.compressed.name} on {len(self.rows)} devices, {len(self.failed)} of them failed"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        found = [(row.name, row.found.there) for row in self.rows if row.found is not None]
        return list(list_model_rows([("here", self.here), *found]))


def list_model_rows(machines: Sequence[tuple[str, Report]]) -> Iterator[Mapping[str, Any]]:
    for machine, report in machines:
        for model in report.models:
            share = model.accuracy
            for latency in model.latencies:
                yield {
                    "machine": machine,
                    "model": model.name,
                    "accuracy": share.value,
                    "accuracy_low": share.low,
                    "accuracy_high": share.high,
                    "raw_bytes": model.raw_bytes,
                    "gzip_bytes": model.gzip_bytes,
                    **{name: getattr(latency, name) for name in _LATENCIES},
                }


def list_window_rows(machines: Sequence[tuple[str, Report]]) -> Iterator[Mapping[str, Any]]:
    for machine, report in machines:
        for model in report.models:
            for latency in model.latencies:
                for number, p50 in enumerate(latency.window_p50_us):
                    at = {"machine": machine, "model": model.name, "threads": latency.threads}
                    yield {**at, "window": number, "p50_us": p50}


@command()
def bench(
    tflite: Artifact | PathLike,
    data: Data | None = None,
    *,
    baseline: PathLike | None = None,
    pixel_range: Scale | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    bgr: bool = False,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    resizing: Resizing | None = None,
    background: str | None = None,
    classes: Sequence[str] | None = None,
    skip_bad: bool = False,
    shape: tuple[int, ...] | None = None,
    clean: CleanSaid = None,
    threads: int | Sequence[int] = 1,
    runtime: Any = "auto",
    windows: int = 5,
    window: float = 0.5,
    pin: int | None = None,
    cold: bool = False,
    gates: Gates = (),
    strict: bool = False,
    host: str | None = None,
    port: int | None = None,
    directory: str = "edgedigits",
    identity: PathLike | None = None,
    ssh_config: PathLike | None = None,
    no_network: bool = False,
    out: PathLike = "benchmarks/devices",
    report: PathLike | None = None,
    progress: Watch = None,
) -> Bench | DeviceBench:
    """Measure accuracy and latency of a .tflite file, side by side with its float form; with `host`, on that device as well.

    tflite: an artifact, its folder, or a file. data: as in `compress`; by default the artifact's own test images. baseline:
    another file to compare with. runtime: "litert", "tflite-runtime" or "tensorflow", the one that is at hand, or a release, as
    "litert==2.1.0", which gets an environment of its own in the cache; "auto" is what is installed. `windows` windows of `window`
    seconds for each model and each number of threads, taking turns; pin: the one core to run on; cold: also load with the file
    out of the page cache. Accuracies are shares of 1, times microseconds. host: "user@host", reached as port, identity,
    ssh_config, directory and no_network say; what is found is kept in `out`. gates: limits that it must hold, in place of those
    in an artifact's recipe, on the device where there is one; strict: one that is not sure is missed, as `check_gates` of what
    comes back tells. report: a page of the artifact with these times, as `report` makes it.

    Raises InputError's kinds where something given can't be used, OperatorError where the runtime lacks an operator of a file,
    EdgeDigitsError where the interpreter crashed.

    >>> found = ed.bench(artifact, windows=1, window=0.05, progress=False)
    >>> list(found.to_frame()["model"]), found.as_json()["images"]
    (['float', 'ptq_int8'], 90)
    """
    from edgedigits.api.gates import judging
    from edgedigits.api.report.beside import Reporting
    from edgedigits.measure import bench_job
    from edgedigits.measure.runtimes.asked import parse_asked
    from edgedigits.pipeline.gates.gate import overlay

    if report is not None and baseline is not None:
        raise InputError("--report: tells of an artifact beside its float form; leave out --baseline")
    overlay((), gates)  # a typo is known before data is read
    parse_asked(runtime)
    place = make_place(host, runtime, directory, port, identity, ssh_config, no_network)
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    wish = bench_job.BenchWish(
        tflite=tflite.path if isinstance(tflite, Artifact) else Path(tflite),
        baseline=None if baseline is None else Path(baseline),
        threads=(threads,) if isinstance(threads, int) else tuple(threads),
        runtime=runtime,
        windows=windows,
        window=window,
        pin=pin,
        cold=cold,
        **said,
    )
    with telling(progress) as told, tempfile.TemporaryDirectory(prefix="edgedigits-bench-") as folder:
        task = bench_job.make_task(wish, Path(folder), told.say)
        wanted = judging.find_gates(task, gates)
        task = judging.prepare_task(task, wanted)
        page = None if report is None else Reporting.prepare(report, task.artifact, said)
        if place is None:
            here = bench_job.bench_here(task, told.say)
            if page:
                page.write(here, told.say, told.progress)
            return Bench(here, judging.judge_report(here, task, wanted, strict, told.say))
        from edgedigits.api.render import devices
        from edgedigits.devices.remote_bench import bench_there, compare_reports

        there, doctor = bench_there(task, place, told.say)
        if page:
            page.write(there, told.say, told.progress)
        found = compare_reports(place.target, bench_job.bench_here(task, told.say), there, doctor)
        path = devices.keep(found, Path(out))
        told.say(f"kept: {path}")
        return DeviceBench(found, path, judging.judge_report(there, task, wanted, strict, told.say))


@command()
def fleet_bench(
    hosts: PathLike,
    tflite: Artifact | PathLike,
    *,
    windows: int = 5,
    window: float = 0.5,
    out: PathLike = "benchmarks/devices",
    progress: Watch = None,
) -> FleetBench:
    """Measure a model here and on every device of a list; one that fails is a row with the reason.

    hosts: a YAML file that lists them. tflite, windows and window as in `bench`; each device's result is kept in `out`. Raises
    InputError's kinds where the list or the model can't be used.

    >>> ed.fleet_bench("hosts.yaml", artifact)
    Traceback (most recent call last):
    edgedigits.errors.InputError: hosts.yaml: can't be read as text ...
    """
    from edgedigits.api.render import devices
    from edgedigits.devices.fleet import bench_fleet
    from edgedigits.devices.hosts import read_hosts
    from edgedigits.measure import bench_job

    listed = read_hosts(Path(hosts))
    file = tflite.path if isinstance(tflite, Artifact) else Path(tflite)
    with telling(progress) as told, tempfile.TemporaryDirectory(prefix="edgedigits-fleet-") as folder:
        task = bench_job.make_task(bench_job.BenchWish(tflite=file, windows=windows, window=window), Path(folder))
        here, rows = bench_fleet(task, listed, told.say)
        paths = tuple(devices.keep(row.found, Path(out)) for row in rows if row.found is not None)
        for path in paths:
            told.say(f"kept: {path}")
    return FleetBench(here, rows, paths)
