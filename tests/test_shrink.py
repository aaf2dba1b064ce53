"""The stage shrink: targets met, the least important channels gone, masks and clusters cut along, bad input answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits import graph
from edgedigits.backend import keras
from edgedigits.coupling import coupled
from edgedigits.data.splits import FitData
from edgedigits.errors import InputError, MaskError, RecipeError, TargetError
from edgedigits.narrowed_size import sizes_of
from edgedigits.narrowing import Layout
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.channel_importance import importances
from edgedigits.stages.channel_order import removal_order
from edgedigits.stages.cluster import Cluster
from edgedigits.stages.prune import Prune
from edgedigits.stages.qat import Qat
from edgedigits.stages.shrink import Shrink
from edgedigits.verify import check_kept, check_masks
from tests.nets import L, classifier, fit_data, trained

QUICK: dict[str, Any] = {"epochs": 0.1, "min_steps": 5, "rate": 2e-3, "batch": 32}


@pytest.fixture(scope="module")
def data(shapes: Path) -> FitData:
    return fit_data(shapes)


@pytest.fixture(scope="module")
def start(shapes: Path) -> Candidate:
    return trained(shapes)


def units_of(layout: Layout, layer: str) -> np.ndarray:
    """The units of the channels that a layer makes."""
    return next(
        layout.coupling.units[call.outputs[0]]
        for call in graph.calls(layout.coupling.model)
        if call.layer.name == layer
    )


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_shares_are_reached_and_not_far_overshot(start: Candidate, data: FitData, share: float, scope: Any) -> None:
    for target, unit in (("remove_parameters", "parameters"), ("remove_multiply_adds", "multiply_adds")):
        small, facts = Shrink(**{target: share}, multiple=1, scope=scope, importance="l2", **QUICK)(start, data)
        assert facts[f"{unit}_before"] == sizes_of(start.model)[unit]
        assert facts[unit] == sizes_of(small.model)[unit]
        assert small.model.count_params() == facts["parameters"]
        gone = 1 - facts[unit] / facts[f"{unit}_before"]
        assert share <= gone < share + 0.15
        assert facts["channels"]["first"] == [8, small.model.get_layer("first").filters]
        assert facts["left_whole"] == {"answer": "makes the answers"}


def test_a_latency_is_measured_and_reached(start: Candidate, data: FitData) -> None:
    """A target far above what the net takes leaves it whole, and one that nothing takes is out of reach."""
    small, facts = Shrink(latency_us=1e6, **QUICK)(start, data)
    assert small.model.count_params() == start.model.count_params()
    assert 0 < facts["latency_us"] <= 1e6
    with pytest.raises(
        TargetError, match=r"shrink.latency_us: 0.001 can't be reached: .* latency_us of .* at most 0.001"
    ):
        Shrink(latency_us=1e-3, **QUICK)(start, data)


def test_halving_finds_the_largest_that_meets_a_measured_target(
    start: Candidate, data: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latency here is the weights in the bytes, so that what is found can be told from what should be."""
    from edgedigits.flatbuffer import read, weight_zeros
    from edgedigits.stages import shrink_target

    class Weighed:
        def __init__(self, flat: bytes) -> None:
            self.flat = flat

        def latency_us(self) -> float:
            return sum(row.elements for row in weight_zeros(read(self.flat, "net")))

    monkeypatch.setattr(shrink_target, "TfliteModel", Weighed)
    _, whole = Shrink(latency_us=1e9, multiple=4, importance="l2", **QUICK)(start, data)
    small, facts = Shrink(latency_us=0.6 * whole["latency_us"], multiple=4, importance="l2", **QUICK)(start, data)
    assert facts["latency_us_before"] == whole["latency_us"]
    assert facts["latency_us"] <= 0.6 * whole["latency_us"]
    assert facts["latency_us"] == sum(
        int(kernel.shape.num_elements()) for kernel in graph.kernels(small.model).values()
    )


def test_instructions_are_counted_and_reached(start: Candidate, data: FitData, counter: None) -> None:
    _, whole = Shrink(instructions=10**9, multiple=2, **QUICK)(start, data)
    _, facts = Shrink(instructions=int(0.9 * whole["instructions"]), multiple=2, **QUICK)(start, data)
    assert facts["instructions_before"] == whole["instructions"]
    assert facts["instructions"] <= 0.9 * whole["instructions"]


def test_without_an_emulator_instructions_are_refused_in_a_sentence(
    start: Candidate, data: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        InputError, match=r"^shrink.instructions: arm64 instructions can't be counted here: .*not found; apt"
    ):
        Shrink(instructions=10**6, **QUICK)(start, data)


@pytest.mark.parametrize("kind", ["taylor", "l1", "l2", "bn"])
def test_dead_channels_go_first_by_every_importance(kind: Any, start: Candidate, data: FitData) -> None:
    """Two of the eight coupled channels are dead: what makes them is zero. Only they go."""
    model = graph.clone(start.model)
    for name in ("first", "norm", "second", "norm2", "depth"):
        layer = model.get_layer(name)
        weights = layer.get_weights()
        for index, weight in enumerate(weights if name[:4] != "norm" else weights[:3]):  # not the variance
            weights[index] = weight.copy()
            axis = -2 if weight.shape[-1] == 1 else -1
            np.moveaxis(weights[index], axis, 0)[[2, 5]] = 0
        layer.set_weights(weights)
    stage = Shrink(remove_parameters=0.2, multiple=1, skip_layers=["hidden"], importance=kind, **QUICK)
    small, facts = stage(Candidate(model), data)
    assert facts["channels"]["first"] == facts["channels"]["second"] == [8, 6]
    assert small.kept["first/kernel"][-1].tolist() == [0, 1, 3, 4, 6, 7]
    assert facts["left_whole"]["hidden"] == (
        "no batch normalization scales its channels" if kind == "bn" else "named in skip_layers"
    )


def test_importance_by_loss_is_the_slope_of_the_loss(start: Candidate, data: FitData) -> None:
    """Against the loss itself, with the rows that read a unit made smaller by a thousandth."""
    layout = Layout(coupled(start.model))
    found = importances("taylor", layout, data, 40)
    picked = np.sort(np.random.default_rng(data.seed).permutation(len(data.fit))[:40])
    images, labels = data.fit.read(picked).astype(np.float32) / 255, data.fit.labels[picked]

    def losses(model: Any) -> np.ndarray:
        return -np.log(np.clip(model(images).numpy()[np.arange(40), labels].astype(np.float64), 1e-30, 1))

    before = losses(start.model)
    for unit in range(0, layout.coupling.count, 5):
        model = graph.clone(start.model)
        for weight in layout.weights:
            axis = weight.axes.get(-2)
            if weight.path.endswith("/kernel") and axis is not None:
                kernel = graph.kernels(model)[weight.path]
                rows = np.where(axis.units == unit, 0.98, 1.0)
                kernel.assign(kernel * rows[:, None])
        slope = np.abs(losses(model) - before).mean() / 0.02
        assert found[unit] == pytest.approx(slope, rel=0.1, abs=2e-4)


def test_orders_compare_shares_of_the_mean_or_ranks() -> None:
    net = keras.Sequential([L.Input((4,)), L.Dense(4, name="a"), L.Dense(6, name="b"), L.Dense(2)])
    groups = coupled(net).groups
    importance = np.array([400.0, 100, 300, 200, 1, 2, 3, 4, 5, np.nan])
    compared = removal_order(groups, importance * 1.0, "global", 1, None)
    assert compared.units.tolist()[:4] == [4, 1, 5, 3] or compared.units[0] == 1
    assert 9 not in compared.units
    by_rank = removal_order(groups[:1], importance[:4], "layer", 1, None)
    assert by_rank.units.tolist() == [1, 3, 2, 0]
    assert by_rank.counts[:, 0].tolist() == [4, 3, 2, 1]
    assert by_rank.keep(2).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("multiple", "least", "wanted"),
    [
        (8, None, [20, 16, 8]),
        (4, None, [20, 16, 12, 8, 4]),
        (4, 10, [20, 16, 12]),
        (32, None, [20]),
        (1, 18, [20, 19, 18]),
    ],
)
def test_counts_are_multiples_down_to_the_least(multiple: int, least: int | None, wanted: list[int]) -> None:
    net = keras.Sequential([L.Input((4,)), L.Dense(20), L.Dense(2)])
    order = removal_order(coupled(net).groups, np.arange(20.0), "global", multiple, least)
    assert order.counts[:, 0].tolist() == wanted
    assert np.flatnonzero(order.keep(len(wanted) - 1)).tolist() == list(range(20 - wanted[-1], 20))


def test_masks_and_clusters_go_along_and_are_held(start: Candidate, data: FitData) -> None:
    pruned, _ = Prune(sparsity=0.6, min_weights=100, **QUICK)(start, data)
    clustered, _ = Cluster(clusters=8, min_weights=100, **QUICK)(pruned, data)
    small, facts = Shrink(remove_parameters=0.6, multiple=2, rounds=2, epochs_between=0.1, **QUICK)(clustered, data)
    kernels = graph.kernels(small.model)
    for path, mask in clustered.masks.items():
        places = small.kept[path]
        assert small.masks[path].shape == tuple(kernels[path].shape) == tuple(map(len, places))
        assert (small.masks[path] == mask[np.ix_(*places)]).all()
        assert (small.clusters[path] == clustered.clusters[path][np.ix_(*places)]).all()
    assert kernels["hidden/kernel"].shape[0] < 200
    check_masks(small, "shrink")
    check_kept(clustered, small, "shrink")
    path = "hidden/kernel"
    full = {**small.masks, path: np.ones_like(small.masks[path])}
    for broken in (replace(small, masks=full), replace(small, masks={}), replace(small, kept={})):
        with pytest.raises(MaskError, match="dropped or loosened the mask that an earlier one gave"):
            check_kept(clustered, broken, "shrink")
    after, _ = Qat(**QUICK)(small, data)
    check_kept(small, after, "qat")
    assert facts["parameters"] <= 0.4 * facts["parameters_before"]


def test_rounds_go_down_in_steps_of_one_ratio() -> None:
    from edgedigits.stages.shrink_target import Target

    half = Target("remove_parameters", 0.75, "parameters", lambda *_: 0.0)
    assert half.goals(1600.0, 1) == [400.0]
    assert half.goals(1600.0, 2) == pytest.approx([800.0, 400.0])
    slow = Target("latency_us", 50.0, "latency_us", lambda *_: 0.0)
    assert slow.goals(20.0, 2) == [20.0, 50.0]


def test_targets_out_of_reach_say_what_was_reached(start: Candidate, data: FitData) -> None:
    with pytest.raises(TargetError) as caught:
        Shrink(remove_parameters=0.99, multiple=4, **QUICK)(start, data)
    assert str(caught.value).startswith(
        "shrink.remove_parameters: 0.99 can't be reached: the fewest channels that multiple"
    )
    assert "of 4,2" in str(caught.value)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (
            Shrink(remove_parameters=0.5, skip_layers=["hiden"]),
            "shrink.skip_layers: no layer with a kernel is named 'hiden'",
        ),
        (
            Shrink(remove_parameters=0.5, multiple=64),
            "shrink: tiny has no channels that could go .*8 channels, the least that",
        ),
        (
            Shrink(remove_parameters=0.5, importance="bn", skip_layers=["first", "second"]),
            "found bn, but no batch normaliz",
        ),
    ],
)
def test_settings_that_leave_nothing_to_remove_are_refused(
    stage: Any, says: str, start: Candidate, data: FitData
) -> None:
    with pytest.raises(RecipeError, match=says):
        stage(start, data)


def test_logits_and_branches_are_taken_too(shapes: Path, data: FitData) -> None:
    candidate = Candidate(classifier(softmax=False), original=classifier(softmax=False, seed=4))
    small, facts = Shrink(remove_parameters=0.5, multiple=2, distillation=0.5, **QUICK)(candidate, data)
    assert not graph.ends_in_softmax(small.model)
    assert facts["parameters"] <= 0.5 * facts["parameters_before"]
