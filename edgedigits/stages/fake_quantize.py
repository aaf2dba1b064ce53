"""A model computed with int8 rounding of weights and activations, straight-through gradients and float arithmetic.

Rounding follows the TFLite 8-bit specification: weights symmetric, -127..127, one scale per output channel (one per tensor for
dense layers, see `export.py`); activations asymmetric, 256 steps, one scale per tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from edgedigits.backend import keras, tf
from edgedigits.data.feed import plain_batches
from edgedigits.data.splits import FitData
from edgedigits.models.graph import walk

ROUNDED = {  # kinds whose output gets a scale of its own
    *walk.KERNELS, "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Softmax", "BatchNormalization",
    "GroupNormalization", "LayerNormalization", "UnitNormalization", "Normalization", "Rescaling", "Resizing",
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "UpSampling2D",
    "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
}  # fmt: skip
PASSED_ON = {  # kinds whose output holds values of their input, so that its scale serves
    "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Flatten", "Reshape", "Permute",
    "ZeroPadding2D", "Cropping2D", "CenterCrop",
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
}  # fmt: skip
FUSED = ("relu", "relu6")


class FakeQuantized:
    """Callable: images in, logits out, rounding all it knows; `left` names the layers it does not."""

    def __init__(self, twin: Any, skip_layers: Sequence[str]) -> None:
        self.twin = twin
        calls = list(walk.calls(twin))
        readers: dict[int, list[Any]] = {}
        for call in calls:
            for number in call.inputs:
                readers.setdefault(number, []).append(call.layer)
        self.left: dict[str, str] = {}
        self.ranges: dict[int, Any] = {}
        for call in calls:
            kind = type(call.layer).__name__
            if any(fnmatchcase(call.layer.name, pattern) for pattern in skip_layers):
                self.left[call.layer.name] = "named in skip_layers"
            elif kind not in ROUNDED | PASSED_ON:
                self.left[call.layer.name] = f"{kind}: this stage does not know it"
            elif kind in ROUNDED and not _fuses(call, readers.get(call.outputs[0], [])):
                self.ranges[call.outputs[0]] = tf.Variable([0.0, 0.0], trainable=False)
        self.entry = tf.Variable([0.0, 0.0], trainable=False)
        self.observing = False

    def observe(self, data: FitData) -> None:
        """Set every range to what the calibration images reach; it stays there while the weights settle into it."""
        self.observing = True
        call = tf.function(lambda images: self(images))
        for images, _ in plain_batches(data.calibration, data.scale):
            call(images)
        self.observing = False

    def __call__(self, images: Any) -> Any:
        return walk.run(self.twin, self._round(images, self.entry), self._apply)

    def _apply(self, call: walk.Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        known = call.layer.name not in self.left
        attributes = walk.KERNELS.get(type(call.layer).__name__, ()) if known else ()
        held = {attribute: vars(call.layer)[attribute] for attribute in attributes}
        for attribute, kernel in held.items():
            vars(call.layer)[attribute] = tf.cast(
                rounded_kernel(kernel, call.layer, attribute), call.layer.compute_dtype
            )
        try:
            takes_training = call.layer._expects_training_arg
            result = call.layer(*args, **({**kwargs, "training": not self.observing} if takes_training else kwargs))
        finally:
            vars(call.layer).update(held)
        ranges = self.ranges.get(call.outputs[0])
        return result if ranges is None else self._round(result, ranges)

    def _round(self, values: Any, ranges: Any) -> Any:
        whole = tf.cast(values, tf.float32)
        if self.observing:
            low, high = tf.minimum(tf.reduce_min(whole), 0.0), tf.maximum(tf.reduce_max(whole), 1e-6)
            ranges.assign(tf.stack([tf.minimum(ranges[0], low), tf.maximum(ranges[1], high)]))
            return values
        return tf.cast(tf.quantization.fake_quant_with_min_max_vars(whole, ranges[0], ranges[1]), values.dtype)


def rounded_kernel(kernel: Any, layer: Any, attribute: str) -> Any:
    """The kernel rounded to int8, float32 of the same shape; gradients pass straight through."""
    kernel = tf.convert_to_tensor(kernel)
    if isinstance(layer, keras.layers.Dense):
        limit = tf.stop_gradient(tf.reduce_max(tf.abs(kernel))) + 1e-12
        return tf.quantization.fake_quant_with_min_max_vars(kernel, -limit, limit, narrow_range=True)
    shape = tf.shape(kernel)
    transposed = type(layer).__name__ == "Conv2DTranspose"
    if transposed:
        kernel = tf.transpose(kernel, [0, 1, 3, 2])
    columns = tf.reshape(kernel, [-1, _channels(kernel, attribute)])
    limit = tf.stop_gradient(tf.reduce_max(tf.abs(columns), axis=0)) + 1e-12
    columns = tf.quantization.fake_quant_with_min_max_vars_per_channel(columns, -limit, limit, narrow_range=True)
    if transposed:
        return tf.transpose(tf.reshape(columns, tf.shape(kernel)), [0, 1, 3, 2])
    return tf.reshape(columns, shape)


def _channels(kernel: Any, attribute: str) -> int:
    """How many scales a kernel has: output channels; of a depthwise one, input channels times multiplier."""
    return int(kernel.shape[-1]) * (int(kernel.shape[-2]) if attribute == "depthwise_kernel" else 1)


def _fuses(call: walk.Call, readers: Sequence[Any]) -> bool:
    """True when the converter will fuse the only reader, a ReLU, into this layer: then only the ReLU's output is rounded."""
    if len(readers) != 1 or type(call.layer).__name__ in ("Concatenate", "MaxPooling2D"):
        return False
    reader = readers[0]
    if isinstance(reader, keras.layers.ReLU):
        return reader.get_config().get("negative_slope", 0) in (0, None)
    return isinstance(reader, keras.layers.Activation) and reader.get_config()["activation"] in FUSED
