"""Repair without training: channels of one size with the same answers, biases that make up for rounding, and what they mend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgedigits as ed
from edgedigits.backend import keras
from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.models.graph import walk
from edgedigits.models.importer.loading import load
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.recipe import load_recipe, parse
from edgedigits.pipeline.stage_cache import StageCache
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.repair.correct_bias import CorrectBias
from edgedigits.stages.repair.corrections import add_biases, add_corrections
from edgedigits.stages.repair.equalize import Equalize
from edgedigits.stages.repair.scale_sets import find_scale_sets
from edgedigits.tasks.scoring import compute_outputs
from tests.nets import fit_data, trained

L = keras.layers
SPREAD = 3000.0


@pytest.fixture(scope="module")
def data(shapes: Path) -> FitData:
    return fit_data(shapes)


def convolve(x: Any, count: int = 6, activation: Any = None, **settings: Any) -> Any:
    """With batch normalization and an activation layer, ReLU where none is given."""
    x = L.BatchNormalization()(L.Conv2D(count, 3, padding="same", use_bias=False, **settings)(x))
    return (activation or L.ReLU())(x)


def residual(x: Any) -> Any:
    x = convolve(x)
    for _ in range(2):
        x = L.ReLU()(L.Add()([x, L.BatchNormalization()(L.Conv2D(6, 3, padding="same")(x))]))
    return L.GlobalAveragePooling2D()(convolve(x))


def depthwise(x: Any) -> Any:
    for stride in (1, 2):
        x = convolve(L.ReLU(6.0)(x), 8, L.ReLU(6.0), strides=stride)
        x = L.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(L.ZeroPadding2D()(x))
        x = L.Activation("relu6")(L.BatchNormalization()(x))
    return L.Flatten()(L.MaxPooling2D()(L.Conv2D(5, 1)(x)))


def concatenated(x: Any) -> Any:
    x = convolve(x)
    y = L.Concatenate()([convolve(x, 4), L.AveragePooling2D(3, 1, "same")(x)])
    return L.Flatten()(convolve(L.Dropout(0.2)(y), 4, strides=3))


def grown(x: Any) -> Any:
    """As DenseNet: what is concatenated is normalized by all that read it."""
    x = L.Conv2D(6, 3, padding="same", use_bias=False)(x)
    for _ in range(2):
        y = L.ReLU()(L.BatchNormalization()(x))
        x = L.Concatenate()([x, L.Conv2D(6, 3, padding="same", use_bias=False)(y)])
    return L.GlobalAveragePooling2D()(L.ReLU()(L.BatchNormalization()(x)))


def leaky(x: Any) -> Any:
    x = convolve(x, activation=L.LeakyReLU(0.1))
    x = convolve(x, activation=L.PReLU(alpha_initializer="random_uniform", shared_axes=[1, 2]))
    return L.Dense(7, activation="relu")(L.Flatten()(L.SeparableConv2D(4, 3)(x)))


def shared(x: Any) -> Any:
    twice = L.Conv2D(6, 3, padding="same", activation="relu", name="twice")
    return L.GlobalMaxPooling2D()(convolve(twice(twice(convolve(x)))))


def gated(x: Any) -> Any:
    x = convolve(x)
    gate = L.Dense(6, activation="sigmoid")(L.Dense(3, activation="relu")(L.GlobalAveragePooling2D()(x)))
    x = L.Multiply()([x, L.Reshape((1, 1, 6))(gate)])
    return L.Flatten()(L.Conv2DTranspose(3, 2, strides=2)(L.Activation("tanh")(convolve(x, strides=2))))


def nested(x: Any) -> Any:
    inside = keras.Input((12, 12, 6))
    return L.Flatten()(convolve(keras.Model(inside, convolve(convolve(inside)))(convolve(x)), strides=2))


NETS: dict[str, Callable[[Any], Any]] = {
    one.__name__: one for one in (residual, depthwise, concatenated, grown, leaky, shared, gated, nested)
}


def made(name: str, seed: int) -> Any:
    """The net with answers for three classes; channels behind every normalization differ much in size."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((12, 12, 1))
    net = keras.Model(image, L.Dense(3, activation="softmax")(NETS[name](image)), name=name)
    rng = np.random.default_rng(seed)
    for layer in net._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, L.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            factors = np.exp(rng.uniform(-2, 2, gamma.shape))
            layer.set_weights([gamma * factors, beta + 0.2 * factors, mean + 0.05, variance * rng.uniform(0.5, 2)])
    return net


@pytest.mark.parametrize(("seed", "name"), list(enumerate(NETS)))
def test_equalized_nets_answer_the_same(seed: int, name: str, data: FitData, tmp_path: Path) -> None:
    made(name, seed).save(tmp_path / "net.keras")
    before = load(tmp_path / "net.keras").model
    after, facts = Equalize(images=20)(Candidate(before), data)
    first, second = (compute_outputs(model, data.validation, data.scale) for model in (before, after.model))
    assert np.abs(first - second).max() < 1e-4
    assert max(facts["factors"].values()) > 1.05, "channels of other sizes have other factors"
    assert facts["left_whole"]
    if name == "shared":
        assert "used more than once" in facts["left_whole"]["twice"]


def test_channels_that_are_added_up_get_one_factor_and_gated_ones_none() -> None:
    sets = find_scale_sets(
        keras.Model(
            image := keras.Input((12, 12, 6)),
            L.Add()([L.Conv2D(6, 3, name="a")(image), L.Conv2D(6, 3, name="b")(image)]),
        )
    )
    assert not sets.free.any(), "what makes the answers keeps its size"
    x = L.ReLU()(L.Add()([L.Conv2D(6, 3)(image), L.Conv2D(6, 3)(image)]))
    sets = find_scale_sets(keras.Model(image, L.Dense(3)(L.Flatten()(x))))
    (one, other) = (sets.tensors[number] for number in (1, 2))
    assert (one == other).all()
    assert sets.free[one].all()
    x = L.Multiply()([L.Conv2D(6, 3)(image), L.Conv2D(6, 3)(image)])
    assert not find_scale_sets(keras.Model(image, L.Dense(3)(L.Flatten()(x)))).free.any()


def test_a_channel_that_relu6_cuts_off_keeps_its_size(data: FitData) -> None:
    image = keras.Input((12, 12, 1))
    x = L.ReLU(6.0)(L.Conv2D(2, 1, name="two")(image))
    net = keras.Model(image, L.Dense(3, activation="softmax")(L.Flatten()(L.Conv2D(2, 1)(x))))
    net.get_layer("two").set_weights([np.array([[[[9.0, 0.01]]]], np.float32), np.zeros(2, np.float32)])
    after, facts = Equalize(images=20)(Candidate(net), data)
    kernel = after.model.get_layer("two").kernel.numpy().ravel()
    assert kernel[0] == 9.0
    assert kernel[1] > 0.02, "the other one grows"
    assert facts["factors"]["two"] > 2


def scaled_badly(net: Any) -> Any:
    """The classifier of `nets`, whose first channels differ by `SPREAD` and more, with the same answers."""
    net = walk.clone(net)
    factors = np.geomspace(1, 1 / SPREAD, 8).astype(np.float32)
    norm, depth = net.get_layer("norm"), net.get_layer("depth")
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma * factors, beta * factors, mean, variance])
    second, after = net.get_layer("second"), net.get_layer("norm2")
    second.set_weights([second.get_weights()[0] / factors[:, None]])
    gamma, beta, mean, variance = after.get_weights()
    after.set_weights([gamma * factors, beta * factors, mean, variance])
    kernel, bias = depth.get_weights()
    depth.set_weights([kernel / factors[:, None], bias])
    return net


def diverge(wanted: np.ndarray, flat: bytes, data: FitData) -> float:
    """The mean Kullback-Leibler divergence of the bytes' answers on validation images."""
    found = compute_outputs_of_bytes(flat, data.validation, data.scale)
    return float((wanted * np.log((wanted + 1e-9) / (found + 1e-9))).sum(1).mean())


@pytest.fixture(scope="module")
def repaired(shapes: Path, data: FitData) -> Candidate:
    start = Candidate(scaled_badly(trained(shapes).model))
    return CorrectBias()(Equalize()(start, data)[0], data)[0]


def test_a_badly_scaled_net_is_repaired(repaired: Candidate, shapes: Path, data: FitData) -> None:
    net, broken = trained(shapes).model, scaled_badly(trained(shapes).model)
    wanted = compute_outputs(net, data.validation, data.scale)
    np.testing.assert_allclose(compute_outputs(broken, data.validation, data.scale), wanted, atol=1e-5)
    export = Int8(calibration="mse")
    flats = [export(model, data.calibration, data.scale) for model in (net, broken, add_corrections(repaired))]
    whole, lost, mended = (diverge(wanted, flat, data) for flat in flats)
    assert lost > 5 * mended
    assert mended < 2 * whole + 1e-3
    assert len(flats[2]) <= len(flats[1]), "the same graph"


def test_what_a_concatenation_gives_one_scale_is_brought_to_one_size(data: FitData) -> None:
    """Without that, the layers whose values are small keep a few of 256 steps: the bytes hold them as coarsely as the largest."""
    net = made("grown", 0)
    for layer, size in zip([one for one in net.layers if isinstance(one, L.Conv2D)], (0.02, 1.0, 40.0), strict=True):
        layer.set_weights([size * layer.get_weights()[0]])
    for layer in net.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([np.ones_like(one) if at == 0 else one for at, one in enumerate(layer.get_weights())])
            layer.momentum = 0.0
    net(data.fit.read(np.arange(60)).astype(np.float32) / 255, training=True)
    after, facts = Equalize()(Candidate(net), data)
    assert max(facts["factors"].values()) > 2
    wanted = compute_outputs(net, data.validation, data.scale)
    flats = [Int8()(model, data.calibration, data.scale) for model in (net, after.model)]
    plain, ours = (diverge(wanted, flat, data) for flat in flats)
    assert ours < plain / 10
    joined, told = Equalize(scope="joined")(Candidate(net), data)
    assert diverge(wanted, Int8()(joined.model, data.calibration, data.scale), data) < plain / 10
    assert told["factors"]


def test_a_net_that_joins_nothing_is_handed_on_as_it_is(data: FitData) -> None:
    """So that shipped recipes may have the stage whatever the net."""
    start = Candidate(made("residual", 0))
    after, facts = Equalize(scope="joined")(start, data)
    assert after is start
    assert facts["factors"] == {}
    for name in ("qat_int8", "prune80_int8", "prune80_ptq_int8", "shrink50_int8", "shrink80_int8"):
        assert ("equalize", Equalize(scope="joined")) in load_recipe(name).stages


def test_corrected_biases_bring_the_means_of_the_bytes_back(data: FitData) -> None:
    """Of a net whose dense layers have weights of two sizes and one scale, so that the smaller are rounded away."""
    keras.utils.set_random_seed(0)
    image = keras.Input((12, 12, 1))
    x = L.Dense(12, activation="relu", use_bias=False)(
        L.Flatten()(L.Conv2D(6, 3, activation="relu", use_bias=False)(image))
    )
    net = keras.Model(image, L.Dense(3)(x), name="two_sizes")
    for layer in net.layers[-2:]:
        kernel, *rest = layer.get_weights()
        kernel[: len(kernel) // 8] *= 60
        layer.set_weights([np.abs(kernel), *rest])
    after, facts = CorrectBias()(Candidate(net), data)
    wanted = compute_outputs(net, data.validation, data.scale)
    np.testing.assert_array_equal(compute_outputs(after.model, data.validation, data.scale), wanted)
    assert (
        set(after.corrections) == set(facts["corrected"]) == {"conv2d", "dense", "dense_1"}
        or len(after.corrections) == 3
    )
    plain, ours = (
        compute_outputs_of_bytes(Int8()(model, data.calibration, data.scale), data.validation, data.scale)
        for model in (net, add_corrections(after))
    )
    off, left = (np.abs((found - wanted).mean(0)).max() for found in (plain, ours))
    assert left < 0.7 * off


def test_masks_survive_and_corrections_are_kept(shapes: Path, data: FitData, fresh_cache: Path) -> None:
    start = trained(shapes)
    kernel, bias = start.model.get_layer("hidden").get_weights()
    mask = np.arange(kernel.size).reshape(kernel.shape) % 2 == 0
    start.model.get_layer("hidden").set_weights([kernel * mask, bias])
    start = replace(start, masks={"hidden/kernel": mask})
    after = CorrectBias()(Equalize()(start, data)[0], data)[0]
    assert not after.model.get_layer("hidden").kernel.numpy()[~mask].any()
    kept = StageCache()
    kept.keep("a" * 64, after, {"images": 1})
    found = kept.load("a" * 64)
    assert found is not None
    for name, correction in after.corrections.items():
        np.testing.assert_array_equal(found[0].corrections[name], correction)


def test_layers_without_a_bias_get_one_of_zeros(data: FitData) -> None:
    net = keras.Model(image := keras.Input((12, 12, 1)), L.Dense(3)(L.Flatten()(L.Conv2D(2, 3, use_bias=False)(image))))
    after = add_biases(net)
    assert all(layer.use_bias for layer in after.layers[1:] if layer.weights)
    first, second = (compute_outputs(model, data.validation, data.scale) for model in (net, after))
    np.testing.assert_array_equal(first, second)


def test_the_shipped_recipe_goes_the_whole_way(shapes: Path, tmp_path: Path, fresh_cache: Path) -> None:
    scaled_badly(trained(shapes).model).save(tmp_path / "bad.keras")
    found = ed.compress(
        tmp_path / "bad.keras",
        str(shapes),
        recipe="repair_int8",
        pixel_range="0..1",
        out=tmp_path / "out",
        progress=False,
    )
    manifest = found.manifest
    assert [stage["stage"] for stage in manifest["stages"]] == ["load", "equalize", "correct_bias"]
    record = manifest["export"]["calibration"]
    assert sum(record["images"]) > 10
    assert record["worst"]["times"] >= 1
    assert manifest["test"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            {"stages": ["correct_bias", "finetune"], "export": "int8"},
            r"stages\[0\].correct_bias: wanted as the last; finetune",
        ),
        ({"stages": ["cluster", "equalize"], "export": "int8"}, r"stages\[1\].equalize: can't come after cluster"),
        ({"stages": [{"equalize": {"images": 0}}], "export": "int8"}, r"equalize.images: found 0"),
        ({"export": {"int8": {"percentile": 101.0}}}, r"int8.percentile: found 101"),
        (
            {"export": {"int16x8": {"calibration": "max"}}},
            r"calibration: found 'max'; input should be 'minmax', 'percentile' or 'mse'",
        ),
        ({"export": {"int8": {"calibration_seed": -1}}}, r"calibration_seed: found -1"),
    ],
)
def test_what_makes_no_sense_is_refused(document: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse(document, "test", "x")


def test_clustered_kernels_are_refused_and_repair_trains_nothing(shapes: Path, data: FitData) -> None:
    with pytest.raises(RecipeError, match="kernels are clustered"):
        Equalize()(replace(trained(shapes), clusters={"hidden/kernel": np.zeros((1, 1), np.int32)}), data)
    assert not any(hasattr(stage, "epochs") for _, stage in load_recipe("repair_int8").stages)
