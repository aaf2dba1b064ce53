"""What it costs that a layer loses channels, for what is won: measured, a group at a time, on images that were held back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from edgedigits.backend import tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData
from edgedigits.keras_types import KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.narrow import Layout
from edgedigits.models.graph.narrowed_size import count_multiply_adds, count_parameters
from edgedigits.stages.shrink.gates import run_gated
from edgedigits.stages.shrink.removal_order import SHARES
from edgedigits.tasks.kinds.table import find_task

IMAGES: Final = 500
BATCH: Final = 250
LEAST: Final = 1e-4
"""Of the model's size: less is counted as this much, so that what saves nothing is dear and not beyond all numbers."""


def measure_prices(
    layout: Layout, importance: np.ndarray, data: FitData, weights: np.ndarray | None = None
) -> np.ndarray:
    """float64 [groups, 1 + shares]: what it costs that the group alone loses none and each of SHARES of its channels, the least
    important first, with nothing trained; never less than at a smaller share.

    It is the rise of an image's loss for what goes: the mean of its shares of the parameters and of the multiply-adds. By the
    loss alone, the first layers of a net would keep their channels to the last, and they take most of the time. A group whose
    units have no importance, NaN, and so stay, has zeros. The images are those kept for calibration: from the training part, and
    no stage trains on them.
    """
    ask, everything = make_asker(layout, data, weights), np.ones(layout.coupling.count, bool)
    whole = _count(layout, everything)
    loss = ask(everything)
    prices = np.zeros((len(layout.coupling.groups), 1 + len(SHARES)))
    for row, group in enumerate(layout.coupling.groups):
        if np.isnan(importance[group.units]).any():
            continue
        order = group.units[np.argsort(importance[group.units], kind="stable")]
        for column, share in enumerate(SHARES, 1):
            keep = everything.copy()
            keep[order[: round(share * len(order))]] = False
            prices[row, column] = (ask(keep) - loss) / max(LEAST, 1 - float(np.mean(_count(layout, keep) / whole)))
    return np.maximum.accumulate(prices, axis=1)


def _count(layout: Layout, keep: np.ndarray) -> np.ndarray:
    """Parameters, and multiply-adds where images have one size. Both count: of the cycles alone, a large dense layer would stay,
    which takes hardly any and most of the bytes."""
    counts = [count_parameters]
    if None not in layout.coupling.model.inputs[0].shape[1:]:
        counts.append(count_multiply_adds)
    return np.array([count(layout, keep) for count in counts], np.float64)


def make_asker(layout: Layout, data: FitData, weights: np.ndarray | None) -> Callable[[np.ndarray], float]:
    """From bool [units], which of them stay, to the mean loss of the held images."""
    model, task = walk.clone(layout.coupling.model, logits=True), find_task(data)
    own = None if weights is None else tf.constant(weights)
    batches = list(make_plain_batches(draw_sample(data.calibration, IMAGES, data.seed), data.scale, BATCH))

    def total(pixels: KerasTensor, labels: KerasTensor, factors: KerasTensor) -> KerasTensor:
        known = tf.concat([factors, [1.0]], axis=0)  # the last is for channels that are of no unit
        logits = run_gated(
            model, layout, pixels, lambda axis: tf.gather(known, axis % (layout.coupling.count + 1)), True
        )
        result: KerasTensor = tf.reduce_sum(task.weighted(task.loss(labels, logits), labels, own))
        return result

    compiled = tf.function(total, reduce_retracing=True)
    count = sum(len(labels) for _, labels in batches)
    return lambda keep: sum(float(compiled(*batch, tf.constant(keep, tf.float32))) for batch in batches) / count
