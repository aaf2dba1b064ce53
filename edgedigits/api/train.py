"""`train`: a float baseline, and the files beside it."""

from __future__ import annotations

import csv
import inspect
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish, parse_pixel_range
from edgedigits.api.progress import Told, Watch, telling
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
from edgedigits.models.classical.estimators import ESTIMATORS, is_classical
from edgedigits.models.classical.features import PIXELS
from edgedigits.models.zoo import ZOO, check_net, find_habits, list_options
from edgedigits.models.zoo.nets.resnets import STEMS
from edgedigits.models.zoo.own import find_function, is_own
from edgedigits.pipeline.ensembles.kinds import ENSEMBLES

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class Training(Result):
    """A trained baseline: `path` of the .keras file, `record` of how it came about. Frames: "epochs", losses, shares, seconds;
    "trainings", a row for each fold or seed where there were several."""

    FRAMES: ClassVar[tuple[str, ...]] = ("epochs", "trainings")
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

        from edgedigits.pipeline.model_card import tell_trainings

        return Text("\n".join([self._in_a_line(), *tell_trainings(self.record)]), no_wrap=True)

    def _in_a_line(self) -> str:
        size = "parameters" if "parameters" in self.record else "size_bytes"
        return (
            f"{self.path}: test accuracy {100 * self.accuracy:.2f} %, {self.record[size]:,} {size.rpartition('_')[2]}"
        )

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        if of == "trainings":
            several = self.record.get("kfold") or self.record.get("seeds") or {"each": []}
            return list(several["each"])
        if "epochs_run" not in self.record:  # it learned in none
            return []
        with self.path.with_suffix(".csv").open(newline="") as file:
            return [
                {key: int(value) if key == "epoch" else float(value) for key, value in row.items()}
                for row in csv.DictReader(file)
            ]


@command(weights=("imagenet",), stem=STEMS)
def train(
    name: str | None = None,
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
    epochs: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    augment: Said | bool = AUTO,
    elastic: float = 0.0,
    cutout: float = 0.0,
    mixup: float = 0.0,
    label_smoothing: float = 0.0,
    class_weights: str | Mapping[str, float] = "none",
    kfold: int | None = None,
    seeds: int = 1,
    keep_all: bool = False,
    tensorboard: PathLike | None = None,
    alpha: float | None = None,
    patch: int | None = None,
    stem: str | None = None,
    weights: str | None = None,
    model_fn: str | None = None,
    members: Sequence[PathLike] = (),
    features: str | None = None,
    progress: Watch = None,
) -> Training:
    """Train a float baseline, a net of the zoo by its name (see docs/zoo.md), and write it to `out`, which ends in .keras.

    Or make one model of several: soft_voting or stacking, of `members`, paths of .keras files. Or train a classical model:
    gradient_boosting, k_nearest, logistic_regression, random_forest, svm, or a classifier of scikit-learn by its class, on
    `features`: pixels (default), hog, pca or lda; `out` then ends in .skops. docs/ensembles.md tells of both.

    Its training record (.json), card (.md) and history (.csv) come beside it; interrupted, the same call goes on. data and
    how it is read as in `load_data`, MNIST by default; size: the same as resize, of squares. rate: the highest learning rate;
    patience: stop after so many epochs without a better one; augment: how training images are moved, as in `compress`, False for
    "none"; elastic, cutout and mixup are moves on top of those. epochs, batch, rate, patience and pixel_range not given are what
    suits the net. class_weights: "none", "auto", "balanced", or weights by class.

    kfold: also a net a fold, for a score out of fold; seeds: so many trainings, the best by validation is `out`; keep_all: all
    nets stay, as OUT-fold0.keras or OUT-seed0.keras. tensorboard: a folder for event files. Options of some nets: alpha, the
    width of MobileNets; patch, the side of what the vit sees as one; stem, how ResNet18 and ResNet50 begin; weights "imagenet".
    model_fn: "module:function" instead of a name: what that function makes of (height, width, channels) and the number of
    classes. Raises InputError's kinds.

    >>> ed.train("mlp", data, out="mlp.keras", epochs=1, progress=False).record["epochs_run"]
    1
    """
    given = dict(locals())
    pixels = parse_pixel_range(pixel_range, mean, std, bgr)
    read = Read((size, size) if size else resize, grey, resizing, background, classes, skip_bad, shape, clean)
    wish = DataWish(**make_data_wish(data, pixels, read))
    if name in ENSEMBLES or is_classical(name or "") or members or features is not None:
        _check_unused(name, given)
        with telling(progress) as told:
            return Training(Path(out), _without_epochs(name or "", Path(out), wish, members, features, seed, told))
    options = {"alpha": alpha, "patch": patch, "stem": stem, "weights": weights}
    moved = augment if not isinstance(augment, bool) else AUTO if augment else "none"
    settings = {"epochs": epochs, "batch": batch, "rate": rate, "patience": patience, "seed": seed, "augment": moved}
    settings |= {"label_smoothing": label_smoothing, "class_weights": class_weights}
    settings["also"] = {
        name: limit for name, limit in (("elastic", elastic), ("cutout", cutout), ("mixup", mixup)) if limit
    }
    often = {"kfold": kfold, "seeds": seeds, "keep_all": keep_all, "tensorboard": tensorboard and Path(tensorboard)}
    with telling(progress) as told:
        net = _name(name, model_fn)
        record = run(net, Path(out), wish, often, options=options, say=told.say, progress=told.progress, **settings)
    return Training(Path(out), record)


OF_NETS = (
    *(
        "epochs",
        "batch",
        "rate",
        "patience",
        "augment",
        "elastic",
        "cutout",
        "mixup",
        "label_smoothing",
        "class_weights",
    ),
    *("kfold", "seeds", "keep_all", "tensorboard", "alpha", "patch", "stem", "weights", "model_fn"),
)


def _check_unused(name: str | None, given: Mapping[str, Any]) -> None:
    """Raises InputError for what only a net has that learns in epochs."""
    usual = {key: one.default for key, one in inspect.signature(train).parameters.items()}
    for key in OF_NETS:
        if given[key] != usual[key]:
            option = key.replace("_", "-")
            raise InputError(f"--{option}: an option of nets that learn in epochs, not of {name}; leave it out")


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
    often: JsonObject,
    *,
    options: JsonObject,
    say: Say,
    progress: Progress = silent,
    **settings: Any,
) -> JsonObject:
    """Train, `often` as `Plan` has it, write `out` and its record, card and history; the record.

    Settings that are None are what suits the net. Raises InputError's kinds.
    """
    if out.suffix != ".keras":
        raise InputError(f"--out {out}: wanted a name that ends in .keras")
    options = {key: value for key, value in options.items() if value is not None}
    if not is_own(name):
        check_net(name, "", (*ENSEMBLES, *ESTIMATORS))
    for option in options:
        if option not in list_options(name):
            takers = ", ".join(net for net in ZOO if option in list_options(net))
            raise InputError(f"--{option}: an option of {takers}, not of {name}")
    habits = find_habits(name, options)
    settings = {key: getattr(habits, key) if value is None else value for key, value in settings.items()}
    from edgedigits.pipeline.baselines import save
    from edgedigits.pipeline.train import Settings, write_history
    from edgedigits.pipeline.training.plan import Plan, carry_out, check_plan

    frozen = habits.count_frozen(settings["epochs"])
    wanted = Settings(name, scale=wish.scale or habits.scale, options=options, frozen=frozen, **settings)
    plan = Plan(**often)
    check_writable(out.parent, out.with_suffix(".training").name)
    dataset = wish.dataset()
    check_plan(plan, wanted, dataset)
    tell_notes(dataset, say)
    work = out.with_suffix(".training")
    with locked(work, wait_s=0, doing="trains into"):
        try:
            trained = carry_out(plan, wanted, dataset, out, work, say, progress)
        except InputError:
            with suppress(OSError):
                work.rmdir()  # where nothing was kept in it yet
            raise
        save(trained.model, trained.record, out)
        write_history(trained.history, out.with_suffix(".csv"))
        shutil.rmtree(work, ignore_errors=True)
    return trained.record


def _name(name: str | None, model_fn: str | None) -> str:
    """The net that is meant: one of the zoo or a function. Raises InputError where both or neither are named."""
    if name is not None and model_fn is None:
        if is_own(name):
            raise InputError(f"{name}: a function is given as --model-fn {name}")
        return name
    if model_fn is not None and name is None:
        find_function(model_fn)
        return model_fn
    found = "both were given" if name else "neither was given"
    raise InputError(f"NAME and --model-fn: {found}; name a net of the zoo ({', '.join(ZOO)}), or a function of yours")
