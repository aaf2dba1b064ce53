"""`train`: a float baseline, and the files beside it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.augmentation.named_sets import AUTO, Said
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.data.scale import Scale
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import JsonObject, Progress, Say, silent
from edgedigits.ground.locks import locked

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class Training(Result):
    """A trained baseline: `path` of the .keras file, `record` of how it came about. Frame: "epochs"; losses, shares, seconds."""

    FRAMES: ClassVar[tuple[str, ...]] = ("epochs",)
    DRAWN: ClassVar[Drawn | None] = Drawn("epochs", ("epoch",), "validation_accuracy", "validation accuracy", line=True)

    path: Path
    record: JsonObject

    @property
    def accuracy(self) -> float:
        """On the test images: a share of 1."""
        return float(self.record["test_accuracy"])

    def as_json(self) -> JsonObject:
        return self.record

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self._in_a_line(), no_wrap=True)

    def _in_a_line(self) -> str:
        return f"{self.path}: test accuracy {100 * self.accuracy:.2f} %, {self.record['parameters']:,} parameters"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        with self.path.with_suffix(".csv").open(newline="") as file:
            return [
                {key: int(value) if key == "epoch" else float(value) for key, value in row.items()}
                for row in csv.DictReader(file)
            ]


@command(weights=("imagenet",))
def train(
    name: str,
    data: Data | None = None,
    *,
    out: PathLike,
    pixel_range: Scale | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    bgr: bool = False,
    resize: tuple[int, int] | None = None,
    size: int | None = None,
    grey: bool = False,
    resizing: Resizing | None = None,
    background: str | None = None,
    classes: Sequence[str] | None = None,
    skip_bad: bool = False,
    shape: tuple[int, ...] | None = None,
    clean: CleanSaid = None,
    epochs: int = 30,
    batch: int = 128,
    rate: float = 2e-3,
    patience: int = 12,
    seed: int = 0,
    augment: Said | bool = AUTO,
    alpha: float | None = None,
    weights: str | None = None,
    progress: Watch = None,
) -> Training:
    """Train a float baseline: cnn, deep, lenet5, mlp, mobilenet_v2, nano or pico, and write it to `out`, which ends in .keras.

    Its training record (.json), card (.md) and history (.csv) come beside it; interrupted, the same call goes on. data and
    how it is read as in `load_data`, MNIST by default; size: the same as resize, of squares. rate: the highest learning rate;
    patience: stop after so many epochs without a better one; augment: how training images are moved, as in `compress`, False for
    "none"; alpha and weights are of mobilenet_v2. Raises InputError's kinds.

    >>> ed.train("mlp", data, out="mlp.keras", epochs=1, progress=False).record["epochs_run"]
    1
    """
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    read = Read((size, size) if size else resize, grey, resizing, background, classes, skip_bad, shape, clean)
    wish, options = DataWish(**make_data_wish(data, pixels, read)), {"alpha": alpha, "weights": weights}
    moved = augment if not isinstance(augment, bool) else AUTO if augment else "none"
    settings = {"epochs": epochs, "batch": batch, "rate": rate, "patience": patience, "seed": seed, "augment": moved}
    with telling(progress) as told:
        record = run(name, Path(out), wish, options=options, say=told.say, progress=told.progress, **settings)
    return Training(Path(out), record)


def run(
    name: str,
    out: Path,
    wish: DataWish,
    *,
    options: JsonObject,
    say: Say,
    progress: Progress = silent,
    **settings: Any,
) -> JsonObject:
    """Train, write `out` and its record, card and history; the record. Raises InputError's kinds."""
    if out.suffix != ".keras":
        raise InputError(f"--out {out}: wanted a name that ends in .keras")
    options = {key: value for key, value in options.items() if value is not None}
    if options and name != "mobilenet_v2":
        raise InputError(f"--{next(iter(options))}: an option of mobilenet_v2, not of {name}")
    from edgedigits.pipeline.baselines import save
    from edgedigits.pipeline.train import Settings, write_history
    from edgedigits.pipeline.train import train as train_net

    wanted = Settings(name, scale=wish.scale or "0..1", options=options, **settings)
    check_writable(out.parent, out.with_suffix(".training").name)
    dataset = wish.dataset()
    tell_notes(dataset, say)
    work = out.with_suffix(".training")
    with locked(work, wait_s=0, doing="trains into"):
        trained = train_net(wanted, dataset, work, say, progress)
        save(trained.model, trained.record, out)
        write_history(trained.history, out.with_suffix(".csv"))
        shutil.rmtree(work, ignore_errors=True)
    return trained.record
