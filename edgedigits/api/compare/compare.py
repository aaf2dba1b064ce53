"""`compare`: what changes from an old model to a new one, for people and for a team's CI."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits_runner.runtimes import RUNTIMES

from edgedigits.api.bench import list_model_rows
from edgedigits.api.calls import command
from edgedigits.api.gates.gated import Gated, add_gates, show_gates
from edgedigits.api.given import Data, Gates, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.bench_result import Report

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class Compared(Gated, Result):
    """The new model against the old one. Frames: "models", a row for each; "classes", the recall of each class in both."""

    FRAMES: ClassVar[tuple[str, ...]] = ("models", "classes")
    DRAWN: ClassVar[Drawn | None] = Drawn("models", ("model",), "p50_us", "p50, microseconds")

    report: Report
    gates: Sequence[JsonObject] = ()

    def as_json(self) -> JsonObject:
        from edgedigits.api.compare import render

        return add_gates(render.to_json(self.report), self.gates)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.compare import render

        return show_gates(render.render(self.report), self.gates)

    def _in_a_line(self) -> str:
        from edgedigits.api.compare import render

        return render.tell_in_a_line(self.report)

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        if of == "classes":
            return list(self.as_json()["classes"])
        return list(list_model_rows([("here", self.report)]))


@command(runtime=RUNTIMES)
def compare(
    old: Artifact | PathLike,
    new: Artifact | PathLike,
    data: Data | None = None,
    *,
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
    runtime: Any = "auto",
    windows: int = 9,
    window: float = 0.3,
    pin: int | None = None,
    gates: Gates = (),
    strict: bool = False,
    progress: Watch = None,
) -> Compared:
    """Say what changes from an old model to a new one: accuracy on the same images, bytes, latency, cycles foretold.

    old, new: artifacts, their folders, or .tflite files. data: as in `compress`; by default the test images that artifacts hold.
    `windows` rounds of `window` seconds for each, each round in a process of its own. gates: limits that the new one must hold, a
    multiple is of the old one's; strict: one that is not sure is missed. `check_gates` of what comes back raises GateError.

    Raises InputError's kinds for models of other images, classes or data, and for an artifact that was altered.

    >>> found = ed.compare(artifact, artifact, windows=1, window=0.05, gates={"max_bytes": "1x"}, progress=False)
    >>> found.as_json()["same_bytes"], found.missed_gates
    (True, ())
    """
    from edgedigits.api.gates import judging
    from edgedigits.measure.bench_job import BenchWish, bench_here
    from edgedigits.measure.compare_job import make_comparison
    from edgedigits.pipeline.gates.gate import overlay

    wanted = overlay((), gates)
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    first, second = (one.path if isinstance(one, Artifact) else Path(one) for one in (old, new))
    wish = BenchWish(tflite=second, runtime=runtime, windows=windows, window=window, pin=pin, **said)
    with telling(progress) as told, tempfile.TemporaryDirectory(prefix="edgedigits-compare-") as folder:
        task = make_comparison(wish, first, Path(folder), told.say)
        report = bench_here(task, told.say)
        return Compared(report, judging.judge_report(report, task, wanted, strict, told.say, "old"))
