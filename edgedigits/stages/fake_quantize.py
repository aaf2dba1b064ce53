"""A model computed with int8 rounding of weights and activations, straight-through gradients and float arithmetic.

Rounding follows the TFLite 8-bit specification: weights symmetric, -127..127, one scale per output channel (one per tensor for
dense layers, see `export.py`); activations asymmetric, 256 steps, one scale per tensor. With 4 bits weights are rounded to -7..7
as the int4 export does it: those of convolutions and dense layers, all per output channel; others to 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from fnmatch import fnmatchcase

import numpy as np

from edgedigits.backend import as_graph, keras, tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.splits import FitData
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor, KerasVariable, TensorLike
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import Output, find_kind, list_kernels

FUSED = ("relu", "relu6")


class FakeQuantized:
    """Callable: images in, logits out, rounding all it knows; `left` names the layers it does not."""

    def __init__(self, training_copy: KerasModel, skip_layers: Sequence[str], weight_bits: int = 8) -> None:
        self.training_copy, self.weight_bits = training_copy, weight_bits
        tensors, self.left = list_roundings(training_copy, skip_layers)
        shared = find_shared(training_copy, tensors)
        ranges = {first: tf.Variable([0.0, 0.0], trainable=False) for first in shared.values()}
        self.ranges: dict[int, KerasVariable] = {number: ranges[first] for number, first in shared.items()}
        self.entry = tf.Variable([0.0, 0.0], trainable=False)
        self.observing = False

    def observe(self, data: FitData) -> None:
        """Set every range to what the calibration images reach; it stays there while the weights settle into it."""
        self.observing = True
        call = as_graph(lambda images: self(images))
        for images, _ in make_plain_batches(data.calibration, data.scale):
            call(images)
        self.observing = False

    def __call__(self, images: TensorLike) -> KerasTensor:
        return walk.run(self.training_copy, self._round(images, self.entry), self._apply)

    def _apply(self, call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
        known = call.layer.name not in self.left
        attributes = list_kernels(call.layer) if known else ()
        kernels = [(getattr(call.layer, attribute), attribute) for attribute in attributes]
        rounded = [
            (kernel, round_kernel(kernel, call.layer, attribute, self.weight_bits)) for kernel, attribute in kernels
        ]
        with keras.StatelessScope(state_mapping=rounded) if rounded else nullcontext():
            result = call.layer(*args, **{**kwargs, "training": not self.observing})
        ranges = self.ranges.get(call.outputs[0])
        return result if ranges is None else self._round(result, ranges)

    def _round(self, values: TensorLike, ranges: KerasVariable) -> KerasTensor:
        whole = tf.cast(values, tf.float32)
        if self.observing:
            low, high = tf.minimum(tf.reduce_min(whole), 0.0), tf.maximum(tf.reduce_max(whole), 1e-6)
            ranges.assign(tf.stack([tf.minimum(ranges[0], low), tf.maximum(ranges[1], high)]))
            return values  # type: ignore[return-value]  # as it came
        result: KerasTensor = tf.cast(
            tf.quantization.fake_quant_with_min_max_vars(whole, ranges[0], ranges[1]), values.dtype
        )
        return result


def list_roundings(model: KerasModel, skip_layers: Sequence[str] = ()) -> tuple[list[int], dict[str, str]]:
    """(numbers of the tensors that are rounded on their way, as `walk.list_calls` has them, besides the model's input; why by
    name of the layers that are left in float)."""
    calls = list(walk.list_calls(model))
    readers = walk.find_readers(calls)
    tensors: list[int] = []
    left: dict[str, str] = {}
    for call in calls:
        kind = find_kind(call.layer)
        if any(fnmatchcase(call.layer.name, pattern) for pattern in skip_layers):
            left[call.layer.name] = "named in skip_layers"
        elif kind is None:
            left[call.layer.name] = f"{type(call.layer).__name__}: this stage does not know it"
        elif kind.output is not Output.INPUTS and not _fuses(call, readers.get(call.outputs[0], [])):
            tensors.append(call.outputs[0])
    return tensors, left


def find_shared(model: KerasModel, tensors: Sequence[int]) -> dict[int, int]:
    """Number of a tensor that is rounded -> one that stands for all that have one scale, since a concatenation reads them, or
    another operator of TFLite that has one scale for all that it reads and makes. The widest range is that of all."""
    first, sources = {number: number for number in tensors}, dict[int, int]()
    for call in walk.list_calls(model):
        made, kind = call.outputs[0], find_kind(call.layer)
        read = [sources[number] for number in call.inputs if number in sources]
        if made in first:
            if kind is not None and kind.output is Output.SHARED:
                group = {first[number] for number in read}
                first.update({number: made for number, one in first.items() if one in group})
            if not _has_fixed_scale(call.layer):
                sources[made] = made
        elif kind is not None and kind.output is Output.INPUTS and read:
            sources[made] = read[0]
    return first


def round_kernel(kernel: KerasTensor, layer: KerasLayer, attribute: str, weight_bits: int = 8) -> KerasTensor:
    """The kernel rounded to int8, or int4 where it has that, float32 of the same shape; gradients pass straight through."""
    kernel, known = tf.convert_to_tensor(kernel), list_kernels(layer)[attribute]
    bits = 8 if known.depthwise or "Transpose" in type(layer).__name__ else weight_bits
    result: KerasTensor
    if known.one_scale and bits == 8:
        limit = tf.stop_gradient(tf.reduce_max(tf.abs(kernel))) + 1e-12
        result = tf.quantization.fake_quant_with_min_max_vars(kernel, -limit, limit, narrow_range=True)
        return result
    rank = len(kernel.shape)
    filters = [axis % rank for axis in known.filters]
    order = [*(axis for axis in range(rank) if axis not in filters), *filters]
    turned = tf.transpose(kernel, order)
    columns = tf.reshape(turned, [-1, math.prod(int(kernel.shape[axis]) for axis in filters)])
    limit = tf.stop_gradient(tf.reduce_max(tf.abs(columns), axis=0)) + 1e-12
    rounding = tf.quantization.fake_quant_with_min_max_vars_per_channel
    columns = rounding(columns, -limit, limit, num_bits=bits, narrow_range=True)
    result = tf.transpose(tf.reshape(columns, tf.shape(turned)), np.argsort(order))
    return result


def _has_fixed_scale(layer: KerasLayer) -> bool:
    """Whether TFLite prescribes the scale of what it makes, which is then rounded once more where another is shared."""
    activation = layer.get_config().get("activation")
    return activation in ("sigmoid", "softmax", "tanh") or type(layer).__name__ in ("Softmax", "UnitNormalization")


def _fuses(call: walk.Call, readers: Sequence[walk.Call]) -> bool:
    """True when the converter will fuse the only reader, a ReLU, into this layer: then only the ReLU's output is rounded."""
    kind = find_kind(call.layer)
    if len(readers) != 1 or kind is None or not kind.fuses_activation:
        return False
    reader = readers[0].layer
    if isinstance(reader, keras.layers.ReLU):
        return reader.get_config().get("negative_slope", 0) in (0, None)
    return isinstance(reader, keras.layers.Activation) and reader.get_config()["activation"] in FUSED
