"""Models that are not quite classifiers of images of one size: sizes, channels; one sigmoid stays one; and what can't."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras as keras3
from edgedigits.errors import ModelError
from edgedigits.models.graph import walk
from edgedigits.models.importer import loading
from edgedigits.pipeline.advise.question import Asked, ask_question
from edgedigits.pipeline.prepare import Wish, prepare_job
from edgedigits.pipeline.recipe import load_recipe
from edgedigits.tflite.flatbuffer import read
from tests.warm import edgedigits

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about its own internals
    import tf_keras

both = pytest.mark.parametrize("k", [keras3, tf_keras], ids=["keras3", "keras2"])


def saved(k: Any, folder: Path, shape: tuple[int | None, ...], *layers: Any) -> Path:
    """The file of a model of these layers, with random biases."""
    k.utils.set_random_seed(1)
    model = k.Sequential([k.Input(shape), *layers])
    model.set_weights([np.random.default_rng(2).normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    model.save(folder / "model.keras")
    return folder / "model.keras"


def answers(path: Path, k: Any, images: Any) -> Any:
    return np.asarray(k.models.load_model(path)(images, training=False))


@both
def test_an_open_input_takes_the_size_of_the_data(k: Any, tmp_path: Path, shapes: Path) -> None:
    layers = (k.layers.Conv2D(4, 3, activation="elu"), k.layers.GlobalAveragePooling2D(), k.layers.Dense(3))
    path = saved(k, tmp_path, (None, None, 3), *layers)
    said: list[str] = []
    loaded = prepare_job(load_recipe("ptq_int8"), Wish(model=path, data=str(shapes), scale="0..1"), said.append).loaded
    assert loaded.model.input_shape == (None, 12, 12, 3)
    assert said == ["note: it takes images of any size; its input is now 12x12, the data's"]
    images = np.random.default_rng(0).random((4, 12, 12, 3), dtype=np.float32)
    np.testing.assert_allclose(loaded.model(images).numpy(), answers(path, k, images), atol=1e-5)
    asked = ask_question(load_recipe("ptq_int8"), Asked(model=path, data=str(shapes)), said.append)
    assert asked.model.input_shape == (None, 12, 12, 3)
    assert said[1] == said[0]


def test_resize_sets_an_open_size_on_the_command_line(tmp_path: Path, shapes: Path) -> None:
    layers = (keras3.layers.Conv2D(4, 3), keras3.layers.GlobalAveragePooling2D(), keras3.layers.Dense(3))
    path = saved(keras3, tmp_path, (None, None, 3), *layers)
    words = [
        "compress",
        "--recipe",
        "ptq_int8",
        "--model",
        path,
        "--scale",
        "0..1",
        "--data",
        shapes,
        "--resize",
        "10x14",
    ]
    done = edgedigits(*words, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert "its input is now 10x14" in done.stderr
    (made,) = (tmp_path / "out").glob("*/manifest.json")
    assert json.loads(made.read_text())["input"]["shape"] == [10, 14, 3]
    (given,) = read((made.parent / "model.tflite").read_bytes(), "made").inputs
    assert given.shape == (1, 10, 14, 3)


@both
def test_images_without_a_channel(k: Any, tmp_path: Path) -> None:
    path = saved(k, tmp_path, (6, 7), k.layers.Flatten(), k.layers.Dense(3, activation="softmax"))
    loaded = loading.load(path)
    assert loaded.model.input_shape == (None, 6, 7, 1)
    assert loaded.facts["adapted"] == [
        "its input [6, 7] takes grey images without a channel; a Reshape in front drops it"
    ]
    images = np.random.default_rng(0).random((4, 6, 7, 1), dtype=np.float32)
    np.testing.assert_allclose(loaded.model(images).numpy(), answers(path, k, images[..., 0]), atol=1e-6)


@both
@pytest.mark.parametrize("end", ["in the convolution", "behind it"])
def test_a_softmax_before_layers_that_only_reshape_comes_last(k: Any, end: str, tmp_path: Path) -> None:
    layers = {
        "in the convolution": [k.layers.Conv2D(3, 1, activation="softmax"), k.layers.Flatten(name="flat")],
        "behind it": [
            k.layers.Conv2D(3, 1),
            k.layers.Softmax(),
            k.layers.Reshape((1, 3)),
            k.layers.Reshape((3,), name="flat"),
        ],
    }[end]
    path = saved(k, tmp_path, (6, 6, 1), k.layers.Conv2D(4, 3), k.layers.GlobalMaxPooling2D(keepdims=True), *layers)
    loaded = loading.load(path)
    assert walk.find_closing(loaded.model) == "softmax"
    assert loaded.facts["adapted"] == ["its softmax stands before 'flat', which only reshapes; here it comes last"]
    images = np.random.default_rng(0).random((4, 6, 6, 1), dtype=np.float32)
    np.testing.assert_allclose(loaded.model(images).numpy(), answers(path, k, images), atol=1e-6)


def test_a_softmax_over_several_places_stays_where_it_is(tmp_path: Path) -> None:
    layers = (keras3.layers.Conv2D(3, 2, activation="softmax"), keras3.layers.Flatten())
    loaded = loading.load(saved(keras3, tmp_path, (3, 3, 1), *layers))
    assert (walk.find_closing(loaded.model), loaded.facts["adapted"]) == (None, [])


@both
@pytest.mark.parametrize("end", ["in the dense layer", "behind it", "without a dense layer"])
def test_one_sigmoid_stays_what_it_is(k: Any, end: str, tmp_path: Path) -> None:
    layers = {
        "in the dense layer": [k.layers.Flatten(), k.layers.Dense(1, activation="sigmoid", name="end")],
        "behind it": [k.layers.Flatten(), k.layers.Dense(1), k.layers.Activation("sigmoid", name="end")],
        "without a dense layer": [
            k.layers.Conv2D(1, 3),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Activation("sigmoid", name="end"),
        ],
    }[end]
    path = saved(k, tmp_path, (5, 5, 1), *layers)
    loaded = loading.load(path)
    images = np.random.default_rng(0).random((8, 5, 5, 1), dtype=np.float32)
    np.testing.assert_allclose(loaded.model(images).numpy(), answers(path, k, images), atol=1e-6)
    assert not loaded.logits
    assert loaded.facts["adapted"] == []
    assert walk.find_closing(loaded.model) == "sigmoid"
    probability = loaded.model(images).numpy()
    np.testing.assert_allclose(
        walk.clone(loaded.model, logits=True)(images).numpy(), np.log(probability / (1 - probability)), atol=1e-4
    )


@both
def test_layers_that_cannot_be_taken_say_why(k: Any, tmp_path: Path) -> None:
    layers, image = k.layers, k.Input((6, 6, 1))
    line = layers.Reshape((6, 6))(image)
    for inner, why in (
        (layers.GRU(3, name="r")(line), r"layer 'r' \(GRU\) can't be taken: it computes step by step.*use Conv1D"),
        (
            layers.Bidirectional(layers.LSTM(3), name="r")(line),
            r"layer 'r' \(Bidirectional\) can't be taken: it computes step",
        ),
        (
            layers.AdditiveAttention(name="heads")([line, line]),
            r"layer 'heads' \(AdditiveAttention\) can't be taken: it multiplies.*use MultiHeadAttention",
        ),
        (
            layers.UpSampling2D(2, interpolation="bicubic", name="up")(image),
            r"'up' .*resizes by bicubic, which TFLite has no",
        ),
    ):
        path = tmp_path / "model.keras"
        k.Model(image, layers.Dense(3)(layers.Flatten()(inner))).save(path)
        with pytest.raises(ModelError, match=why):
            loading.load(path)
