"""`train`: a float baseline, and the files beside it."""

from __future__ import annotations

import csv
import inspect
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Told, Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.augmentation.named_sets import AUTO, Said
from edgedigits.data.reading import Resizing
from edgedigits.data.scale import Scale
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import JsonObject, Progress, Say, silent
from edgedigits.ground.locks import locked
from edgedigits.models.classical.estimators import is_classical
from edgedigits.models.classical.features import PIXELS
from edgedigits.pipeline.ensembles.kinds import ENSEMBLES

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
        size = "parameters" if "parameters" in self.record else "size_bytes"
        return (
            f"{self.path}: test accuracy {100 * self.accuracy:.2f} %, {self.record[size]:,} {size.rpartition('_')[2]}"
        )

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        if "epochs_run" not in self.record:  # it learned in none
            return []
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
    epochs: int = 30,
    batch: int = 128,
    rate: float = 2e-3,
    patience: int = 12,
    seed: int = 0,
    augment: Said | bool = AUTO,
    alpha: float | None = None,
    weights: str | None = None,
    members: Sequence[PathLike] = (),
    features: str | None = None,
    progress: Watch = None,
) -> Training:
    """Train a float baseline: cnn, deep, lenet5, mlp, mobilenet_v2, nano or pico, and write it to `out`, which ends in .keras.

    Or make one model of several: soft_voting or stacking, of `members`, paths of .keras files. Or train a classical model:
    gradient_boosting, k_nearest, logistic_regression, random_forest, svm, or a classifier of scikit-learn by its class, on
    `features`: pixels (default), hog, pca or lda; `out` then ends in .skops. docs/ensembles.md tells of both.

    Its training record (.json), card (.md) and history (.csv) come beside it; interrupted, the same call goes on. data and
    how it is read as in `load_data`, MNIST by default; size: the same as resize, of squares. rate: the highest learning rate;
    patience: stop after so many epochs without a better one; augment: how training images are moved, as in `compress`, False for
    "none"; alpha and weights are of mobilenet_v2. Raises InputError's kinds.

    >>> ed.train("mlp", data, out="mlp.keras", epochs=1, progress=False).record["epochs_run"]
    1
    """
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    read = Read((size, size) if size else resize, grey, resizing, background, classes, skip_bad, shape)
    wish, options = DataWish(**make_data_wish(data, pixels, read)), {"alpha": alpha, "weights": weights}
    if name in ENSEMBLES or is_classical(name) or members or features is not None:
        _check_unused(
            name, {"epochs": epochs, "batch": batch, "rate": rate, "patience": patience, "augment": augment}, options
        )
        with telling(progress) as told:
            return Training(Path(out), _without_epochs(name, Path(out), wish, members, features, seed, told))
    moved = augment if not isinstance(augment, bool) else AUTO if augment else "none"
    settings = {"epochs": epochs, "batch": batch, "rate": rate, "patience": patience, "seed": seed, "augment": moved}
    with telling(progress) as told:
        record = run(name, Path(out), wish, options=options, say=told.say, progress=told.progress, **settings)
    return Training(Path(out), record)


def _check_unused(name: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises InputError for what only a net has that learns in epochs."""
    usual = {key: one.default for key, one in inspect.signature(train).parameters.items()}
    said = [key for key, value in given.items() if value != usual[key]]
    said += [key for key, value in options.items() if value is not None]
    if said:
        raise InputError(f"--{said[0]}: an option of nets that learn in epochs, not of {name}; leave it out")


def _without_epochs(
    name: str,
    out: Path,
    wish: DataWish,
    members: Sequence[PathLike],
    features: str | None,
    seed: int,
    told: Told,
) -> JsonObject:
    """The record of an ensemble or a classical model. Raises InputError where one is given the other's option."""
    if name in ENSEMBLES:
        if features is not None:
            raise InputError(f"--features {features}: an option of classical models, not of {name}; leave it out")
        from edgedigits.api.training.ensembles import write_ensemble

        paths = [Path(one) for one in ([members] if isinstance(members, (str, os.PathLike)) else members)]
        return write_ensemble(name, paths, out, wish, seed=seed, say=told.say, progress=told.progress)
    if members:
        raise InputError(f"--members: an option of {' and '.join(ENSEMBLES)}, not of {name}; leave it out")
    if not is_classical(name):
        raise InputError(f"--features {features}: an option of classical models, not of {name}; leave it out")
    from edgedigits.api.training.classical import write_classical

    return write_classical(name, features or PIXELS, out, wish, seed=seed, say=told.say, progress=told.progress)


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
