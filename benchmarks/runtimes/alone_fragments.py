"""Runs files of one operator each in the interpreter of whatever Python runs this: MODULE, and the files on stdin.

It imports NumPy and that interpreter alone. Each file is run in a process of its own, for an interpreter may die of one.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def main(module: str) -> None:
    """A JSON list: for each file whether it is loaded and run once, on zeros."""
    asked = json.load(sys.stdin)
    interpreter = importlib.import_module(module).Interpreter
    with tempfile.TemporaryDirectory() as folder:
        found = [_runs_apart(interpreter, Path(folder) / "model.tflite", bytes.fromhex(one)) for one in asked]
    print(json.dumps(found))


def _runs_apart(interpreter: Any, path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    child = os.fork()
    if not child:
        try:
            _run(interpreter, path)
        except BaseException:  # noqa: BLE001  # whatever it raises, it does not run the file
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _run(interpreter: Any, path: Path) -> None:
    net = interpreter(model_path=str(path), num_threads=1)
    net.allocate_tensors()
    for source in net.get_input_details():
        net.set_tensor(source["index"], np.zeros(source["shape"], source["dtype"]))
    net.invoke()


if __name__ == "__main__":
    main(sys.argv[1])
