"""Float baselines: train a net of the zoo with Keras 3, an epoch at a time, so that an interrupted run goes on where it was.

An epoch's batches, augmentation and order depend on (seed, epoch) alone and the optimizer's state is in the checkpoint: a run
that was interrupted and resumed ends with the weights of one that was not.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.files import sha256_of
from edgedigits_runner.kept import is_object, is_whole

from edgedigits.backend import seed_everything, tf
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.mixing import find_others
from edgedigits.data.augmentation.named_sets import AUTO, Said, check_said, find_fault
from edgedigits.data.dataset import Dataset
from edgedigits.data.feed import make_training_batches
from edgedigits.data.scale import Scale, parse_scaling
from edgedigits.data.splits import FitData, check_seed, split
from edgedigits.errors import DamagedError, InputError
from edgedigits.ground.atomic import check_writable, whole_file
from edgedigits.ground.facts import JsonObject, Progress, Say, silent
from edgedigits.ground.kept_files import are_hashes, check_files, read_sealed, set_aside, write_sealed
from edgedigits.models.layers.training_policy import choose_training_policy
from edgedigits.models.zoo import build, check_net
from edgedigits.models.zoo.nets.ready_made import freeze
from edgedigits.models.zoo.own import hash_source, is_own
from edgedigits.pipeline.augmenting.choice import Choice
from edgedigits.pipeline.augmenting.decide import Question, as_said, find_out_once
from edgedigits.pipeline.augmenting.outlay import Outlay
from edgedigits.pipeline.stage_cache import chain_key, hash_code, list_versions
from edgedigits.stages.settings import count_steps_per_epoch
from edgedigits.tasks.class_weights import SaidWeights, check_said_weights, name_weights, to_facts
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.scoring import Score, compute_outputs

THAWED = 0.1
"""Share of the highest rate that is left when ready weights begin to learn: what they know is worth keeping."""
_STATE = {"identity": is_object, "history": [is_object], "best": is_object, "best_epoch": is_whole, "files": are_hashes}


@dataclass(frozen=True)
class Settings:
    """What a training run depends on, besides the data; JSON-safe, and so `scale` is what a record says of it."""

    name: str
    epochs: int = 30
    batch: int = 128
    rate: float = 2e-3
    patience: int = 12
    label_smoothing: float = 0.0
    scale: Scale = "0..1"
    seed: int = 0
    augment: Said | bool = AUTO  # a bool is of older records: none, or that of digits
    also: JsonObject = field(default_factory=dict)  # moves on top of that, with their limits
    class_weights: SaidWeights = "none"
    options: JsonObject = field(default_factory=dict)  # of the zoo net: alpha, weights, patch, stem
    frozen: int = 0  # epochs at the beginning in which ready weights stay as they are

    def __post_init__(self) -> None:
        if not is_own(self.name):
            check_net(self.name, "zoo: ")
        check_seed(self.seed)
        object.__setattr__(self, "scale", parse_scaling(self.scale).as_json())
        if not isinstance(self.augment, bool):
            object.__setattr__(self, "augment", check_said(self.augment, "--augment"))
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"--label-smoothing {self.label_smoothing:g}: wanted a number from 0 up to, but not, 1")
        if fault := find_fault(self.also):
            raise InputError(f"--{fault}")
        object.__setattr__(self, "class_weights", check_said_weights(self.class_weights, "--class-weights"))


@dataclass(frozen=True)
class Row:
    """One line of the history."""

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    """The trained Keras 3 model (float32, no optimizer state) and the record its card is made from."""

    model: Any
    record: JsonObject
    history: list[Row]
    best: Score


@dataclass(frozen=True)
class Part:
    """A training on other images than those that a seed cuts; `marks` is JSON-safe, says which, and goes into the record."""

    data: FitData
    marks: JsonObject


Log = Callable[[list[Row]], None]
"""Told the whole history, before the first epoch and after each."""


def train(
    settings: Settings,
    dataset: Dataset,
    work: Path,
    say: Say = lambda _: None,
    progress: Progress = silent,
    part: Part | None = None,
    log: Log = lambda _: None,
) -> Trained:
    """Train to the best validation accuracy, of labels F1; checkpoints live in the folder `work` while the run is unfinished.

    The test images are scored once, at the end. Raises InputError when the net can't be built for such images.
    """
    check_writable(work)
    data = part.data if part else split(dataset, settings.scale, settings.seed)
    run = _Run(settings, dataset, data, work, say, part.marks if part else {})
    if run.history:
        say(f"resuming after epoch {run.history[-1].epoch}")
    log(run.history)
    while not run.finished:
        progress("train", len(run.history) / settings.epochs)
        run.epoch()
        log(run.history)
        row = run.history[-1]
        say(
            f"epoch {row.epoch}/{settings.epochs}  loss {row.loss:.4f}  validation {100 * row.validation_accuracy:.2f} %  "
            f"{row.seconds:.0f} s"
        )
    return run.result()


class _Run:
    """The state of one training run: model, history, best weights; on disk after every epoch."""

    def __init__(
        self, settings: Settings, dataset: Dataset, data: FitData, work: Path, say: Say, marks: JsonObject
    ) -> None:
        self.settings, self.dataset, self.data, self.work, self.marks = settings, dataset, data, work, marks
        self.task = find_task(dataset)
        self.identity = {
            "settings": asdict(settings),
            "data": dataset.fingerprint,
            "code": hash_code() + hash_source(settings.name),
            **marks,
        }
        self.weights = self._weigh()
        try:
            state = self._kept()
        except DamagedError as error:
            say(f"the checkpoint is damaged, so it is set aside and training starts anew ({error})")
            set_aside(work)
            check_writable(work)
            state = None
        self.choice = self._choose_all()
        self._start()
        if state:
            self._resume(state)
        elif self.choice.line:
            say(self.choice.line)

    def _start(self) -> None:
        self.history: list[Row] = []
        self.best: Score | None = None
        self.best_epoch = 0
        seed_everything(self.settings.seed)
        own = is_own(self.settings.name)  # whose last layer would answer in bfloat16, too
        self.model = self._build("float32" if own else choose_training_policy(self._build("float32").layers))
        self._compile(bool(self.settings.frozen))

    @property
    def finished(self) -> bool:
        done = len(self.history)
        return done >= self.settings.epochs or done - self.best_epoch >= self.settings.patience

    def epoch(self) -> None:
        began = time.perf_counter()
        settings, number = self.settings, len(self.history) + 1
        if settings.frozen and number == settings.frozen + 1:
            self._compile(frozen=False)
        augment, classes = self.choice.augment, len(self.dataset.classes)
        batches = make_training_batches(self.data.fit, settings.scale, settings.batch, settings.seed, number, augment)

        def make_targets(images: Any, labels: Any, share: Any = None) -> tuple[Any, Any]:
            found = self.task.keras_targets(labels, classes)
            return images, found if share is None else found + share[:, None] * (find_others(found) - found)

        targets = batches.map(make_targets)
        loss = self.model.fit(targets, verbose=0, shuffle=False).history["loss"][0]
        answers = compute_outputs(self.model, self.data.validation, settings.scale)
        now = self.task.score(answers, self.data.validation.labels, logits=False)
        self.history.append(Row(number, loss, now.loss, now.accuracy, round(time.perf_counter() - began, 2)))
        if now.better_than(self.best):
            self.best, self.best_epoch = now, number
            self._save("best", self.model.weights)
        self._save("last", self._everything())
        self._write_state()

    def result(self) -> Trained:
        model = self._build("float32")
        self._load(f"best-{self.best_epoch}.npz", model.weights)
        answers = compute_outputs(model, self.dataset.test, self.settings.scale)
        test = self.task.score(answers, self.dataset.test.labels, logits=False)
        assert self.best is not None
        return Trained(model, self._record(model, test), self.history, self.best)

    def _record(self, model: Any, test: Score) -> JsonObject:
        import keras

        assert self.best is not None
        return {
            "schema": 1,
            "settings": asdict(self.settings),
            **self.marks,
            "data": {
                "notes": list(self.dataset.notes),
                "name": self.dataset.name,
                "fingerprint": self.dataset.fingerprint,
                "classes": list(self.dataset.classes),
                **self._asked(),
            },
            "input": {
                "shape": list(self.dataset.shape),
                "scale": self.settings.scale,
                **self.dataset.reading.as_dict(),
            },
            "images": {
                "fit": len(self.data.fit),
                "validation": len(self.data.validation),
                "test": len(self.dataset.test),
            },
            **({"augment": self.choice.record} if self.choice.record else {}),
            **self._weighed(),
            "parameters": model.count_params(),
            "epochs_run": len(self.history),
            "best_epoch": self.best_epoch,
            "validation_accuracy": self.best.accuracy,
            "test_accuracy": test.accuracy,
            **{f"validation_{name}": value for name, value in self.best.others.items()},
            **{f"test_{name}": value for name, value in test.others.items()},
            "seconds": round(sum(row.seconds for row in self.history), 1),
            "versions": {
                "edgedigits": list_versions()["edgedigits"],
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
            },
        }

    def _asked(self) -> dict[str, str]:
        """The task, where it is another than one class per image."""
        return {} if self.task.name == "classification" else {"task": self.task.name}

    def _weighed(self) -> JsonObject:
        """What each class counts, where they don't count alike."""
        facts = to_facts(self.weights)
        return {"class_weights": dict(zip(self.dataset.classes, facts, strict=True))} if facts else {}

    def _weigh(self) -> np.ndarray | None:
        """How much each class counts; None where all count alike."""
        said, labels = self.settings.class_weights, self.data.fit.labels
        if isinstance(said, str):
            return self.task.weights(said, labels)
        return name_weights(said, self.dataset.classes, labels)

    def _choose_all(self) -> Choice:
        """The choice, and on top of it the moves that were named beside it."""
        choice = self._choose()
        if not self.settings.also:
            return choice
        return replace(choice, augment=replace(choice.augment or Augment.only(), **self.settings.also))

    def _choose(self) -> Choice:
        """As the settings say; with `auto` what a fresh net of this kind learns best from, the same whenever it is asked."""
        settings, said = self.settings, self.settings.augment
        if isinstance(said, bool):
            return as_said("digits" if said else "none")
        if said != AUTO:
            return as_said(said)
        per_epoch = count_steps_per_epoch(settings.batch, len(self.data.fit))
        outlay = Outlay(settings.epochs * per_epoch, settings.batch, float(settings.epochs), settings.rate)
        half = self.task.half(self.dataset.classes, False)
        seed_everything(settings.seed)
        net, classes = self._build("float32"), tuple(self.dataset.classes)
        asked = Question(net, half, self.data, classes, outlay, fresh=True)
        return find_out_once(asked, chain_key("train", **self.identity), False, silent)

    def _build(self, policy: str) -> Any:
        import keras

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            units, options = len(self.dataset.classes), self.settings.options
            net = build(self.settings.name, self.dataset.shape, units, self.task.closing, **options)
        finally:
            keras.config.set_dtype_policy(before)
        return net

    def _compile(self, frozen: bool) -> None:
        """With a new optimizer; `frozen`: the layers with ready weights don't learn. When they begin to, all learn slowly."""
        import keras

        settings = self.settings
        if settings.frozen:
            freeze(self.model, frozen)
        steps = count_steps_per_epoch(settings.batch, len(self.data.fit))
        epochs = settings.frozen if frozen else max(1, settings.epochs - settings.frozen)
        most = settings.rate * (THAWED if settings.frozen and not frozen else 1.0)
        rate = keras.optimizers.schedules.CosineDecay(most / 20, epochs * steps, warmup_target=most, warmup_steps=steps)
        loss = self.task.keras_loss(settings.label_smoothing, self.weights)
        self.model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
        self.model.optimizer.build(self.model.trainable_variables)

    def _save(self, kind: str, variables: list[Any]) -> None:
        with whole_file(self.work / f"{kind}-{len(self.history)}.npz") as path:
            np.savez(path, *[np.asarray(variable) for variable in variables])

    def _load(self, name: str, variables: list[Any]) -> None:
        with np.load(self.work / name, allow_pickle=False) as saved:
            for variable, key in zip(variables, saved.files, strict=True):
                variable.assign(saved[key])

    def _everything(self) -> list[Any]:
        """All that the next epoch depends on: weights, random generators of the dropouts, optimizer state."""
        metrics = {id(variable) for variable in self.model.metrics_variables}
        own = [variable for variable in self.model.variables if id(variable) not in metrics]
        return own + list(self.model.optimizer.variables)

    def _write_state(self) -> None:
        """The state names the checkpoints it goes with, and is renamed last; older checkpoints go after that."""
        assert self.best is not None
        keep = {f"last-{len(self.history)}.npz", f"best-{self.best_epoch}.npz"}
        state = {
            "identity": self.identity,
            "history": [asdict(row) for row in self.history],
            "best": asdict(self.best),
            "best_epoch": self.best_epoch,
            "files": {name: sha256_of(self.work / name) for name in sorted(keep)},
        }
        write_sealed(self.work / "state.json", state)
        for path in self.work.glob("*.npz"):
            if path.name not in keep:
                path.unlink()

    def _kept(self) -> JsonObject | None:
        """The state of an interrupted run of these settings on this data. Raises DamagedError where it can't be gone on from."""
        path = self.work / "state.json"
        if not path.is_file():
            return None
        state = read_sealed(path, _STATE)
        if state["identity"] != json.loads(json.dumps(self.identity)):
            return None
        check_files(self.work, state["files"])
        return state

    def _resume(self, state: JsonObject) -> None:
        self.history = [Row(**row) for row in state["history"]]
        self.best, self.best_epoch = Score(**state["best"]), state["best_epoch"]
        if 0 < self.settings.frozen < len(self.history):
            self._compile(frozen=False)
        self._load(f"last-{len(self.history)}.npz", self._everything())


def write_history(history: list[Row], path: Path) -> None:
    """The history as CSV, one line an epoch."""
    with whole_file(path) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(Row.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(row) for row in history)
