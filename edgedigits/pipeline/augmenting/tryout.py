"""A race of augmentations: one net, short trainings from the same start, judged on images held back from all of them.

Each candidate trains as often on each image as the recipe will, on as many fewer images as it has fewer steps: what augmentation
is for, an image seen again and again, must be there, or plain images would always win. The start is a damaged copy of the model.
The model itself may know the held-back images by heart, as they are of its training images, and has nothing left to learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from edgedigits.backend import as_graph, keras, seed_everything, tf
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.feed import make_training_batches
from edgedigits.data.images import Images
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import Progress
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.answers import answers_probabilities
from edgedigits.stages.adam import Adam
from edgedigits.stages.training_loop import CLOSING_RATE, make_training_copy, seed_layers
from edgedigits.tasks.class_weights import make_weighted_mean
from edgedigits.tasks.losses import mix_losses
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tasks.task import Task

DAMAGE: Final = 0.5
"""The share of each kernel's variance that is another, random order of its own weights: their sizes stay, half of what they know
goes."""
QUICK: Final = 0.9
"""The momentum of batch normalization: its statistics must follow within tens of steps."""
RATE: Final = 2e-3
"""The highest rate: a few steps are no place for a higher one."""
LEAST_SHARE: Final = 1e-7
"""Probabilities are clipped here before their logarithm is taken."""


@dataclass(frozen=True)
class Race:
    """What candidates are compared on: `held` is judged on, and no image of it is among those of `pool`, which are trained on.

    steps: of each candidate, `batch` images each; times: how often each image is trained on.
    """

    task: Task
    pool: Images
    held: Images
    scale: Scale
    seed: int
    steps: int
    batch: int
    times: float
    rate: float

    @property
    def images(self) -> int:
        """How many images a candidate trains on."""
        wanted = round(self.steps * self.batch / max(1.0, self.times))
        return min(len(self.pool), max(self.batch, wanted))


def damage(model: KerasModel, seed: int) -> None:
    """Mixes each kernel with its own weights in another order, in place."""
    rng = np.random.default_rng([seed, 1])
    for variable in walk.collect_kernels(model).values():
        kernel = np.asarray(variable.value)
        other = rng.permutation(kernel.ravel()).reshape(kernel.shape)
        variable.assign(np.sqrt(1 - DAMAGE) * kernel + np.sqrt(DAMAGE) * other)


def make_learner(model: KerasModel, seed: int, damaged: bool) -> KerasModel:
    """A copy of the model that ends in logits, to be trained from; `damaged`: with half of what it knows."""
    learner = make_training_copy(model)
    for layer in learner.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, QUICK)
    if damaged:
        damage(learner, seed)
    return _log(learner) if walk.find_closing(model) is None and answers_probabilities(model) else learner


def _log(model: KerasModel) -> KerasModel:
    """The model whose probabilities no closing layer makes, as those of an ensemble, with their logarithms, which are logits."""
    share = keras.ops.maximum(model.output, LEAST_SHARE)
    result: KerasModel = keras.Model(model.input, keras.ops.log(share), name=model.name)
    return result


def warm_up(race: Race, learner: KerasModel, steps: int) -> None:
    """Trains a fresh net on plain images, each seen at most once: in its first steps any net learns plain ones best."""
    plain = replace(race, steps=steps, times=1.0)
    seed_everything(race.seed)
    seed_layers(learner, race.seed)
    _Trainer(plain, learner).train(None, lambda _: None)


def run(
    race: Race, learner: KerasModel, candidates: Mapping[str, Augment | None], progress: Progress
) -> dict[str, np.ndarray]:
    """The loss of each held-back image, as it is, after each candidate's training, float [n] by name.

    `learner` is trained; every candidate begins with its weights, with the same images in the same order.
    """
    start, found = learner.get_weights(), {}
    trainer = _Trainer(race, learner)
    for number, (name, augment) in enumerate(candidates.items()):
        learner.set_weights(start)
        seed_everything(race.seed)
        seed_layers(learner, race.seed)
        trainer.train(augment, partial(_tell, progress, number, len(candidates)))
        found[name] = trainer.judge()
    learner.set_weights(start)
    return found


def _tell(progress: Progress, number: int, count: int, share: float) -> None:
    progress("augment", (number + share) / count)


class _Trainer:
    """One graph for all candidates: to make it takes longer than the steps of a small net."""

    def __init__(self, race: Race, learner: KerasModel) -> None:
        self.race, self.learner = race, learner
        self.weights = race.task.weights("auto", race.pool.labels)
        self.images = draw_sample(race.pool, race.images, race.seed)
        rate = keras.optimizers.schedules.CosineDecay(min(RATE, race.rate), race.steps, alpha=CLOSING_RATE)
        self.adam = Adam(learner.trainable_variables, rate)
        self.step = as_graph(self._step, reduce_retracing=True)

    def train(self, augment: Augment | None, progress: Callable[[float], None]) -> None:
        race = self.race
        self.adam.restart()
        epochs = -(-race.steps // max(1, len(self.images) // race.batch))
        batches = make_training_batches(self.images, race.scale, race.batch, race.seed, 0, augment, epochs)
        for number, (images, labels, *share) in enumerate(batches.take(race.steps)):
            self.step(images, labels, *(share or [tf.zeros(len(labels))]))
            if number % 10 == 0:
                progress(number / race.steps)

    def judge(self) -> np.ndarray:
        race = self.race
        logits = compute_outputs(self.learner, race.held, race.scale)
        losses = race.task.loss(race.held.labels, logits)
        weights = None if self.weights is None else tf.constant(self.weights)
        return np.asarray(race.task.weighted(losses, race.held.labels, weights), np.float64)

    def _step(self, images: KerasTensor, labels: KerasTensor, share: KerasTensor) -> None:
        mean = make_weighted_mean(self.weights, self.race.task.weighted)
        with tf.GradientTape() as tape:
            logits = tf.cast(self.learner(images, training=True), tf.float32)
            loss = mix_losses(lambda own, labels: own(self.race.task.loss(labels, logits), labels), share, mean, labels)
        self.adam.apply(tape.gradient(loss, self.learner.trainable_variables))
