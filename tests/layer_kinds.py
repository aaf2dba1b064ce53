"""One tiny model for each kind of layer and each activation that the loader takes, and what becomes of it in each export.

`python -m tests.layer_kinds` writes the table anew, which takes some minutes. Look at the difference before you commit it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.data.images import ArrayImages
from edgedigits.data.splits import FitData
from edgedigits.errors import CheckError, ModelError
from edgedigits.models.importer import loading
from edgedigits.models.layers import known_layers
from edgedigits.models.layers.lowered_layers import lower_layer
from edgedigits.pipeline.converters.samples import write_samples
from edgedigits.pipeline.export import conversion
from edgedigits.pipeline.export.checks import check_integer
from edgedigits.pipeline.exportable import check_exportable
from edgedigits.pipeline.recipe import EXPORTS, Recipe
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.interpreter import TfliteModel
from tests.examples import example

ops = keras.ops
GOLDEN: Final = Path(__file__).parent / "golden" / "layer_kinds.json"
LITTLE: Final = {"float32": 1e-4, "float16": 0.02, "int4": 0.25}
"""Largest difference from Keras' answers, as a share of the largest answer; of the reference kernels' from the fast ones too."""
ROUNDED: Final = 0.08
"""The same of the other exports, which round to integers."""
_SHAPE: Final = (8, 8, 4)
LINE: Final = {"AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D", "Attention", "AveragePooling1D", "Conv1D", "Conv1DTranspose",
    "Cropping1D", "DepthwiseConv1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "MaxPooling1D", "MultiHeadAttention",
    "SeparableConv1D", "SpatialDropout1D", "UpSampling1D", "ZeroPadding1D"}  # fmt: skip
"""Kinds that read [places, channels]."""
PAIR: Final = {"Add", "Average", "Concatenate", "MatMul", "Maximum", "Minimum", "Multiply", "Subtract"}
"""Kinds that read two tensors."""
SETTINGS: Final[dict[str, list[dict[str, Any]]]] = {
    "Activation": [{"activation": "tanh"}],
    "AdaptiveAveragePooling1D": [{"output_size": 8}],
    "AdaptiveAveragePooling2D": [{"output_size": 4}, {"output_size": 3}],
    "AdaptiveMaxPooling1D": [{"output_size": 8}],
    "AdaptiveMaxPooling2D": [{"output_size": 4}],
    "AlphaDropout": [{"rate": 0.1}],
    "AveragePooling1D": [{"pool_size": 2}],
    "AveragePooling2D": [{"pool_size": 2}],
    "CenterCrop": [{"height": 4, "width": 5}],
    "Conv1D": [
        {"filters": 3, "kernel_size": 3},
        {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
    ],
    "Conv2D": [{"filters": 3, "kernel_size": 3}, {"filters": 4, "kernel_size": 3, "groups": 2}],
    "Conv1DTranspose": [{"filters": 2, "kernel_size": 3, "strides": 2}],
    "Conv2DTranspose": [{"filters": 2, "kernel_size": 3, "strides": 2}],
    "Dense": [{"units": 3}],
    "DepthwiseConv1D": [{"kernel_size": 3}],
    "DepthwiseConv2D": [{"kernel_size": 3}],
    "Dropout": [{"rate": 0.1}],
    "ELU": [{"alpha": 0.5}, {"alpha": 2.0}],
    "EinsumDense": [
        {"equation": "abcd,de->abce", "output_shape": (8, 8, 3), "bias_axes": "e", "activation": "gelu"},
        {"equation": "abcd,cdef->abfe", "output_shape": (8, 3, 2), "bias_axes": "fe"},
        {
            "equation": "abcd,de->abce",
            "output_shape": (8, 8, 3),
            "bias_axes": "bce",
            "bias_initializer": "uniform",
        },
        {"equation": "abcd,bd->abc", "output_shape": (8, 8)},
    ],
    "GaussianDropout": [{"rate": 0.1}],
    "GaussianNoise": [{"stddev": 0.1}],
    "GroupNormalization": [{"groups": 2}, {"groups": -1}],
    "LayerNormalization": [{}, {"axis": [1, 2, 3]}],
    "LeakyReLU": [{}, {"negative_slope": 0.05}],
    "MatMul": [{"transpose_b": True}],
    "MultiHeadAttention": [{"num_heads": 2, "key_dim": 3}],
    "Normalization": [{"mean": [0.1] * 4, "variance": [0.5] * 4}],
    "PReLU": [{"alpha_initializer": "uniform"}, {"alpha_initializer": "uniform", "shared_axes": [1, 2]}],
    "Pad": [{"widths": [[1, 0], [0, 2], [0, 0]]}],
    "Permute": [{"dims": [3, 1, 2]}],
    "ReLU": [
        {},
        {"max_value": 0.5},
        {"negative_slope": 0.1},
        {"max_value": 0.5, "negative_slope": 0.1},
        {"threshold": 0.3},
    ],
    "Reduce": [{"how": "mean", "axes": [1, 3]}, {"how": "max", "axes": [2]}],
    "RepeatVector": [{"n": 3}],
    "Rescaling": [{"scale": -2.0, "offset": 1.0}],
    "Reshape": [{"target_shape": [16, 16]}],
    "Resizing": [
        {"height": 5, "width": 7, "interpolation": how} for how in ("bilinear", "nearest", "bicubic", "lanczos3")
    ],
    "SeparableConv1D": [{"filters": 3, "kernel_size": 3}],
    "SeparableConv2D": [{"filters": 3, "kernel_size": 3}],
    "Slice": [{"start": [1, None, None], "stop": [7, None, 3], "step": [2, None, None]}],
    "Softmax": [{}, {"axis": 1}],
    "SpatialDropout1D": [{"rate": 0.1}],
    "SpatialDropout2D": [{"rate": 0.1}],
    "ThresholdedReLU": [{"theta": 0.2}],
    "UpSampling2D": [{"size": 2, "interpolation": how} for how in ("bilinear", "nearest", "bicubic")],
}


OPERATIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "abs": lambda x: ops.abs(x),
    "celu of another alpha": lambda x: ops.celu(x, 0.5),
    "clip": lambda x: ops.clip(x, -0.2, 0.3),
    "gelu, approximate": lambda x: ops.gelu(x),
    "getitem": lambda x: x[:, 1::2, 3, None, :2],
    "glu": lambda x: ops.glu(x),
    "hard_shrink of another threshold": lambda x: ops.hard_shrink(x, 0.1),
    "matmul": lambda x: ops.matmul(x, ops.swapaxes(x, 2, 3)),
    "max of channels": lambda x: ops.max(x, axis=-1),
    "maximum with a constant": lambda x: ops.maximum(x, 0.1),
    "mean of rows": lambda x: ops.mean(x, axis=1, keepdims=True),
    "min of rows": lambda x: ops.min(x, axis=1),
    "minimum with a constant": lambda x: ops.minimum(x, 0.1),
    "moveaxis": lambda x: ops.moveaxis(x, 3, 1),
    "pad": lambda x: ops.pad(x, [[0, 0], [1, 0], [0, 2], [0, 1]]),
    "power": lambda x: x**3,
    "soft_shrink of another threshold": lambda x: ops.soft_shrink(x, 0.1),
    "split and stack": lambda x: ops.stack(ops.split(x, 2, axis=1), axis=2),
    "sqrt": lambda x: ops.sqrt(ops.relu(x)),
    "square": lambda x: ops.square(x),
    "sum of channels": lambda x: ops.sum(x, axis=-1),
    "threshold": lambda x: ops.threshold(x, 0.1, -0.2),
    "transpose": lambda x: ops.transpose(x, (0, 2, 3, 1)),
}
"""Operations on tensors, as a sentence names them."""


@cache
def kinds() -> dict[str, Callable[[], Any]]:
    """Each kind with its settings, as a sentence names it, and what builds a model around it."""
    found: dict[str, Callable[[], Any]] = {}
    for kind in sorted(known_layers.LAYERS - known_layers.LEFT_OUT - known_layers.WRAPPERS.keys() - {"InputLayer"}):
        for settings in SETTINGS.get(kind, [{}]):
            said = ", ".join(f"{key}={value}" for key, value in settings.items())
            found[f"{kind}({said})"] = partial(_around, kind, settings)
    for name in sorted(known_layers.ACTIVATIONS):
        found[name] = partial(_around, "Activation", {"activation": name})
    for said, apply in OPERATIONS.items():
        found[said] = partial(_model, apply)
    return found


def outcome(build: Callable[[], Any], export: str) -> str:
    """`ok`, or the sentence by which the layer is refused before any training; anything else is a surprise, and raises."""
    made = rebuilt(build)
    if isinstance(made, str):
        return made
    data = _data()
    exporting: Any = _Once(EXPORTS[export]())
    recipe = Recipe("r", "", (), export, exporting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "_save", _save_once)
        try:
            check_exportable(recipe, made, data, lambda _: None)
        except ModelError as error:
            return str(error)
        flat = exporting(made, data.calibration, data.scale)
    if exporting.integer:
        check_integer(read(flat, "the bytes"))
    pixels = data.calibration.read(np.arange(len(data.calibration)))
    wanted = np.asarray(made(pixels.astype(np.float32) / 255, training=False))
    answers = {
        name: TfliteModel(flat, reference=name == "reference").outputs(pixels, data.scale)
        for name in ("fast", "reference")
    }
    for name, found in answers.items():
        off = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        if not off <= LITTLE.get(export, ROUNDED):
            raise CheckError(f"the {name} kernels answer {off:.4f} of the largest answer away")
    return "ok"


class _Once:
    """An export that makes the bytes of a model once: the try of the whole model and the export itself are the same."""

    def __init__(self, export: Any) -> None:
        self._export = export
        self._made: dict[int, tuple[Any, bytes]] = {}  # the model too: another that comes after it may have its number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._export, name)

    def __call__(self, model: Any, calibration: Any, scale: Any) -> bytes:
        if id(model) not in self._made:
            self._made[id(model)] = model, self._export(model, calibration, scale)
        return self._made[id(model)][1]


_save: Final = conversion._save
_saved: Final[dict[int, tuple[Any, tempfile.TemporaryDirectory[str], int]]] = {}


def _save_once(model: Any, folder: str, samples: Any) -> int:
    """As `conversion._save`, but what it writes of the model last saved is kept for the next export of it."""
    if id(model) not in _saved:
        _saved.clear()
        kept = tempfile.TemporaryDirectory()
        _saved[id(model)] = model, kept, _save(model, kept.name, [])
    _, kept, size = _saved[id(model)]
    shutil.copytree(kept.name, folder, dirs_exist_ok=True)
    write_samples(Path(folder), samples)
    return size


@cache
def rebuilt(build: Callable[[], Any]) -> Any:
    """The model rebuilt, or the sentence by which it is refused."""
    try:
        return loading.rebuild(build())
    except ModelError as error:
        return str(error)


@cache
def _data() -> FitData:
    pixels = np.random.default_rng(1).integers(0, 256, (24, *_SHAPE)).astype(np.uint8)
    images = ArrayImages(pixels, np.zeros(len(pixels), np.int32))
    return FitData(images, images, images, "0..1", 0)


def _around(kind: str, settings: dict[str, Any]) -> Any:
    def apply(x: Any) -> Any:
        if kind in LINE:
            x = keras.layers.Reshape((16, 16))(x)
        if kind == "ReciprocalRoot":
            x = keras.layers.Rescaling(1.0, offset=0.5, name="above")(keras.layers.ReLU(name="size")(x))
        if kind == "RepeatVector":
            x = keras.layers.Flatten()(x)
        if kind in PAIR:
            x = [x, keras.layers.Conv2D(4, 1, name="other")(x)]
        layer = example(kind, "SETTINGS in tests/layer_kinds.py", lower_layer(kind), name="tried", **settings)
        if kind == "MultiHeadAttention":
            return layer(x, x)
        return layer([x, x] if kind == "Attention" else x)

    return _model(apply)


def _model(apply: Callable[[Any], Any]) -> Any:
    keras.utils.set_random_seed(3)
    image = keras.Input(_SHAPE, name="image")
    inner = apply(keras.layers.Conv2D(4, 1, name="before")(image))
    return keras.Model(
        image, keras.layers.Dense(3, name="answer")(keras.layers.Flatten(name="flat")(inner)), name="net"
    )


def main() -> None:
    """Writes the table anew; what is a surprise stops it."""
    import json

    table = {kind: {export: outcome(build, export) for export in EXPORTS} for kind, build in kinds().items()}
    GOLDEN.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
