"""One tiny model for each kind of layer and each activation that the loader takes, and what becomes of it in each export.

`python -m tests.layer_kinds` writes the table anew, which takes some minutes. Look at the difference before you commit it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.backend import keras
from edgedigits.backend import keras as keras3
from edgedigits.data.images import ArrayImages
from edgedigits.data.splits import FitData
from edgedigits.errors import CheckError, ModelError
from edgedigits.models.importer import loading
from edgedigits.models.layers import known_layers
from edgedigits.pipeline.export.checks import check_integer
from edgedigits.pipeline.exportable import check_exportable
from edgedigits.pipeline.recipe import EXPORTS, Recipe
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.interpreter import TfliteModel
from tests.examples import example

GOLDEN: Final = Path(__file__).parent / "golden" / "layer_kinds.json"
LITTLE: Final = {"float32": 1e-4, "float16": 0.02}
"""Largest difference from Keras' answers, as a share of the largest answer; of the reference kernels' from the fast ones too."""
ROUNDED: Final = 0.08
"""The same of the other exports, which round to integers."""
_SHAPE: Final = (8, 8, 4)
LINE: Final = {"Conv1D", "SeparableConv1D", "MaxPooling1D", "AveragePooling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D",
    "SpatialDropout1D"}  # fmt: skip
PAIR: Final = {"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"}
SETTINGS: Final[dict[str, list[dict[str, Any]]]] = {
    "Activation": [{"activation": "tanh"}],
    "AlphaDropout": [{"rate": 0.1}],
    "AveragePooling1D": [{"pool_size": 2}],
    "AveragePooling2D": [{"pool_size": 2}],
    "CenterCrop": [{"height": 4, "width": 5}],
    "Conv1D": [
        {"filters": 3, "kernel_size": 3},
        {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
    ],
    "Conv2D": [{"filters": 3, "kernel_size": 3}, {"filters": 4, "kernel_size": 3, "groups": 2}],
    "Conv2DTranspose": [{"filters": 2, "kernel_size": 3, "strides": 2}],
    "Dense": [{"units": 3}],
    "DepthwiseConv2D": [{"kernel_size": 3}],
    "Dropout": [{"rate": 0.1}],
    "ELU": [{"alpha": 0.5}, {"alpha": 2.0}],
    "GaussianDropout": [{"rate": 0.1}],
    "GaussianNoise": [{"stddev": 0.1}],
    "GroupNormalization": [{"groups": 2}, {"groups": -1}],
    "LayerNormalization": [{}, {"axis": [1, 2, 3]}],
    "Normalization": [{"mean": [0.1] * 4, "variance": [0.5] * 4}],
    "PReLU": [{"alpha_initializer": "uniform"}],
    "Permute": [{"dims": [3, 1, 2]}],
    "ReLU": [
        {},
        {"max_value": 0.5},
        {"negative_slope": 0.1},
        {"max_value": 0.5, "negative_slope": 0.1},
        {"threshold": 0.3},
    ],
    "Rescaling": [{"scale": -2.0, "offset": 1.0}],
    "Reshape": [{"target_shape": [16, 16]}],
    "Resizing": [
        {"height": 5, "width": 7, "interpolation": how} for how in ("bilinear", "nearest", "bicubic", "lanczos3")
    ],
    "SeparableConv1D": [{"filters": 3, "kernel_size": 3}],
    "SeparableConv2D": [{"filters": 3, "kernel_size": 3}],
    "Softmax": [{}, {"axis": 1}],
    "SpatialDropout1D": [{"rate": 0.1}],
    "SpatialDropout2D": [{"rate": 0.1}],
    "ThresholdedReLU": [{"theta": 0.2}],
    "UpSampling2D": [{"size": 2, "interpolation": how} for how in ("bilinear", "nearest", "bicubic")],
}


def kinds() -> dict[str, Callable[[], Any]]:
    """Each kind with its settings, as a sentence names it, and what builds a model around it."""
    found: dict[str, Callable[[], Any]] = {}
    for kind in sorted(known_layers.LAYERS - known_layers.LEFT_OUT - {"InputLayer"}):
        for settings in SETTINGS.get(kind, [{}]):
            said = ", ".join(f"{key}={value}" for key, value in settings.items())
            found[f"{kind}({said})"] = partial(_around, kind, settings)
    for name in sorted(known_layers.ACTIVATIONS):
        found[name] = partial(_around, "Activation", {"activation": name})
    found["gelu, approximate"] = lambda: _model(keras3, lambda x: keras3.ops.gelu(x))
    found["hard_sigmoid of Keras 2"] = lambda: _model(keras, lambda x: keras.layers.Activation("hard_sigmoid")(x))
    found["maximum with a constant"] = lambda: _model(keras3, lambda x: keras3.ops.maximum(x, 0.1))
    found["minimum with a constant"] = lambda: _model(keras3, lambda x: keras3.ops.minimum(x, 0.1))
    return found


def outcome(build: Callable[[], Any], export: str) -> str:
    """`ok`, or the sentence by which the layer is refused before any training; anything else is a surprise, and raises."""
    made = _rebuilt(build)
    if isinstance(made, str):
        return made
    data = _data()
    exporting = EXPORTS[export]()
    recipe = Recipe("r", "", (), export, exporting)
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


@cache
def _rebuilt(build: Callable[[], Any]) -> Any:
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
    library = keras if kind == "ThresholdedReLU" else keras3

    def apply(x: Any) -> Any:
        if kind in LINE:
            x = library.layers.Reshape((16, 16))(x)
        if kind in PAIR:
            x = [x, library.layers.Conv2D(4, 1, name="other")(x)]
        layer = getattr(library.layers, kind)
        return example(kind, "SETTINGS in tests/layer_kinds.py", layer, name="tried", **settings)(x)

    return _model(library, apply)


def _model(library: Any, apply: Callable[[Any], Any]) -> Any:
    library.utils.set_random_seed(3)
    image = library.Input(_SHAPE, name="image")
    inner = apply(library.layers.Conv2D(4, 1, name="before")(image))
    return library.Model(
        image, library.layers.Dense(3, name="answer")(library.layers.Flatten(name="flat")(inner)), name="net"
    )


def main() -> None:
    """Writes the table anew; what is a surprise stops it."""
    import json

    table = {kind: {export: outcome(build, export) for export in EXPORTS} for kind, build in kinds().items()}
    GOLDEN.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
