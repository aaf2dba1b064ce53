"""By how much rounding moves the mean of every channel, found in one walk with both forms side by side."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import nullcontext
from typing import Any, Final

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.data.images import Images, read_all
from edgedigits.data.scale import scale_pixels
from edgedigits.data.splits import FitData
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import list_kernels
from edgedigits.stages.fake_quantize import FakeQuantized, round_kernel
from edgedigits.stages.repair.corrections import take_activation

_MOST_VALUES: Final = 2**26
"""Of the largest tensor, over all images: a few such are held at once."""

Both = tuple[Any, Any]
"""What a tensor holds in float and with rounding, each [n, ...]."""


def find_corrections(
    model: KerasModel, data: FitData, images: Images
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """(layer name -> float32 [channels] to be added to its bias, the largest of them as a share of what the layer reaches).

    The layers of the model have biases; one that is used more than once keeps its own.
    """
    copy = walk.clone(model)
    rounded = FakeQuantized(copy, ())
    rounded.observe(data)
    twin = _Twin(copy, rounded)
    largest = max(math.prod(call.use.made[0].shape[1:]) for call in twin.calls)
    pixels = read_all(images)[: max(1, _MOST_VALUES // largest)]
    twin.run(tf.constant(np.asarray(scale_pixels(pixels, data.scale), np.float32)))
    return twin.corrections, twin.shares


class _Twin:
    """A model computed in float and with int8 rounding, layer by layer; corrections are found on the way."""

    def __init__(self, model: KerasModel, rounded: FakeQuantized) -> None:
        self.calls = list(walk.list_calls(model))
        self._rounded = rounded
        self._uses = Counter(call.layer.name for call in self.calls)
        workers = [call.layer for call in self.calls if list_kernels(call.layer)]
        self._activations = {layer.name: take_activation(layer) for layer in workers}
        self.corrections: dict[str, np.ndarray] = {}
        self.shares: dict[str, float] = {}

    def run(self, images: Any) -> None:
        """Each tensor is let go of when all that read it have."""
        values: dict[int, Both] = {walk.ENTRY: (images, self._round(images, self._rounded.entry))}
        left = Counter(number for call in self.calls for number in call.inputs)
        for call in self.calls:
            plain, rough = (self._compute(call, values, side) for side in (0, 1))
            values[call.outputs[0]] = self._finish(call, plain, rough)
            left.subtract(call.inputs)
            for number in set(call.inputs):
                if not left[number]:
                    del values[number]

    def _compute(self, call: walk.Call, values: dict[int, Both], side: int) -> Any:
        """In float for side 0, with rounded kernels for side 1."""
        read = zip(call.inputs, call.use.read, strict=True)
        args, kwargs = call.use.fill_in({id(symbol): values[number][side] for number, symbol in read})
        known = list_kernels(call.layer) if side and call.layer.name not in self._rounded.left else {}
        kernels = [(getattr(call.layer, name), name) for name in known]
        rounded = [(kernel, round_kernel(kernel, call.layer, name)) for kernel, name in kernels]
        with keras.StatelessScope(state_mapping=rounded) if rounded else nullcontext():
            return call.layer(*args, **{**kwargs, "training": False})

    def _finish(self, call: walk.Call, plain: Any, rough: Any) -> Both:
        """Corrected, activated and rounded."""
        name = call.layer.name
        if name in self._activations:
            if self._uses[name] == 1 and getattr(call.layer, "use_bias", False):
                rough = rough + self._correct(name, plain, rough)
            plain, rough = self._activations[name](plain), self._activations[name](rough)
        ranges = self._rounded.ranges.get(call.outputs[0])
        return plain, rough if ranges is None else self._round(rough, ranges)

    def _correct(self, name: str, plain: Any, rough: Any) -> np.ndarray:
        found: np.ndarray = tf.reduce_mean(plain - rough, axis=list(range(len(plain.shape) - 1))).numpy()
        most = max(float(tf.reduce_max(tf.abs(plain))), 1e-12)
        self.corrections[name] = found
        self.shares[name] = round(float(np.abs(found).max()) / most, 6)
        return found

    def _round(self, values: Any, ranges: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(values, ranges[0], ranges[1])
