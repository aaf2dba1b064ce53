"""ai-edge-quantizer's static int8, from the float .tflite file."""

import time

began = time.perf_counter()

import json
import pathlib
import sys
from importlib.metadata import version

import numpy as np
from ai_edge_quantizer import quantizer, recipe

inputs, out = map(pathlib.Path, sys.argv[1:])
images = np.load(inputs / "calibration.npy")
work = quantizer.Quantizer(str(inputs / "float32.tflite"), recipe.static_wi8_ai8())
seen = work.calibrate({"serving_default": [{"image": image[None]} for image in images]})
work.quantize(seen).export_model(str(out / "static_int8.tflite"), overwrite=True)
made = [{"recipe": "static_wi8_ai8", "file": "static_int8.tflite", "seconds": time.perf_counter() - began}]
name = "ai-edge-quantizer"
(out / "made.json").write_text(json.dumps({"version": f"{name} {version(name)}", "made": made}))
