"""Copies that become one, residual branches that go, 1x1 convolutions that are joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.errors import MaskError, RecipeError
from edgedigits.models.graph import walk
from edgedigits.models.graph.duplicate_inputs import find_copies, merge_copies
from edgedigits.models.graph.merge_pointwise import merge_pairs
from edgedigits.models.importer.loading import load
from edgedigits.pipeline.export.checks import check_kept, check_masks
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.shrink.residual_blocks import find_branches, measure_branch_importance, remove_branches
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.stages.shrink.simplify import carry_along, simplify
from tests.graphs import with_random_weights
from tests.nets import fit_data

L = keras.layers
SHIPPED = Path(__file__).parent.parent / "artifacts" / "baselines" / "mobilenet_v2.keras"


def check_same_answers(one: Any, other: Any) -> None:
    pixels = np.random.default_rng(0).random((8, *one.input_shape[1:]), np.float32)
    wanted = one(pixels).numpy()
    assert np.ptp(wanted) > 1e-3, "answers that are all alike prove nothing"
    assert np.abs(other(pixels).numpy() - wanted).max() < 1e-5 * np.abs(wanted).max()


def colour_net(between: list[Any], reader: Any, channels: int = 1) -> Any:
    """Three copies of the image through some layers into `reader`, then five answers."""
    image = keras.Input((12, 12, channels))
    x = L.Concatenate(name="colour")([image, image, image])
    for layer in (*between, reader):
        x = layer(x)
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, name="next", activation="relu")(x))
    return with_random_weights(keras.Model(image, L.Dense(5, name="answer")(x)), 3)


@pytest.mark.parametrize(
    ("between", "reader"),
    [
        ([], L.Conv2D(6, 3, strides=2, padding="same", name="first")),
        ([L.Rescaling(2.0, -1.0), L.ZeroPadding2D(1), L.ReLU()], L.Conv2D(6, 3, name="first")),
        ([L.Activation("tanh"), L.AveragePooling2D(2), L.Dropout(0.2)], L.Dense(6, name="first")),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_copies_become_one_and_answers_stay(between: list[Any], reader: Any, channels: int) -> None:
    fresh = [type(layer).from_config(layer.get_config()) for layer in (*between, reader)]
    net = colour_net(fresh[:-1], fresh[-1], channels)
    result, names = merge_copies(net)
    assert names == ["colour"]
    assert not any(type(layer).__name__ == "Concatenate" for layer in result.layers)
    assert list(walk.collect_kernels(result)) == list(walk.collect_kernels(net))
    assert net.count_params() - result.count_params() == net.get_layer("first").kernel.numpy().size * 2 // 3
    check_same_answers(net, result)


def test_copies_among_other_tensors_and_many_readers() -> None:
    image = keras.Input((8, 8, 2))
    a, b = L.Conv2D(3, 1, name="a")(image), L.Conv2D(2, 1, name="b")(image)
    x = L.Concatenate(name="some")([a, b, a, b, image])
    left, right = L.Conv2D(4, 3, name="left")(x), L.Conv2D(4, 3, name="right")(L.ReLU()(x))
    y = L.GlobalAveragePooling2D()(L.Concatenate(name="other")([left, right]))
    net = with_random_weights(keras.Model(image, L.Dense(5)(y)), 1)
    (found,) = find_copies(net)
    assert (found.name, found.stay) == ("some", (0, 1, 4))
    assert sorted(found.kernels) == ["left/kernel", "right/kernel"]
    assert found.place.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6]
    result, names = merge_copies(net)
    assert names == ["some"]
    assert result.get_layer("left").kernel.shape == (3, 3, 7, 4)
    check_same_answers(net, result)


@pytest.mark.parametrize(
    "between",
    [
        [L.BatchNormalization()],
        [L.DepthwiseConv2D(3)],
        [L.Rescaling([0.5, 1.0, 2.0])],
        [L.Softmax()],
        [L.Activation("softmax")],
        [L.PReLU()],
        [L.SeparableConv2D(3, 3)],
        [L.Conv2D(6, 3, groups=3)],
    ],
    ids=lambda between: type(between[0]).__name__,
)
def test_copies_that_a_layer_tells_apart_stay(between: list[Any]) -> None:
    fresh = [type(layer).from_config(layer.get_config()) for layer in between]
    net = colour_net(fresh, L.Conv2D(6, 3, name="first"))
    assert merge_copies(net) == (net, [])


def test_copies_that_meet_a_shared_layer_or_the_answer_stay() -> None:
    image = keras.Input((8, 8, 1))
    shared = L.Conv2D(3, 3, padding="same", name="shared")
    x = L.Concatenate(name="two")([image, image, image])
    net = keras.Model(image, L.Dense(5)(L.GlobalAveragePooling2D()(shared(shared(x)))))
    assert find_copies(net) == ()
    pooled = L.GlobalAveragePooling2D()(L.Conv2D(3, 3)(image))
    assert find_copies(keras.Model(image, L.Concatenate()([pooled, pooled]))) == ()
    assert find_copies(keras.Model(image, L.Dense(5)(L.Concatenate(axis=1)([pooled[:, None], pooled[:, None]])))) == ()


def residual_net(seed: int = 4) -> Any:
    """12x12x1 to 3: blocks one and two, the second with a block within its branch; then a projection, which is no branch."""
    image = keras.Input((12, 12, 1), name="image")
    x = L.Conv2D(4, 3, strides=2, activation="relu", name="stem")(image)
    y = L.BatchNormalization(name="one_norm")(L.Conv2D(4, 3, padding="same", name="one_conv")(x))
    x = L.ReLU(name="one_relu")(L.Add(name="one")([y, x]))
    y = L.Conv2D(4, 1, name="outer_first")(x)
    z = L.Conv2D(4, 3, padding="same", name="inner_conv")(y)
    y = L.Add(name="inner")([y, z])
    y = L.Conv2D(4, 1, name="outer_last")(y)
    x = L.Add(name="outer")([x, y])
    x = L.Add(name="projected")([L.Conv2D(4, 1, name="short")(x), L.Conv2D(4, 1, name="long")(x)])
    x = L.Dense(3, activation="softmax", name="answer")(L.Flatten()(x))
    return with_random_weights(keras.Model(image, x, name="blocks"), seed)


def silence(net: Any, name: str, factor: float = 0.0) -> None:
    layer = net.get_layer(name)
    weights = layer.get_weights()
    layer.set_weights([weight * factor for weight in weights[:2]] + weights[2:])


def test_branches_are_found_with_their_layers() -> None:
    found = {branch.add: branch.layers for branch in find_branches(residual_net())}
    assert found == {
        "one": ("one_conv", "one_norm"),
        "inner": ("inner_conv",),
        "outer": ("outer_first", "inner_conv", "inner", "outer_last"),
    }


@pytest.mark.parametrize(
    ("silent", "adds"),
    [
        (["one_norm"], ["one"]),
        (["inner_conv"], ["inner"]),
        (["outer_last"], ["outer"]),
        (["inner_conv", "outer_last"], ["inner", "outer"]),
        (["one_norm", "inner_conv"], ["inner", "one"]),
    ],
)
def test_branches_that_give_zeros_can_go(silent: list[str], adds: list[str]) -> None:
    net = residual_net()
    for name in silent:
        silence(net, name)
    result = remove_branches(net, adds)
    check_same_answers(net, result)
    gone = {name for branch in find_branches(net) if branch.add in adds for name in (branch.add, *branch.layers)}
    assert {layer.name for layer in result.layers} == {layer.name for layer in net.layers} - gone


def test_what_leaves_a_branch_elsewhere_keeps_it() -> None:
    image = keras.Input((8, 8, 1))
    x = L.Conv2D(4, 3, padding="same", name="stem")(image)
    y = L.Conv2D(4, 1, name="read_twice")(x)
    added = L.Add(name="leaks")([x, L.ReLU()(y)])
    mean = L.GlobalAveragePooling2D(keepdims=True)(added)
    spread = L.Add(name="spread")([mean, L.Conv2D(4, 1)(L.UpSampling2D(8)(mean))])
    x = L.Concatenate()([spread, y])
    net = keras.Model(image, L.Dense(3)(L.Flatten()(x)))
    assert find_branches(net) == ()
    assert measure_branch_importance(net, None) == {}  # type: ignore[arg-type]  # no branch, no data read


@pytest.mark.parametrize(
    ("add", "last", "softmax"),
    [
        ("one", "one_norm", True),
        ("inner", "inner_conv", True),
        ("outer", "outer_last", True),
        ("one", "one_norm", False),
    ],
)
def test_importance_orders_a_faint_branch_first(add: str, last: str, softmax: bool, shapes: Path) -> None:
    net = residual_net()
    if not softmax:
        net.get_layer("answer").activation = keras.activations.linear
    silence(net, last, 1e-3)
    found = measure_branch_importance(net, fit_data(shapes))
    assert list(found) == ["one", "inner", "outer"]
    least = {"inner", "outer"} if add == "outer" else {add}  # what is within a faint branch is as faint
    assert set(sorted(found, key=lambda name: found[name])[: len(least)]) == least
    assert found == measure_branch_importance(net, fit_data(shapes)), "the same seed gave another order"


def test_importance_is_the_change_of_the_loss_to_first_order(shapes: Path) -> None:
    """Against the difference that a slightly weaker branch makes, image by image."""
    from edgedigits.backend import tf

    data, net = fit_data(shapes), residual_net()
    pixels, labels = data.fit.read(np.arange(len(data.fit))) / np.float32(255), data.fit.labels

    def losses(factor: float) -> np.ndarray:
        weaker = walk.clone(net)
        silence(weaker, "outer_last", factor)
        each: np.ndarray = (
            keras.losses.sparse_categorical_crossentropy(tf.constant(labels), weaker(pixels)).numpy().astype(np.float64)
        )
        return each

    slope = np.abs((losses(1.01) - losses(0.99)) / 0.02).mean()
    assert measure_branch_importance(net, data)["outer"] == pytest.approx(slope, rel=0.02)


def test_simplified_drops_what_matters_least(shapes: Path) -> None:
    net = residual_net()
    silence(net, "one_norm", 1e-3)
    result, facts = simplify(Candidate(net), fit_data(shapes), 1)
    assert facts == {"merged_copies": [], "dropped_blocks": ["one"]}
    assert "one_conv/kernel" not in walk.collect_kernels(result)
    same, facts = simplify(Candidate(net), fit_data(shapes), 0)
    assert same is net
    with pytest.raises(RecipeError) as caught:
        simplify(Candidate(net), fit_data(shapes), 4)
    assert str(caught.value) == (
        "shrink.drop_blocks: found 4, but blocks has 3 residual branches that could go; ask for at most 3"
    )
    plain = colour_net([], L.Conv2D(2, 3, name="first"))
    with pytest.raises(RecipeError, match="has no residual branches that could go; ask for at most 0"):
        simplify(Candidate(plain), fit_data(shapes), 1)


def test_masks_and_clusters_stay_where_their_kernels_do(shapes: Path) -> None:
    net = colour_net([], L.Conv2D(6, 3, name="first"))
    rng = np.random.default_rng(0)
    masks = {path: rng.random(tuple(kernel.shape)) < 0.3 for path, kernel in walk.collect_kernels(net).items()}
    for path, kernel in walk.collect_kernels(net).items():
        kernel.assign(kernel.numpy() * masks[path])
    groups = {path: np.where(mask, 0, -1).astype(np.int32) for path, mask in masks.items() if path == "first/kernel"}
    before = Candidate(net, masks, groups)
    after = carry_along(before, simplify(before, fit_data(shapes), 0)[0])
    assert (after.masks["first/kernel"] == masks["first/kernel"].any(axis=2, keepdims=True)).all()
    assert not after.masks["first/kernel"].all()
    assert (after.masks["next/kernel"] == masks["next/kernel"]).all()
    assert after.clusters == {}
    check_masks(after, "shrink")
    blocks = residual_net()
    whole = {path: np.ones(kernel.shape, bool) for path, kernel in walk.collect_kernels(blocks).items()}
    after = carry_along(Candidate(blocks, whole, {}), remove_branches(blocks, ["outer"]))
    assert set(whole) - set(after.masks) == {"outer_first/kernel", "inner_conv/kernel", "outer_last/kernel"}


def test_mobilenet_loses_its_copies_and_its_ten_blocks() -> None:
    net = load(SHIPPED).model
    found = find_branches(net)
    assert [branch.add.partition("_block_")[2] for branch in found] == [
        f"{number}_add" for number in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)
    ]
    assert {len(branch.layers) for branch in found} == {8}
    for branch in found:
        silence(net, branch.layers[-1])
    result, names = merge_copies(net)
    assert len(names) == 1
    check_same_answers(net, remove_branches(result, [branch.add for branch in found]))


def test_shrink_drops_blocks_and_copies_with_their_masks(shapes: Path) -> None:
    """Through the stage: what went counts towards the target, masks of what is left hold, the rest is nobody's."""
    image = keras.Input((12, 12, 1))
    x = L.Concatenate(name="colour")([image, image, image])
    x = L.Conv2D(8, 3, strides=2, activation="relu", name="first")(x)
    x = L.Add(name="add")([x, L.Conv2D(8, 3, padding="same", name="branch")(x)])
    x = L.Conv2D(8, 3, strides=2, activation="relu", name="last")(x)
    net = with_random_weights(keras.Model(image, L.Dense(3, "softmax", name="answer")(L.Flatten()(x))), 0)
    rng = np.random.default_rng(0)
    masks = {
        path: rng.random(net.get_layer(path[:-7]).kernel.shape) < 0.5 for path in ("first/kernel", "branch/kernel")
    }
    for path, mask in masks.items():
        kernel = walk.collect_kernels(net)[path]
        kernel.assign(kernel.numpy() * mask)
    before = Candidate(net, masks)
    stage = Shrink(remove_parameters=0.5, drop_blocks=1, multiple=1, epochs=0.1, min_steps=3, batch=32)
    after, facts = stage(before, fit_data(shapes))
    assert (facts["merged_copies"], facts["dropped_blocks"]) == (["colour"], ["add"])
    assert facts["parameters_before"] == net.count_params()
    assert after.model.count_params() == facts["parameters"] <= net.count_params() / 2
    # The branch alone is a third of the net: with the channels' share counted from what was left it would be far below.
    assert facts["parameters"] > 0.4 * net.count_params()
    assert facts["channels"]["branch"] == [8, 0]
    assert set(after.masks) == {"first/kernel"}
    check_masks(after, "shrink")
    check_kept(before, after, "shrink")
    revived = replace(after, masks={"first/kernel": np.ones_like(after.masks["first/kernel"])})
    with pytest.raises(MaskError, match="the mask that an earlier one gave first/kernel"):
        check_kept(before, revived, "shrink")
    with pytest.raises(RecipeError, match=r"shrink.drop_blocks: found 2, but .* has 1 residual branch that could go"):
        replace(stage, drop_blocks=2)(before, fit_data(shapes))


def pointwise_net() -> Any:
    """12x12x1 to 3: narrow (normalized) into wide, wide into last; an activation between two, and one read twice."""
    image = keras.Input((12, 12, 1), name="image")
    x = L.Conv2D(6, 3, activation="relu", name="stem")(image)
    x = L.BatchNormalization(name="narrow_norm")(L.Conv2D(2, 1, use_bias=False, name="narrow")(x))
    x = L.Conv2D(8, 1, use_bias=False, name="wide")(x)
    x = L.BatchNormalization(name="last_norm")(L.Conv2D(5, 1, strides=2, name="last")(x))
    x = L.Conv2D(4, 1, activation="relu", name="bent")(L.ReLU(6.0)(x))
    x = L.Conv2D(4, 1, name="after_bent")(x)
    x = L.Add()([x, L.Conv2D(4, 1, name="beside")(x)])
    x = L.Conv2D(3, 3, name="spreads")(L.Conv2D(4, 1, strides=2, name="strided")(x))
    return with_random_weights(keras.Model(image, L.Dense(3, name="answer")(L.Flatten()(x))), 6)


def test_pointwise_convolutions_become_one_and_answers_stay() -> None:
    net = pointwise_net()
    result, gone = merge_pairs(net)
    assert gone == ["narrow", "wide"]
    assert list(walk.collect_kernels(result)) == [path for path in walk.collect_kernels(net) if path[:-7] not in gone]
    assert "narrow_norm" not in {layer.name for layer in result.layers}
    assert result.get_layer("last").kernel.shape == (1, 1, 6, 5)
    check_same_answers(net, result)
    assert merge_pairs(result) == (result, [])


def test_pruned_convolutions_are_not_joined(shapes: Path) -> None:
    net = pointwise_net()
    assert merge_pairs(net, ["wide/kernel"]) == (net, [])
    candidate = Candidate(net, {"last/kernel": np.ones((1, 1, 8, 5), bool)})
    result, facts = simplify(candidate, fit_data(shapes), 0, merge_pointwise=True)
    assert facts["merged_pointwise"] == ["narrow"]
    check_same_answers(net, result)
    shrunk, facts = Shrink(remove_parameters=0.2, merge_pointwise=True, multiple=1, epochs=0.1, min_steps=3, batch=32)(
        Candidate(net), fit_data(shapes)
    )
    assert facts["merged_pointwise"] == ["narrow", "wide"]
    assert facts["channels"]["narrow"] == [2, 0]
    assert shrunk.model.count_params() <= 0.8 * net.count_params()


def test_mobilenet_without_its_branches_keeps_one_pointwise_convolution_a_block() -> None:
    net = load(SHIPPED).model
    plain = remove_branches(merge_copies(net)[0], [branch.add for branch in find_branches(net)])
    result, gone = merge_pairs(plain)
    kinds = [type(call.layer).__name__ for call in walk.list_calls(result)]
    assert (kinds.count("DepthwiseConv2D"), kinds.count("Conv2D"), len(gone)) == (7, 8, 7)
    check_same_answers(plain, result)
    assert len(merge_pairs(merge_copies(net)[0])[1]) == 2, "next to a shortcut the narrow tensor is read twice"
