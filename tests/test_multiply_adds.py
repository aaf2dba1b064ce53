"""Multiply-adds counted in the bytes, against counts made from Keras layers and by hand."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.errors import TfliteError
from edgedigits.measure.cost.boards import NETWORKS
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.multiply_adds import Work, count_per_operator
from tests.make_golden import GOLDEN
from tests.tiny_tflite import convert, keras_model


def works(flat: bytes) -> tuple[Work, ...]:
    return count_per_operator(read(flat, "net.tflite"))


def converted(model: Any) -> bytes:
    from edgedigits.backend import tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter warns about its own defaults
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def wide_convolution(kind: str) -> bytes:
    """16x16x64, enough weights for the converter to quantize them in dynamic range."""
    from edgedigits.backend import keras, tf

    model = keras.Sequential([keras.layers.Input((16, 16, 64)), keras.layers.Conv2D(16, 3)])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "int16x8":
        converter.representative_dataset = lambda: ([np.ones((1, 16, 16, 64), np.float32)] for _ in range(2))
        int16x8 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [int16x8]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


def by_kind(found: tuple[Work, ...]) -> dict[str, int]:
    """Sums per operator kind, without those that have none."""
    sums: dict[str, int] = {}
    for work in found:
        sums[work.kind] = sums.get(work.kind, 0) + work.macs
    return {kind: macs for kind, macs in sums.items() if macs}


def baseline(name: str) -> Any:
    from edgedigits.models.importer.loading import load
    from edgedigits.models.zoo.shipped import find_shipped_folder

    return load(Path(find_shipped_folder() / f"{name}.keras")).model


def layer_macs(model: Any) -> dict[str, int]:
    """The same from the Keras model: output places times kernel values (a depthwise kernel holds one per output)."""
    kinds = {"Conv2D": "CONV_2D", "DepthwiseConv2D": "DEPTHWISE_CONV_2D", "Dense": "FULLY_CONNECTED"}
    sums: dict[str, int] = {}
    for layer in model.layers:
        name = type(layer).__name__
        if name in kinds:
            places = math.prod(layer.output.shape[1:-1])  # 1 for a dense layer
            sums[kinds[name]] = sums.get(kinds[name], 0) + places * math.prod(layer.kernel.shape)
    return sums


@pytest.mark.parametrize(("name", "total"), [("cnn", 9_970_304), ("nano", 1_157_504)])
def test_baselines_count_as_their_keras_layers_do(name: str, total: int) -> None:
    model = baseline(name)
    found = by_kind(works(converted(model)))
    assert found == layer_macs(model)
    assert sum(found.values()) == total


def test_the_first_blocks_of_mobilenet_count_as_their_keras_layers_do() -> None:
    """Not the whole net: the converter takes 15 s for it."""
    from edgedigits.backend import keras

    whole = baseline("mobilenet_v2")
    model = keras.Model(whole.input, whole.layers[16].output)
    found = by_kind(works(converted(model)))
    assert found == layer_macs(model)
    assert set(found) == {"CONV_2D", "DEPTHWISE_CONV_2D"}


@pytest.mark.parametrize(
    ("network", "name"),
    [("MobileNet", "MobileNet v1 1.0 224"), ("MobileNetV2", "MobileNet v2 1.0 224"), ("ResNet50", "ResNet-50")],
)
def test_published_networks_have_the_multiply_adds_of_the_table(network: str, name: str) -> None:
    from edgedigits.backend import keras

    found, table = layer_macs(getattr(keras.applications, network)(weights=None)), NETWORKS[name]
    assert found["CONV_2D"] == table.conv
    assert found.get("DEPTHWISE_CONV_2D", 0) == table.depthwise
    assert found.get("FULLY_CONNECTED", 0) == table.dense


@pytest.mark.parametrize(
    ("kind", "arithmetic", "weight_bytes"),
    [
        ("int8", "int8", 200 + 4 * 8),  # 5x5 kernels of 8 filters and their biases
        ("float16", "float16 weights", 4 * (200 + 8)),
    ],
)
def test_arithmetic_and_bytes_of_a_convolution(kind: str, arithmetic: str, weight_bytes: int) -> None:
    conv = next(work for work in works((GOLDEN / f"{kind}.tflite").read_bytes()) if work.kind == "CONV_2D")
    value = 1 if kind == "int8" else 4
    assert (conv.arithmetic, conv.macs, conv.weight_bytes) == (arithmetic, 16 * 8 * 25, weight_bytes)
    assert conv.output_shape == (1, 4, 4, 8)
    assert conv.activation_bytes == value * (64 + 128)


def test_unpacking_weights_costs_nothing_per_inference() -> None:
    found = works((GOLDEN / "float16.tflite").read_bytes())
    unpacking = [work for work in found if work.kind == "DEQUANTIZE"]
    assert len(unpacking) == 4
    assert all((work.macs, work.elements, work.weight_bytes) == (0, 0, 0) for work in unpacking)


def test_dynamic_range_and_int16x8_are_told_apart() -> None:
    for kind, arithmetic in (("dynamic", "dynamic"), ("int16x8", "int16x8")):
        conv = next(work for work in works(wide_convolution(kind)) if work.macs)
        assert (conv.arithmetic, conv.macs) == (arithmetic, 14 * 14 * 16 * 9 * 64)


def test_less_common_operators_count_by_their_definition() -> None:
    from edgedigits.backend import keras

    layers = keras.layers
    image = keras.Input((8, 8, 4))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(image)  # 6x6x8
    x = layers.Conv2D(10, 1, groups=2)(x)  # 6x6x10
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same")(x)  # 12x12x6
    flat = converted(keras.Model(image, layers.Dense(7)(layers.Flatten()(x))))
    found = by_kind(works(flat))
    assert found["DEPTHWISE_CONV_2D"] == 6 * 6 * 8 * 9
    assert found["CONV_2D"] == 6 * 6 * 10 * 4
    assert found["TRANSPOSE_CONV"] == 6 * 6 * 10 * 9 * 6
    assert found["FULLY_CONNECTED"] == 12 * 12 * 6 * 7


@pytest.mark.parametrize("transposed", [False, True])
def test_batch_matmul_finds_the_shared_axis(transposed: bool) -> None:
    from edgedigits.backend import keras, tf

    one, two = keras.Input((3, 5, 7)), keras.Input((3, 11, 7) if transposed else (3, 7, 11))
    product: Callable[[Any], Any] = lambda ends: tf.matmul(*ends, transpose_b=transposed)  # noqa: E731
    flat = converted(keras.Model([one, two], keras.layers.Lambda(product)([one, two])))
    assert by_kind(works(flat)) == {"BATCH_MATMUL": 3 * 5 * 7 * 11}


def test_operators_without_multiply_adds_count_elements() -> None:
    found = works((GOLDEN / "int8.tflite").read_bytes())
    counts = {work.kind: (work.macs, work.elements) for work in found}
    assert counts["SOFTMAX"] == (0, 10)
    assert counts["RESHAPE"] == (0, 0)
    assert counts["CONV_2D"][1] == 0
    assert all(work.counted for work in found)


def test_a_net_open_for_images_of_any_size_is_refused(tmp_path: Path) -> None:
    flat = convert(keras_model((None, None, 3)), tmp_path / "open.tflite").read_bytes()
    with pytest.raises(TfliteError, match="input of fixed size"):
        works(flat)
