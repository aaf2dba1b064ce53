"""Runs a .tflite file in whatever interpreter a Python has: MODULE MODEL INPUTS.npy OUTPUTS.npz.

Started as a script by `sides.py`, perhaps by another Python than the toolkit's; so it imports NumPy and the interpreter alone.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any

import numpy as np


def main(module: str, model: str, inputs: str, outputs: str) -> None:
    """Writes each output tensor as an array [images, ...], named o0, o1, and so on."""
    warnings.simplefilter("ignore")
    net = importlib.import_module(module).Interpreter(model_path=model, num_threads=1)
    net.allocate_tensors()
    source, sinks = net.get_input_details()[0]["index"], net.get_output_details()
    found: list[list[np.ndarray]] = [[] for _ in sinks]
    for image in np.load(inputs):
        net.set_tensor(source, image[None])
        net.invoke()
        for kept, sink in zip(found, sinks, strict=True):
            kept.append(net.get_tensor(sink["index"]))
    arrays: dict[str, Any] = {f"o{place}": np.concatenate(each) for place, each in enumerate(found)}
    np.savez(outputs, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:5])
