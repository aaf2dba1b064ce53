"""TensorFlow's converter, as a child process runs it: a SavedModel in, .tflite bytes out (see `conversion.convert`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from edgedigits.errors import CheckError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.converters.clipping import clip_calibrated
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.samples import check_range, has_samples, read_samples, tell_reason
from edgedigits.tflite.checked_walk import Walk

_OPERATORS: Final = {
    "int8": "TFLITE_BUILTINS_INT8",
    "int16": "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
}
"""The set for activations in these numbers."""


def convert(folder: str, model: str, numbers: JsonObject) -> bytes:
    """The bytes of the SavedModel in `folder`, in these `Numbers`; `model` names it in errors.

    Raises CheckError where the converter can't, or where a value that it met while calibrating is no finite number.
    """
    from edgedigits.backend import tf

    converter, wanted = tf.lite.TFLiteConverter.from_saved_model(folder), Numbers(**numbers)
    _name_its_origin(converter)
    _set(converter, wanted)
    if has_samples(Path(folder)):
        converter.representative_dataset = lambda: read_samples(Path(folder))
    try:
        with _own_ranges(Path(folder), wanted):
            return bytes(converter.convert())
    except CheckError:
        raise
    except Exception as error:
        raise CheckError(f"export: TensorFlow's converter can't convert {model}: {tell_reason(error)}") from error


def _set(converter: Any, numbers: Numbers) -> None:
    from edgedigits.backend import tf

    if numbers.weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if numbers.weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if numbers.activations != "float32":
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, _OPERATORS[numbers.activations])]
        converter.inference_input_type = getattr(tf, numbers.input)
        converter.inference_output_type = getattr(tf, numbers.output)
        converter._experimental_disable_per_channel_quantization_for_dense_layers = numbers.dense_per_tensor


def _name_its_origin(converter: Any) -> None:
    """The bytes say what they were converted from, and a SavedModel is only how a concrete function travels here."""
    from tensorflow.lite.python import conversion_metadata_schema_py_generated as metadata

    converter._metadata.environment.modelType = metadata.ModelType.TF_CONCRETE_FUNCTIONS


@contextmanager
def _own_ranges(folder: Path, numbers: Numbers) -> Iterator[None]:
    """Between calibration and quantization the ranges are looked at, since the quantizer does not survive infinite ones, and
    where another rule than min-max is wanted they are changed."""
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    calibrate: Callable[..., bytes] = Calibrator.calibrate

    def checked(self: object, samples: object) -> bytes:
        calibrated = bytes(calibrate(self, samples))
        _check_ranges(calibrated)
        return calibrated if numbers.calibration == "minmax" else clip_calibrated(calibrated, folder, numbers)

    Calibrator.calibrate = checked
    try:
        yield
    finally:
        Calibrator.calibrate = calibrate


def _check_ranges(calibrated: bytes) -> None:
    """Of each tensor, in the order of computation."""
    graph = Walk(calibrated, "the calibrated model").model["subgraphs"][0]
    for operator in graph["operators"]:
        for index in operator["outputs"].tolist():
            tensor = graph["tensors"][index]
            if found := tensor["quantization"]:
                for low, high in zip(found["min"], found["max"], strict=True):
                    check_range(tensor["name"], float(low), float(high))
