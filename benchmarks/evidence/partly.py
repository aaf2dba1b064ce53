"""A float .tflite file with only some layers in int8, really converted, by ai-edge-quantizer's rules for single tensors."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np

from edgedigits.pipeline.converters import litert
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.samples import write_samples
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.interpreter import TfliteModel

Ranges = litert.Ranges
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def calibrate(flat: bytes, images: np.ndarray) -> Ranges:
    """What every tensor of the float file reaches on float32 images, [n, height, width, channels]."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-evidence-") as folder:
        write_samples(Path(folder), ([image[None]] for image in images))
        return litert._calibrate(flat, Path(folder), Numbers())


def find_scopes(flat: bytes, layer: str) -> list[str]:
    """Names of the tensors that the operators of a Keras layer make, what is fused into them included."""
    contents = read(flat, "the float file")
    made = [contents.tensors[operator.outputs[0]].name for operator in contents.operators if operator.name in _WEIGHTED]
    part = re.compile(rf"(^|[/;]){re.escape(layer)}_1[/;]")  # TensorFlow's name of the scope, which Keras enters twice
    if not (found := [name for name in made if part.search(f"{name};")]):
        raise ValueError(f"no operator of {layer}")
    return found


def convert(flat: bytes, ranges: Ranges, scopes: list[str], others: bool = False) -> bytes:
    """The file with the operators that make these tensors in int8, or with all others; its ends stay float."""
    os.environ["TQDM_DISABLE"] = "1"
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import AlgorithmName

    work, every, dense = quantizer.Quantizer(flat), TFLOperationName.ALL_SUPPORTED, TFLOperationName.FULLY_CONNECTED
    named = "|".join(f"^{re.escape(scope)};?$" for scope in scopes)
    wanted = ".*" if others else named
    work.add_static_config(wanted, every, 8, 8)
    work.add_static_config(wanted, dense, 8, 8, QuantGranularity.TENSORWISE)
    if others:
        work.update_quantization_recipe(named, every, algorithm_key=AlgorithmName.NO_QUANTIZE)
    for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        work.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its interpreter, about its own settings
        made = work.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(made.quantized_model)


def answer(flat: bytes, images: np.ndarray) -> np.ndarray:
    """float32 [n, outputs] for float32 images, on the reference kernels."""
    found: np.ndarray = TfliteModel(flat, reference=True).raw(images.astype(np.float32))
    return found
