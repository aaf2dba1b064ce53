"""What it costs that a layer loses channels, for what is won: measured, a group at a time, on images that were held back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData
from edgedigits.keras_types import KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.narrow import Layout
from edgedigits.models.graph.narrowed_size import count_int8_bytes, count_multiply_adds
from edgedigits.stages.shrink.gates import gate_by, run_gated
from edgedigits.stages.shrink.removal_order import SHARES, interpolate
from edgedigits.tasks.kinds.table import find_task

IMAGES: Final = 500
BATCH: Final = 250
LEAST: Final = 1e-4
"""Of the model's size: less is counted as this much, so that what saves nothing is dear and not beyond all numbers."""
EVEN: Final = 0.5
"""The balance at which bytes and multiply-adds weigh alike."""


@dataclass(frozen=True)
class Sensitivity:
    """What it does that a group alone loses none and each of SHARES of its channels, the least important first.

    rises: float64 [groups, 1 + shares], of an image's loss, with nothing trained. savings: float64 [groups, 1 + shares, 1 or 2],
    the shares of the model's bytes as int8 that go, and of its multiply-adds where its images have one size. A group whose units
    have no importance, NaN, and so stay, has zeros.
    """

    rises: np.ndarray
    savings: np.ndarray

    @property
    def weighs_both(self) -> bool:
        """Whether there are bytes and multiply-adds to weigh against each other."""
        return bool(self.savings.shape[-1] > 1)

    def find_prices(self, balance: float = EVEN) -> np.ndarray:
        """float64 [groups, 1 + shares]: the rise for what is saved, bytes by `balance` and multiply-adds by the rest; never
        less than at a smaller share. By the loss alone, the first layers of a net would keep their channels to the last, and they
        take most of the time; of the multiply-adds alone a large dense layer would stay, which takes most of the bytes."""
        weights = np.array([balance, 1 - balance]) if self.weighs_both else np.ones(1)
        return np.maximum.accumulate(self.rises / np.maximum(LEAST, self.savings @ weights), axis=1)

    def foretell_rise(self, lost: np.ndarray) -> float:
        """Of the loss, before any training, where groups lose such shares of their channels, float64 [groups]: what each does
        alone, in sum."""
        rises = np.maximum.accumulate(np.maximum(self.rises, 0), axis=1)
        return float(sum(interpolate(share, row) for share, row in zip(lost, rises, strict=True)))


def measure_sensitivity(
    layout: Layout, importance: np.ndarray, data: FitData, weights: np.ndarray | None = None
) -> Sensitivity:
    """Measured on the images that are kept for calibration: from the training part, and no stage trains on them."""
    ask, everything = make_asker(layout, data, weights), np.ones(layout.coupling.count, bool)
    whole = _count(layout, everything)
    loss = ask(everything)
    groups = layout.coupling.groups
    rises, savings = np.zeros((len(groups), 1 + len(SHARES))), np.zeros((len(groups), 1 + len(SHARES), len(whole)))
    for row, group in enumerate(groups):
        if np.isnan(importance[group.units]).any():
            continue
        order = group.units[np.argsort(importance[group.units], kind="stable")]
        for column, share in enumerate(SHARES, 1):
            keep = everything.copy()
            keep[order[: round(share * len(order))]] = False
            rises[row, column] = ask(keep) - loss
            savings[row, column] = 1 - _count(layout, keep) / whole
    return Sensitivity(rises, savings)


def share_left(layout: Layout, keep: np.ndarray) -> np.ndarray:
    """float64 [1 or 2]: of the bytes as int8, and of the multiply-adds, how much the bool [units] array leaves."""
    result: np.ndarray = _count(layout, keep) / _count(layout, np.ones_like(keep))
    return result


def _count(layout: Layout, keep: np.ndarray) -> np.ndarray:
    """Bytes as int8, and multiply-adds where images have one size."""
    counts = [count_int8_bytes]
    if None not in layout.coupling.model.inputs[0].shape[1:]:
        counts.append(count_multiply_adds)
    return np.array([count(layout, keep) for count in counts], np.float64)


def make_asker(layout: Layout, data: FitData, weights: np.ndarray | None) -> Callable[[np.ndarray], float]:
    """From bool [units], which of them stay, to the mean loss of the held images."""
    model, task = walk.clone(layout.coupling.model, logits=True), find_task(data)
    own = None if weights is None else tf.constant(weights)
    batches = list(make_plain_batches(draw_sample(data.calibration, IMAGES, data.seed), data.scale, BATCH))

    def total(pixels: KerasTensor, labels: KerasTensor, factors: KerasTensor) -> KerasTensor:
        logits = run_gated(model, layout, pixels, gate_by(factors, layout.coupling.count), True)
        result: KerasTensor = tf.reduce_sum(task.weighted(task.loss(labels, logits), labels, own))
        return result

    compiled = as_graph(total, reduce_retracing=True)
    count = sum(len(labels) for _, labels in batches)
    return lambda keep: sum(float(compiled(*batch, tf.constant(keep, tf.float32))) for batch in batches) / count
