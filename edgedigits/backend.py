"""TensorFlow and Keras 3, imported once, quietly, with the settings every module relies on.

Importing this module takes seconds: the command line imports it inside the commands that need it.
"""

import gc
import os
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgedigits.errors import InputError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own code has it compute with


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """Drop what C++ libraries write to the process's standard error meanwhile; Python's exceptions are untouched."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """What is imported stays, so that a search for garbage among it, time and again, finds nothing: a fourth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


with warnings.catch_warnings(), silenced_stderr(), _without_collecting():
    warnings.simplefilter("ignore")  # both libraries warn about their own internals while importing
    import tensorflow as tf

    # isort: split
    import keras  # whoever imports TensorFlow first decides how much it writes to standard error

if keras.backend.backend() != "tensorflow":
    raise InputError(
        f"Keras computes with {keras.backend.backend()} in this process, and models are converted by TensorFlow; set "
        "KERAS_BACKEND=tensorflow before keras is imported"
    )
tf.get_logger().setLevel("ERROR")

__all__ = ["as_graph", "has_bfloat16", "keras", "seed_everything", "silenced_stderr", "tf"]


def as_graph(function: Callable[..., Any], **options: Any) -> Any:
    """The function as one TensorFlow graph; `options` as `tf.function` has them.

    Python's own `if` and `for` on tensors are not looked for, as Keras 3 doesn't in its training: in all of Keras' code that a
    net calls there is none, and the search takes a large part of the time that its graph takes.
    """
    return tf.function(function, autograph=False, **options)


def has_bfloat16() -> bool:
    """True where the CPU multiplies tiles of bfloat16; with avx512_bf16 alone, float32 is faster."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "amx_bf16" in flags


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, and makes TensorFlow's operators deterministic."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
