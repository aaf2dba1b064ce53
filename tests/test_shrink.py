"""The stage shrink: targets met, the least important channels gone, masks and clusters cut along, bad input answered."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.data.samples import draw_stratified
from edgedigits.data.splits import FitData
from edgedigits.errors import InputError, MaskError, RecipeError, TargetError
from edgedigits.models.graph import walk
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.graph.narrow import Layout, remove_units
from edgedigits.models.graph.narrowed_size import count_int8_bytes, find_sizes
from edgedigits.models.layers.layer_kinds import Kernel
from edgedigits.pipeline.costs import add_costs
from edgedigits.pipeline.export.checks import check_kept, check_masks
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.cluster import group_values
from edgedigits.stages.prune import prune_smallest
from edgedigits.stages.qat import Qat
from edgedigits.stages.shrink.balance import Chooser
from edgedigits.stages.shrink.channel_importance import measure_importances
from edgedigits.stages.shrink.layer_sensitivity import Sensitivity, measure_sensitivity
from edgedigits.stages.shrink.removal import Ranking
from edgedigits.stages.shrink.removal_order import find_removal_order
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.stages.shrink.target import Target, reach
from edgedigits.tflite.flatbuffer import read
from tests.graphs import with_zeroed
from tests.nets import L, fit_data, trained

QUICK: dict[str, Any] = {"epochs": 0.1, "min_steps": 5, "rate": 2e-3, "batch": 32}


@pytest.fixture(scope="module")
def data(shapes: Path) -> FitData:
    return add_costs(fit_data(shapes))


@pytest.fixture(scope="module")
def start(shapes: Path) -> Candidate:
    return trained(shapes)


@pytest.mark.parametrize(
    ("target", "unit", "share", "scope"),
    [
        ("remove_parameters", "parameters", 0.7, "global"),
        ("remove_parameters", "parameters", 0.4, "layer"),
        ("remove_multiply_adds", "multiply_adds", 0.6, "global"),
        ("remove_multiply_adds", "multiply_adds", 0.5, "sensitivity"),
    ],
)
def test_shares_are_reached_and_not_far_overshot(
    target: str, unit: str, share: float, scope: Any, start: Candidate, data: FitData
) -> None:
    wanted: dict[str, Any] = {target: share}
    small, facts = Shrink(**wanted, multiple=1, scope=scope, **QUICK)(start, data)
    assert facts[f"{unit}_before"] == find_sizes(start.model)[unit]
    assert facts[unit] == find_sizes(small.model)[unit]
    assert small.model.count_params() == facts["parameters"]
    assert share <= 1 - facts[unit] / facts[f"{unit}_before"] < share + 0.15
    assert facts["channels"]["first"] == [8, small.model.get_layer("first").filters]
    assert facts["left_whole"] == {"answer": "makes the answers"}
    assert list(facts.get("sensitivity", ())) == (["first", "hidden"] if scope == "sensitivity" else [])


def test_a_latency_is_measured_and_reached(start: Candidate, data: FitData) -> None:
    """A target far above what the net takes leaves it whole, and one that nothing takes is out of reach."""
    small, facts = Shrink(latency_us=1e6, **QUICK)(start, data)
    assert small.model.count_params() == start.model.count_params()
    assert 0 < facts["latency_us"] <= 1e6
    with pytest.raises(
        TargetError, match=r"shrink.latency_us: 0.001 can't be reached: .* latency_us of .* at most 0.001"
    ):
        Shrink(latency_us=1e-3, **QUICK)(start, data)


@pytest.mark.parametrize(("unit", "where"), [("cycles", {"cpu": "cortex-a53"}), ("latency_ms", {"board": "zero2"})])
def test_what_is_foretold_of_a_board_is_reached(
    unit: str, where: dict[str, Any], start: Candidate, data: FitData
) -> None:
    """Without QEMU, LLVM or the board; a faster core takes less."""
    whole = float(data.cost(f"{unit} {next(iter(where.values()))}")(start.model))
    assert data.cost(f"{unit} {'cortex-a76' if unit == 'cycles' else 'pi5'}")(start.model) < whole
    wanted = round(0.95 * whole) if unit == "cycles" else 0.95 * whole
    settings: dict[str, Any] = {unit: wanted, **where, **QUICK}
    small, facts = Shrink(**settings, multiple=1)(start, data)
    assert facts[f"{unit}_before"] == pytest.approx(whole)
    assert 0.8 * whole < facts[unit] <= wanted
    assert small.model.count_params() < start.model.count_params()


def test_a_share_of_the_cycles_goes_whatever_the_net_takes(start: Candidate, data: FitData) -> None:
    whole = data.cost("cycles cortex-a76")(start.model)
    small, facts = Shrink(remove_cycles=0.05, cpu="cortex-a76", multiple=1, **QUICK)(start, data)
    assert (facts["cycles_before"], facts["cycles"]) == (whole, data.cost("cycles cortex-a76")(small.model))
    assert 0.05 <= 1 - facts["cycles"] / whole < 0.15


def count_bytes(model: Any) -> int:
    """As int8: every kernel's weights, and 16 for each channel that it makes."""
    kernels = [(layer, one) for layer in model.layers for one in layer.weights if one.name.endswith("kernel")]
    return sum(int(np.prod(one.shape)) + 16 * int(layer.output.shape[-1]) for layer, one in kernels)


def test_bytes_as_int8_are_those_of_the_file(start: Candidate, data: FitData) -> None:
    parts = read(Int8()(start.model, data.calibration, data.scale), "the model").parts
    layout = Layout(find_coupling(start.model))
    counted = count_int8_bytes(layout, np.ones(layout.coupling.count, bool))
    scales_and_zero_points = 12 * parts["biases"] // 4
    assert counted == parts["weights"] + parts["biases"] + scales_and_zero_points == count_bytes(start.model)


def test_remove_counts_bytes_and_what_the_float_model_takes(start: Candidate, data: FitData) -> None:
    """Both shares go. The cycles are those of int8 as a share of float32's, so that what rounding wins counts."""
    cycles, whole = data.cost("cycles cortex-a76"), data.cost("float_cycles cortex-a76")(start.model)
    assert whole != cycles(start.model)
    before = max(1.0, cycles(start.model) / whole)
    most = round(0.9 * before, 3)
    small, facts = Shrink(remove=1 - most, cpu="cortex-a76", multiple=1, **QUICK)(start, data)
    both = count_bytes(small.model) / count_bytes(start.model), cycles(small.model) / whole
    assert (facts["share_before"], facts["share"]) == (pytest.approx(before), pytest.approx(max(both)))
    assert max(both) <= most
    with pytest.raises(TargetError, match=r"leave \d+ % of the bytes or of the float model's cycles, at most 1 % was"):
        Shrink(remove=0.99, cpu="cortex-a76", multiple=1, **QUICK)(start, data)


@pytest.mark.parametrize(("share", "multiple"), [(0.2, 8), (0.7, 4), (0.96, 1)])
def test_channels_are_left_in_finer_multiples_where_the_target_asks_for_them(
    share: float, multiple: int, start: Candidate, data: FitData
) -> None:
    """The net's layers have 8 and 32 channels."""
    _, facts = Shrink(remove_parameters=share, **QUICK)(start, data)
    assert (facts["multiple"], facts["parameters"] <= (1 - share) * start.model.count_params()) == (multiple, True)
    assert all(made % multiple == 0 for name, (_, made) in facts["channels"].items() if name != "answer")
    if multiple < 8:
        with pytest.raises(TargetError):
            Shrink(remove_parameters=share, multiple=2 * multiple, **QUICK)(start, data)


def test_halving_finds_the_largest_that_meets_a_measured_target() -> None:
    net = keras.Sequential([L.Input((4,)), L.Dense(64), L.Dense(2)])
    layout = Layout(find_coupling(net))
    order = find_removal_order(layout.coupling.groups, np.arange(64.0), "global", 8, None)
    asked: list[int] = []

    def measure(_: Layout, keep: np.ndarray) -> float:
        asked.append(int(keep.sum()))
        return asked[-1] ** 2

    target = Target("latency_us", 1000, "latency_us", measure)
    keep, value = reach(target, 1000, 64**2, layout, order)
    assert (np.flatnonzero(keep).tolist(), value) == (list(range(40, 64)), 24**2)
    assert len(asked) == len(set(asked)) <= 4
    keep, value = reach(target, 5000, 64**2, layout, order)
    assert (bool(keep.all()), value) == (True, 64**2)


def test_the_work_says_where_to_measure_next() -> None:
    """Each measurement takes seconds. Of 31 architectures halving would measure the smallest and five more."""
    net = keras.Sequential([L.Input((4,)), L.Dense(256), L.Dense(2)])
    layout = Layout(find_coupling(net))
    order = find_removal_order(layout.coupling.groups, np.arange(256.0), "global", 8, None)
    for measure, goal, most in (
        (lambda keep: 5000.0 + 300 * keep.sum(), 20_000, 3),
        (lambda keep: float(keep.sum() ** 1.5), 1000, 7),
        (lambda keep: float(keep.sum() > 240) * 1e9 + keep.sum(), 100, 8),
    ):
        asked: list[int] = []

        def measured(_: Layout, keep: np.ndarray, measure: Any = measure, asked: list[int] = asked) -> float:
            asked.append(int(keep.sum()))
            return float(measure(keep))

        whole = measure(np.ones(256))
        keep, value = reach(Target("latency_us", goal, "latency_us", measured), goal, whole, layout, order)
        met = [count for count in range(8, 257, 8) if measure(np.ones(count)) <= goal]
        assert (int(keep.sum()), value) == (met[-1], measure(np.ones(met[-1])))
        assert len(asked) == len(set(asked)) <= most, asked


def test_instructions_are_counted_and_reached(start: Candidate, data: FitData, counter: None) -> None:
    _, whole = Shrink(instructions=10**9, multiple=2, **QUICK)(start, data)
    _, facts = Shrink(instructions=int(0.98 * whole["instructions"]), multiple=2, **QUICK)(start, data)
    assert facts["instructions_before"] == whole["instructions"]
    assert facts["instructions"] <= 0.98 * whole["instructions"]


def test_without_an_emulator_instructions_are_refused_in_a_sentence(
    start: Candidate, data: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        InputError, match=r"^shrink.instructions: arm64 instructions can't be counted here: .*not found; apt"
    ):
        Shrink(instructions=10**6, **QUICK)(start, data)


def with_dead_channels(model: Any) -> Any:
    """What makes channels 2 and 5 of the eight coupled ones is zero."""
    copy = walk.clone(model)
    layout = Layout(find_coupling(copy))
    with_zeroed(layout, ~np.isin(np.arange(layout.coupling.count), layout.coupling.groups[0].units[[2, 5]]))
    return copy


@pytest.mark.parametrize("kind", ["taylor", "l1", "l2", "bn"])
def test_dead_channels_matter_least_by_every_importance(kind: str, start: Candidate, data: FitData) -> None:
    layout = Layout(find_coupling(with_dead_channels(start.model)))
    coupled_units, hidden = (group.units for group in layout.coupling.groups)
    found = measure_importances(kind, layout, data, 40)
    assert np.flatnonzero(found[coupled_units] == 0).tolist() == [2, 5]
    assert np.isnan(found[hidden]).all() == (kind == "bn")


def test_dead_channels_go_first(start: Candidate, data: FitData) -> None:
    model = with_dead_channels(start.model)
    small, facts = Shrink(remove_parameters=0.2, multiple=1, importance="bn", **QUICK)(Candidate(model), data)
    assert facts["channels"]["first"] == facts["channels"]["second"] == [8, 6]
    assert small.kept["first/kernel"][-1].tolist() == [0, 1, 3, 4, 6, 7]
    assert facts["left_whole"]["hidden"] == "no batch normalization scales its channels"


def test_importance_by_loss_is_the_slope_of_the_loss(start: Candidate, data: FitData) -> None:
    """Against the loss itself, with the rows that read a unit made smaller by a thousandth."""
    layout = Layout(find_coupling(start.model))
    found = measure_importances("taylor", layout, data, 40)
    picked = draw_stratified(data.fit.labels, 40, data.seed)
    images, labels = data.fit.read(picked).astype(np.float32) / 255, data.fit.labels[picked]

    def losses(model: Any) -> np.ndarray:
        kept: np.ndarray = -np.log(np.clip(model(images).numpy()[np.arange(40), labels].astype(np.float64), 1e-30, 1))
        return kept

    before = losses(start.model)
    for unit in range(0, layout.coupling.count, 5):
        model = walk.clone(start.model)
        for weight in layout.weights:
            axis = weight.axes.get(-2)
            if isinstance(weight.known, Kernel) and not weight.known.depthwise and axis is not None:
                kernel = walk.collect_kernels(model)[weight.path]
                rows = np.where(axis.units == unit, 0.98, 1.0)
                kernel.assign(kernel * rows[:, None])
        slope = np.abs(losses(model) - before).mean() / 0.02
        assert found[unit] == pytest.approx(slope, rel=0.1, abs=2e-4)


def test_orders_compare_shares_of_the_mean_or_ranks() -> None:
    net = keras.Sequential([L.Input((4,)), L.Dense(4, name="a"), L.Dense(3, name="b"), L.Dense(2)])
    groups = find_coupling(net).groups
    importance = np.array([400.0, 100, 300, 200, 1.1, 2, 0.2])
    by_share = find_removal_order(groups, importance, "global", 1, None)
    assert by_share.units.tolist() == [6, 1, 3, 4, 2, 0, 5]
    assert by_share.counts.tolist() == [[4, 3], [4, 2], [3, 2], [2, 2], [2, 1], [1, 1]]
    assert np.flatnonzero(by_share.keep(3)).tolist() == [0, 2, 4, 5]
    by_rank = find_removal_order(groups, importance, "layer", 1, None)
    assert by_rank.units.tolist() == [1, 6, 3, 4, 2, 5, 0]
    importance[4:] = np.nan
    assert find_removal_order(groups, importance, "global", 1, None).counts[-1].tolist() == [1, 3]


def test_the_layer_where_it_is_cheapest_loses_channels_first() -> None:
    net = keras.Sequential([L.Input((4,)), L.Dense(4, name="a"), L.Dense(4, name="b"), L.Dense(2)])
    groups = find_coupling(net).groups
    importance = np.arange(8.0)
    prices = np.array([[0.0, 0.0, 0.0, 0.5], [0.0, 0.1, 0.2, 0.3]])
    order = find_removal_order(groups, importance, "sensitivity", 1, None, prices)
    assert order.units.tolist() == [0, 1, 4, 5, 6, 7, 2, 3], (
        "beyond three quarters it costs as much as where it is steepest"
    )
    prices[0] = 0.0
    order = find_removal_order(groups, importance, "sensitivity", 1, None, prices)
    assert order.units.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    importance[4:] = np.nan
    order = find_removal_order(groups, importance, "sensitivity", 1, None, prices)
    assert order.units.tolist() == [0, 1, 2, 3]


def test_a_price_is_the_loss_that_removal_adds_for_what_it_saves(start: Candidate, data: FitData) -> None:
    """Against models without the channels, normalized anew; what is dead costs nothing."""
    layout = Layout(find_coupling(start.model))
    importance = measure_importances("l1", layout, data, 40)
    prices = measure_sensitivity(layout, importance, data).find_prices()
    read: Any = data.calibration.read(np.arange(len(data.calibration))) / 255
    images, labels = read.astype(np.float32), data.calibration.labels

    def loss(model: Any) -> float:
        normalized = walk.run(
            model,
            images,
            lambda call, args, kwargs: call.layer(
                *args, **{**kwargs, **({"training": True} if call.layer.name.startswith("norm") else {})}
            ),
        )
        shares = normalized.numpy()[np.arange(len(labels)), labels].astype(np.float64)
        return float(-np.log(np.clip(shares, 1e-30, 1)).mean())

    assert prices.shape == (2, 4)
    assert (np.diff(prices, axis=1) >= 0).all()
    whole = {**find_sizes(start.model), "parameters": count_bytes(start.model)}
    before = loss(walk.clone(start.model))
    for row, group in enumerate(layout.coupling.groups):
        order, found = group.units[np.argsort(importance[group.units])], [0.0]
        for share in (0.25, 0.5, 0.75):
            keep = np.ones(layout.coupling.count, bool)
            keep[order[: round(share * len(order))]] = False
            less = remove_units(layout, keep)
            sizes = {**find_sizes(less), "parameters": count_bytes(less)}
            saved = float(np.mean([1 - size / whole[name] for name, size in sizes.items()]))
            found.append(max(found[-1], (loss(less) - before) / saved))
        assert found[-1] > 0.05
        assert prices[row] == pytest.approx(found, rel=1e-3, abs=1e-3)
    dead = Layout(find_coupling(with_dead_channels(start.model)))
    prices = measure_sensitivity(dead, measure_importances("l1", dead, data, 40), data).find_prices()
    assert prices[0, :2] == pytest.approx(0, abs=1e-4)
    unknown = measure_sensitivity(layout, measure_importances("bn", layout, data, 40), data)
    assert (unknown.rises[1] == 0).all(), "the hidden layer has no normalization, and stays"


def test_what_binds_counts_more_where_that_costs_less() -> None:
    """Of a target of two things one is met long before the other: what saves the other goes, and what saves the one stays."""
    net = keras.Sequential([L.Input((64,)), L.Dense(32, name="a"), L.Dense(32, name="b"), L.Dense(2)])
    layout, importance = Layout(find_coupling(net)), np.arange(64.0)
    savings = np.zeros((2, 4, 2))
    savings[0, :, 1], savings[1, :, 0] = [0, 0.25, 0.5, 0.75], [0, 0.25, 0.5, 0.75]
    found = Sensitivity(np.array([[0, 0.3, 0.6, 0.9], [0, 0.2, 0.4, 0.6]]), savings)
    ranking = Ranking(layout, "sensitivity", importance, found)

    def left(of: str) -> Target:
        group = layout.coupling.groups["ab".index(of)]
        return Target("remove", 0.5, "share", lambda _, keep: float(keep[group.units].mean()))

    both = Chooser(ranking, left("a"), 1, None, None).choose(0.5, 1.0)
    alone = Chooser(ranking, replace(left("a"), setting="cycles", unit="cycles"), 1, None, None).choose(0.5, 1.0)
    assert (both.balance, alone.balance) == (0.0, 0.5), "of a target of one thing it is not asked"
    lost = [[1 - one.keep[group.units].mean() for group in layout.coupling.groups] for one in (both, alone)]
    assert lost[0] == [0.5, 0.0], "what saves the other thing stays"
    assert lost[1][1] > 0.5
    assert both.rise == pytest.approx(0.6)
    assert alone.rise > both.rise
    other = Chooser(ranking, left("b"), 1, None, None).choose(0.5, 1.0)
    assert (other.balance, other.value) == (0.5, 0.5), "what would save more is dearer"


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
    order = find_removal_order(find_coupling(net).groups, np.arange(20.0), "global", multiple, least)
    assert order.counts[:, 0].tolist() == wanted
    assert np.flatnonzero(order.keep(len(wanted) - 1)).tolist() == list(range(20 - wanted[-1], 20))


def pruned_and_clustered(candidate: Candidate) -> Candidate:
    """The same with 60 % of the two large kernels zero and eight values in the rest."""
    model = walk.clone(candidate.model)
    masks, clusters = {}, {}
    for path in ("second/kernel", "hidden/kernel"):
        kernel = walk.collect_kernels(model)[path]
        masks[path] = prune_smallest(kernel.numpy(), 0.6)
        clusters[path] = group_values(kernel.numpy(), 8, masks[path])
        means = [kernel.numpy()[clusters[path] == group].mean() for group in range(clusters[path].max() + 1)]
        kernel.assign(np.where(masks[path], np.array(means)[clusters[path]], 0))
    return Candidate(model, masks, clusters)


def test_masks_and_clusters_go_along_and_are_held(start: Candidate, data: FitData) -> None:
    clustered = pruned_and_clustered(start)
    check_masks(clustered, "test")
    stage = Shrink(remove_parameters=0.6, multiple=2, rounds=2, epochs_between=0.1, **QUICK)
    small, facts = stage(clustered, data)
    kernels = walk.collect_kernels(small.model)
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
    half = Target("remove_parameters", 0.75, "parameters", lambda *_: 0.0)
    assert half.goals(1600.0, 1600.0, 1) == [400.0]
    assert half.goals(1600.0, 1600.0, 2) == pytest.approx([800.0, 400.0])
    assert half.goals(1600.0, 900.0, 2) == pytest.approx([600.0, 400.0]), "some was gone before"
    slow = Target("latency_us", 50.0, "latency_us", lambda *_: 0.0)
    assert slow.goals(20.0, 20.0, 2) == [20.0, 50.0]


@pytest.mark.parametrize("rounds", [1, 3])
def test_targets_out_of_reach_say_what_was_reached(rounds: int, start: Candidate, data: FitData) -> None:
    """Before any training."""
    with pytest.raises(TargetError) as caught:
        Shrink(remove_parameters=0.99, multiple=4, rounds=rounds, **QUICK)(
            start, data, lambda *_: pytest.fail("it trains")
        )
    assert str(caught.value).startswith(
        "shrink.remove_parameters: 0.99 can't be reached: the fewest channels that multiple"
    )
    assert "give 675 parameters of 4,067, at most 40.67 were wanted; ask for less" in str(caught.value)
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


class Mixing(keras.layers.Layer):  # type: ignore[misc]
    """A layer of a user's own."""

    def call(self, x: Any) -> Any:
        return x[..., ::-1]


def edgedigits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[Any, str]:
    """(exit code, last line of standard error) of a call."""
    from edgedigits.cli.main import main

    monkeypatch.setattr(sys, "argv", ["edgedigits", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    return caught.value.code, said.err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("settings", "mixing", "code", "says"),
    [
        (
            "remove_parameters: 0.99",
            False,
            1,
            "edgedigits: shrink.remove_parameters: 0.99 can't be reached: the fewest",
        ),
        (
            "remove_parameters: 0.5",
            True,
            2,
            "edgedigits: shrink: mixing (Mixing) of net is a kind of layer whose channels",
        ),
        ("importance: taylor", False, 2, "stages[0].shrink: wanted exactly one target of remove, remove_parameters, "),
        (
            "remove_parameters: 0.5, importance: best",
            False,
            2,
            "shrink.importance: found 'best'; input should be 'taylor'",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence(
    settings: str, mixing: bool, code: int, says: str, shapes: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    image = keras.Input((12, 12, 1))
    x = L.Dense(16)(L.Flatten()(image))
    x = Mixing(name="mixing")(x) if mixing else x
    net = keras.Model(image, L.Dense(3, activation="softmax")(x), name="net")
    net.save(tmp_path / "net.keras")
    (tmp_path / "mine.yaml").write_text(f"stages:\n  - shrink: {{{settings}}}\nexport: int8\n")
    words = ["compress", "--recipe", tmp_path / "mine.yaml", "--model", tmp_path / "net.keras", "--data", shapes]
    words += ["--scale", "0..1", "--out", tmp_path / "out", *(["--custom", f"{__name__}:Mixing"] if mixing else [])]
    found, line = edgedigits(monkeypatch, capsys, *words)
    assert (found, says in line) == (code, True), line
    assert not list((tmp_path / "out").glob("*"))
