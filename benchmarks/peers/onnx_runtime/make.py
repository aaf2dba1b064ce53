"""ONNX Runtime's static int8 (QDQ, its first choice for CPUs), from the Keras model by way of tf2onnx."""

import time

began = time.perf_counter()

import json
import pathlib
import sys

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
import tf_keras
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

inputs, out = map(pathlib.Path, sys.argv[1:])


class Images(CalibrationDataReader):  # type: ignore[misc]
    """Calibration images one at a time."""

    def __init__(self) -> None:
        self.left = iter(np.load(inputs / "calibration.npy"))

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.left, None)
        return None if image is None else {"image": image[None]}


model = tf_keras.models.load_model(inputs / "cnn.h5", compile=False)
call = tf.function(lambda image: model(image, training=False))
shape = tf.TensorSpec([1, *model.inputs[0].shape[1:]], tf.float32, name="image")
tf2onnx.convert.from_function(call, input_signature=[shape], opset=17, output_path=str(out / "float32.onnx"))
converted = time.perf_counter() - began
# Every shape is fixed, so that there is nothing for symbolic inference (and for sympy) to do.
quant_pre_process(str(out / "float32.onnx"), str(out / "ready.onnx"), skip_symbolic_shape=True)
quantize_static(str(out / "ready.onnx"), str(out / "static_int8.onnx"), Images())
made = [
    {"recipe": "float32", "file": "float32.onnx", "seconds": converted},
    {"recipe": "static_int8", "file": "static_int8.onnx", "seconds": time.perf_counter() - began},
]
(out / "made.json").write_text(json.dumps({"version": f"onnxruntime {onnxruntime.__version__}", "made": made}))
