"""Runs in the emulated Python, with nothing but NumPy and an interpreter: answers inputs with models.

    answer_guest.py INPUTS.npy OUT.npz MODEL...

INPUTS are float32 [n, ...], one input after the other; OUT gets of each model, by its place in the call, the outputs
[n, classes] under its default kernels.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

import numpy as np

MODULES = ("ai_edge_litert", "tflite_runtime")


def main() -> None:
    """Each model in turn; what an interpreter raises ends the program."""
    name = next(one for one in MODULES if importlib.util.find_spec(one))
    interpreter = importlib.import_module(f"{name}.interpreter")
    inputs = np.load(sys.argv[1])
    answers: Any = {}
    for place, model in enumerate(sys.argv[3:]):
        net = interpreter.Interpreter(model_path=model, num_threads=1)
        net.allocate_tensors()
        source, sink = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]
        found = []
        for one in inputs:
            net.set_tensor(source, one[None])
            net.invoke()
            found.append(net.get_tensor(sink)[0])
        answers[str(place)] = np.stack(found)
    np.savez(sys.argv[2], **answers)


if __name__ == "__main__":
    main()
