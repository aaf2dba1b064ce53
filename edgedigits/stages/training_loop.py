"""The one training loop of the stages: a few epochs of Adam with a falling rate, and what must hold held after every step.

Where the CPU multiplies bfloat16 natively, layers compute in it and the weights stay float32 (mixed precision, Micikevicius et
al. 2018); on others all is float32.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from edgedigits.backend import as_graph, keras, seed_everything, tf
from edgedigits.data.feed import TOGETHER, make_training_batches
from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress
from edgedigits.keras_types import KerasModel, KerasTensor, TensorRows
from edgedigits.models.graph import fold_batchnorm, walk
from edgedigits.models.layers.training_policy import choose_training_policy
from edgedigits.stages.adam import Adam, Schedule
from edgedigits.stages.settings import (
    ClassWeights,
    EnoughImages,
    count_steps,
    count_steps_per_epoch,
    stretch_epochs,
)
from edgedigits.tasks.class_weights import make_weighted_mean, to_facts
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.losses import Mean, distillation, mix_losses
from edgedigits.tasks.task import Task

CLOSING_RATE = 0.05
"""The share of the rate that training ends with."""


@dataclass(frozen=True)
class Plan:
    """How long, how fast, and towards what: the rate falls from `rate` to a twentieth of it, as a cosine.

    With fewer training images than `enough_images`, epochs grow by the root of how many times fewer. `distillation` is the share
    of the loss that asks for the answers of the original model, softened by `temperature` (Hinton et al. 2015); the rest asks for
    the labels. `class_weights`: whether rare classes weigh more (`class_weights.py`).
    """

    what: str
    epochs: float
    min_steps: int
    enough_images: EnoughImages
    rate: float
    batch: int
    distillation: float
    temperature: float
    class_weights: ClassWeights

    @staticmethod
    def of(stage: object) -> Plan:
        """The plan in a stage's settings."""
        given = {field.name: getattr(stage, field.name) for field in fields(Plan) if field.name != "what"}
        return Plan(what=type(stage).__name__.lower(), **given)

    def steps(self, data: FitData) -> int:
        """Steps of training in all."""
        epochs = self.epochs * stretch_epochs(len(data.fit), self.enough_images)
        return count_steps(epochs, self.min_steps, self.batch, len(data.fit))

    def epochs_of(self, data: FitData) -> Iterator[TensorRows]:
        """(images, labels) for each step, and shares where images are mixed, some epochs at a time; the order depends on the
        seed alone."""
        steps, per_epoch = self.steps(data), count_steps_per_epoch(self.batch, len(data.fit))
        epochs, together = math.ceil(steps / per_epoch), max(1, TOGETHER // len(data.fit))
        for epoch in range(0, epochs, together):
            count = min(together, epochs - epoch)
            batches = make_training_batches(data.fit, data.scale, self.batch, data.seed, epoch, data.augment, count)
            yield batches.take(min(count * per_epoch, steps - epoch * per_epoch))


def tune(
    training_copy: KerasModel,
    original: KerasModel | None,
    data: FitData,
    plan: Plan,
    progress: Progress,
    forward: Callable[[KerasTensor], KerasTensor] | None = None,
    hold: Callable[[], None] = lambda: None,
    pause: Pause | None = None,
) -> Facts:
    """Train `training_copy`, which ends in logits, in place; `original` is the model to distil from, if the plan says so.

    `forward` computes its logits (default: the model itself, training), `hold` is a graph function run after every update.
    """
    steps = plan.steps(data)
    task = find_task(data)
    weights = task.weights(plan.class_weights, data.fit.labels)
    objective = _objective(task, plan, original)
    mean = make_weighted_mean(weights, task.weighted)
    compute = forward or (lambda images: training_copy(images, training=True))

    def loss(images: KerasTensor, labels: KerasTensor, share: KerasTensor | None = None) -> KerasTensor:
        of_labels = objective(images, tf.cast(compute(images), tf.float32))
        return mix_losses(of_labels, share, mean, labels)

    rate = keras.optimizers.schedules.CosineDecay(plan.rate, steps, alpha=CLOSING_RATE)
    how = Descent(plan.what, steps, rate, data.seed, pause)
    went = descend(training_copy, loss, plan.epochs_of(data), how, progress, hold)
    return {
        "steps": steps,
        "batch": plan.batch,
        "class_weights": to_facts(weights),
        "compute": training_copy.layers[1].dtype_policy.name,
        **went.as_facts(),
    }


Objective = Callable[[KerasTensor, KerasTensor], Callable[[Mean, KerasTensor], KerasTensor]]
"""From images and logits the loss of labels, whose images' own losses a mean brings together."""


@dataclass(frozen=True)
class Pause:
    """Ordinary Python that is run, with the number of the step, before every so many steps and before the last."""

    every_steps: int
    run: Callable[[int], None]

    def before(self, step: int, steps: int) -> int:
        """Runs where it is due before `step` of `steps`; how many steps may follow without it."""
        if step % self.every_steps == 0 or step == steps - 1:
            self.run(step)
        return min(self.every_steps - step % self.every_steps, max(1, steps - 1 - step))


@dataclass(frozen=True)
class Descent:
    """How `descend` goes: `rate` is a number or a Keras schedule, `what` is told to who watches."""

    what: str
    steps: int
    rate: Schedule
    seed: int
    pause: Pause | None = None


CURVE_POINTS = 50


@dataclass(frozen=True)
class Descended:
    """The losses of all steps, as they went."""

    losses: Sequence[float]

    @property
    def closing(self) -> float:
        """The mean of the last tenth of the steps."""
        return float(np.mean(self.losses[-max(1, len(self.losses) // 10) :]))

    def as_facts(self) -> Facts:
        """`closing_loss`, and `loss_curve`: means over parts of the steps, as equal as can be, in their order."""
        parts = np.array_split(self.losses, min(CURVE_POINTS, len(self.losses)))
        return {"closing_loss": self.closing, "loss_curve": [float(f"{part.mean():.5g}") for part in parts]}


AT_ONCE_S = 0.5
"""About so long the steps take that are left to TensorFlow together; then who watches is told, and an interrupt is heard. With
Python between all steps those of a small net took a third longer on two cores."""


def descend(
    training_copy: KerasModel,
    loss: Callable[..., KerasTensor],
    epochs: Iterable[TensorRows],
    how: Descent,
    progress: Progress,
    hold: Callable[[], None] = lambda: None,
) -> Descended:
    """Adam on `loss` of each batch, whose tensors it takes, an epoch at a time."""
    optimizer = Adam(training_copy.trainable_variables, how.rate)

    def step(*batch: KerasTensor) -> KerasTensor:
        with tf.GradientTape() as tape:
            value = loss(*batch)
        optimizer.apply(tape.gradient(value, training_copy.trainable_variables))
        hold()
        return value

    def several(batches: Iterator[Sequence[KerasTensor]], count: KerasTensor) -> KerasTensor:
        def one_more(number: KerasTensor, losses: tf.TensorArray) -> tuple[KerasTensor, tf.TensorArray]:
            return number + 1, losses.write(number, step(*next(batches)))

        begun = (tf.constant(0), tf.TensorArray(tf.float32, count))
        _, losses = tf.while_loop(lambda number, _: number < count, one_more, begun)
        found: KerasTensor = losses.stack()
        return found

    compiled = as_graph(several, reduce_retracing=True)
    seed_everything(how.seed)
    seed_layers(training_copy, how.seed)
    losses: list[float] = []
    at_once = 1
    for epoch in epochs:
        batches, end = iter(epoch), len(losses) + len(epoch)
        while (done := len(losses)) < end:
            count = min(at_once, end - done)
            if how.pause:
                count = min(count, how.pause.before(done, how.steps))
            began = time.perf_counter()
            losses += map(float, compiled(batches, tf.constant(count)))
            if done:  # the first is compiled
                at_once = max(1, min(2 * at_once, round(AT_ONCE_S * count / (time.perf_counter() - began))))
            progress(how.what, len(losses) / how.steps)
    progress(how.what, 1.0)
    return Descended(losses)


def seed_layers(training_copy: KerasModel, seed: int) -> None:
    """What dropout and noise draw follows from the seed and from the weights that training begins with.

    Keras gives each such layer a start of its own when it is made, which no seed tells. With the seed alone each stage would draw
    what the one before drew, for the same images in the same order.
    """
    weights = 0
    for values in training_copy.get_weights():
        weights = zlib.crc32(np.ascontiguousarray(values).tobytes(), weights)
    for number, layer in enumerate(training_copy.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([np.random.SeedSequence([seed, weights, number]).generate_state(1)[0], 0])


def _objective(task: Task, plan: Plan, original: KerasModel | None) -> Objective:
    if not plan.distillation or original is None:
        return lambda _images, logits: lambda mean, labels: mean(task.loss(labels, logits), labels)
    teacher = make_asking_copy(original)

    def mixed(images: KerasTensor, logits: KerasTensor) -> Callable[[Mean, KerasTensor], KerasTensor]:
        wanted = teacher(images, training=False)
        return lambda mean, labels: distillation(
            labels, logits, wanted, plan.distillation, plan.temperature, mean, task
        )

    return mixed


SOON = 0.99
"""The most momentum of batch normalization in a stage: its statistics must catch up with changed channels in a few hundred
steps, and Keras' own MobileNetV2 comes with 0.999, which takes thousands."""


def make_training_copy(model: KerasModel, dropout: float = 1.0) -> KerasModel:
    """A trainable copy of a model that ends in logits and computes as fast as this machine can; its dropout times `dropout`."""
    policy = choose_training_policy(call.layer for call in walk.list_calls(model))
    training_copy = walk.clone(model, policy, logits=True)
    for layer in training_copy.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, SOON)
        if isinstance(layer, keras.layers.Dropout):
            layer.rate *= dropout
    training_copy.trainable = True  # a base that was frozen for transfer learning is compressed too
    return training_copy


def make_asking_copy(model: KerasModel) -> KerasModel:
    """A copy of a model that ends in logits, to be asked and not trained: the same answers within float rounding, sooner.

    Batch normalizations are folded where they can be: on a CPU with AVX2 and no more, TensorFlow's kernel for them takes as long
    as all of the convolutions of a small net.
    """
    return make_training_copy(fold_batchnorm.fold(model)[0])


def copy_weights(model: KerasModel, training_copy: KerasModel) -> KerasModel:
    """A float32 copy of `model` with the weights of its training copy."""
    copy = walk.clone(model)
    copy.set_weights(training_copy.get_weights())
    return copy


def make_holder(
    training_copy: KerasModel, masks: Mapping[str, np.ndarray], clusters: Mapping[str, np.ndarray]
) -> Callable[[], None]:
    """A graph function that zeroes pruned weights again and makes clustered ones equal to their cluster's mean."""
    kernels = walk.collect_kernels(training_copy)
    fixed = {path: tf.constant(mask, tf.float32) for path, mask in masks.items() if path not in clusters}
    groups = {path: (tf.constant(numbers + 1, tf.int32), int(numbers.max()) + 2) for path, numbers in clusters.items()}

    def hold() -> None:
        for path, mask in fixed.items():
            kernels[path].assign(kernels[path] * mask)
        for path, (group, count) in groups.items():
            means = tf.math.unsorted_segment_mean(kernels[path].value, group, count)
            pruned_stay_zero = tf.concat([[0.0], means[1:]], axis=0)
            kernels[path].assign(tf.gather(pruned_stay_zero, group))

    return hold
