"""Ready-made nets, a small transformer, layers of ConvNeXt through the stages; more nets go through in `benchmarks.zoo_nets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from keras.src.applications import convnext

from benchmarks.zoo_nets import Net, make_images, settle, try_one
from edgedigits.backend import keras
from edgedigits.data.scale import scale_pixels
from edgedigits.data.sources.named import load_data
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.importer import loading
from edgedigits.pipeline.loop import run
from edgedigits.pipeline.prepare import Wish, prepare_job
from edgedigits.pipeline.recipe import parse
from edgedigits.tflite.flatbuffer import list_float_operators, read

L = keras.layers
QUICK: dict[str, Any] = {"epochs": 0.1, "min_steps": 12, "rate": 2e-3, "batch": 32}


def fit_head(net: Any, images: np.ndarray, labels: np.ndarray) -> None:
    """Gives a net of random weights answers to lose without training: normalization as on these images, the last layer by least
    squares of what the layers before it tell of the classes."""
    normalizations = [layer for layer in net.layers if isinstance(layer, L.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0
    net(images, training=True)
    last = [layer for layer in net.layers if layer.weights][-1]
    told = np.asarray(keras.Model(net.input, last.input)(images)).reshape(len(images), -1)
    told = np.hstack([told, np.ones((len(told), 1))])
    wanted = 12 * (np.eye(3)[labels] - 1 / 3)
    weights = np.linalg.solve(told.T @ told + 0.1 * len(told) * np.eye(told.shape[1]), told.T @ wanted)
    kernel, bias = last.weights
    kernel.assign(weights[:-1].reshape(kernel.shape))
    bias.assign(weights[-1])


def test_a_net_with_squeeze_and_excite_goes_through(tmp_path: Path) -> None:
    net = Net("MobileNetV3Small", "0..255", size=32, settings=(("alpha", 0.25),))
    images, made = make_images(net.size), net.make()
    fit_head(made, np.asarray(scale_pixels(images["x_train"], net.scale)), images["y_train"])
    np.savez(tmp_path / "bars.npz", **images)  # type: ignore[arg-type]
    made.save(tmp_path / "net.keras")
    found = try_one(tmp_path / "net.keras", tmp_path / "bars.npz", net.scale, "ptq_int8", tmp_path)
    assert found["ok"], found["why"]
    assert 1 < found["bytes"] / made.count_params() < 2.5, "a byte for each parameter, and what names and shapes take"


def transformer() -> Any:
    """Patches, attention, a layer that is an equation, a gated one; 12x12x1 to 3 classes."""
    ops, image = keras.ops, keras.Input((12, 12, 1))
    x = ops.reshape(L.Conv2D(16, 3, strides=3, name="patches")(image), (-1, 16, 16))
    y = L.LayerNormalization()(x)
    x = x + L.MultiHeadAttention(2, 8, name="heads")(y, y)
    y = L.EinsumDense("abc,cd->abd", (16, 32), bias_axes="d", activation="gelu", name="wide")(x)
    x = L.Add()([x, L.Dense(16, name="back")(y)])
    return keras.Model(image, L.Dense(3, name="answer")(L.Flatten()(ops.clip(x, -4.0, 4.0))), name="net")


def test_a_transformer_goes_through(shapes: Path, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    net, data = transformer(), load_data(str(shapes))
    settle(net, data.train.read(np.arange(180)).astype(np.float32) / 255, np.asarray(data.train.labels[:180]))
    net.save(tmp_path / "net.keras")
    stages = [{"prune": {"sparsity": 0.5, "min_weights": 100, **QUICK}}, {"qat": QUICK}]
    recipe = parse({"stages": stages, "export": "int8"}, "test", "quick")
    job = prepare_job(recipe, Wish(model=tmp_path / "net.keras", data=str(shapes), scale="0..1"), print)
    coupling = find_coupling(job.loaded.model)
    assert {"heads_query", "heads_key", "heads_value"} <= set(coupling.left_whole)
    assert [group.layers for group in coupling.groups] == [("wide",)], "a LayerNormalization reads the others"
    made = run(job, tmp_path)
    pruned, rounded = made.manifest["stages"][1:3]
    assert {"heads_query/kernel", "heads_output/kernel", "wide/kernel"} <= set(pruned["sparsity"])
    assert rounded["left_to_converter"] == {}
    contents = read((made.path / "model.tflite").read_bytes(), "made")
    assert list_float_operators(contents) == []
    assert "BATCH_MATMUL" in {operator.name for operator in contents.operators}


def test_layers_of_convnext_need_no_class_handed_in(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 2, strides=2, name="stem")(image)
    y = L.LayerNormalization(epsilon=1e-6)(L.DepthwiseConv2D(3, padding="same")(x))
    y = L.Dense(8, name="back")(L.Activation("gelu")(L.Dense(16, name="wide")(y)))
    y = convnext.StochasticDepth(0.1, name="depth")(convnext.LayerScale(0.5, 8, name="scale")(y))
    net = keras.Model(image, L.Dense(3, name="answer")(L.GlobalAveragePooling2D()(L.Add()([x, y]))))
    random = np.random.default_rng(1)
    net.set_weights([random.normal(0, 0.5, weight.shape) for weight in net.get_weights()])
    net.save(tmp_path / "net.keras")
    loaded = loading.load(tmp_path / "net.keras")
    assert loaded.facts["left_out"] == "depth"
    images = random.random((4, 8, 8, 3), dtype=np.float32)
    np.testing.assert_allclose(np.asarray(loaded.model(images)), np.asarray(net(images)), rtol=1e-5, atol=1e-5)
    groups = {group.layers for group in find_coupling(loaded.model).groups}
    assert ("wide",) in groups, "what only the block reads can be removed"
    assert ("scale",) not in groups
