"""Which channels go together, and that a model without them answers as before when they were zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.models.graph import walk
from edgedigits.models.graph.channel_rules import RULES
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.graph.narrow import Layout, remove_units
from edgedigits.models.graph.narrowed_size import count_multiply_adds, count_parameters, find_sizes
from edgedigits.models.layers.layer_kinds import Passage
from edgedigits.models.zoo import NETS
from edgedigits.models.zoo.shipped import find_shipped_folder
from tests.graphs import L, random_graph, with_random_weights, with_zeroed


def some_kept(layout: Layout, rng: np.random.Generator, share: float) -> np.ndarray:
    """bool [units]: about `share` of each group go, never all."""
    keep = rng.random(layout.coupling.count) >= share
    for group in layout.coupling.groups:
        keep[group.units[rng.integers(len(group.units))]] = True
    return keep


def check_removal_of_zeros(model: Any, rng: np.random.Generator, share: float = 0.5) -> None:
    layout = Layout(find_coupling(model))
    keep = some_kept(layout, rng, share)
    with_zeroed(layout, keep)
    small = remove_units(layout, keep)
    images = rng.random((3, *model.input_shape[1:])).astype(np.float32)
    wanted, found = model(images).numpy(), small(images).numpy()
    assert np.abs(found - wanted).max() < 1e-5
    assert count_parameters(layout, keep) == small.count_params()
    assert count_multiply_adds(layout, keep) == find_sizes(small)["multiply_adds"]
    assert list(walk.collect_kernels(small)) == list(walk.collect_kernels(model))
    assert (~keep).any() == (small.count_params() < model.count_params())


@given(data=st.data(), seed=st.integers(0, 99), share=st.sampled_from([0.3, 0.8]))
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_zero_channels_can_go_from_random_graphs(data: st.DataObject, seed: int, share: float) -> None:
    check_removal_of_zeros(random_graph(data.draw), np.random.default_rng(seed), share)


LARGE = 2_000_000
"""Parameters of a net that takes as long as all smaller ones together."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.device] if net.parameters > LARGE else []) for name, net in NETS.items()],
)
def test_zero_channels_can_go_from_every_zoo_model(name: str, tmp_path: Path) -> None:
    from edgedigits.models.importer.loading import load

    path = find_shipped_folder() / f"{name}.keras"
    if not path.is_file():
        path = tmp_path / path.name
        keras.utils.set_random_seed(0)
        NETS[name].build(NETS[name].images, 10).save(path)
    check_removal_of_zeros(load(path).model, np.random.default_rng(1))


def made_by(model: Any) -> dict[str, int]:
    """How many units each group has, by the layers that make it."""
    return {"+".join(group.layers): len(group.units) for group in find_coupling(model).groups}


def test_what_goes_together() -> None:
    image = keras.Input((8, 8, 1))
    a = L.Conv2D(4, 3, padding="same", name="a")(image)
    b = L.Conv2D(2, 1, name="b")(L.ReLU()(a))
    c = L.Conv2D(6, 1, name="c")(a)
    x = L.DepthwiseConv2D(3, name="d")(L.Add()([L.Concatenate()([a, b]), c]))
    gate = L.Dense(6, activation="sigmoid", name="gate")(L.Dense(3, name="squeeze")(L.GlobalAveragePooling2D()(x)))
    x = L.Multiply()([x, L.Reshape((1, 1, 6))(gate)])
    x = L.Dense(8, name="hidden")(L.Flatten()(x))
    x = L.Conv2D(5, 1, name="e")(L.Reshape((2, 2, 2))(x))
    net = keras.Model(image, L.Dense(3, name="answer")(L.GlobalMaxPooling2D()(x)))
    found = find_coupling(net)
    assert made_by(net) == {"a+c+d+gate": 4, "b+c+d+gate": 2, "squeeze": 3, "hidden": 2, "e": 5}
    assert found.left_whole == {"answer": "makes the answers"}
    layout = Layout(found)
    (rows,) = [weight.axes[-2].units for weight in layout.weights if weight.path == "hidden/kernel"]
    depth = next(call for call in walk.list_calls(net) if call.layer.name == "d")
    assert rows.tolist() == found.units[depth.outputs[0]].tolist() * 36, "each channel has a row for each of 6x6 places"


def test_what_stays_whole_is_named_with_the_reason() -> None:
    image = keras.Input((8, 8, 4))
    x = L.DepthwiseConv2D(3, padding="same", name="on_input")(image)
    x = L.Conv2D(4, 1, name="added_to_input")(x)
    x = L.Add()([x, image])
    x = L.LayerNormalization(name="layer_norm")(L.Conv2D(4, 1, name="before_norm")(x))
    shared = L.Conv2D(4, 1, name="shared")
    x = L.Conv2D(4, 1, name="named")(shared(shared(x)))
    x = L.Conv2D(4, 1, groups=2, name="grouped")(L.Conv2D(4, 1, name="before_grouped")(x))
    x = L.Conv2D(4, 1, activation="softmax", name="attention")(x)
    x = L.Permute((3, 1, 2), name="turned")(L.Conv2D(4, 1, name="before_turn")(x))
    x = L.BatchNormalization(axis=1, name="odd_norm")(L.Conv2D(5, 1, name="before_odd_norm")(x))
    x = L.Conv2D(6, 1, name="free")(x)
    net = keras.Model(image, L.Dense(3, name="answer")(L.GlobalAveragePooling2D()(x)))
    found = find_coupling(net, lambda name: "is named" if name == "named" else None)
    assert found.left_whole == {
        "on_input": "is tied to the network's input",
        "added_to_input": "is tied to the network's input",
        "before_norm": "layer_norm (LayerNormalization) needs all of its channels",
        "shared": "shared (Conv2D) is used more than once",
        "before_grouped": "grouped (Conv2D) computes in 2 groups of channels",
        "grouped": "grouped (Conv2D) computes in 2 groups of channels",
        "attention": "attention (Conv2D) ends in a softmax",
        "named": "is named",
        "before_turn": "turned (Permute) moves channels to another axis",
        "before_odd_norm": "odd_norm (BatchNormalization) needs all of its channels",
        "answer": "makes the answers",
    }
    assert ["+".join(group.layers) for group in found.groups] == ["free"]
    check_removal_of_zeros(with_random_weights(net, 0), np.random.default_rng(0))


def test_layers_of_unknown_kind_are_refused_by_name() -> None:
    class Mixing(L.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x[..., ::-1]

    image = keras.Input((4, 4, 2))
    x = Mixing(name="mixing")(L.Conv2D(8, 1)(image))
    net = keras.Model(image, L.Dense(2)(L.Flatten()(x)), name="odd")
    with pytest.raises(
        ModelError, match=r"^shrink: mixing \(Mixing\) of odd is a kind of layer whose channels can't be"
    ):
        find_coupling(net)
    assert set(RULES) == set(Passage), "what a row may say has a rule"


def test_wide_images_of_open_size_are_counted_in_parameters_alone() -> None:
    image = keras.Input((None, None, 1))
    x = L.GlobalAveragePooling2D()(L.Conv2D(8, 3, name="open")(image))
    net = keras.Model(image, L.Dense(2)(x))
    assert find_sizes(net) == {"parameters": 98}
    layout = Layout(find_coupling(net))
    with pytest.raises(ModelError, match=r"open \(Conv2D\) works on images of any size"):
        count_multiply_adds(layout, np.ones(layout.coupling.count, bool))


def test_multiply_adds_are_those_of_the_bytes() -> None:
    from edgedigits.pipeline.export.conversion import convert
    from edgedigits.tflite.flatbuffer import read
    from edgedigits.tflite.multiply_adds import count_per_operator

    image = keras.Input((8, 8, 2))
    x = L.Conv2D(6, 3, strides=2, padding="same")(image)
    x = L.SeparableConv2D(5, 3, depth_multiplier=2)(L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x))
    x = L.Conv2DTranspose(4, 2, strides=2)(x)
    net = keras.Model(image, L.Dense(3)(L.Dense(7)(L.Flatten()(x))))
    layout = Layout(find_coupling(net))
    keep = some_kept(layout, np.random.default_rng(0), 0.5)
    works = count_per_operator(read(convert(remove_units(layout, keep)), "net.tflite"))
    assert count_multiply_adds(layout, keep) == sum(work.macs for work in works)
