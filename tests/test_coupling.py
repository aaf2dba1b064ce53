"""Which channels go together, and that a model without them answers as before when they were zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgedigits import graph
from edgedigits.coupling import coupled
from edgedigits.narrowed_size import multiply_adds, parameters, sizes_of
from edgedigits.narrowing import Layout, narrowed
from edgedigits.zoo import ZOO
from tests.graphs import random_graph, with_random_weights, with_zeroed


def some_kept(layout: Layout, rng: np.random.Generator, share: float) -> np.ndarray:
    """bool [units]: about `share` of each group go, never all."""
    keep = rng.random(layout.coupling.count) >= share
    for group in layout.coupling.groups:
        keep[group.units[rng.integers(len(group.units))]] = True
    return keep


def check_removal_of_zeros(model: Any, rng: np.random.Generator, share: float = 0.5) -> None:
    layout = Layout(coupled(model))
    keep = some_kept(layout, rng, share)
    with_zeroed(layout, keep)
    small = narrowed(layout, keep)
    images = rng.random((3, *model.input_shape[1:])).astype(np.float32)
    wanted, found = model(images).numpy(), small(images).numpy()
    assert np.abs(found - wanted).max() < 1e-5
    assert parameters(layout, keep) == small.count_params()
    assert multiply_adds(layout, keep) == sizes_of(small)["multiply_adds"]
    assert list(graph.kernels(small)) == list(graph.kernels(model))
    assert (~keep).any() == (small.count_params() < model.count_params())


@given(data=st.data(), seed=st.integers(0, 99), share=st.sampled_from([0.3, 0.8]))
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_zero_channels_can_go_from_random_graphs(data: st.DataObject, seed: int, share: float) -> None:
    check_removal_of_zeros(random_graph(data.draw), np.random.default_rng(seed), share)


@pytest.mark.parametrize("name", ["cnn", "lenet5", "mlp", "mobilenet_v2", "nano"])
def test_zero_channels_can_go_from_every_zoo_model(name: str, tmp_path: Path) -> None:
    from edgedigits.keras_models import load

    side = 32 if name == "mobilenet_v2" else 28
    ZOO[name]((side, side, 1), 10).save(tmp_path / "net.keras")
    model = load(tmp_path / "net.keras").model
    check_removal_of_zeros(with_random_weights(model, 1) if name != "mobilenet_v2" else model, np.random.default_rng(1))
