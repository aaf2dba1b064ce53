"""Augmented images with the teachers' answers to them, computed once where they are used more than once.

A pool holds several augmentations of every image; epoch e trains on number e modulo their count. With fewer augmentations than
epochs each of them comes back, so what the teachers answer is worth keeping, and the images too where they fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.mixing import mix
from edgedigits.data.feed import TOGETHER, make_reader, shuffle_batches
from edgedigits.data.scale import Scale, scale_pixels
from edgedigits.data.splits import FitData
from edgedigits.errors import ModelError
from edgedigits.ground.facts import Progress
from edgedigits.keras_types import KerasTensor, TensorRows
from edgedigits.tasks.class_weights import make_weighted_mean
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.losses import Mean, distillation, mix_losses
from edgedigits.tasks.task import Task

IMAGES_MOST_BYTES = 2**30
"""Augmented images beyond this are augmented again, the same way, whenever they are needed."""
ANSWERS_MOST_BYTES = 2**30
"""Answers beyond this are computed again for every batch."""
AT_ONCE = 500
"""Images that teachers answer at once."""

Ask = Callable[[KerasTensor], KerasTensor]

Prepare = Callable[[KerasTensor], tuple[KerasTensor, ...]]


@dataclass(frozen=True)
class Lessons:
    """What to train on, for how long.

    count: different augmentations of every image, at most one for each epoch.
    answers: float16 [count, n, classes], the teachers' logits; None where they are asked during training.
    images: uint8 [count, n, h, w, c]; None where images are augmented (again) during training.
    """

    data: FitData
    augment: Augment | None
    count: int
    answers: np.ndarray | None = None
    images: np.ndarray | None = None

    def epochs(self, batch: int, steps: int) -> Iterator[TensorRows]:
        """(uint8 pixels, labels) for each step, and float16 answers where there are any; an epoch at a time, or some epochs
        where all of them see the same images. Where images are mixed, the pixels are float32, and shares come last."""
        fit, seed = self.data.fit, self.data.seed
        batch = min(batch, len(fit))
        per_epoch = len(fit) // batch
        epochs = -(-steps // per_epoch)
        together = max(1, TOGETHER // len(fit)) if self.count == 1 else 1
        for first in range(0, epochs, together):
            numbers = range(first, min(first + together, epochs))
            rows = np.concatenate([shuffle_batches(len(fit), batch, seed, epoch) for epoch in numbers])
            yield self._feed(first % self.count, rows[: steps - first * per_epoch])

    def _feed(self, number: int, rows: np.ndarray) -> TensorRows:
        """The images at each row of indices under augmentation `number`, with labels and answers."""
        pixels = _pixels(self.data, self.augment, number) if self.images is None else _gather([self.images[number]])
        others = _gather([self.data.fit.labels] + ([] if self.answers is None else [self.answers[number]]))

        def prepare(row: KerasTensor) -> tuple[KerasTensor, ...]:
            if not self.mixes:
                return *pixels(row), *others(row)
            assert self.augment is not None
            seed = [self.data.seed * 1000 + number, tf.cast(row[0], tf.int32)]
            mixed, share = mix(pixels(row)[0], self.augment, seed)
            return mixed, *others(row), share

        return _mapped(rows, prepare)

    @property
    def mixes(self) -> bool:
        """Whether images are mixed, and their answers with them."""
        return self.augment is not None and self.augment.mixes


def make_lessons(
    data: FitData, augment: Augment | None, pool: int, epochs: int, ask: Ask | None, progress: Progress
) -> Lessons:
    """What `epochs` epochs train on; labels alone without `ask`. Raises ModelError when teachers answer what is no number."""
    count = min(pool, epochs) if augment else 1
    if ask is None:
        return Lessons(data, augment, count)
    classes = int(ask(tf.zeros([1, *data.fit.shape])).shape[-1])
    if count == epochs or count * len(data.fit) * classes * 2 > ANSWERS_MOST_BYTES:
        return Lessons(data, augment, count)
    kept = augment is not None and count * len(data.fit) * int(np.prod(data.fit.shape)) <= IMAGES_MOST_BYTES
    images = np.empty((count, len(data.fit), *data.fit.shape), np.uint8) if kept else None
    answers = np.empty((count, len(data.fit), classes), np.float16)
    asked = _asked(ask)
    starts = range(0, len(data.fit), AT_ONCE)
    for number in range(count):
        progress("distil: teacher", number / count)
        rows = tf.data.Dataset.range(len(data.fit)).batch(AT_ONCE)
        for start, (pixels,) in zip(starts, _mapped(rows, _pixels(data, augment, number)), strict=True):
            answers[number, start : start + AT_ONCE] = asked(pixels)
            if images is not None:
                images[number, start : start + AT_ONCE] = pixels.numpy()
    return Lessons(data, augment, count, answers, images)


def _asked(ask: Ask) -> Callable[[KerasTensor], np.ndarray]:
    """Answers, float32, to uint8 images; ModelError when some of them are no finite numbers."""
    compiled = as_graph(lambda pixels: ask(tf.cast(pixels, tf.float32)), reduce_retracing=True)

    def asked(pixels: KerasTensor) -> np.ndarray:
        answers = np.asarray(compiled(pixels), np.float32)
        if not np.isfinite(answers).all():
            raise ModelError("distil.teacher: it answers images of this data with NaN or infinity; train it again")
        return answers

    return asked


def measure_validation_accuracy(ask: Ask, data: FitData) -> float:
    """The share of validation images that the teachers, together, answer right. Raises ModelError as `lessons` does."""
    asked = _asked(ask)
    rows = np.array_split(np.arange(len(data.validation)), -(-len(data.validation) // AT_ONCE))
    answers = np.concatenate([asked(tf.constant(data.validation.read(row))) for row in rows])
    return find_task(data).score(answers, data.validation.labels, logits=True).accuracy


def make_loss(
    task: Task,
    training_copy: Callable[..., KerasTensor],
    ask: Ask,
    scale: Scale,
    share: float,
    temperature: float,
    weights: np.ndarray | None = None,
    mixes: bool = False,
) -> Callable[..., KerasTensor]:
    """The loss of a batch of images: `losses.distillation` from the answers kept of them, else those of who is asked now.

    `weights` are those of the classes, if they weigh differently (`class_weights.py`). With `share` 0 nobody is asked. `mixes`:
    images are mixed, and of each batch the shares come last; kept answers are mixed as labels are.
    """

    mean = make_weighted_mean(weights, task.weighted)

    def mixed(pixels: KerasTensor, *rows: KerasTensor) -> KerasTensor:
        rows, part = (rows[:-1], rows[-1]) if mixes else (rows, None)
        given = tf.cast(pixels, tf.float32)
        logits = tf.cast(training_copy(scale_pixels(given, scale), training=True), tf.float32)
        now = ask(given) if share and len(rows) == 1 else None

        def objective(mean: Mean, labels: KerasTensor, answers: KerasTensor | None = None) -> KerasTensor:
            if not share:
                return mean(task.loss(labels, logits), labels)
            wanted = now if answers is None else answers
            assert wanted is not None
            return distillation(labels, logits, wanted, share, temperature, mean, task)

        return mix_losses(objective, part, mean, *rows)

    return mixed


def _pixels(data: FitData, augment: Augment | None, number: int) -> Prepare:
    """A graph function from indices to uint8 images under augmentation `number`; an image's own is always the same."""
    read = make_reader(data.fit)
    draws = augment.draws(len(data.fit), [data.seed * 1000 + number, len(data.fit)]) if augment else None

    def pixels(row: KerasTensor) -> tuple[KerasTensor, ...]:
        plain, _ = read(row)
        if augment is None:
            return (plain,)
        moved = augment.moved(tf.cast(plain, tf.float32), tf.gather(draws, row))
        return (tf.cast(tf.round(tf.clip_by_value(moved, 0.0, 255.0)), tf.uint8),)

    return pixels


def _gather(arrays: list[np.ndarray]) -> Prepare:
    """A graph function from indices to those rows of each array; the arrays are not copied into the graph."""

    def call(row: KerasTensor) -> tuple[KerasTensor, ...]:
        kinds = [array.dtype for array in arrays]
        found = tf.numpy_function(lambda row: [array[row] for array in arrays], [row], kinds, stateful=False)
        for tensor, array in zip(found, arrays, strict=True):
            tensor.set_shape([None, *array.shape[1:]])
        return tuple(found)

    return call


def _mapped(rows: np.ndarray | TensorRows, function: Prepare) -> TensorRows:
    given = tf.data.Dataset.from_tensor_slices(rows) if isinstance(rows, np.ndarray) else rows
    return given.map(function, num_parallel_calls=2, deterministic=True).prefetch(4)
