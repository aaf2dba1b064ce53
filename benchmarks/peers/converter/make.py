"""Post-training quantization by the TFLite converter itself, as TensorFlow's guide writes it."""

import time

began = time.perf_counter()

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf
import tf_keras

inputs, out = map(pathlib.Path, sys.argv[1:])
images = np.load(inputs / "calibration.npy")
model = tf_keras.models.load_model(inputs / "cnn.h5", compile=False)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in images)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
(out / "ptq_int8.tflite").write_bytes(converter.convert())
made = [{"recipe": "ptq_int8", "file": "ptq_int8.tflite", "seconds": time.perf_counter() - began}]
(out / "made.json").write_text(json.dumps({"version": f"tensorflow {tf.__version__}", "made": made}))
