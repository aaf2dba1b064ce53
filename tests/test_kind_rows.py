"""The table of layer kinds: every row against the Keras layer it speaks of, by all that read it, and a new kind as one row."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras, tf
from edgedigits.models.graph import fold_batchnorm, walk
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.graph.duplicate_inputs import merge_copies
from edgedigits.models.graph.merge_pointwise import merge_pairs
from edgedigits.models.graph.narrow import Layout, remove_units
from edgedigits.models.graph.narrowed_size import find_sizes
from edgedigits.models.layers import known_layers
from edgedigits.models.layers.layer_kinds import (
    KINDS,
    MAKES,
    READS,
    WITHIN,
    Kernel,
    LayerKind,
    Output,
    Passage,
    Setting,
    Weight,
    find_kind,
    list_kernels,
)  # fmt: skip
from edgedigits.models.layers.lowered_layers import lower_layer
from edgedigits.models.layers.openings.table import OPENINGS
from edgedigits.pipeline.checks.fold_scaling import _entry
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.fake_quantize import FakeQuantized, round_kernel
from edgedigits.stages.prune import Prune
from edgedigits.stages.qat import Qat, _still_shared
from edgedigits.stages.select_layers import choose_layers
from edgedigits.stages.shrink.channel_importance import measure_importances
from edgedigits.stages.shrink.removal import channels as channels_of
from edgedigits.stages.weight_importance import measure_input_sizes
from tests.examples import example
from tests.graphs import with_random_weights, with_zeroed
from tests.layer_kinds import LINE, PAIR, SETTINGS
from tests.nets import fit_data

L = keras.layers
CONVOLUTIONS = [name for name, kind in KINDS.items() if kind.kernels]
PLACED = ("PReLU", "PlaceBias")
"""Kinds with a number of their own for each place, which is no matrix."""
QUICK: dict[str, Any] = {"epochs": 0.1, "min_steps": 5, "batch": 32}


def net_around(kind: str, *behind: Any, **more: Any) -> Any:
    """image -> convolution `before` -> a layer `tried` of the kind -> `behind` -> a dense layer, all weights random."""
    image = keras.Input((12, 12, 1))
    x = L.Conv2D(4, 5, padding="same", name="before")(image)
    x = L.Reshape((36, 16))(x) if kind in LINE else x
    x = [x, L.Conv2D(4, 1, name="other")(x)] if kind in PAIR else x
    x = L.Rescaling(1.0, offset=0.5)(L.ReLU()(x)) if kind == "ReciprocalRoot" else x
    settings = {"target_shape": [36, 16]} if kind == "Reshape" else SETTINGS.get(kind, [{}])[0]
    x = example(kind, "SETTINGS in tests/layer_kinds.py", lower_layer(kind), name="tried", **{**settings, **more})(x)
    for layer in behind:
        x = layer(x)
    return with_random_weights(keras.Model(image, L.Dense(3, name="answer")(L.Flatten()(x))), 1)


def pixels(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((count, 12, 12, 1)).astype(np.float32)


def close(one: Any, other: Any) -> None:
    before, after = one(pixels()).numpy(), other(pixels()).numpy()
    assert np.abs(after - before).max() <= 1e-5 * np.abs(before).max()


def call_of(model: Any) -> walk.Call:
    return next(call for call in walk.list_calls(model) if call.layer.name == "tried")


def test_what_the_loader_takes_has_a_row() -> None:
    assert known_layers.LAYERS - known_layers.LEFT_OUT - {"InputLayer"} == set(KINDS) | known_layers.OPENED | set(
        known_layers.WRAPPERS
    )
    assert set(OPENINGS) == known_layers.OPENED


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_true_of_the_keras_layer(kind: str) -> None:
    """Its weights are there, in that order, their axes count what the row says; every matrix of the layer is in it."""
    call, row = call_of(net_around(kind)), KINDS[kind]
    layer, read, made = call.layer, call.use.read[0].shape[-1], call.use.made[0].shape[-1]
    assert find_kind(layer) is row
    names = [name for name in row.weights if getattr(layer, name, None) is not None]
    assert names == list(row.weights)
    assert [id(getattr(layer, name)) for name in row.kernels] == [id(one) for one in layer.weights[: len(row.kernels)]]
    counts = {READS: read, MAKES: made, WITHIN: read * getattr(layer, "depth_multiplier", 1)}
    for name, weight in row.weights.items():
        shape = getattr(layer, name).shape
        assert {axis: shape[axis] for axis in weight.axes} == {axis: counts[one] for axis, one in weight.axes.items()}
    for kernel in row.kernels.values():
        assert list(kernel.filters) == sorted(kernel.filters)
        assert kernel.depthwise or {kernel.axes[axis] for axis in kernel.filters} == {MAKES}
    if row.channels is not Passage.WHOLE:
        multiplied = {id(one) for one in layer.trainable_weights if len(one.shape) > 1 and kind not in PLACED}
        assert multiplied == {id(getattr(layer, name)) for name in row.kernels}, "a kernel without a place in the row"
    assert set(row.settings) <= set(layer.get_config())
    assert row.makes_channels == (Setting.COUNT in row.settings.values())
    if row.makes_channels:
        (count,) = (name for name, says in row.settings.items() if says is Setting.COUNT)
        assert layer.get_config()[count] == made


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_serves_all_that_read_it(kind: str) -> None:
    """Followed, narrowed, counted, rounded: with no channel less the answers stay, and the rounding is a small one."""
    model, row = net_around(kind), KINDS[kind]
    layout = Layout(find_coupling(model))
    keep = np.ones(layout.coupling.count, bool)
    for group in layout.coupling.groups:
        keep[group.units[: len(group.units) // 2]] = False
    close(model, remove_units(layout, np.ones(layout.coupling.count, bool)))
    smaller = remove_units(layout, keep)
    assert smaller.output_shape == model.output_shape
    assert (smaller.count_params() < model.count_params()) == bool(layout.coupling.groups)
    assert find_sizes(smaller)["multiply_adds"] <= find_sizes(model)["multiply_adds"]
    assert ("tried" in channels_of(model, smaller)) == row.makes_channels
    rounding = FakeQuantized(model, [])
    assert rounding.left == {}
    assert (call_of(model).outputs[0] in rounding.ranges) == (row.output is not Output.INPUTS)
    rounding.observing = True
    wanted = rounding(pixels()).numpy()
    rounding.observing = False
    off = np.abs(rounding(pixels()).numpy() - wanted).max() / np.abs(wanted).max()
    assert 0 < off < 0.1 or "training" in inspect.signature(call_of(model).layer.call).parameters, (
        "what answers otherwise in training is not compared"
    )
    _entry(model)


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_every_kernel_is_taken_rounded_and_weighed(kind: str, shapes: Path) -> None:
    model, row = net_around(kind), KINDS[kind]
    taken, _ = choose_layers(model, "prune", [], [], 1)
    assert {path.partition("/")[2] for path in taken if path.startswith("tried/")} == set(row.kernels)
    layer = call_of(model).layer
    for name, kernel in row.kernels.items():
        values, found = getattr(layer, name).numpy(), round_kernel(getattr(layer, name), layer, name).numpy()
        rest = tuple(axis for axis in range(-values.ndim, 0) if axis not in kernel.filters or kernel.one_scale)
        step = np.abs(values).max(axis=rest, keepdims=True) / 127
        assert np.abs(found - values).max() > 0
        assert (np.abs(found - values) <= step * 0.5001).all()
        assert np.allclose(found / step, np.round(found / step), atol=1e-3), "other scales than the row says"
    (name, first), *_ = row.kernels.items()
    sizes = measure_input_sizes(model, fit_data(shapes))[f"tried/{name}"]
    assert np.broadcast_to(sizes, getattr(layer, name).shape).shape == getattr(layer, name).shape
    assert sizes.shape[0] == getattr(layer, name).shape[first.reads or 0]
    layout = Layout(find_coupling(model))
    for measure in ("l1", "taylor"):
        assert (measure_importances(measure, layout, fit_data(shapes), 8) > 0).all()


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_batch_normalization_goes_into_the_kinds_that_say_so(kind: str) -> None:
    model = net_around(kind, L.BatchNormalization(name="norm"), L.ReLU())
    flat, names = fold_batchnorm.fold(model)
    assert names == (["tried"] if KINDS[kind].folds_batchnorm else [])
    assert any(type(layer).__name__ == "BatchNormalization" for layer in flat.layers) != KINDS[kind].folds_batchnorm
    close(model, flat)


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.folds_batchnorm])
def test_a_folded_kernel_shares_values_within_each_filter_only(kind: str) -> None:
    """Each filter was scaled for itself, so that weights of one cluster are still equal in it, and not across filters."""
    model = net_around(kind, L.BatchNormalization(), **({"depth_multiplier": 2} if kind == "DepthwiseConv2D" else {}))
    ((name, kernel),) = KINDS[kind].kernels.items()
    variable = getattr(call_of(model).layer, name)
    numbers = np.random.default_rng(2).integers(-1, 3, variable.shape).astype(np.int32)
    variable.assign(np.append([0.5, -0.25, 1.0], 0.0)[numbers])
    path = f"tried/{name}"
    flat, names = fold_batchnorm.fold(model)
    groups = _still_shared(Candidate(flat, clusters={path: numbers}), names)[path]
    values = walk.collect_kernels(flat)[path].numpy()
    filters = math.prod(values.shape[axis] for axis in kernel.filters)
    assert len(np.unique(groups[groups >= 0])) == int(groups.max()) + 1 <= 3 * filters
    assert all(len(np.unique(values[groups == group])) == 1 for group in range(int(groups.max()) + 1))
    assert ((groups < 0) == (numbers < 0)).all()


def test_conv1d_is_in_all_of_it() -> None:
    """What a Conv1D is told apart from is its rank alone: it is read as Conv2D is, and so is its separable form."""
    assert KINDS["Conv1D"] == KINDS["Conv2D"]
    assert KINDS["SeparableConv1D"] == KINDS["SeparableConv2D"]
    image = keras.Input((12, 12, 1))
    line = L.Reshape((36, 4))(image)
    x = L.Conv1D(6, 3, padding="causal", dilation_rate=2, name="copied")(L.Concatenate(name="twice")([line, line]))
    x = L.Conv1D(3, 1, name="first", use_bias=False)(L.ReLU()(x))
    x = L.Conv1D(5, 1, name="second", activation="relu")(L.BatchNormalization()(x))
    net = with_random_weights(keras.Model(image, L.Dense(3)(L.GlobalAveragePooling1D()(x))), 3)
    single, names = merge_copies(net)
    assert (names, tuple(single.get_layer("copied").kernel.shape)) == (["twice"], (3, 4, 6))
    short, gone = merge_pairs(single)
    assert (gone, tuple(short.get_layer("second").kernel.shape)) == (["first"], (1, 6, 5))
    close(net, short)


def test_conv1d_is_rounded_as_the_converter_does(shapes: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from edgedigits.pipeline.export.int8 import Int8

    data, image = fit_data(shapes), keras.Input((12, 12, 1))
    x = L.ReLU()(L.Conv1D(7, 3, name="plain")(L.Reshape((36, 4))(image)))
    x = L.SeparableConv1D(5, 3, depth_multiplier=2, name="apart")(x)
    model = with_random_weights(keras.Model(image, L.Dense(3)(L.GlobalAveragePooling1D()(x))), 4)
    net = Interpreter(model_content=Int8()(model, data.calibration, data.scale))
    net.allocate_tensors()
    assert [one["op_name"] for one in net._get_ops_details()].count("RELU") == 0, "fused, as the row says"
    stored = [one for one in net.get_tensor_details() if len(one["quantization_parameters"]["scales"]) > 1]
    for path, kernel in walk.collect_kernels(model).items():
        layer, _, attribute = path.partition("/")
        if layer not in ("plain", "apart"):
            continue
        rounded = round_kernel(kernel, model.get_layer(layer), attribute).numpy()
        (detail,) = (one for one in stored if one["dtype"] == np.int8 and np.prod(one["shape"]) == rounded.size)
        quantization = detail["quantization_parameters"]
        spread = [1] * 4
        spread[quantization["quantized_dimension"]] = -1
        held = net.get_tensor(detail["index"]) * quantization["scales"].reshape(spread)
        held = held if list_kernels(model.get_layer(layer))[attribute].depthwise else held.transpose(1, 2, 3, 0)
        assert np.abs(rounded - held.reshape(rounded.shape)).max() < 1e-6, path


class Mixer(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer whose kernel is the other way round: [channels made, channels read]."""

    def __init__(self, width: int, use_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.use_bias = width, use_bias

    def build(self, shape: Any) -> None:
        self.mixing = self.add_weight(name="mixing", shape=(self.width, shape[-1]))
        self.shift = self.add_weight(name="shift", shape=(self.width,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        y = tf.einsum("...r,mr->...m", x, tf.cast(self.mixing, x.dtype))
        return y if self.shift is None else y + tf.cast(self.shift, x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "use_bias": self.use_bias, "activation": "linear"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**{key: value for key, value in config.items() if key != "activation"})


ROW = LayerKind(
    Passage.MADE,
    Output.OWN,
    {"mixing": Kernel({-1: READS, -2: MAKES}, filters=(-2,)), "shift": Weight({-1: MAKES})},
    {"width": Setting.COUNT},
    folds_batchnorm=True,
)


@pytest.fixture
def mixer(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(KINDS, "Mixer", ROW)
    image = keras.Input((12, 12, 1))
    x = L.ReLU()(L.BatchNormalization()(Mixer(8, use_bias=False, name="mixer")(L.Conv2D(6, 3, name="before")(image))))
    return with_random_weights(keras.Model(image, L.Dense(3, name="answer")(L.GlobalAveragePooling2D()(x))), 5)


def test_a_new_kind_is_one_row(mixer: Any, shapes: Path) -> None:
    data = fit_data(shapes)
    flat, names = fold_batchnorm.fold(mixer)
    assert names == ["mixer"]
    close(mixer, flat)
    assert measure_importances("l1", Layout(find_coupling(mixer)), data, 8).shape == (14,)
    pruned, facts = Prune(sparsity=0.5, importance="activation", min_weights=40, **QUICK)(Candidate(mixer), data)
    assert facts["sparsity"]["mixer/mixing"] == 0.5
    assert int((walk.collect_kernels(pruned.model)["mixer/mixing"].numpy() == 0).sum()) == 24
    rounded, facts = Qat(**QUICK)(pruned, data)
    assert (facts["folded"], facts["left_to_converter"]) == (["mixer"], {})
    assert (walk.collect_kernels(rounded.model)["mixer/mixing"].numpy()[~pruned.masks["mixer/mixing"]] == 0).all()
    one = round_kernel(vars(flat.get_layer("mixer"))["mixing"], flat.get_layer("mixer"), "mixing").numpy()
    assert all(len(np.unique(np.abs(row))) <= 6 for row in one), "one scale for each of the channels made"
    assert np.abs(one).max(axis=1) == pytest.approx(
        np.abs(vars(flat.get_layer("mixer"))["mixing"].numpy()).max(axis=1), rel=1e-5
    )


def test_a_new_kind_is_narrowed_as_its_row_says(mixer: Any) -> None:
    layout = Layout(find_coupling(mixer))
    assert ["+".join(group.layers) for group in layout.coupling.groups] == ["before", "mixer"]
    keep = np.arange(14) % 2 == 0
    with_zeroed(layout, keep)
    small = remove_units(layout, keep)
    assert vars(small.get_layer("mixer"))["mixing"].shape == (4, 3)
    close(mixer, small)
    assert find_sizes(small)["multiply_adds"] == 100 * (9 * 3 + 3 * 4) + 4 * 3


def test_a_row_that_lacks_something_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    row = KINDS["Conv2D"]
    for broken in (
        replace(row, weights={}),
        replace(row, settings={}),
        replace(row, weights={"kernel": Kernel({-1: READS, -2: MAKES}), "bias": row.weights["bias"]}),
        replace(row, weights={"kernels": row.weights["kernel"]}),
    ):
        monkeypatch.setitem(KINDS, "Conv2D", broken)
        with pytest.raises((AssertionError, KeyError)):
            test_a_row_is_true_of_the_keras_layer("Conv2D")
