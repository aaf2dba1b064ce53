"""`compare_zoo`: nets of the zoo side by side, in float and through recipes, on one data set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Watch, telling, without_repeats
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.augmentation.named_sets import Said
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class ComparedZoo(Result):
    """A comparison of nets: `document` is its JSON, `paths` are the files that were written. Frames: "rows", one for each net and
    recipe; "nets", the best row of each."""

    FRAMES: ClassVar[tuple[str, ...]] = ("rows", "nets")
    DRAWN: ClassVar[Drawn | None] = Drawn(
        "nets", ("net", "recipe"), "compressed_accuracy", "accuracy of the best recipe"
    )

    document: JsonObject = field(repr=False)
    paths: tuple[Path, ...] = ()

    @property
    def failed(self) -> int:
        """How many rows did not come out; each says why."""
        return int(self.document["failed"])

    @property
    def html(self) -> str:
        """The page."""
        from edgedigits.api.render.page.markup import write_page
        from edgedigits.api.zoo.shown.page import make_page

        return write_page(make_page(self.document), self.document)

    @property
    def markdown(self) -> str:
        """The best row of each net as a table in Markdown."""
        from edgedigits.api.zoo.shown.page import write_table

        return write_table(self.document)

    def as_json(self) -> JsonObject:
        return self.document

    def __rich__(self) -> RenderableType:
        from edgedigits.api.zoo.shown.render import render

        return render(self.document)

    def _in_a_line(self) -> str:
        from edgedigits.api.zoo.shown.render import tell_in_a_line

        return tell_in_a_line(self.document)

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        from edgedigits.api.zoo.shown.document import flatten_rows

        rows = flatten_rows(self.document)
        if of == "rows":
            return rows
        return [rows[net["best"]] for net in self.document["nets"] if net["best"] is not None]


@command()
def compare_zoo(
    data: Data | None = None,
    *,
    nets: str | Sequence[str] | None = None,
    recipes: str | Sequence[str] | None = None,
    out: PathLike = "zoo",
    epochs: int | None = None,
    augment: Said | None = None,
    slim: bool = False,
    seed: int = 0,
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
    windows: int = 5,
    window: float = 0.2,
    progress: Watch = None,
) -> ComparedZoo:
    """Hold nets of the zoo side by side on one data set: each trained, through recipes, measured in float and compressed.

    nets: names, by default all that suit the data. recipes: shipped names or YAML files, by default ptq_int8, qat_int8,
    prune80_int8 and shrink50_int8. data and how it is read as in `load_data`. A net that is shipped for that data is taken as it
    is, else it is trained as `train` does, for `epochs` and by `augment` where they are said; pixel_range as in
    `train`.
    slim: all exports leave out what no interpreter reads.
    out: the folder of the comparison: comparison.json, .csv, .html and .md, and all that was made. Called again with the same
    data and seed it goes on, and knows what is there by what it is; nets and recipes may be others.
    `windows` windows of `window` seconds are timed for each form of a net, which take turns.

    A net or pair that fails stands in the table with its sentence, and `failed` counts them. The best recipe of each net is
    chosen on validation images (`document["rule"]`).

    Raises InputError's kinds for an unknown net or recipe, data that can't be read, a folder with another comparison.

    >>> found = ed.compare_zoo(data, nets="mlp", recipes="ptq_int8", epochs=1, windows=1, window=0.05, out="z", progress=False)
    >>> found.failed, list(found.to_frame("nets")["recipe"])
    (0, ['ptq_int8'])
    """
    from edgedigits.api.zoo.plans import parse_nets
    from edgedigits.api.zoo.question import Question, parse_recipes
    from edgedigits.measure.findings.timing import Clock

    names, ways = parse_nets(nets), parse_recipes(recipes)
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    said = make_data_wish(data, pixels, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    from edgedigits.api.zoo.run import compare
    from edgedigits.data.sources.wish import DataWish
    from edgedigits.ground.processes import children

    question = Question(DataWish(**said), names, ways, pixels, seed, epochs, slim, Clock(windows, window), augment)
    children.warm("tensorflow")
    with telling(progress) as watched:
        told = without_repeats(watched)
        told.progress("load", 0.0)
        document, paths = compare(question, Path(os.fspath(out)), told)
    return ComparedZoo(document, tuple(paths))
