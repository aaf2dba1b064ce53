"""`search`, and what comes of it: a Pareto table, the best artifact under the bounds, its recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.compress import Artifact
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
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.search.points.question import TARGETS, Bounds, Goal, parse_bytes, parse_seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.pipeline.search.search import Outcome

TIME = "60m"
"""How long is searched where neither a time nor a number of trials is given."""


@dataclass(frozen=True, repr=False)
class Search(Result):
    """What a search found. `artifact` is the best one under the bounds, None where they can't be had; what each bound costs is in
    its JSON. Frames: "points", all that were tried; "front", those that no other one beats."""

    FRAMES: ClassVar[tuple[str, ...]] = ("points", "front")

    found: Outcome
    figure: Path

    @property
    def artifact(self) -> Artifact | None:
        """The folder that was written, as `compress` gives it."""
        made = self.found.artifact
        return Artifact(made.path, made.manifest) if made else None

    @property
    def recipe(self) -> Path | None:
        """The YAML file of its recipe, which `compress` makes the same of."""
        return self.found.recipe_file

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import search

        return {**search.to_json(self.found), "figure": str(self.figure)}

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import search

        return search.render(self.found, self.figure)

    def _in_a_line(self) -> str:
        best = self.found.best
        what = (
            "the bounds can't be had"
            if best is None
            else f"best {best.name}, {best.ms:.3g} ms, {best.size_bytes:,} bytes"
        )
        return f"{len(self.found.points)} points for {self.found.goal.target}, {what}"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        return [one.as_json() for one in (self.found.points if of == "points" else self.found.front)]


@command(thresholds=("half", "tuned"), target=TARGETS)
def search(
    model: Any = None,
    data: Data | None = None,
    *,
    target: str,
    max_drop: float,
    max_bytes: int | str | None = None,
    max_ms: float | None = None,
    min_speedup: float | None = None,
    time: float | str | None = None,
    trials: int | None = None,
    workers: int = 1,
    storage: str | None = None,
    cluster: str | None = None,
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
    out: PathLike = "search",
    seed: int = 0,
    thresholds: str = "half",
    progress: Watch = None,
) -> Search:
    """Find the fastest model on `target` that holds the bounds: by shrinking, pruning, students, with rounding trained in or not.

    target: pi4, pi5, pi3, zero2, whose milliseconds are foretold, or here, where they are measured. max_drop: points of accuracy
    that may be lost, of validation images; max_bytes (also "64K"), max_ms, min_speedup (times as fast as the float model): None,
    whatever it takes. What can't hold them is told before it is trained.
    time: how long, 90 (seconds), "60m" or "2h"; trials: so many points in all; whichever is first, by default an hour.
    out: the folder of the study, of the figure, of the best artifact and of its recipe, best.yaml; called again, it goes on.
    workers: so many processes here, on the same study; storage: a study elsewhere, sqlite:///FILE or
    postgresql://USER@HOST/DATABASE; cluster: the address of a Dask scheduler whose workers do it. model, data and the rest as in
    `compress`. With one worker, the same seed and number of trials asks the same points.

    Raises InputError's kinds where something given can't be used, or the time is too short for one trial.

    >>> import edgedigits as ed
    >>> found = ed.search("tiny.keras", data, target="pi4", max_drop=20, pixel_range="0..1", trials=1, out="it", progress=False)
    >>> found.artifact.tflite.name, found.recipe.name, len(found.to_frame("points"))
    ('model.tflite', 'best.yaml', 1)
    """
    from edgedigits.ground.processes import children

    goal = Goal(
        target,
        Bounds(max_drop, parse_bytes(max_bytes), max_ms, min_speedup),
        parse_seconds(TIME if time is None and trials is None else time),
        trials,
        seed,
    )
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    children.warm("tensorflow")
    from edgedigits.api.render.search_figure import draw
    from edgedigits.pipeline.prepare import Wish
    from edgedigits.pipeline.search.search import Means
    from edgedigits.pipeline.search.search import search as run

    means = Means(Path(os.fspath(out)), storage, workers, cluster)
    with open_model_file(model) as path, telling(progress) as watched:
        told = without_repeats(watched)
        told.progress("load", 0.0)
        wish = Wish(model=path, zoo=zoo, custom=name_custom_layers(custom), seed=seed, thresholds=thresholds, **said)
        found = run(wish, goal, means, told.say, told.progress)
    return Search(found, draw(found, means.out))
