"""`advise`: what a recipe will buy, before any training."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.api.calls import command
from edgedigits.api.given import (
    Data,
    PathLike,
    Read,
    find_recipe,
    make_data_wish,
    name_custom_layers,
    open_model_file,
    parse_pixel_range,
)
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.pipeline.recipe import Recipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.pipeline.advise.advice import Advice as Said


@dataclass(frozen=True, repr=False)
class Advice(Result):
    """What is foretold, nothing measured. Frames: "layers" of the file to come; "verdict", the change by each setting as a share
    (-0.66: two thirds less)."""

    FRAMES: ClassVar[tuple[str, ...]] = ("layers", "verdict")
    DRAWN: ClassVar[Drawn | None] = Drawn("layers", ("index", "kind"), "raw_bytes", "bytes")

    said: Said

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import advice

        return advice.to_json(self.said)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import advice

        return advice.render(self.said)

    def _in_a_line(self) -> str:
        before, after = self.said.before.raw_bytes, self.said.after.raw_bytes
        return f"{self.said.model} by {self.said.recipe}, foretold {after:,} bytes, from {before:,}"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        if of == "layers":
            return list(self.as_json()["layers"])
        rows = self.as_json()["verdict"]
        return [
            {key: one[key] for key in ("setting", "kind", "raw", "gzip", "time", "reason")}
            | {f"cycles_{board}": share for board, share in one["cycles"].items()}
            for one in rows
        ]


@command(runtime=ON_DEVICES)
def advise(
    model: Any = None,
    data: Data | None = None,
    *,
    recipe: Recipe | PathLike,
    pixel_range: Scale | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    bgr: bool = False,
    zoo: str | None = None,
    custom: Sequence[str | type] = (),
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    resizing: Resizing | None = None,
    background: str | None = None,
    classes: Sequence[str] | None = None,
    skip_bad: bool = False,
    shape: tuple[int, ...] | None = None,
    clean: CleanSaid = None,
    runtime: Any = "litert",
    count: bool = False,
    fresh: bool = False,
    progress: Watch = None,
) -> Advice:
    """Say before any training what a recipe will buy: bytes, microseconds here, milliseconds on four Raspberry Pis, and why not.

    model, data, recipe and pixel_range as in `compress`; images are brought to the model's size, or to `resize` where it takes
    any, and without data the bundled digits stand in. runtime: whose time is foretold; count: count the boards' cycles under
    QEMU, with LLVM, instead of foretelling them; fresh: time all operators again. Raises InputError's kinds where something given
    can't be used.

    >>> found = ed.advise("tiny.keras", data, recipe="ptq_int8", pixel_range="0..1", progress=False)
    >>> found.as_json()["after"]["raw_bytes"] < found.as_json()["before"]["raw_bytes"]
    True
    """
    found = find_recipe(recipe)
    said = make_data_wish(
        data,
        parse_pixel_range(pixel_range, mean, std, bgr),
        Read(resize, grey, resizing, background, classes, skip_bad, shape, clean),
    )
    from edgedigits.ground.processes import children

    children.warm("tensorflow")
    from edgedigits.pipeline.advise.advice import advise as run
    from edgedigits.pipeline.advise.question import Asked, ask_question

    with open_model_file(model) as path, telling(progress) as told:

        def counted(flats: Sequence[bytes], core: str) -> list[int]:
            return _counted(flats, core, told.say)

        given = {"zoo": zoo, "custom": name_custom_layers(custom), "runtime": runtime, "again": fresh}
        asked = Asked(model=path, count=counted if count else None, **given, **said)
        return Advice(run(ask_question(found, asked, told.say), told.say))


def _counted(flats: Sequence[bytes], core: str, say: Say) -> list[int]:
    """Cycles of each file on that core, counted under QEMU."""
    from edgedigits.measure.cycles.cycles import count_cycles

    with tempfile.TemporaryDirectory(prefix="edgedigits-count-") as name:
        paths = [Path(name) / f"{number}.tflite" for number in range(len(flats))]
        for path, flat in zip(paths, flats, strict=True):
            path.write_bytes(flat)
        return [one.cycles for one in count_cycles(paths, core, operators=False, say=say)]
