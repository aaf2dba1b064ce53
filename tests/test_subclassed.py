"""Models that are subclasses of keras.Model: followed on a symbolic tensor, from a file and in memory, or named."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.api.given import open_model_file
from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.models.importer import loading

NETS = """
import keras
import numpy as np

L = keras.layers


class Block(keras.Model):
    def __init__(self, width=4, **settings):
        super().__init__(**settings)
        self.width, self.conv, self.norm = width, L.Conv2D(width, 3, padding="same"), L.BatchNormalization()

    def call(self, x, training=None):
        return x + keras.ops.relu(self.norm(self.conv(x), training=training))

    def get_config(self):
        return {"name": self.name, "width": self.width}


class Net(keras.Model):
    def __init__(self, classes=3, **settings):
        super().__init__(**settings)
        self.classes = classes
        self.first, self.blocks = L.Conv2D(4, 3, strides=2), [Block(), Block()]
        self.pool, self.drop, self.last = L.GlobalAveragePooling2D(), L.Dropout(0.5), L.Dense(classes)

    def call(self, x, training=None):
        x = self.first(x)
        for block in self.blocks:
            x = block(x, training=training)
        x = self.pool(x)
        if training:
            x = self.drop(x)
        return keras.ops.softmax(self.last(x))

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


class Asking(Net):
    def call(self, x):
        return super().call(x) if np.asarray(x).sum() > 0 else super().call(-x)


class Weighing(Net):
    def build(self, shape):
        self.gain = self.add_weight(name="gain", shape=(3,), initializer="ones")

    def call(self, x):
        return super().call(x) * self.gain
"""
IMAGES = np.random.default_rng(1).random((5, 8, 8, 1), dtype=np.float32)


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "ed_subclassed.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("ed_subclassed")


def called(model: Any) -> Any:
    """The model with random weights; normalization as if trained."""
    model(IMAGES)
    random = np.random.default_rng(2)
    model.set_weights([0.5 + random.random(weight.shape) for weight in model.get_weights()])
    return model


def answers(model: Any) -> Any:
    return np.asarray(model(IMAGES, training=False))


def from_memory(model: Any) -> Any:
    with open_model_file(model) as path:
        assert path is not None
        return loading.load(path)


def test_a_file_of_a_subclassed_model(nets: Any, tmp_path: Path) -> None:
    model = called(nets.Net())
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"subclass of keras\.Model \(Net\).*hand its class in as custom 'module:Net'"):
        loading.load(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"'block.*' is a subclass of keras\.Model \(Block\)"):
        loading.load(tmp_path / "net.keras", custom=["ed_subclassed:Net"])
    loaded = loading.load(tmp_path / "net.keras", custom=["ed_subclassed:Net", "ed_subclassed:Block"])
    np.testing.assert_allclose(answers(loaded.model), answers(model), atol=1e-6)
    assert loaded.logits is False
    assert not any(isinstance(layer, keras.Model) for layer in loaded.model.layers)
    assert {type(layer).__module__.split(".")[0] for layer in loaded.model.layers} == {"keras", "edgedigits"}


def test_in_memory_no_class_need_be_handed_in(nets: Any) -> None:
    image = keras.Input((8, 8, 1))
    layers = [keras.layers.Conv2D(4, 1), nets.Block(), keras.layers.Flatten(), keras.layers.Dense(3)]
    x = image
    for layer in layers:
        x = layer(x)
    for model in (nets.Net(), keras.Model(image, x), keras.Sequential([keras.Input((8, 8, 1)), *layers])):
        called(model)
        np.testing.assert_allclose(answers(from_memory(model).model), answers(model), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Asking", r"call can't be followed on a symbolic tensor \(A KerasTensor is symbolic.*keras\.ops alone"),
        ("Weighing", r"\(Weighing\) with a weight that is in no layer \(.*gain\)"),
    ],
)
def test_what_cannot_be_followed_is_named(nets: Any, name: str, why: str, tmp_path: Path) -> None:
    model = called(getattr(nets, name)())
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=why):
        loading.load(tmp_path / "net.keras", custom=[f"ed_subclassed:{name}", "ed_subclassed:Block"])
    with pytest.raises(ModelError, match=why):
        from_memory(model)


def test_one_that_was_never_called(nets: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="whose input shape is not known; call it once"):
        from_memory(nets.Net())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nets.Net().save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match="was saved before it was called on images"):
        loading.load(tmp_path / "net.keras", custom=["ed_subclassed:Net", "ed_subclassed:Block"])
