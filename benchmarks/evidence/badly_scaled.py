"""Channels scaled badly on purpose: the same float answers, and ranges in which most channels have a step or none.

Each BatchNorm behind a convolution makes its channels larger or smaller by factors drawn at random, and the weights of the
one layer that reads them make up for it. Before a ReLU6 only channels that stay far below 6 on the images given are touched,
and only made smaller, so that it cuts off what it did. Written apart from what mends it: by BatchNorm and reader, one after the
other.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from edgedigits.models.graph import walk
from edgedigits.models.graph.fold_batchnorm import find_pairs

SPREAD: Final = 1000.0
"""The largest of the factors that are drawn to the smallest."""
_BELOW: Final = 0.5
_KERNELS: Final = ("Conv2D", "Dense", "DepthwiseConv2D")
_THROUGH: Final = (
    "Activation",
    "Dropout",
    "GlobalAveragePooling2D",
    "LeakyReLU",
    "MaxPooling2D",
    "ReLU",
    "ZeroPadding2D",
)


def scale_badly(model: Any, images: np.ndarray, seed: int = 0, spread: float = SPREAD) -> tuple[Any, dict[str, int]]:
    """(a flat model with the same answers, how many channels of each BatchNorm were scaled); images float32 [n, h, w, c]."""
    broken, rng = walk.clone(model), np.random.default_rng(seed)
    calls = list(walk.list_calls(broken))
    tops, scaled = _find_tops(broken, images), dict[str, int]()
    for norm in find_pairs(broken).values():
        way = _follow(calls, next(call for call in calls if call.layer is norm))
        if way is None:
            continue
        reader, cap = way
        gamma, beta, mean, variance = norm.get_weights()
        factors = np.exp(rng.uniform(-0.5, 0.5, gamma.shape) * np.log(spread))
        if cap is not None:
            factors = np.where(tops[norm.name] < _BELOW * cap, factors / factors.max(), 1.0)
        norm.set_weights([gamma * factors, beta * factors, mean, variance])
        kernel, *rest = reader.get_weights()
        reader.set_weights([kernel / factors[:, None], *rest])  # [..., read, made]
        scaled[norm.name] = int((factors != 1).sum())
    return broken, scaled


def _find_tops(model: Any, images: Any) -> dict[str, np.ndarray]:
    """The largest value of every channel behind each BatchNorm."""
    tops: dict[str, np.ndarray] = {}

    def apply(call: walk.Call, args: Any, kwargs: Any) -> Any:
        made = call.layer(*args, **{**kwargs, "training": False})
        if type(call.layer).__name__ == "BatchNormalization":
            tops[call.layer.name] = np.asarray(made).max(axis=tuple(range(len(made.shape) - 1)))
        return made

    walk.run(model, images, apply)
    return tops


def _follow(calls: list[walk.Call], norm: walk.Call) -> tuple[Any, float | None] | None:
    """(the only layer with a kernel that reads the BatchNorm, the largest value that a ReLU between lets through)."""
    uses, number, cap = Counter(call.layer.name for call in calls), norm.outputs[0], None
    while True:
        readers = [call for call in calls if number in call.inputs]
        if len(readers) != 1 or uses[readers[0].layer.name] != 1:
            return None
        layer, kind = readers[0].layer, type(readers[0].layer).__name__
        if kind in _KERNELS:
            return layer, cap
        config: Any = layer.get_config()
        if kind not in _THROUGH or config.get("activation", "relu") not in ("relu", "relu6"):
            return None
        cap = 6.0 if config.get("activation") == "relu6" else config.get("max_value") or cap
        number = readers[0].outputs[0]
