"""Lowered layers on their way: kept and restored, shrunk, trained with rounding, exported for raw pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.data.images import read_all
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split
from edgedigits.models.graph import walk
from edgedigits.models.importer import loading
from edgedigits.models.layers import lowered_layers
from edgedigits.models.layers.lowered_layers import lower_layer as make
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages import training_loop
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.prune import Prune
from edgedigits.stages.qat import Qat
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.tflite.interpreter import TfliteModel
from tests.nets import fit_data

L = keras.layers
QUICK: dict[str, Any] = {"epochs": 0.01, "min_steps": 4, "batch": 16}


def curved(*kinds: str, softmax: bool = True) -> Any:
    """A net in which every activation is lowered, rebuilt."""
    keras.utils.set_random_seed(4)
    x = image = keras.Input((12, 12, 1))
    for number, kind in enumerate(kinds):
        x = L.Conv2D(16, 3, strides=2, activation=kind, name=f"conv{number}")(x)
    x = L.Flatten()(x)
    return loading.rebuild(keras.Model(image, L.Dense(3, activation="softmax" if softmax else None, name="answer")(x)))


def test_lowered_layers_come_back_as_such(tmp_path: Path) -> None:
    """Else a kept stage would leave the normalizations of Keras, which have float operators in int8."""
    image = keras.Input((6, 6, 4))
    x = L.GroupNormalization(2)(image)
    ours = [
        make("LayerScale")(),
        make("RMSNormalization")(),
        make("Pad")(widths=[[1, 0], [0, 1], [0, 0]]),
        make("Slice")(start=[1, None, None], stop=[None, None, None], step=[None, 2, None]),
        make("Reduce")(how="mean", axes=[1]),
        make("ReciprocalRoot")(),
        make("PlaceBias")(),
    ]
    for layer in (
        L.BatchNormalization(),
        L.LayerNormalization(),
        L.UnitNormalization(),
        L.UpSampling2D(2),
        make("ThresholdedReLU")(theta=0.1),
        *ours,
    ):
        x = layer(x)
    x = L.Dense(3)(L.Flatten()(make("MatMul")(transpose_b=True)([x, x])))
    model = loading.rebuild(keras.Model(image, x))
    loading.save(model, {}, tmp_path)
    again, _ = loading.restore(tmp_path)
    for found in (model, again, walk.clone(again, logits=True)):
        kinds = {type(layer) for layer in found.layers}
        assert kinds >= set(lowered_layers.LOWERED.values())
    images = np.random.default_rng(0).random((2, 6, 6, 4), dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(again(images)), np.asarray(model(images)))


def test_channels_go_through_lowered_activations(shapes: Path) -> None:
    model = curved("elu", "softplus")
    after, facts = Shrink(remove_parameters=0.4, multiple=1, images=20, **QUICK)(Candidate(model), fit_data(shapes))
    assert set(facts["left_whole"]) == {"answer"}
    assert after.model.count_params() <= 0.6 * model.count_params()
    assert [layer.name for layer in after.model.layers] == [layer.name for layer in model.layers]


def test_rounding_is_trained_through_lowered_activations(shapes: Path) -> None:
    _, facts = Qat(**QUICK)(Candidate(curved("selu", "mish")), fit_data(shapes))
    assert facts["left_to_converter"] == {}


@pytest.mark.parametrize("kind", ["elu", "selu", "softplus", "mish"])
def test_raw_pixels_leave_no_infinite_range(kind: str, shapes: Path) -> None:
    """exp(x) of what a convolution makes of 0..255 is infinite in float32; int8 can't be calibrated on that."""
    data = split(load_data(str(shapes)), "0..255", 0)
    model = curved(kind, softmax=False)
    model.get_layer("conv0").set_weights([3 * weight for weight in model.get_layer("conv0").get_weights()])
    pixels = read_all(data.calibration)
    wanted = np.asarray(model(pixels.astype(np.float32), training=False))
    net = TfliteModel(Int8()(model, data.calibration, "0..255"), reference=True)
    assert np.abs(net.outputs(pixels, "0..255") - wanted).max() < 0.06 * np.abs(wanted).max()


def test_stages_train_in_bfloat16_where_that_is_native(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on processors with tiles of it: layers compute in it, weights stay float32, and rounding reaches the kernels."""
    monkeypatch.setattr(training_loop, "choose_training_policy", lambda _: "mixed_bfloat16")
    keras.utils.set_random_seed(5)
    x = image = keras.Input((12, 12, 1))
    for layer in (
        *(L.Conv2D(8, 3, use_bias=False, name="first"), L.BatchNormalization(), L.Activation("gelu")),
        *(L.LayerNormalization(), L.GroupNormalization(2), L.PReLU(), L.SeparableConv2D(8, 3, name="apart")),
        *(L.BatchNormalization(), L.DepthwiseConv2D(3), L.UpSampling2D(), L.Dropout(0.1), L.Flatten()),
        *(L.Dense(8, activation="softplus"), L.BatchNormalization(), L.Dense(3, activation="softmax", name="answer")),
    ):
        x = layer(x)
    model, data = loading.rebuild(keras.Model(image, x)), fit_data(shapes)
    candidate = Candidate(model, original=model)
    for stage in (Prune(min_weights=10, **QUICK), Qat(distillation=0.5, **QUICK)):
        candidate, facts = stage(candidate, data)
        assert facts["compute"] == "mixed_bfloat16"
        assert np.isfinite(facts["closing_loss"])
        assert {weight.dtype for weight in candidate.model.get_weights()} == {np.dtype(np.float32)}
        for path, mask in candidate.masks.items():
            assert not np.asarray(walk.collect_kernels(candidate.model)[path])[~mask].any()
        candidate = replace(candidate, original=model)
