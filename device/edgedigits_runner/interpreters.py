"""The interpreters a .tflite file can run in, and the errors they raise, said in plain words."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.runtimes import KNOWN

_LACKING = r"op for builtin opcode '(\w+)' version '(\d+)'"
_CUSTOM = r"(?:unresolved custom op: |\((?=Flex))(\w+)"


class Runtime(NamedTuple):
    """An imported interpreter: `interpreter(model_path=..., num_threads=...)` loads a file."""

    name: str
    version: str
    interpreter: Any

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def load_runtime(name: str) -> Runtime:
    """The runtime of that name, or for "auto" the first of `runtimes.KNOWN` that imports.

    RunnerError "runtime" says why none does.
    """
    reasons = []
    for candidate in KNOWN if name == "auto" else (name,):
        try:
            return _import(candidate)
        except ImportError as error:
            reasons.append(f"{candidate}: {error}")
    raise RunnerError("runtime", f"no usable interpreter ({'; '.join(reasons)}); install ai-edge-litert")


def _import(name: str) -> Runtime:
    known = KNOWN[name]
    if known.numpy_below is not None and int(np.__version__.split(".")[0]) >= known.numpy_below:
        raise ImportError(f"needs numpy < {known.numpy_below}, found {np.__version__}")
    module = importlib.import_module(known.module)
    package = importlib.import_module(known.module.split(".")[0])
    return Runtime(name, str(getattr(package, "__version__", "unknown")), module.Interpreter)


@contextmanager
def plain_errors(path: object, runtime: Runtime) -> Iterator[None]:
    """Turns what an interpreter raises about the file at `path` into RunnerError "model"."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise RunnerError("model", f"{path}: {_explain(str(error), runtime)}") from error


def _explain(message: str, runtime: Runtime) -> str:
    if found := re.search(_LACKING, message):
        return (
            f"{runtime} lacks the operator {found[1]} version {found[2]}; "
            "use a newer runtime (--runtime litert), or export with operators it has"
        )
    if found := re.search(_CUSTOM, message):
        return f"{runtime} lacks the custom operator {found[1]}; export with built-in operators only"
    if "Flatbuffer" in message or "schema version" in message or "allocation is null" in message:
        return f"not a whole .tflite file ({message.strip()}); copy or export it again"
    return f"{runtime} can't run it: {' '.join(message.split())}"
