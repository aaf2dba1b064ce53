"""Random classifiers with what couples channels: additions, concatenations, depthwise convolutions, gates, flattening."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgedigits.backend import keras
from edgedigits.models.graph.narrow import Layout
from edgedigits.models.layers.layer_kinds import MAKES, READS, Kernel, list_kernels

L = keras.layers
SIZE = 8


Draw = Callable[[st.SearchStrategy[Any]], Any]


def random_graph(draw: Draw) -> Any:
    """An untrained 8x8 classifier in which zero channels stay zero, with random weights and statistics."""
    image = keras.Input((SIZE, SIZE, draw(st.sampled_from([1, 3]))))
    x = L.Conv2D(draw(st.integers(2, 6)), 3, padding="same", activation="relu")(image)
    seen = [x]
    for block in draw(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=5)):
        x = BLOCKS[block](draw, x, seen)
        seen.append(x)
    x = HEADS[draw(st.sampled_from(sorted(HEADS)))](draw, x)
    net = keras.Model(image, L.Dense(3, activation="softmax")(x))
    return with_random_weights(net, draw(st.integers(0, 99)))


def _conv(draw: Draw, x: Any, seen: list[Any]) -> Any:
    bias = draw(st.booleans())
    x = L.Conv2D(draw(st.integers(1, 7)), draw(st.sampled_from([1, 3])), padding="same", use_bias=bias)(x)
    if draw(st.booleans()):
        x = L.BatchNormalization(scale=draw(st.booleans()))(x)
    return draw(st.sampled_from([L.ReLU(), L.ReLU(6.0), L.Activation("tanh"), L.LeakyReLU(), L.PReLU()]))(x)


def _residual(draw: Draw, x: Any, seen: list[Any]) -> Any:
    """Adds what has the same shape already, else a convolution of as many channels."""
    same = [other for other in seen if other.shape[1:] == x.shape[1:]]
    other = draw(st.sampled_from(same)) if same else x
    y = L.Conv2D(x.shape[-1], 3, padding="same", use_bias=False)(other)
    merge = draw(st.sampled_from([L.Add, L.Average, L.Subtract, L.Maximum]))
    return L.ReLU()(merge()([x, L.BatchNormalization()(y)]))


def _concatenated(draw: Draw, x: Any, seen: list[Any]) -> Any:
    same = [other for other in seen if other.shape[1:3] == x.shape[1:3]]
    return L.Concatenate()([x, draw(st.sampled_from(same)), L.Conv2D(draw(st.integers(1, 4)), 1)(x)])


def _depthwise(draw: Draw, x: Any, seen: list[Any]) -> Any:
    return L.DepthwiseConv2D(3, depth_multiplier=draw(st.integers(1, 2)), padding="same")(x)


def _separable(draw: Draw, x: Any, seen: list[Any]) -> Any:
    return L.SeparableConv2D(draw(st.integers(2, 5)), 3, depth_multiplier=draw(st.integers(1, 2)), padding="same")(x)


def _gated(draw: Draw, x: Any, seen: list[Any]) -> Any:
    """Squeeze and excite (Hu et al. 2018)."""
    mean = L.GlobalAveragePooling2D(keepdims=draw(st.booleans()))(x)
    if len(mean.shape) == 2:
        mean = L.Reshape((1, 1, -1))(mean)
    squeezed = L.Conv2D(draw(st.integers(1, 4)), 1, activation="relu")(mean)
    return L.Multiply()([x, L.Dense(x.shape[-1], activation="sigmoid")(squeezed)])


def _pooled(draw: Draw, x: Any, seen: list[Any]) -> Any:
    if min(x.shape[1:3]) < 4:
        return L.UpSampling2D()(x)
    return draw(st.sampled_from([L.MaxPooling2D(), L.AveragePooling2D(2), L.ZeroPadding2D(1), L.Cropping2D(1)]))(x)


def _transposed(draw: Draw, x: Any, seen: list[Any]) -> Any:
    x = L.Conv2DTranspose(draw(st.integers(2, 5)), 3, padding="same")(x)
    return L.Rescaling(np.linspace(0.5, 2, x.shape[-1]).tolist())(x)


def _flattened(draw: Draw, x: Any) -> Any:
    x = L.Dense(draw(st.integers(2, 9)), activation="relu")(L.Flatten()(x))
    return L.Dense(draw(st.integers(2, 9)))(L.Dropout(0.5)(x))


def _averaged(draw: Draw, x: Any) -> Any:
    pooled = [L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x)]
    return L.Concatenate()(pooled) if draw(st.booleans()) else pooled[0]


def _unfolded(draw: Draw, x: Any) -> Any:
    """Dense answers laid out as an image again: every channel of it is several neurons."""
    x = L.Dense(4 * draw(st.integers(2, 4)))(L.Flatten()(x))
    x = L.Conv2D(draw(st.integers(2, 4)), 1)(L.Reshape((2, 2, -1))(x))
    return L.Flatten()(L.Reshape((4, -1))(x))


BLOCKS = {
    "add": _residual, "concat": _concatenated, "conv": _conv, "depthwise": _depthwise, "gate": _gated, "pool": _pooled,
    "separable": _separable, "transposed": _transposed,
}  # fmt: skip
HEADS = {"flatten": _flattened, "pool": _averaged, "unfold": _unfolded}


def with_random_weights(net: Any, seed: int) -> Any:
    """The net with every weight random, statistics and biases too."""
    rng = np.random.default_rng(seed)
    net.set_weights(
        [
            rng.uniform(0.5, 1.5, weight.shape) if "variance" in variable.name else rng.normal(0, 0.4, weight.shape)
            for weight, variable in zip(net.get_weights(), net.weights, strict=True)
        ]
    )
    return net


def with_zeroed(layout: Layout, keep: np.ndarray) -> None:
    """All that makes the units that go is set to zero in the model: kernels, biases, scales, shifts and means."""
    for weight in layout.weights:
        attribute = weight.path.rpartition("/")[2]
        counts = READS if isinstance(weight.known, Kernel) and weight.known.depthwise else MAKES
        separable = len(list_kernels(weight.call.layer)) > 1 and counts == READS
        for axis, put in weight.axes.items():
            if put.counts == counts and not separable and attribute not in ("moving_variance", "alpha"):
                values = np.moveaxis(weight.variable.numpy(), axis, 0)
                values[~np.append(keep, True)[put.units]] = 0
                weight.variable.assign(np.moveaxis(values, 0, axis))
