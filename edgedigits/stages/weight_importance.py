"""How much a weight matters: by its size alone, or by its size times that of the input it meets.

Weights that meet an input which is always near zero (the corners of a digit, a dead channel) are never corrected in training and
keep the size they were born with; magnitude alone keeps them and drops ones that matter. The weighted form is that of Wanda (Sun
et al. 2023, "A Simple and Effective Pruning Approach for Large Language Models").
"""

from __future__ import annotations

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.splits import FitData
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import list_kernels


def measure_input_sizes(model: KerasModel, data: FitData) -> dict[str, np.ndarray]:
    """Kernel path -> root mean square of each input channel over the calibration images, shaped to multiply the kernel.

    A separable convolution's pointwise kernel reads what no layer gives out: it is not here.
    """
    squares: dict[str, list[np.ndarray]] = {}
    layers = {call.layer.name: call.layer for call in walk.list_calls(model) if list_kernels(call.layer)}

    def observe(images: KerasTensor) -> dict[str, KerasTensor]:
        seen: dict[str, KerasTensor] = {}

        def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
            if call.layer.name in layers:
                whole = tf.cast(args[0], tf.float32)
                mean = tf.reduce_mean(whole * whole, axis=list(range(len(whole.shape) - 1)))
                seen[call.layer.name] = seen.get(call.layer.name, 0.0) + mean
            return call.layer(*args, **kwargs)

        walk.run(model, images, apply)
        return seen

    compiled = as_graph(observe)
    for images, _ in make_plain_batches(data.calibration, data.scale):
        for name, mean in compiled(images).items():
            squares.setdefault(name, []).append(mean.numpy())
    found = {}
    for name, means in squares.items():
        attribute, kernel = next(iter(list_kernels(layers[name]).items()))
        sizes = np.sqrt(np.mean(means, axis=0))
        if kernel.reads is not None:
            found[f"{name}/{attribute}"] = _apart(sizes, layers[name], kernel.reads)
    return found


def _apart(sizes: np.ndarray, layer: KerasLayer, axis: int) -> np.ndarray:
    """The sizes along the axis of a kernel that counts channels read. Each group of a convolution in groups reads channels of its
    own: [channels it reads, channels made]."""
    groups = getattr(layer, "groups", 1)
    if groups == 1:
        return sizes.reshape(-1, *[1] * (-1 - axis))
    return np.repeat(sizes.reshape(groups, -1), layer.filters // groups, axis=0).T
