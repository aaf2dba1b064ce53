"""`verify`: where a compressed model loses what it loses, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.atomic import whole_file
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.verify.report import LayersReport, name_layer
from edgedigits.measure.verify.same_bytes import BytesReport

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class Verification(Result):
    """What `verify` found. Frames: "layers", a row for each, worst first, decibels and shares of 1; "suspects", a row for each
    layer with a cause, its sentence and what would mend it, of which there are none where bytes were held against bytes."""

    FRAMES: ClassVar[tuple[str, ...]] = ("layers", "suspects")
    DRAWN: ClassVar[Drawn | None] = Drawn("layers", ("layer",), "own_channel_snr_db", "signal to noise, dB")

    report: LayersReport | BytesReport

    def as_json(self) -> JsonObject:
        return self.report.as_json()

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render.evidence import verify as shown

        return shown.render(self.report)

    def _in_a_line(self) -> str:
        if isinstance(self.report, BytesReport):
            same = "bit-identical" if self.as_json()["identical"] else "not identical"
            return f"{self.report.other}, {same} to {self.report.one}"
        found = [f"{name_layer(one.layer)}: {one.finding.cause}" for one in self.report.suspects[:1]]
        return f"{self.report.name}, {len(self.report.layers)} layers, {(found or ['none of them broken'])[0]}"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        return list(self.as_json().get(of, []))


@command()
def verify(
    model: Artifact | PathLike,
    other: PathLike | None = None,
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
    images: int = 64,
    against: str | None = None,
    runtime: str | None = None,
    model_explorer: PathLike | None = None,
    progress: Watch = None,
) -> Verification:
    """Compare a compressed model with its float form, layer by layer, and say of the worst what is wrong and what would mend it.

    model: an artifact, its folder, or a .tflite file, packed too. other: another .tflite file that takes and gives the same,
    which is held against `model`; without it an artifact is held against its float form, and any other file against its own
    bytes computed in float. data: as in `compress`; by default the artifact's. `images` of its validation part are looked at, of
    every class in proportion. against: run one file twice instead, on these kernels or this runtime ("reference", "litert",
    "tflite-runtime" or "tensorflow") and on `runtime` (by default "litert", with XNNPACK), and say whether the two are
    bit-identical, or by how many steps and in which layer not. model_explorer: a file that gets the decibels of every layer in
    the form that Model Explorer loads as node data.

    Raises InputError's kinds where something given can't be used, a file can't be run or the interpreter dies of it.

    >>> found = ed.verify(artifact, data=data, progress=False)
    >>> found.as_json()["kind"], found.as_json()["suspects"], "own_snr_db" in found.to_frame()
    ('layers', [], True)
    """
    from edgedigits.errors import InputError
    from edgedigits.measure.verify.subject import VerifyWish
    from edgedigits.measure.verify.verify import verify as run

    for name, given in (("model", model), ("other", other)):
        if not isinstance(given, (Artifact, str, os.PathLike)) and (name == "model" or given is not None):
            raise InputError(f"{name}: found {type(given).__name__}; wanted an artifact's folder or a .tflite file")
    if model_explorer is not None and against is not None:
        raise InputError("--model-explorer: takes layers that are held against a float form; leave out --against")
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    wish = VerifyWish(
        model=model.path if isinstance(model, Artifact) else Path(model),
        other=None if other is None else Path(other),
        images=images,
        **said,
    )
    with telling(progress) as told:
        report, nodes = run(wish, against, runtime, told.say)
        if model_explorer is not None:
            if nodes is None:
                raise InputError(
                    "--model-explorer: takes layers that were held against a float form, and bytes were held against bytes; "
                    "leave it out"
                )
            with whole_file(Path(model_explorer)) as part:
                part.write_text(json.dumps(nodes, indent=1) + "\n", encoding="utf-8")
            told.say(f"written: {model_explorer}")
    return Verification(report)
