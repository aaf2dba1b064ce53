"""How much each unit of channels matters, in the measures that `shrink` knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.narrow import Layout
from edgedigits.models.layers.layer_kinds import MAKES, READS, Kernel
from edgedigits.stages.shrink.gates import run_gated
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.task import Task

BATCH = 250


def measure_importances(
    kind: str, layout: Layout, data: FitData, images: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """float64 [units], larger matters more; NaN where `kind` says nothing about a unit.

    `weights` are those of the classes in the loss, if they weigh differently (`class_weights.py`).
    Raises RecipeError when it says nothing about any of them.
    """
    if kind == "taylor":
        return measure_loss_changes(layout, data, images, weights)
    if kind == "bn":
        return _scales(layout)
    sums = _sums(layout, lambda kernel: np.abs(kernel) if kind == "l1" else np.square(kernel))
    return sums if kind == "l1" else np.sqrt(sums)


def _sums(layout: Layout, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Over all weights that make the channels of each unit; a depthwise kernel has a filter for each that it reads."""
    total = np.zeros(layout.coupling.count)
    for weight in layout.weights:
        if not isinstance(weight.known, Kernel):
            continue
        counts = READS if weight.known.depthwise else MAKES
        axis = next((axis for axis, put in weight.axes.items() if put.counts == counts), None)
        if axis is not None:
            values = np.moveaxis(of(weight.variable.numpy().astype(np.float64)), axis, 0)
            _gather(total, weight.axes[axis].units, values.reshape(len(values), -1).sum(axis=1))
    return total


def _scales(layout: Layout) -> np.ndarray:
    total, scaled = np.zeros(layout.coupling.count), np.zeros(layout.coupling.count, bool)
    for weight in layout.weights:
        if weight.path.endswith("/gamma") and -1 in weight.axes:
            units = weight.axes[-1].units
            _gather(total, units, np.abs(weight.variable.numpy()).astype(np.float64))
            scaled[units[units >= 0]] = True
    if not scaled.any():
        raise RecipeError(
            f"shrink.importance: found bn, but no batch normalization scales a channel of {layout.coupling.model.name} "
            "that could go; choose taylor, l1 or l2"
        )
    return np.where(scaled, total, np.nan)


def _gather(total: np.ndarray, units: np.ndarray, values: np.ndarray) -> None:
    """Adds the value of each place of an axis to its unit."""
    free = units >= 0
    np.add.at(total, units[free], values[free])


def measure_loss_changes(layout: Layout, data: FitData, images: int, weights: np.ndarray | None = None) -> np.ndarray:
    """By how much the loss of an image changes, to first order, when the unit's channels are zero: mean of the absolute values.

    A channel counts where it is read, that is at the inputs of convolutions and dense layers: all places where a unit is read
    are summed before the absolute value is taken (Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning").
    """
    model, task = walk.clone(layout.coupling.model, logits=True), find_task(data)
    own = None if weights is None else tf.constant(weights)
    gradients = as_graph(lambda pixels, labels: _gate_gradients(task, model, layout, pixels, labels, own))
    picked = draw_sample(data.fit, images, data.seed)
    total = np.zeros(layout.coupling.count)
    for pixels, labels in make_plain_batches(picked, data.scale, BATCH):
        total += gradients(pixels, labels).numpy()
    return np.asarray(total / len(picked), np.float64)


def _gate_gradients(
    task: Task, model: KerasModel, layout: Layout, pixels: KerasTensor, labels: KerasTensor, weights: KerasTensor | None
) -> KerasTensor:
    """Sum over the images of |d loss / d gate| of each unit, where a gate of one multiplies every channel that is read."""
    gates: list[tuple[np.ndarray, KerasTensor]] = []
    with tf.GradientTape() as tape:

        def make_gate(axis: np.ndarray) -> KerasTensor:
            gate: KerasTensor = tf.ones([tf.shape(pixels)[0], len(axis)])
            tape.watch(gate)
            gates.append((axis, gate))
            return gate

        logits = run_gated(model, layout, pixels, make_gate)
        loss = tf.reduce_sum(task.weighted(task.loss(labels, logits), labels, weights))
    slopes = tape.gradient(loss, [gate for _, gate in gates])
    per_image = tf.zeros([layout.coupling.count, tf.shape(pixels)[0]])
    for (axis, _), slope in zip(gates, slopes, strict=True):
        per_image += tf.math.unsorted_segment_sum(tf.transpose(slope), axis, layout.coupling.count)  # -1: left out
    result: KerasTensor = tf.reduce_sum(tf.abs(per_image), axis=1)
    return result
