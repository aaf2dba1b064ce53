"""Loads a .tflite file in whatever interpreter a Python has, and runs it once: MODULE MODEL.

Started as a script by `loading.py`, perhaps by another Python than the toolkit's; so it imports NumPy and the interpreter alone.
"""

from __future__ import annotations

import importlib
import resource
import sys
import warnings

import numpy as np

_MOST_BYTES = 4 * 2**30


def main(module: str, model: str) -> None:
    """All inputs are zeros. Ends with an error where it can't be loaded or run."""
    warnings.simplefilter("ignore")
    interpreter = importlib.import_module(module).Interpreter
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    net = interpreter(model_path=model, num_threads=1)
    net.allocate_tensors()
    for source in net.get_input_details():
        if np.dtype(source["dtype"]).kind in "biufc":
            net.set_tensor(source["index"], np.zeros(source["shape"], source["dtype"]))
    net.invoke()


if __name__ == "__main__":
    main(*sys.argv[1:3])
