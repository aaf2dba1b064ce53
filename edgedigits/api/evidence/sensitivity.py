"""`sensitivity`: what each layer of a model bears, before anything is compressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import (
    Data,
    PathLike,
    Read,
    make_data_wish,
    name_custom_layers,
    open_model_file,
    parse_pixel_range,
)
from edgedigits.api.progress import Watch, telling, without_repeats
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.errors import ArtifactError, InputError
from edgedigits.ground.atomic import check_writable, whole_file
from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.pipeline.recipe import Recipe
    from edgedigits.pipeline.sensitivity.outcome import Outcome

FIGURES = (".png", ".svg")


@dataclass(frozen=True, repr=False)
class Sensitivity(Result):
    """What each layer bears. Frames: "layers", a row for each, worst first, with what each probe found; "probes", a row for each
    layer and probe, with its interval and verdict, or why there is none. Accuracies are shares of 1, drops are points."""

    FRAMES: ClassVar[tuple[str, ...]] = ("layers", "probes")

    found: Outcome
    text: str

    @property
    def recipe(self) -> Recipe:
        """What leaves out or softens the layers that hurt, ready for `compress`."""
        return self.found.recipe

    def write_recipe(self, path: PathLike) -> Path:
        """The recipe as YAML, with a comment on every layer that it spares. Raises ArtifactError when it can't be written."""
        with whole_file(Path(path)) as part:
            part.write_text(self.text, encoding="utf-8")
        return Path(path)

    def write_figure(self, path: PathLike) -> Path:
        """The table as a figure, .png or .svg. Raises ArtifactError when it can't be written, InputError for another ending."""
        from edgedigits.api.render.evidence import sensitivity_figure

        return sensitivity_figure.draw(self.found, _check_file("figure", path, FIGURES))

    def as_json(self) -> JsonObject:
        return self.found.as_json()

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render.evidence import sensitivity as shown

        return shown.render(self.found)

    def _in_a_line(self) -> str:
        drop = self.found.int8.drop_points
        return f"{self.found.model}, {len(self.found.layers)} layers, all of it in int8 {0 - drop:+.2f} points"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        return list(self.found.list_rows() if of == "layers" else self.found.list_probes())


@command()
def sensitivity(
    model: Any = None,
    data: Data | None = None,
    *,
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
    layers: str | Sequence[str] = (),
    max_drop: float = 0.5,
    images: int | None = None,
    seed: int = 0,
    figure: PathLike | None = None,
    recipe: PathLike | None = None,
    fresh: bool = False,
    progress: Watch = None,
) -> Sensitivity:
    """Say of each layer with weights what its int8, its zeros and its channels cost, alone, on validation images.

    model, zoo, data and pixel_range as in `compress`. Of each layer: it alone in int8; all others in int8 and it in float; half,
    four fifths and nine tenths of its weights zero, the smallest; half of its channels gone. layers: names or patterns of those
    to ask for, all by default. max_drop: points of accuracy that matter; a probe ends as soon as its 95 % interval lies on one
    side of that, or is narrow. images: validation images that a probe takes at most; None: as many as let it end within
    minutes. What is done is kept, so an interrupted run goes on, and the same call answers at once; fresh: it is done anew.
    figure: also draw the table, into a .png or .svg. recipe: also write a recipe that spares what hurts, as YAML.

    Raises InputError's kinds (ModelError, DataError, ArtifactError) where something given can't be used.

    >>> found = ed.sensitivity("tiny.keras", data, pixel_range="0..1", layers="answer", recipe="spared.yaml", progress=False)
    >>> list(found.to_frame()["layer"]), ed.recipes_check("spared.yaml")["ok"]
    (['answer'], True)
    """
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    if figure is not None:
        _check_file("figure", figure, FIGURES)
    if recipe is not None:
        _check_file("recipe", recipe, (".yaml", ".yml"))
    from edgedigits.pipeline.sensitivity.sensitivity import measure_layers
    from edgedigits.pipeline.sensitivity.subject import Asked

    with open_model_file(model) as path, telling(progress) as watched:
        told = without_repeats(watched)
        told.progress("load", 0.0)
        asked = Asked(
            model=path,
            zoo=zoo,
            custom=name_custom_layers(custom),
            seed=seed,
            fresh=fresh,
            layers=(layers,) if isinstance(layers, str) else tuple(map(str, layers)),
            max_drop=max_drop,
            images=images,
            **said,
        )
        outcome, softened = measure_layers(asked, told.say, told.progress)
        found = Sensitivity(outcome, softened.text)
        if recipe is not None:
            told.say(f"written: {found.write_recipe(recipe)}")
        if figure is not None:
            told.say(f"written: {found.write_figure(figure)}")
        return found


def _check_file(option: str, given: PathLike, endings: Sequence[str]) -> Path:
    """A path that can be written to, before any work. Raises InputError for another ending, ArtifactError where it can't be."""
    path = Path(given)
    if path.suffix.lower() not in endings:
        raise InputError(f"--{option} {path}: wanted a file that ends in {' or '.join(endings)}")
    if path.is_dir():
        raise ArtifactError(f"--{option} {path}: is a folder; name a file in it")
    check_writable(path.parent, path.name)
    return path
