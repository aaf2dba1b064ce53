"""Real models of both Keras, saved in every format, loaded, rebuilt and compared; and everything that is refused."""

import importlib
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edgedigits.backend import keras as keras3
from edgedigits.backend import tf
from edgedigits.errors import ModelError
from edgedigits.models.graph import walk
from edgedigits.models.graph.answers import PROBES
from edgedigits.models.importer import loading
from edgedigits.models.keras2.bring_over import bring_over
from edgedigits.models.layers import known_layers
from edgedigits.models.saved import config_check, custom_classes, saved_files

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about its own internals
    import tf_keras

Build = Callable[[Any], Any]
FORMATS = ["keras3 .keras", "keras3 .h5", "keras2 .keras", "keras2 .h5", "SavedModel"]


def randomised(model: Any, seed: int = 0) -> Any:
    """The model with random weights, moving statistics included; what must be positive is."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [0.5 + random.random(w.shape) if w.ndim < 2 else random.normal(0, 0.3, w.shape) for w in model.get_weights()]
    )
    return model


def images(shape: tuple[int, ...], seed: int = 1) -> Any:
    return np.random.default_rng(seed).random((5, *shape), dtype=np.float32)


def answers(model: Any, x: Any) -> Any:
    return np.asarray(model(x, training=False))


def save_as(model: Any, format: str, folder: Path, name: str = "model") -> Path:
    path = folder / {"keras": f"{name}.keras", "h5": f"{name}.h5"}.get(format.split(".")[-1], name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras calls its own older formats legacy
        model.save(path)
    return path


def library(format: str) -> Any:
    return keras3 if format.startswith("keras3") else tf_keras


def rebuilt(model: Any, folder: Path) -> Any:
    """A model of Keras 2 goes through a file."""
    if isinstance(model, tf_keras.Model):
        model = bring_over(saved_files.read(save_as(model, "keras2 .h5", folder, "of keras 2"), folder))
    return loading.rebuild(model)


def equal(original: Any, rebuilt: Any, x: Any, tolerance: float = 5e-6) -> None:
    assert not any(isinstance(layer, keras3.Model) for layer in rebuilt.layers)
    want, got = answers(original, x), answers(rebuilt, x)
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * np.abs(want).max())


def plain(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.SeparableConv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.MaxPooling2D(),
            layers.Dropout(0.5, name="dropout"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="dense"),
        ],
        name="plain",
    )


def tangled(k: Any) -> Any:
    """Nested models, one of them used twice and holding a third, residual sums, branches, operations on tensors."""
    layers = k.layers
    deepest = k.Sequential(
        [k.Input((8, 8, 4)), layers.DepthwiseConv2D(3, padding="same", name="depthwise"), layers.PReLU()],
        name="deepest",
    )
    x = k.Input((8, 8, 4))
    y = layers.BatchNormalization(name="norm")(deepest(layers.Conv2D(4, 1, name="conv")(x)))
    block = k.Model(x, layers.Add()([x, y]), name="block")
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = k.Input((8, 8, 3))
    y = block(block(layers.Conv2D(4, 3, padding="same", name="conv")(x)))
    y = shared(y) + shared(shared(y)) * 0.5 - 1.0
    y = 2.0 - y / 3.0
    y = k.ops.relu(y) if k is keras3 else tf.nn.relu(y)
    left = layers.GlobalAveragePooling2D()(y)
    right = k.ops.mean(y, axis=[1, 2]) if k is keras3 else tf.reduce_mean(y, [1, 2])
    y = layers.Concatenate()([left, right, layers.GlobalMaxPooling2D()(block(y))])
    return k.Model(x, layers.Dense(5, name="answer")(y), name="tangled")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("build", [plain, tangled])
def test_every_format_answers_as_before(format: str, build: Build, tmp_path: Path) -> None:
    original = randomised(build(library(format)))
    loaded = loading.load(save_as(original, format, tmp_path))
    x = images(original.input_shape[1:])
    equal(original, loaded.model, x)
    assert loaded.facts["format"] == format
    assert loaded.facts["largest_difference"] < 5e-6
    assert loaded.logits is (build is tangled)
    assert {layer.dtype for layer in loaded.model.layers} == {"float32"}
    json.dumps(loaded.facts)
    if build is plain:
        assert loaded.facts["left_out"].count("random_") == 2
        assert "dropout" in [layer.name for layer in loaded.model.layers]
    else:
        names = [layer.name for layer in loaded.model.layers]
        assert {"shared", "conv", "block_conv", "block_deepest_depthwise"} <= set(names)
        assert len(names) == len(set(names))
        assert loaded.model.count_params() == original.count_params()
        assert sum(call.layer.name == "shared" for call in walk.list_calls(loaded.model)) == 3


def test_names_do_not_depend_on_what_was_built_before(tmp_path: Path) -> None:
    path = save_as(tangled(keras3), "keras3 .keras", tmp_path)
    first, second = (loading.load(path).model for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]


@pytest.mark.parametrize(
    ("format", "policy"), list(zip(FORMATS, ["mixed_bfloat16", "mixed_float16"] * 2 + ["mixed_bfloat16"], strict=True))
)
def test_mixed_precision_becomes_float32(format: str, policy: str, tmp_path: Path) -> None:
    k = library(format)
    set_policy = k.config.set_dtype_policy if k is keras3 else k.mixed_precision.set_global_policy
    before = "float32"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        set_policy(policy)
    try:
        mixed = randomised(plain(k))
    finally:
        set_policy(before)
    loaded = loading.load(save_as(mixed, format, tmp_path))
    exact = plain(k)
    exact.set_weights(mixed.get_weights())
    equal(exact, loaded.model, images((8, 8, 1)))


@pytest.mark.parametrize("format", FORMATS)
def test_fixed_batch_and_integer_input_become_open_float32(format: str, tmp_path: Path) -> None:
    k = library(format)
    x = k.Input(batch_shape=(7, 8, 8, 1), dtype="uint8") if k is keras3 else k.Input((8, 8, 1), 7, dtype="uint8")
    model = k.Model(x, k.layers.Dense(3)(k.layers.Flatten()(k.layers.Rescaling(1 / 255)(x))))
    rebuilt = loading.load(save_as(model, format, tmp_path)).model
    assert rebuilt.input.shape == (None, 8, 8, 1)
    assert rebuilt.input.dtype == "float32"


def test_images_are_compared_too(tmp_path: Path) -> None:
    path = save_as(plain(keras3), "keras3 .keras", tmp_path)
    assert loading.load(path, images=images((8, 8, 1))).facts["compared_images"] == 2 * PROBES + 5
    with pytest.raises(ModelError, match=r"takes images of shape \[8, 8, 1\]"):
        loading.load(path, images=images((9, 8, 1)))


def test_a_difference_beyond_the_tolerance_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_as(tangled(keras3), "keras3 .keras", tmp_path)
    monkeypatch.setattr("edgedigits.models.graph.answers.TOLERANCE", 0.0)
    monkeypatch.setattr(
        "edgedigits.models.layers.operations.activate", lambda make, name, _, x, **__: make("ELU", name)(x)
    )
    with pytest.raises(ModelError, match=r"model\.keras: rebuilt, the model answers otherwise"):
        loading.load(path)


LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("Activation", {"activation": "tanh"}),
    ("ActivityRegularization", {"l2": 0.1}),
    ("AlphaDropout", {"rate": 0.1}),
    ("AveragePooling2D", {"pool_size": 2, "padding": "same"}),
    ("BatchNormalization", {"epsilon": 0.01, "scale": False}),
    ("CenterCrop", {"height": 4, "width": 5}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "strides": 2, "activation": "elu"}),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "padding": "same", "use_bias": False}),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}),
    ("Dense", {"units": 3, "activation": "gelu"}),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "strides": 2}),
    ("ELU", {"alpha": 0.5}),
    ("GaussianDropout", {"rate": 0.1}),
    ("GaussianNoise", {"stddev": 0.1}),
    ("GlobalAveragePooling2D", {"keepdims": True}),
    ("GlobalMaxPooling2D", {}),
    ("GroupNormalization", {"groups": 2}),
    ("LayerNormalization", {"axis": [1, 2, 3], "epsilon": 0.01}),
    ("GroupNormalization", {"groups": -1, "epsilon": 0.01, "scale": False}),
    ("LayerNormalization", {"axis": [1, 3], "center": False}),
    ("LayerNormalization", {}),
    ("LeakyReLU", {}),
    ("MaxPooling2D", {"pool_size": (2, 3), "strides": 2}),
    ("Normalization", {"mean": [0.1, 0.2, 0.3, 0.4], "variance": [0.5, 0.6, 0.7, 0.8]}),
    ("PReLU", {"shared_axes": [1, 2]}),
    ("Permute", {"dims": (2, 3, 1)}),
    ("ReLU", {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.1}),
    ("ReLU", {"max_value": 0.5, "negative_slope": 1.0}),
    ("ReLU", {"threshold": 0.3}),
    ("ReLU", {"negative_slope": 0.1, "threshold": 0.3}),
    ("RandomContrast", {"factor": 0.1}),
    ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}),
    ("RandomZoom", {"height_factor": 0.1}),
    ("Rescaling", {"scale": 2.0, "offset": -1.0}),
    ("Resizing", {"height": 5, "width": 7}),
    ("Resizing", {"height": 11, "width": 10, "interpolation": "nearest", "crop_to_aspect_ratio": True}),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2, "activation": "relu"}),
    ("Softmax", {"axis": -1}),
    ("SpatialDropout2D", {"rate": 0.1}),
    ("UnitNormalization", {}),
    ("UnitNormalization", {"axis": [1, 2]}),
    ("UpSampling2D", {"size": 2, "interpolation": "bilinear"}),
    ("ZeroPadding2D", {"padding": ((1, 0), (0, 2))}),
]


@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_layers(k: Any, tmp_path: Path) -> None:
    for number, (kind, settings) in enumerate(LAYERS):
        x = k.Input((8, 8, 4))
        y = getattr(k.layers, kind)(**settings)(x)
        model = randomised(k.Model(x, k.layers.Dense(3)(k.layers.Flatten()(y))), number)
        equal(model, rebuilt(model, tmp_path), images((8, 8, 4)))


@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_layers_along_one_line(k: Any, tmp_path: Path) -> None:
    layers = k.layers
    model = k.Sequential([k.Input((8, 8, 1)), layers.Reshape((8, 8)), layers.Conv1D(4, 3, padding="same")])
    for layer in (layers.SpatialDropout1D(0.1), layers.MaxPooling1D(2), layers.SeparableConv1D(4, 2)):
        model.add(layer)
    for layer in (layers.AveragePooling1D(2), layers.GlobalAveragePooling1D(), layers.Dense(3)):
        model.add(layer)
    equal(randomised(model), rebuilt(model, tmp_path), images((8, 8, 1)))


@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_an_adapted_normalization(k: Any, tmp_path: Path) -> None:
    for axis in (-1, None, (1, 2, 3)):
        norm = k.layers.Normalization(axis=axis)
        norm.adapt(images((4, 4, 3)) * 7)
        model = k.Sequential([k.Input((4, 4, 3)), norm, k.layers.Flatten(), k.layers.Dense(3)])
        equal(model, rebuilt(model, tmp_path), images((4, 4, 3)))


@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_activations(k: Any, tmp_path: Path) -> None:
    only_keras3 = known_layers.ACTIVATIONS - set(dir(tf_keras.activations)) - {"relu6"}
    x = k.Input((4, 4, 1))
    branches = [
        k.layers.Conv2D(2, 3, activation=name)(x)
        for name in sorted(known_layers.ACTIVATIONS)
        if k is keras3 or name not in only_keras3
    ]
    branches.append(k.layers.Conv2D(2, 3, activation=k.layers.LeakyReLU(0.4))(x))
    randomised(k.Model(x, branches))
    for branch in branches:  # answers apart: a sum would hide small ones
        one = k.Model(x, branch)
        equal(one, rebuilt(one, tmp_path), images((4, 4, 1)) * 8 - 4)


def test_keras3_operations() -> None:
    ops = keras3.ops
    functions: tuple[Callable[[Any], Any], ...] = (
        lambda x: ops.reshape(ops.relu6(x), (-1, 16)),
        lambda x: ops.squeeze(ops.max(x, axis=(1, 2), keepdims=True), axis=(1, 2)),
        lambda x: ops.concatenate([ops.sigmoid(x), ops.hard_silu(x)], axis=-1),
        lambda x: ops.maximum(x, ops.leaky_relu(x, 0.3)) + ops.minimum(x, ops.tanh(x)),
        lambda x: ops.cast(-x, "float32") * np.float32(3) + np.array([0.5], "float32"),
        lambda x: ops.elu(ops.silu(x), 0.7) - ops.hard_sigmoid(x) * ops.selu(x),
        lambda x: ops.gelu(x, approximate=False) / 2 + ops.softmax(ops.softplus(x), axis=1) * ops.softsign(x),
        lambda x: ops.gelu(x * 3.0) + ops.maximum(x, 0.5) * ops.minimum(0.25, x),
    )
    for apply in functions:
        x = keras3.Input((4, 4, 1))
        model = keras3.Model(x, keras3.layers.Dense(3)(keras3.layers.Flatten()(apply(x))))
        equal(randomised(model), loading.rebuild(model), images((4, 4, 1)) * 8 - 4)


def test_tensorflow_functions(tmp_path: Path) -> None:
    functions: tuple[Callable[[Any], Any], ...] = (
        lambda x: tf.reshape(tf.nn.relu6(x), (-1, 16)),
        lambda x: tf.squeeze(tf.reduce_max(x, axis=(1, 2), keepdims=True), axis=(1, 2)),
        lambda x: tf.concat([tf.sigmoid(x), tf.nn.silu(x)], axis=-1),
        lambda x: tf.maximum(x, tf.nn.leaky_relu(x, 0.3)) + tf.minimum(x, tf.tanh(x)),
        lambda x: tf.cast(-x, tf.float32) * np.float32(3) + np.array([0.5], "float32"),
        lambda x: tf.nn.elu(tf.identity(x)) - tf.nn.selu(x) * tf.nn.softplus(x),
        lambda x: tf.nn.gelu(x) + tf.nn.softmax(x, axis=1),
        lambda x: tf.nn.gelu(x * 3.0, approximate=True) + tf.maximum(x, 0.5) * tf.minimum(x, 0.25),
    )
    for apply in functions:
        x = tf_keras.Input((4, 4, 1))
        model = tf_keras.Model(x, tf_keras.layers.Dense(3)(tf_keras.layers.Flatten()(apply(x))))
        equal(randomised(model), rebuilt(model, tmp_path), images((4, 4, 1)) * 8 - 4)


def random_model(k: Any, seed: int, depth: int = 2, channels: int = 1) -> Any:
    """A random graph: each step joins random earlier tensors by layers old and new, nested models among them."""
    random, layers = np.random.default_rng(seed), k.layers
    x = k.Input((6, 6, channels))
    tensors = [layers.Conv2D(4, 1)(x)]
    pool = [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.BatchNormalization()]
    pool += [layers.DepthwiseConv2D(3, padding="same"), layers.ReLU(6.0)]
    if depth:
        pool.append(random_model(k, seed + 100, depth - 1, 4))
    for _ in range(6):
        a, b = (tensors[int(random.integers(len(tensors)))] for _ in range(2))
        layer = pool[int(random.integers(len(pool)))]
        join = int(random.integers(5))
        if join == 0:
            tensors.append(a + layer(b))
        elif join == 1:
            tensors.append(layers.Conv2D(4, 1)(layers.Concatenate()([a, layer(b)])))
        elif join == 2:
            tensors.append(layers.Multiply()([a, layers.Activation("sigmoid")(layer(b))]))
        else:
            tensors.append(layer(a))
    y = layers.Average()(tensors) if depth < 2 else layers.Dense(3)(layers.Flatten()(tensors[-1] - tensors[-2] * 0.5))
    return k.Model(x, y)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_random_graphs(k: Any, seed: int, tmp_path: Path) -> None:
    model = randomised(random_model(k, seed), seed)
    again = rebuilt(model, tmp_path)
    equal(model, again, images((6, 6, 1)), tolerance=2e-5)
    assert again.count_params() <= model.count_params()


# --- what is never run ---


def with_lambda(k: Any, marker: Path) -> Any:
    """A model whose Lambda, nested in it, writes a file whenever it is called."""
    evil = eval(f"lambda x: __import__('pathlib').Path({str(marker)!r}).write_text('ran') and x")
    inner = k.Sequential([k.Input((8, 8, 1)), k.layers.Lambda(evil, output_shape=(8, 8, 1), name="evil")], name="inner")
    x = k.Input((8, 8, 1))
    return k.Model(x, k.layers.Dense(3)(k.layers.Flatten()(inner(x))))


@pytest.mark.parametrize("format", FORMATS)
def test_a_lambda_is_refused_and_does_not_run(format: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    model = with_lambda(library(format), marker)
    model(images((8, 8, 1)))
    path = save_as(model, format, tmp_path)
    marker.unlink()
    with pytest.raises(
        ModelError, match=r"layer 'evil' \(Lambda\) holds Python code, and code from a file is never run"
    ):
        loading.load(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (
            {"class_name": "TFSMLayer", "config": {"name": "a", "filepath": "x"}},
            r"layer 'a' \(TFSMLayer\) can't be taken",
        ),
        (
            {"class_name": "TFOpLambda", "config": {"name": "a", "function": "io.write_file"}},
            r"calls tf\.io\.write_file",
        ),
        ({"class_name": "get_file", "module": "keras.utils", "config": {"name": "a"}}, r"\(get_file\) can't be taken"),
        ({"class_name": "system", "module": "os", "config": {"name": "a"}}, r"is a class of os, not built into Keras"),
        ({"class_name": "evil>Dense", "config": {"name": "a"}}, r"hand it in as custom 'module:Dense'"),
        ({"class_name": "Dense", "registered_name": "evil>Dense", "config": {"name": "a"}}, "not built into Keras"),
        ({"class_name": "Dense", "config": {"name": "a", "activation": "get"}}, "has the activation 'get', which"),
        (
            {"class_name": "Dense", "config": {"name": "a", "kernel": {"class_name": "__lambda__", "config": {}}}},
            "holds Python code",
        ),
        (
            {"class_name": "Dense", "config": {"name": "a", "dtype": "int8_from_float32"}},
            "computes in int8_from_float32",
        ),
        (
            {"class_name": "StringLookup", "config": {"name": "a", "vocabulary": "/x"}},
            r"\(StringLookup\) can't be taken",
        ),
    ],
)
def test_only_listed_classes_reach_keras(layer: dict[str, Any], why: str) -> None:
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [layer]}}
    with pytest.raises(ModelError, match=why):
        config_check.check_config(config, "2")


def test_models_within_models_and_layers_used_twice_connect(tmp_path: Path) -> None:
    """The counting of calls is that of Keras 2: from 1 where a model within was built on an input of its own."""
    layers = tf_keras.layers
    inner = tf_keras.Sequential([layers.Input((4, 4, 4)), layers.Dense(4)])
    open_inner = tf_keras.Sequential([layers.Dense(4)])
    shared, image = layers.Dense(4), layers.Input((4, 4, 4))
    there = open_inner(open_inner(inner(shared(inner(shared(image))))))
    model = randomised(tf_keras.Model(image, layers.Add()([there, inner(image)])))
    equal(model, rebuilt(model, tmp_path), images((4, 4, 4)))


def test_a_foreign_initializer_is_left_out() -> None:
    dense = {
        "name": "a",
        "kernel_initializer": {"class_name": "Mine", "config": {}},
        "bias_initializer": {"class_name": "Zeros"},
    }
    config = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": dense}]}}
    kept = config_check.check_config(config, "2")["config"]["layers"][0]["config"]
    assert kept == {"name": "a", "bias_initializer": {"class_name": "Zeros", "config": {}}}


# --- layers of one's own ---

OWN = """
import {library}

class Scale({library}.layers.Layer):
    def __init__(self, by, **more):
        super().__init__(**more)
        self.by = by
        {inner}
    {build}
    def call(self, x):
        return {call}
    def get_config(self):
        return {{**super().get_config(), "by": self.by}}
"""
BUILD = """
    def build(self, shape):
        self.w = self.add_weight(name='w', shape=(shape[-1],), initializer='ones')
        self.built = True
"""


def own_module(folder: Path, name: str, **parts: str) -> None:
    (folder / f"{name}.py").write_text(OWN.format(**{"inner": "", "build": "", **parts}))


def with_own(k: Any, cls: Any) -> Any:
    return k.Sequential([k.Input((4, 4, 3)), cls(2.0, name="mine"), k.layers.Flatten(), k.layers.Dense(3)])


def test_own_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    own_module(tmp_path, "ed_own2", library="tf_keras", build=BUILD, call="x * self.by * self.w")
    own_module(tmp_path, "ed_same3", library="keras", build=BUILD, call="x * self.by * self.w")
    own_module(tmp_path, "ed_own3", library="keras", build=BUILD, call="x * self.by * self.w + x.shape[1]")
    own_module(
        tmp_path,
        "ed_open3",
        library="keras",
        inner="self.conv = keras.layers.Conv2D(3, 3)",
        call="keras.ops.relu(self.conv(x) * self.by)",
    )
    ed_open3, ed_own2, ed_own3 = map(importlib.import_module, ("ed_open3", "ed_own2", "ed_own3"))

    for format in ("keras2 .keras", "keras2 .h5", "SavedModel"):
        model = randomised(with_own(tf_keras, ed_own2.Scale))
        path = save_as(model, format, tmp_path)
        with pytest.raises(ModelError, match=r"layer 'mine' \(Scale\) .*custom|\(Scale\) can't be taken"):
            loading.load(path)
        with pytest.raises(
            ModelError, match="custom 'ed_own2:Scale' is written for Keras 2; write the class for Keras 3"
        ):
            loading.load(path, custom=["ed_own2:Scale"])
        loaded = loading.load(path, custom=["ed_same3:Scale"])
        equal(model, loaded.model, images((4, 4, 3)))
        assert loaded.facts["witness"] == ("signature" if format == "SavedModel" else "none")
        loading.save(loaded.model, {}, tmp_path / "stage")
        with pytest.raises(ModelError, match="Scale"):
            loading.restore(tmp_path / "stage")
        again, _ = loading.restore(tmp_path / "stage", custom=["ed_same3:Scale"])
        np.testing.assert_array_equal(answers(again, images((4, 4, 3))), answers(loaded.model, images((4, 4, 3))))

    model = randomised(with_own(keras3, ed_open3.Scale))
    path = save_as(model, "keras3 .keras", tmp_path)
    with pytest.raises(ModelError, match=r"layer 'mine' \(Scale\) is a class of ed_open3, not built into Keras"):
        loading.load(path)
    loaded = loading.load(path, custom=["ed_open3:Scale"])
    equal(model, loaded.model, images((4, 4, 3)))
    assert [layer.name for layer in loaded.model.layers][1:4] == ["mine_conv2d", "mine_multiply", "mine_relu"]

    own_module(tmp_path, "ed_made3", library="keras", build=BUILD, call="keras.ops.sin(x)")
    for name, cls in (("ed_made3", importlib.import_module("ed_made3").Scale), ("ed_own3", ed_own3.Scale)):
        model = randomised(with_own(keras3, cls))
        loaded = loading.load(save_as(model, "keras3 .keras", tmp_path), custom=[f"{name}:Scale"])
        equal(model, loaded.model, images((4, 4, 3)))
        assert type(loaded.model.layers[1]) is cls  # of what the stages can't see through a layer stays what it is

    own_module(
        tmp_path,
        "ed_half3",
        library="keras",
        inner="self.drop, self.conv = keras.layers.RandomFlip(), keras.layers.Conv2D(3, 3)",
        call="keras.ops.sin(self.conv(self.drop(x)))",
    )
    half = importlib.import_module("ed_half3").Scale
    image = keras3.Input((6, 6, 3))
    first = half(2.0, name="mine")(image)
    x = keras3.layers.Flatten(name="mine_conv2d")(first)  # a name that its parts would take, were it opened
    model = randomised(keras3.Model(image, keras3.layers.Dense(3)(x)))
    loaded = loading.load(save_as(model, "keras3 .keras", tmp_path), custom=["ed_half3:Scale"])
    equal(model, loaded.model, images((6, 6, 3)))
    assert [layer.name for layer in loaded.model.layers][1:3] == ["mine", "mine_conv2d"]
    assert loaded.facts["left_out"] == ""


def test_kept_stages_depend_on_the_source_of_own_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    own_module(tmp_path, "ed_hashed", library="keras", build=BUILD, call="keras.ops.sin(x)")
    before = custom_classes.hash_sources(["ed_hashed:Scale"])
    assert before == custom_classes.hash_sources(["ed_hashed:Scale"])
    with (tmp_path / "ed_hashed.py").open("a") as file:
        file.write("# changed\n")
    assert len({before, custom_classes.hash_sources(["ed_hashed:Scale"]), custom_classes.hash_sources([])}) == 3


@pytest.mark.parametrize(
    ("custom", "why"),
    [
        ("nonsense", "not of the form 'module:Class'"),
        ("ed_missing:Scale", "importing ed_missing failed"),
        ("json:Scale", "json has no Keras layer class Scale"),
    ],
)
def test_custom_names_that_lead_nowhere(custom: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=why):
        loading.load(tmp_path, custom=[custom])


# --- files that are none ---


@pytest.mark.parametrize("format", FORMATS)
def test_truncated_files(format: str, tmp_path: Path) -> None:
    path = save_as(plain(library(format)), format, tmp_path)
    for victim in [path] if path.is_file() else [path / "keras_metadata.pb", path / "variables" / "variables.index"]:
        whole = victim.read_bytes()
        for share in (0, 0.01, 0.3, 0.7, 0.99):
            victim.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(ModelError, match=r"model"):
                loading.load(path)
        victim.write_bytes(whole)
    loading.load(path)


def rezip(path: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            for new_name, new_data in change(name, data):
                archive.writestr(new_name, new_data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda n, d: [(n, d)] + [("../evil.py", b"")] * (n == "config.json"), "'../evil.py', which points outside"),
        (lambda n, d: [(n, d)] + [("bomb", bytes(9_000_000))] * (n == "config.json"), "'bomb' in the archive unpacks"),
        (lambda n, d: [] if n == "config.json" else [(n, d)], "holds 'config.json' 0 times"),
        (lambda n, d: [(n, b"{") if n == "config.json" else (n, d)], "reading the model failed"),
        (lambda n, d: [(n, b"[]") if n == "config.json" else (n, d)], "config names no model class"),
        (lambda n, d: [(n, b'{"keras_version": "1.2"}') if n == "metadata.json" else (n, d)], "saved by Keras '1.2'"),
        (lambda n, d: [(n, b"odd") if n == "model.weights.h5" else (n, d)], "reading the model failed"),
        (lambda n, d: [(n, d.replace(b'"units": 3', b'"units": 4'))], "reading the model failed"),
        (lambda n, d: [(n, d.replace(b'"Sequential"', b'"MyModel"'))], r"subclass of keras\.Model \(MyModel\)"),
    ],
)
def test_altered_archives(change: Any, why: str, tmp_path: Path) -> None:
    for format in ("keras3 .keras", "keras2 .keras"):
        path = save_as(plain(library(format)), format, tmp_path)
        rezip(path, change)
        with pytest.raises(ModelError, match=why):
            loading.load(path)


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path = save_as(plain(keras3), "keras3 .keras", tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is damaged"):
        loading.load(path)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    for name, link in (("a", h5py.ExternalLink("/etc/passwd", "/")), ("b", h5py.SoftLink("/model_weights"))):
        path = save_as(plain(tf_keras), "keras2 .h5", tmp_path, name)
        with h5py.File(path, "a") as file:
            file["model_weights/other"] = link
        with pytest.raises(ModelError, match="lie in another place"):
            loading.load(path)
    with h5py.File(path, "a") as file:
        del file["model_weights/other"]
        file.create_dataset("data", (4,), "f4", external=[(str(tmp_path / "outside"), 0, 16)])
    with pytest.raises(ModelError, match="lie in another place or file"):
        loading.load(path)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    def refused(path: Path | str, why: str) -> None:
        with pytest.raises(ModelError, match=why) as caught:
            loading.load(Path(path))
        assert str(path) in str(caught.value)

    refused(tmp_path / "missing.keras", "no such file")
    refused(tmp_path, "holds no saved_model.pb")
    for name, why in (("a.keras", "not a .keras archive"), ("a.h5", "not an HDF5 file"), ("a.txt", "not an ending")):
        (tmp_path / name).write_text("not a model")
        refused(tmp_path / name, why)
    np.savez(tmp_path / "b.npz", a=np.zeros(3))
    refused((tmp_path / "b.npz").rename(tmp_path / "b.keras"), "holds 'metadata.json' 0 times")
    whole = save_as(plain(tf_keras), "keras2 .h5", tmp_path)
    refused(shutil.copy(whole, tmp_path / "c.keras"), "HDF5 file, not a .keras archive")
    plain(tf_keras).save_weights(tmp_path / "d.weights.h5")
    refused(tmp_path / "d.weights.h5", "holds weights only")


def test_graphs_without_layers_are_refused(tmp_path: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([])])  # type: ignore[untyped-decorator]
    def call(x: Any) -> Any:
        tf.io.write_file("x", "x")
        return x

    module.call = call
    tf.saved_model.save(module, str(tmp_path / "module"))
    plain(keras3).export(tmp_path / "export", verbose=False)
    for name in ("module", "export"):
        with pytest.raises(ModelError, match=r"layers can't be recovered from a graph; hand in the \.keras file"):
            loading.load(tmp_path / name)


# --- models that are no image classifiers ---


def ends(k: Any, shape: tuple[int | None, ...], *layers: Any) -> Any:
    return k.Sequential([k.Input(shape), *layers])


@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_no_image_classifier(k: Any, tmp_path: Path) -> None:
    flatten, dense, pool = k.layers.Flatten, k.layers.Dense, k.layers.GlobalAveragePooling2D
    for model, why in (
        (ends(k, (64,), dense(3)), r"takes input of shape \[None, 64\]"),
        (ends(k, (8, 8, 2), flatten(), dense(3)), r"takes input of shape \[None, 8, 8, 2\]"),
        (
            ends(k, (None, None, 1), pool(), dense(3)),
            r"takes images of any size \(\[None, None, None, 1\]\).*name data",
        ),
        (ends(k, (8, 8, 1), dense(3)), r"answers with shape \[None, 8, 8, 3\]"),
        (
            ends(k, (8, 8, 6), flatten(), dense(3)),
            r"so 6 channels, and the images that can be read are grey \(1\) or RGB",
        ),
    ):
        with pytest.raises(ModelError, match=why):
            loading.load(save_as(model, f"{'keras3' if k is keras3 else 'keras2'} .keras", tmp_path))


@pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])
def test_models_that_cannot_be_rebuilt(k: Any, tmp_path: Path) -> None:
    class Mine(k.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    x, z = k.Input((8, 8, 1)), k.Input((8, 8, 1))
    y = k.layers.Flatten()(x)
    layers = k.layers
    for model, why in (
        (k.Model([x, z], layers.Add()([x, z])), "has 2 inputs"),
        (k.Model(x, [y, layers.Dense(3)(y)]), "has 2 outputs"),
        (
            ends(k, (8, 8, 1), layers.Reshape((8, 8)), layers.LSTM(3, name="r")),
            r"layer 'r' \(LSTM\) can't be taken: it computes step by step",
        ),
        (k.Model(x, k.Model(z, [z, z])(x)[0]), "has 2 outputs"),
    ):
        with pytest.raises(ModelError, match=why):
            rebuilt(model, tmp_path)
    if k is keras3:  # Keras 2 writes none of these into a file
        for model, why in (
            (Mine(), r"subclass of keras\.Model \(Mine\)"),
            (k.Sequential([layers.Dense(3)]), "no input shape"),
        ):
            with pytest.raises(ModelError, match=why):
                loading.rebuild(model)
    first = layers.MaxPooling2D(padding="same", data_format="channels_first", name="p")
    with pytest.raises(ModelError, match=r"layer 'p' \(MaxPooling2D\) has channels_first"):
        rebuilt(ends(k, (8, 8, 1), first), tmp_path)


def test_operations_without_a_layer(tmp_path: Path) -> None:
    ops = keras3.ops
    x, z = keras3.Input((8, 8, 1)), tf_keras.Input((8, 8, 1))
    for model, why in (
        (keras3.Model(x, ops.sin(x)), r"\(Sin\) is the operation Sin"),
        (keras3.Model(x, x[1:, :]), "'get_item' takes some images of the batch"),
        (keras3.Model(x, ops.mean(x, axis=(0, 1))), "'mean' over the axes"),
        (keras3.Model(x, 1 / x), "'divide' of a constant"),
        (keras3.Model(x, ops.cast(x, "int32")), "'cast' to int32"),
        (tf_keras.Model(z, tf.sin(z)), r"\(TFOpLambda\) calls tf\.math\.sin, which has no known layer"),
        (tf_keras.Model(z, z[:, 1:]), r"\(SlicingOpLambda\)"),
        (
            tf_keras.Model(z, tf_keras.layers.Dropout(0.5, name="d")(z, training=True)),
            r"'d' \(Dropout\) is called with training",
        ),
        (
            keras3.Model(x, keras3.layers.Dense(3, activation=lambda x: x, name="d")(x)),
            r"'d' \(Dense\) has the activation",
        ),
        (keras3.Model(x, keras3.layers.Resizing(4, 4, antialias=True, name="d")(x)), "has antialias=True"),
    ):
        with pytest.raises(ModelError, match=why):
            rebuilt(model, tmp_path)


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    model = plain(keras3)
    model.layers[-1].bias.assign([0, np.nan, 0])
    with pytest.raises(ModelError, match=r"layer 'dense' \(Dense\) has weights that are no finite numbers"):
        loading.load(save_as(model, "keras3 .keras", tmp_path))


# --- logits, and a stage's models on disk ---


def test_without_softmax() -> None:
    x = images((8, 8, 1)) * 255
    inside = loading.rebuild(randomised(plain(keras3)))
    logits = walk.clone(inside, logits=True)
    np.testing.assert_allclose(tf.nn.softmax(answers(logits, x)), answers(inside, x), atol=1e-6)
    apart = keras3.Model(logits.input, keras3.layers.Softmax()(logits.output))
    again = walk.clone(apart, logits=True)
    np.testing.assert_array_equal(answers(again, x), answers(logits, x))
    before = [w.copy() for w in apart.get_weights()]
    again.set_weights([w + 1 for w in again.get_weights()])
    for old, new in zip(before, apart.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_probabilities_are_known_by_their_sum(tmp_path: Path) -> None:
    model = keras3.Sequential([*plain(keras3).layers, keras3.layers.Reshape((3,))])
    model.build((None, 8, 8, 1))
    assert loading.load(save_as(model, "keras3 .keras", tmp_path)).logits is False


def test_a_stage_comes_back_bit_for_bit(tmp_path: Path) -> None:
    x = keras3.Input((8, 8, 3))
    conv = keras3.layers.Conv2D(4, 3, kernel_regularizer="l2", kernel_initializer="he_normal", name="conv")
    frozen = keras3.layers.BatchNormalization(trainable=False)
    net = keras3.Model(x, keras3.layers.Dense(3, name="d")(keras3.layers.Flatten()(frozen(conv(x)))))
    model = loading.rebuild(randomised(net))
    masks = {
        "conv/kernel:0": np.random.default_rng(0).random((3, 3, 3, 4)) > 0.5,
        "d/kernel:0": np.ones((144, 3), bool),
    }
    loading.save(model, masks, tmp_path / "stage")
    again, masks_again = loading.restore(tmp_path / "stage")
    assert [w.name for w in again.weights] == [w.name for w in model.weights]
    assert again.to_json() == model.to_json()
    for old, new in zip(model.get_weights(), again.get_weights(), strict=True):
        assert old.dtype == new.dtype
        np.testing.assert_array_equal(old, new)
    assert masks_again.keys() == masks.keys()
    for key, mask in masks.items():
        np.testing.assert_array_equal(masks_again[key], mask)
        assert masks_again[key].dtype == bool


def test_damaged_stages(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="restoring the model failed"):
        loading.restore(tmp_path / "missing")
    loading.save(rebuilt(plain(keras3), tmp_path), {}, tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, "schema": 99}))
    with pytest.raises(ModelError, match="has schema 99"):
        loading.restore(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(described))
    np.savez(tmp_path / "weights.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ModelError, match="restoring the model failed"):
        loading.restore(tmp_path)
    described["config"]["layers"][1]["class_name"] = "Lambda"
    (tmp_path / "model.json").write_text(json.dumps(described))
    with pytest.raises(ModelError, match="holds Python code"):
        loading.restore(tmp_path)
