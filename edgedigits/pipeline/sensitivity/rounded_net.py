"""A net in which each kernel and each tensor can be rounded as int8 rounds them, or not: one compiled function for all of that.

What is rounded, and how, is what `stages.fake_quantize` trains with; the ranges are those that the export would find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import numpy as np

from edgedigits.backend import tf
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.pipeline.sensitivity.wiring import Rounded, Wiring
from edgedigits.stages.fake_quantize import round_kernel

_NOTHING = Rounded()


class RoundedNet:
    """The net `model`, flat, batch normalization folded; answers with logits where a softmax or sigmoid makes its end."""

    def __init__(self, model: KerasModel, calibration: Iterable[np.ndarray]) -> None:
        """calibration: float32 batches as the model takes them, which the ranges of all tensors come from."""
        self._net = walk.clone(model, logits=True)
        self.wiring = Wiring(self._net, walk.find_closing(model) is not None)
        self._variables = walk.collect_kernels(self._net)
        self.whole = {path: variable.numpy() for path, variable in self._variables.items()}
        self._held = dict(self.whole)
        self._places = {number: place for place, number in enumerate(self.wiring.tensors)}
        self._calibration = calibration

    def answer(
        self, pixels: np.ndarray, rounded: Rounded = _NOTHING, kernels: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """float32 [n, outputs] for float32 [n, height, width, channels]; `kernels` by path stand in for the net's own."""
        wanted = {**self.whole, **(kernels or {}), **{path: self._int8[path] for path in rounded.kernels}}
        for path, values in wanted.items():
            if values is not self._held[path]:
                self._variables[path].assign(values)
                self._held[path] = values
        switches = np.array([number in rounded.tensors for number in self.wiring.tensors])
        found: np.ndarray = self._run(pixels, switches).numpy()
        return found

    @cached_property
    def _int8(self) -> dict[str, np.ndarray]:
        """Every kernel rounded, once, from the net's own values."""
        layers = {call.layer.name: call.layer for call in walk.list_calls(self._net)}
        found = {}
        for path in self.wiring.kernels:
            layer, _, attribute = path.rpartition("/")
            found[path] = round_kernel(tf.convert_to_tensor(self.whole[path]), layers[layer], attribute).numpy()
        return found

    @cached_property
    def _ranges(self) -> np.ndarray:
        """float32 [tensors, 2]: least and greatest value that each reaches on the calibration images, zero included."""
        found = np.zeros((len(self._places), 2), np.float32)
        observe = tf.function(self._observe, reduce_retracing=True)
        for pixels in self._calibration:
            seen = np.asarray(observe(pixels))
            found[:, 0], found[:, 1] = np.minimum(found[:, 0], seen[:, 0]), np.maximum(found[:, 1], seen[:, 1])
        found[:, 1] = np.maximum(found[:, 1], 1e-6)
        return found

    def _observe(self, pixels: KerasTensor) -> KerasTensor:
        ends: dict[int, KerasTensor] = {}

        def look(number: int, values: KerasTensor) -> KerasTensor:
            ends[number] = tf.stack([tf.reduce_min(values), tf.reduce_max(values)])
            return values

        self._walk(pixels, look)
        result: KerasTensor = tf.stack([ends[number] for number in self._places])
        return result

    @cached_property
    def _run(self) -> tf.types.experimental.PolymorphicFunction:
        ranges = self._ranges

        def run(pixels: KerasTensor, switches: KerasTensor) -> KerasTensor:
            def round_where_wanted(number: int, values: KerasTensor) -> KerasTensor:
                place = self._places[number]
                low, high = map(float, ranges[place])
                result: KerasTensor = tf.cond(
                    switches[place],
                    lambda: tf.quantization.fake_quant_with_min_max_args(values, low, high),
                    lambda: values,
                )
                return result

            return self._walk(pixels, round_where_wanted)

        shape = [None, *self._net.inputs[0].shape[1:]]
        return tf.function(
            run, input_signature=[tf.TensorSpec(shape, tf.float32), tf.TensorSpec([len(self._places)], tf.bool)]
        )

    def _walk(self, pixels: KerasTensor, at: Callable[[int, KerasTensor], KerasTensor]) -> KerasTensor:
        """The logits; `at(number, values)` is called with each tensor that an int8 form rounds, and gives what goes on."""

        def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
            made = call.layer(*args, **{**kwargs, "training": False})
            number = call.outputs[0]
            return at(number, made) if number in self._places else made

        return walk.run(self._net, at(walk.ENTRY, pixels), apply)
