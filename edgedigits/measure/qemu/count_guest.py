"""Runs in the emulated Python, with nothing but NumPy and an interpreter: invokes models between marks.

    count_guest.py RESOLVER RUNS

Models are `/models/0000-warm.tflite`, or `-cold`, and so on: named on the command line, they would move the stack of each.
A mark is a getsid(0), at which the plugin writes what it counted since the last; a getsid of anything else makes it write a
line "-", which ends a model. Of a model's marks the last 2 * RUNS belong to its runs, every second of them one inference.
Where there is a folder MODEL.parts, the models in it follow, one run each, in processes that begin with what the interpreter's
code is translated to already.
Prints a JSON object a model: {"version": ...}, {"error": ...}, or {"crash": ...} when the interpreter took its process down.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import itertools
import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

MOST_WARM_UP = 2
COLD = "-cold.tflite"
"""So ends the name of one that is run without."""
KINDS = ("-warm.tflite", COLD)
PYTHON_WARM_UP = 20
OPEN = 32
RUNTIMES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


def draw_like(detail: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """An array for one input: 0..1 for floats, all values for int8, uint8 and int16, 0 or 1 for what may be an index."""
    shape, kind = tuple(detail["shape"]), np.dtype(detail["dtype"])
    if kind.kind == "f":
        return rng.random(shape).astype(kind)
    if kind.kind in "iu" and kind.itemsize <= 2:
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    if kind.kind in "iub":
        return rng.integers(0, 2, shape).astype(kind)
    raise ValueError(f"input {detail['name']} is of type {kind.name}, for which no values can be made up")


def close_shape(signature: Any) -> list[int]:
    """A shape with its open dimensions set: one image, of 32 by 32."""
    return [int(size) if size >= 0 else (OPEN if axis else 1) for axis, size in enumerate(signature)]


def run_marked(call: Any) -> None:
    """Calls between two marks."""
    os.getsid(0)
    call()
    os.getsid(0)


def run(interpreter: Any, model: str, resolver: str, runs: int) -> None:
    """Invokes the model between marks. Python adapts to code that it has run a few times: that is over before it begins."""
    kind = getattr(interpreter.OpResolverType, resolver)
    net = interpreter.Interpreter(model_path=model, num_threads=1, experimental_op_resolver_type=kind)
    for detail in net.get_input_details():
        if -1 in detail["shape_signature"]:
            net.resize_tensor_input(detail["index"], close_shape(detail["shape_signature"]))
    net.allocate_tensors()
    for _ in range(PYTHON_WARM_UP):
        run_marked(net._interpreter.InputIndices)
    rng, details = np.random.default_rng(0), net.get_input_details()
    warm_up = 0 if model.endswith(COLD) else min(MOST_WARM_UP, runs)
    for _ in range(warm_up + runs):
        for detail in details:
            net.set_tensor(detail["index"], draw_like(detail, rng))
        run_marked(net._interpreter.Invoke)


def run_one(interpreter: Any, model: str, resolver: str, runs: int) -> dict[str, str]:
    try:
        run(interpreter, model, resolver, runs)
    except (RuntimeError, ValueError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}
    return {"version": version(next(name for name, module in RUNTIMES.items() if module in sys.modules))}


def run_apart(interpreter: Any, model: str, resolver: str, runs: int) -> None:
    """In a child process: a model finds the same state, whatever ran before it, and may crash."""
    child = os.fork()
    if child == 0:
        answer = run_one(interpreter, model, resolver, runs)
        print(json.dumps({"model": model, **answer}), flush=True)
        os.getsid(os.getpid())
        if "error" not in answer:
            for part in sorted(Path(f"{model}.parts").glob("*")):
                run_apart(interpreter, str(part), resolver, 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print(json.dumps({"model": model, "crash": status}), flush=True)
        os.getsid(os.getpid())


def find_models() -> Iterator[str]:
    """By their numbers, one at a time: a list of all would be in the memory that each of them finds."""
    for number in itertools.count():
        found = next((path for kind in KINDS if Path(path := f"/models/{number:04d}{kind}").exists()), None)
        if found is None:
            return
        yield found


def main() -> None:
    package = next(name for name, module in RUNTIMES.items() if importlib.util.find_spec(module))
    interpreter = importlib.import_module(f"{RUNTIMES[package]}.interpreter")
    gc.disable()
    for model in find_models():
        run_apart(interpreter, model, sys.argv[1], int(sys.argv[2]))


if __name__ == "__main__":
    main()
