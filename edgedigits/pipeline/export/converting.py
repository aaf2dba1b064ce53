"""TensorFlow's converter, as a child process runs it: a SavedModel in, .tflite bytes out (see `conversion.convert`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.errors import CheckError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes.child import beat
from edgedigits.tflite.checked_walk import Walk

CALIBRATION: Final = "calibration.npy"
"""Beside the SavedModel: the images to calibrate on, each float32 [1, h, w, c], where the settings ask for them."""


def convert(folder: str, model: str, settings: JsonObject) -> bytes:
    """The bytes of the SavedModel in `folder`; `settings` are an export's, `model` names it in errors.

    Raises CheckError where the converter can't, or where a value that it met while calibrating is no finite number.
    """
    from edgedigits.backend import tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    _name_its_origin(converter)
    if settings.get("optimize"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [getattr(tf, name) for name in settings.get("types", ())]
    if "ops" in settings:
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, settings["ops"])]
        converter.inference_input_type = getattr(tf, settings["input"])
        converter.inference_output_type = getattr(tf, settings["output"])
        converter._experimental_disable_per_channel_quantization_for_dense_layers = settings["dense_per_tensor"]
    if (samples := Path(folder) / CALIBRATION).stat().st_size:
        converter.representative_dataset = lambda: _samples(samples)
    try:
        with _checked_ranges():
            return bytes(converter.convert())
    except CheckError:
        raise
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise CheckError(f"export: TensorFlow's converter can't convert {model}: {reason}") from error


def _name_its_origin(converter: Any) -> None:
    """The bytes say what they were converted from, and a SavedModel is only how a concrete function travels here."""
    from tensorflow.lite.python import conversion_metadata_schema_py_generated as metadata

    converter._metadata.environment.modelType = metadata.ModelType.TF_CONCRETE_FUNCTIONS


def _samples(file: Path) -> Iterator[list[np.ndarray]]:
    """As they were written, one array behind the other."""
    size = file.stat().st_size
    with file.open("rb") as stored:
        while stored.tell() < size:
            beat()
            yield [np.load(stored, allow_pickle=False)]


@contextmanager
def _checked_ranges() -> Iterator[None]:
    """Between calibration and quantization the ranges are looked at: the quantizer does not survive infinite ones."""
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    calibrate: Callable[..., bytes] = Calibrator.calibrate

    def checked(self: object, samples: object) -> bytes:
        calibrated = bytes(calibrate(self, samples))
        check_ranges(calibrated)
        return calibrated

    Calibrator.calibrate = checked
    try:
        yield
    finally:
        Calibrator.calibrate = calibrate


def check_ranges(calibrated: bytes) -> None:
    """Raises CheckError naming the first layer, in the order of computation, with values that are no finite numbers."""
    graph = Walk(calibrated, "the calibrated model").model["subgraphs"][0]
    for operator in graph["operators"]:
        for index in operator["outputs"].tolist():
            tensor = graph["tensors"][index]
            found = tensor["quantization"] or {"min": np.empty(0), "max": np.empty(0)}
            if not np.isfinite([*found["min"], *found["max"]]).all():
                raise CheckError(
                    f"export: layer {_layer(tensor['name'])} computes numbers that are not finite on the calibration "
                    "images, so it has no range to quantize; train the model on smaller inputs, as with --scale 0..1"
                )


def _layer(name: str) -> str:
    """The Keras layer in a tensor's name, "model/layer/Operator;model/layer/Other" as the converter writes it."""
    parts = name.partition(";")[0].split("/")
    return repr(parts[1] if len(parts) > 2 else name)
