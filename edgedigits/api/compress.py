"""`compress`, and the artifact that comes out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.gates.gated import Gated
from edgedigits.api.given import (
    Data,
    Gates,
    PathLike,
    Read,
    find_recipe,
    make_data_wish,
    name_custom_layers,
    open_model_file,
    parse_pixel_range,
)
from edgedigits.api.progress import Told, Watch, telling, without_repeats
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.augmentation.named_sets import Said
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.ground import artifact_folder
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.confidence.wanted import CONFIDENCES, PLAIN, USUAL, parse_refuse
from edgedigits.pipeline.converters.numbers import ARITHMETICS
from edgedigits.pipeline.converters.table import CONVERTERS
from edgedigits.pipeline.recipe import Recipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.pipeline.job import Job


@dataclass(frozen=True, repr=False)
class Artifact(Gated, Result, artifact_folder.Artifact):
    """A folder that `compress` wrote: `path` is where, `manifest` what its manifest.json says.

    Frames: "stages", one row for each with its validation accuracy (a share of 1) and seconds; "classes", recalls on the test
    images.
    """

    FRAMES: ClassVar[tuple[str, ...]] = ("stages", "classes")
    DRAWN: ClassVar[Drawn | None] = Drawn("classes", ("class",), "compressed_recall", "recall on test images")

    @classmethod
    def open(cls, path: PathLike) -> Artifact:
        """The artifact of a folder, every file's hash checked. Raises ArtifactError where it is none, or altered."""
        found = artifact_folder.read(Path(path))
        return cls(found.path, found.manifest)

    @property
    def tflite(self) -> Path:
        """The product: the path of model.tflite. Its bytes are `artifact.tflite.read_bytes()`."""
        return self.path / "model.tflite"

    @property
    def accuracy(self) -> float:
        """Of the bytes, on the test images: a share of 1."""
        return float(self.manifest["test"]["accuracy"])

    @property
    def float_accuracy(self) -> float:
        """Of the model before compression, on the same images: a share of 1."""
        return float(self.manifest["test"]["float_accuracy"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may spoil it, in sentences."""
        return tuple(self.manifest["warnings"])

    @property
    def gates(self) -> Sequence[JsonObject]:
        return list(self.manifest.get("gates", []))

    def check_gates(self) -> None:
        """Raises GateError where a gate is missed; the artifact is there all the same."""
        from edgedigits.pipeline.gates.wording import check_record

        check_record(self.gates, f". {self.path} is written all the same, with this judgement in its manifest")

    def as_json(self) -> JsonObject:
        return {"path": str(self.path), **self.manifest}

    def _in_a_line(self) -> str:
        size = self.manifest["export"]["size_bytes"]
        images = self.manifest["test"]["images"]
        return f"{self.path.name}, {100 * self.accuracy:.2f} % of {images:,} test images, {size:,} bytes"

    def __rich__(self) -> RenderableType:
        from rich.markdown import Markdown

        from edgedigits.pipeline.model_card import write_artifact_card

        return Markdown(write_artifact_card(self.manifest))

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        if of == "classes":
            return list(self.manifest["test"]["classes"])
        return list(self._stages())

    def _stages(self) -> Iterator[Mapping[str, Any]]:
        for record in self.manifest["stages"]:
            yield {key: value for key, value in record.items() if isinstance(value, (str, int, float))}


@command(thresholds=("half", "tuned"), confidence=CONFIDENCES, converter=tuple(CONVERTERS), arithmetic=ARITHMETICS)
def compress(
    model: Any = None,
    data: Data | None = None,
    *,
    recipe: Recipe | PathLike,
    converter: str | None = None,
    arithmetic: str | None = None,
    more: float = 1.0,
    augment: Said | None = None,
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
    out: PathLike = "artifacts",
    seed: int = 0,
    thresholds: str = "half",
    confidence: str = PLAIN,
    outliers: PathLike | None = None,
    refuse: float | str = USUAL,
    gates: Gates = (),
    strict: bool = False,
    runtime: str | Sequence[str] = (),
    fresh: bool = False,
    report: PathLike | None = None,
    progress: Watch = None,
) -> Artifact:
    """Compress a trained classifier by a recipe, check the result, and write an artifact folder into `out`, whole or not at all.

    model: a `keras.Model` of Keras 3, one of tf_keras, or the path of a .keras, .h5 or SavedModel; it takes float32 images
    [n, height, width, 1 or 3] and gives one number per class, and stays as it is. `zoo` names a shipped baseline instead.
    data: a Dataset, "mnist" (default), "digits", or a path; resize, grey, resizing, background, classes, skip_bad and clean as in
    `load_data`. recipe: a `Recipe`, a shipped name (`recipes()`) or a YAML file.
    pixel_range: what the model was trained on, "0..1", "-1..1", "0..255", "caffe" or "torch"; mean and std, in its units, one
    number or one for each channel, and bgr refine it. Only a model with a training record beside it needs none.
    custom: layer classes of yours, or "module:Class". seed: the same gives the same bytes on the same machine. fresh: use no kept
    stage. progress: None or True shows a bar, False nothing, a function is called with (what, share 0..1).

    converter: what makes the bytes, "tf" or "litert"; arithmetic: of float32 and float16 exports "float16" lets processors
    that have it compute in float16, else "float32"; None: what the recipe's export says. more: so many times as long as the
    recipe says does each stage train. augment: how training images are moved, "none", "digits", "photos", "objects", moves with
    their limits, as {"flip": True, "shift": 0.1}, or "auto", which tries out what suits the data; None: as the recipe says.

    thresholds: of data with several labels per image, "half" for all or "tuned" on the validation images.

    confidence: "calibrated": what the runner's predict tells is divided by a temperature that is fitted on validation images.
    outliers: a folder of images of no class, or an .npz file ("FILE.npz:ARRAY" of several arrays): the runner answers none where
    a score is below a threshold, chosen so that `refuse` ("1 %", 0.01) of the validation images are refused at most, or as many
    of them as outliers are answered ("balanced"). What is known of it stands in the manifest under `confidence`.

    gates: limits that the result must hold, as {"max_bytes": "60 KiB"}, beside those of the recipe and before them; a missed one
    is told in `artifact.gates`, and `artifact.check_gates()` raises GateError. strict: one that is not sure is missed.

    runtime: what the bytes must run on, as "tflite-runtime==2.14.0", or several; else OperatorError, before any training where
    the model as it is shows it, and nothing is written.
    report: a page of the artifact, as `report` makes it, ending in .html or .md.

    Raises InputError's kinds (ModelError, DataError, RecipeError, ArtifactError) where something given can't be used,
    CheckError's kinds where a check of the result fails.

    >>> artifact = ed.compress("tiny.keras", data, recipe="ptq_int8", pixel_range="0..1", out="out", progress=False)
    >>> artifact.tflite.name, artifact.accuracy > 0.8, artifact.manifest["recipe"]["name"]
    ('model.tflite', True, 'ptq_int8')
    """
    from edgedigits.api.report.beside import Reporting, check_place
    from edgedigits.ground.atomic import check_writable
    from edgedigits.ground.processes import children
    from edgedigits.measure.runtimes.asked import parse_all_asked
    from edgedigits.measure.runtimes.operator_versions import find_release

    asked = parse_all_asked(runtime)
    for one in asked:
        find_release(one)  # one that never was is known before any work
    pixels, found = parse_pixel_range(pixel_range, mean, std, bgr), find_recipe(recipe)
    found = found.with_converter(converter) if converter else found
    found = found.with_arithmetic(arithmetic) if arithmetic else found
    found = found.with_more(more) if more != 1 else found
    found = found.with_augment(augment) if augment is not None else found
    found = found.with_gates(gates)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    check_writable(Path(out))
    parse_refuse(refuse)
    if report is not None:
        check_place(report)
    children.warm("tensorflow")
    from edgedigits.pipeline import prepare

    with open_model_file(model) as path, telling(progress) as watched:
        told = without_repeats(watched)
        told.progress("load", 0.0)
        wish = prepare.Wish(
            model=path,
            zoo=zoo,
            custom=name_custom_layers(custom),
            seed=seed,
            fresh=fresh,
            thresholds=thresholds,
            confidence=confidence,
            outliers=None if outliers is None else os.fspath(outliers),
            refuse=refuse,
            strict=strict,
            runtimes=asked,
            **said,
        )
        job = prepare.prepare_job(found, wish, told.say, told.progress)
        made = compress_job(job, Path(out), told)
        if report is not None:
            Reporting.prepare(report, made.path, {"data": job.dataset}).write(None, told.say, told.progress)
        return made


def compress_job(job: Job, out: Path, told: Told) -> Artifact:
    """The artifact of a job; in lines what may spoil it, each as early as it is known, and again where `told` repeats."""
    from edgedigits.data.sources.wish import tell_notes
    from edgedigits.pipeline import loop

    tell_notes(job.dataset, told.say)
    made = loop.run(job, out, told.say, told.progress)
    for warning in made.manifest["warnings"]:
        told.say(f"warning: {warning}")
    return Artifact(made.path, made.manifest)
