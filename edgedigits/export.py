"""Bytes out of a Keras model: float32, float16, dynamic range, int8, int16x8. Nowhere else are bytes made.

Integer exports quantize weights per output channel, those of dense layers per tensor: a scale per neuron buys no accuracy
there, costs 12 bytes each and spreads the values of pruned kernels, so that they compress worse.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from edgedigits.data.images import Images, everything
from edgedigits.data.samples import sampled
from edgedigits.data.scale import Scale, scaled
from edgedigits.errors import CheckError
from edgedigits.stages.candidate import STRICT

CalibrationImages = Annotated[int, Field(ge=1)]


class Export(Protocol):
    """A frozen dataclass whose fields are its YAML keys; calling it makes the bytes.

    What the pipeline does to bytes that were found right (`shipping`): with `slim` it leaves out what no interpreter
    reads; with `block_sparse` it stores dense layers in blocks where that is smaller and, timed here, no slower.
    """

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes: ...


@dataclass(frozen=True, config=STRICT)
class Float32:
    """Weights and arithmetic in float32."""

    slim: bool = False
    block_sparse: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        return converted(model)


@dataclass(frozen=True, config=STRICT)
class Float16:
    """Weights in float16, arithmetic in float32."""

    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        from edgedigits.backend import tf

        def settings(converter: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]

        return converted(model, settings)


@dataclass(frozen=True, config=STRICT)
class Dynamic:
    """Weights in int8; activations are quantized while it runs. Input and output are float."""

    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        from edgedigits.backend import tf

        def settings(converter: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]

        return converted(model, settings)


@dataclass(frozen=True, config=STRICT)
class Int8:
    """Everything in int8. With uint8 input the raw pixel is the input, to within half a step of the quantization."""

    input: Literal["int8", "uint8"] = "int8"
    output: Literal["int8", "uint8"] = "int8"
    calibration_images: CalibrationImages = 300
    slim: bool = False
    block_sparse: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:
        from edgedigits.backend import tf

        def settings(converter: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: representative(calibration, scale, self.calibration_images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = getattr(tf, self.input)
            converter.inference_output_type = getattr(tf, self.output)
            converter._experimental_disable_per_channel_quantization_for_dense_layers = True

        return converted(model, settings)


@dataclass(frozen=True, config=STRICT)
class Int16x8:
    """Activations in int16, weights in int8: closest to float, but no fast kernels exist for it."""

    calibration_images: CalibrationImages = 300
    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:
        from edgedigits.backend import tf

        def settings(converter: Any) -> None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: representative(calibration, scale, self.calibration_images)
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            ]
            converter.inference_input_type = converter.inference_output_type = tf.int16

        return converted(model, settings)


def representative(calibration: Images, scale: Scale, count: int) -> Iterator[list[np.ndarray]]:
    """Calibration images one at a time, [1, h, w, c] float32, of every class in proportion.

    Two corner pixels of the first are set to 0 and 255, so that the input's quantization covers all pixels whatever the sample.
    """
    pixels = everything(sampled(calibration, count)).copy()
    pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
    for image in pixels:
        yield [scaled(image[None], scale)]


def converted(model: Any, settings: Any = lambda _: None) -> bytes:
    """The model as .tflite bytes with a batch of one, by TensorFlow's converter. Raises CheckError when it can't."""
    from edgedigits.backend import tf

    shape = [1, *model.inputs[0].shape[1:]]
    call = tf.function(lambda image: model(image, training=False))
    concrete = call.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
        settings(converter)
        try:
            return bytes(converter.convert())
        except Exception as error:
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise CheckError(f"export: TensorFlow's converter can't convert {model.name}: {reason}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The converter writes its log to the process's standard error and warns about its own settings."""
    import warnings

    from edgedigits.backend import silenced_stderr

    with warnings.catch_warnings(), silenced_stderr():
        warnings.simplefilter("ignore")
        yield
