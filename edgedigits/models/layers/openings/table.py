"""Layers of Keras in whose place others stand that compute the same: which, and by what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edgedigits.keras_types import KerasLayer, KerasTensor
from edgedigits.models.layers.activations import Make
from edgedigits.models.layers.layer_configs import cannot, read_config
from edgedigits.models.layers.openings.attention import open_attention, open_multi_head
from edgedigits.models.layers.openings.einsum_dense import Call, Weighted, open_einsum_dense

Opening = Callable[[KerasLayer, str, Make, Weighted], Call]


def _adaptive(layer: Any, name: str, make: Make, _: Weighted) -> Call:
    """Pooling by windows of one size, where the input's is a multiple of the output's."""
    kind = type(layer).__name__.removeprefix("Adaptive")
    wanted = [int(size) for size in layer.output_size]

    def call(x: KerasTensor, **__: object) -> KerasTensor:
        sizes = list(x.shape[1:-1])
        if any(size is None or size % count for size, count in zip(sizes, wanted, strict=True)):
            why = f"pools {sizes} to {wanted} by windows of several sizes"
            raise cannot(layer, why, "choose an output_size that divides the input's, or resize before it")
        window = [size // count for size, count in zip(sizes, wanted, strict=True)]
        return make(kind, name, pool_size=window, strides=window)(x)

    return call


def _repeated(layer: Any, name: str, make: Make, _: Weighted) -> Call:
    """One row, joined to itself."""
    count = int(read_config(layer)["n"])

    def call(x: KerasTensor, **__: object) -> KerasTensor:
        row = make("Reshape", name if count == 1 else f"{name}_row", target_shape=[1, x.shape[-1]])(x)
        return row if count == 1 else make("Concatenate", name, axis=1)([row] * count)

    return call


def _lengthened(layer: Any, name: str, make: Make, _: Weighted) -> Call:
    """A column of pixels, made higher: int8 has no reference kernel of what Keras does."""

    def call(x: KerasTensor, **__: object) -> KerasTensor:
        places, channels = x.shape[1], x.shape[2]
        column = make("Reshape", f"{name}_column", target_shape=[places, 1, channels])(x)
        longer = make("UpSampling2D", f"{name}_of", size=(int(layer.size), 1))(column)
        return make("Reshape", name, target_shape=[places * int(layer.size), channels])(longer)

    return call


OPENINGS: Final[dict[str, Opening]] = {
    "AdaptiveAveragePooling1D": _adaptive,
    "AdaptiveAveragePooling2D": _adaptive,
    "AdaptiveMaxPooling1D": _adaptive,
    "AdaptiveMaxPooling2D": _adaptive,
    "Attention": open_attention,
    "EinsumDense": open_einsum_dense,
    "MultiHeadAttention": open_multi_head,
    "RepeatVector": _repeated,
    "UpSampling1D": _lengthened,
}
"""By the name of the layer's class; `known_layers.OPENED` lists them."""
