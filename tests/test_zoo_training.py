"""Nets of the caller's own, ready weights, and training that keeps these as they are at first."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import mobilenet, mobilenet_v3
from keras.src.backend import config
from keras.src.legacy.saving import legacy_h5_format

import edgedigits as ed
from edgedigits.data.sources.named import load_data
from edgedigits.errors import InputError
from edgedigits.models.zoo import NETS, ZOO, find_habits, list_options
from edgedigits.models.zoo.nets import ready_made
from edgedigits.models.zoo.own import build_own
from edgedigits.pipeline.train import Settings, train

MINE = """
import keras

def make(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)])

def fails(shape, classes):
    raise RuntimeError("no such thing")

def number(shape, classes):
    return 3

def other(shape, classes):
    return keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)])

def more(shape, classes):
    return make(shape, classes + 1)

def relu(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes, "relu")])

def loose(shape, classes):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the caller's in the folder they work in; its name is new to the process."""
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return name


def test_a_net_of_the_callers_own_is_trained(mine: str, shapes: Path) -> None:
    made = ed.train(
        model_fn=f"{mine}:make", data=shapes, out="mine.keras", epochs=2, rate=0.01, augment=False, progress=False
    )
    assert made.record["settings"]["name"] == f"{mine}:make"
    assert (made.record["settings"]["epochs"], made.record["settings"]["batch"]) == (2, 128), (
        "what is not said is a habit"
    )
    assert keras.models.load_model("mine.keras").layers[-1].activation is keras.activations.softmax


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("", "wanted module:function"),
        ("missing", "has no function missing"),
        ("fails", r"called with \(\(12, 12, 1\), 3\) it failed \(RuntimeError: no such thing\)"),
        ("number", "it gave builtins's int; wanted a Keras 3 model"),
        ("other", r"its model takes shape \(None, 5, 5, 1\); wanted \(None, 12, 12, 1\)"),
        ("more", r"its model answers shape \(None, 4\); wanted \(None, 3\)"),
        ("relu", r"its model ends in 'dense\w*' \(Dense\); end it in Dense\(classes, 'softmax'\)"),
        ("loose", r"its model has no fixed input; begin it with keras.Input\(shape\)"),
    ],
)
def test_what_a_function_gives_instead_of_a_net(mine: str, function: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^--model-fn {mine}:{function}: .*{said}") as caught:
        build_own(f"{mine}:{function}", (12, 12, 1), 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "vitt"}, "vitt: no such net; nearest: vit; choose from"),
        ({"name": "random_forrest"}, "random_forrest: no such net; nearest: random_forest; choose from"),
        ({"name": "cnn", "model_fn": "a:b"}, "both were given"),
        ({}, "neither was given; name a net of the zoo"),
        ({"model_fn": "no_such_module_x:make"}, "importing no_such_module_x failed"),
        ({"name": "cnn", "patch": 7}, "patch=: an option of vit, not of cnn"),
        ({"name": "vit", "stem": "small"}, "stem=: an option of resnet18, resnet50, not of vit"),
    ],
)
def test_a_wrong_call_is_answered_in_a_sentence(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        ed.train(data="digits", out=tmp_path / "x.keras", progress=False, **given)


def test_habits_are_those_of_the_row() -> None:
    assert find_habits("vit", {}) == NETS["vit"].habits
    assert find_habits("mobilenet_v2", {"weights": "imagenet"}).frozen > 0 == find_habits("mobilenet_v2", {}).frozen
    assert list_options("mobilenet_v2") == ["alpha", "weights"]


Serve = Callable[[Any, str], str]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Puts a net's weights where Keras would fetch them from, in the form it fetches; gives their SHA-256."""
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path / "home"))
    for module in (mobilenet, mobilenet_v3):
        monkeypatch.setattr(module, "BASE_WEIGHT_PATH", f"file://{tmp_path}/")

    def put(net: Any, name: str) -> str:
        with h5py.File(tmp_path / name, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, net)
        return hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()

    return put


def bare(function: str, **settings: Any) -> Any:
    """A net of keras.applications with random weights."""
    keras.utils.set_random_seed(7)
    return getattr(keras.applications, function)(input_shape=(32, 32, 3), include_top=False, weights=None, **settings)


def test_ready_weights_are_fetched_and_held_to_their_checksum(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known, file = (
        bare("MobileNetV3Small", include_preprocessing=False),
        "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    )
    digest = serve(known, file)
    monkeypatch.setitem(mobilenet_v3.WEIGHTS_HASHES, "small_224_1.0_float", ("", digest))
    net = ZOO["mobilenet_v3_small"]((32, 32, 1), 3, weights="imagenet")
    for one, other in zip(net.get_layer("body").get_weights(), known.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert capsys.readouterr().out == "", "what a command answers is not mixed with what Keras says of a download"
    shutil.rmtree(tmp_path / "home" / "models")
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes() + b" ")
    with pytest.raises(InputError, match=r"^mobilenet_v3_small: alpha 1\.0, weights imagenet: ") as caught:
        ZOO["mobilenet_v3_small"]((32, 32, 1), 3, weights="imagenet")
    assert "hash" in str(caught.value)


def test_weights_that_cannot_be_had_are_one_sentence(serve: Serve) -> None:
    with pytest.raises(
        InputError, match=r"^mobilenet_v1: alpha 0\.25, weights imagenet: .*mobilenet_2_5_224_tf_no_top\.h5"
    ) as caught:
        ZOO["mobilenet_v1"]((32, 32, 3), 3, weights="imagenet")
    assert "\n" not in str(caught.value)


class Interrupted(Exception):
    """Stands for a user's Ctrl-C."""


def test_ready_layers_learn_only_behind_the_frozen_epochs(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small net in place of MobileNet's: what is asked is when it learns. Interrupted in between, the end is the same."""

    def small(input_shape: tuple[int, int, int], name: str, **_: Any) -> Any:
        layers = [keras.Input(input_shape), keras.layers.Conv2D(4, 3, strides=2), keras.layers.BatchNormalization()]
        net = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()], name=name)
        net.set_weights([np.full(weight.shape, 0.5, np.float32) for weight in net.get_weights()])
        return net

    monkeypatch.setattr(keras.applications, "MobileNet", small)
    monkeypatch.setattr(ready_made, "SMALLEST", 8)
    settings = Settings("mobilenet_v1", 3, 32, 1e-2, options={"weights": "imagenet"}, augment="none", frozen=1)
    data, kernels = load_data(str(shapes)), []

    def watch(line: str) -> None:
        if line.startswith("epoch"):
            with np.load(next((tmp_path / "cut").glob("last-*.npz"))) as saved:
                kernels.append(saved[saved.files[0]])
            if len(kernels) < 3:
                raise Interrupted

    for _ in range(2):
        with pytest.raises(Interrupted):
            train(settings, data, tmp_path / "cut", watch)
    cut = train(settings, data, tmp_path / "cut", watch)
    assert [bool((kernel == 0.5).all()) for kernel in kernels] == [True, False, False]
    whole = train(settings, data, tmp_path / "whole")
    assert [row.loss for row in cut.history] == [row.loss for row in whole.history]
