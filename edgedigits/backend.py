"""TensorFlow and Keras 2 (`tf_keras`), imported once, quietly, with the settings every module relies on.

Importing this module takes seconds: the command line imports it inside the commands that need it.
"""

import os
import pathlib
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


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


with warnings.catch_warnings(), silenced_stderr():
    warnings.simplefilter("ignore")  # both libraries warn about their own internals while importing
    import tensorflow as tf
    import tf_keras as keras

tf.get_logger().setLevel("ERROR")

WIDE = 64
"""Filters from which bfloat16 pays."""
TILE = 16
"""Of which filters must be a multiple for it."""

__all__ = ["has_bfloat16", "keras", "seed_everything", "silenced_stderr", "tf", "training_policy"]


def has_bfloat16() -> bool:
    """True where the CPU multiplies tiles of bfloat16; with avx512_bf16 alone, float32 is faster."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "amx_bf16" in flags


def training_policy(layers: Iterable[Any]) -> str:
    """The Keras dtype policy in which a model of these layers trains fastest on this CPU.

    bfloat16 where it is native, but not for depthwise convolutions, which TensorFlow computes at half the speed of float32 then,
    nor for nets that are narrow throughout, nor where a convolution has filters that fill no whole tiles: 24 of them double the
    time of a step.
    """
    kinds, filters = set(), []
    for layer in layers:
        kinds.add(type(layer).__name__)
        filters += [layer.filters] if getattr(layer, "filters", 0) else []
    depthwise = {"DepthwiseConv2D", "SeparableConv2D"} & kinds
    fits = not filters or (max(filters) >= WIDE and not any(count % TILE for count in filters))
    return "mixed_bfloat16" if has_bfloat16() and not depthwise and fits else "float32"


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, and makes TensorFlow's operators deterministic."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
