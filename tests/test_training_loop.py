"""The training loop: what is left to TensorFlow together changes nothing, and Python is run where it is due."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras, tf
from edgedigits.data.images import ArrayImages
from edgedigits.data.splits import FitData
from edgedigits.pipeline.recipe import list_shipped, load_recipe
from edgedigits.stages import training_loop
from edgedigits.stages.cluster import Cluster
from edgedigits.stages.finetune import Finetune
from edgedigits.stages.prune import Prune
from edgedigits.stages.qat import Qat
from edgedigits.stages.settings import count_stage_steps
from edgedigits.stages.training_loop import CURVE_POINTS, Descended, Descent, Pause, descend


def train(counts: list[int], pause: Pause | None = None) -> tuple[list[np.ndarray], float, list[float]]:
    """(weights, closing loss, what was told) after epochs of so many steps; the net draws dropout."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(2)])
    told: list[float] = []

    def loss(x: Any, y: Any) -> Any:
        logits = net(x, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))

    def epoch(number: int, steps: int) -> Any:
        random = np.random.default_rng(number)
        x = random.normal(size=(steps, 8, 4)).astype(np.float32)
        return tf.data.Dataset.from_tensor_slices((x, (x[..., 0] > 0).astype(np.int32)))

    how = Descent("test", sum(counts), 0.01, 3, pause)
    epochs = [epoch(number, steps) for number, steps in enumerate(counts)]
    went = descend(net, loss, epochs, how, lambda _, share: told.append(share))
    assert len(went.losses) == how.steps
    return net.get_weights(), went.closing, told


def test_a_curve_is_short_and_its_points_stand_for_all_steps() -> None:
    few = Descended([3.0, 2.0, 1.0]).as_facts()
    assert (few["loss_curve"], few["closing_loss"]) == ([3.0, 2.0, 1.0], 1.0)
    many = Descended(list(np.linspace(2, 0, 1001))).as_facts()["loss_curve"]
    assert len(many) == CURVE_POINTS
    assert many == sorted(many, reverse=True)
    assert np.mean(many) == pytest.approx(1.0, abs=1e-3)


def test_steps_together_go_where_steps_alone_go(monkeypatch: pytest.MonkeyPatch) -> None:
    together, closing, told = train([30, 30, 7])
    monkeypatch.setattr(training_loop, "AT_ONCE_S", 0.0)
    alone, closing_alone, told_alone = train([30, 30, 7])
    assert len(told) < len(told_alone) == 67 + 1
    assert told == sorted(told)
    assert told[-1] == 1
    assert closing == closing_alone
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("every", "counts", "wanted"),
    [
        (10, [30, 7], [0, 10, 20, 30, 36]),
        (50, [30, 7], [0, 36]),
        (1, [3, 2], [0, 1, 2, 3, 4]),
        (9, [19], [0, 9, 18]),
    ],
)
def test_python_is_run_before_every_so_many_steps_and_the_last(
    every: int, counts: list[int], wanted: list[int]
) -> None:
    ran: list[int] = []
    train(counts, Pause(every, ran.append))
    assert ran == wanted


@pytest.mark.parametrize("stage", [Prune, Qat, Finetune, Cluster])
def test_fewer_images_are_gone_through_more_often(stage: Any) -> None:
    """By the root of how many times fewer; what foretells the steps and what takes them agree."""
    few, enough = 800, 3200
    images = ArrayImages(np.zeros((few, 2, 2, 1), np.uint8), np.zeros(few, np.int64))
    data = FitData(fit=images, validation=images, calibration=images, scale="0..1", seed=0)
    as_said = training_loop.Plan.of(stage(epochs=8, min_steps=1, batch=8)).steps(data)
    longer = stage(epochs=8, min_steps=1, batch=8, enough_images=enough)
    assert as_said == 800
    assert training_loop.Plan.of(longer).steps(data) == count_stage_steps(longer, few) == 2 * as_said
    assert count_stage_steps(longer, 2 * enough) == 8 * 2 * enough // 8


def test_shipped_recipes_that_prune_or_round_train_longer_on_few() -> None:
    """Where an epoch is few steps, what was pruned is not won back in the epochs that suffice elsewhere."""
    shipped = [recipe for recipe in map(load_recipe, list_shipped()) if not recipe.images]
    trained = [stage for recipe in shipped for _, stage in recipe.stages if isinstance(stage, Prune | Qat | Cluster)]
    assert len(trained) > 5
    for stage in trained:
        many, few = count_stage_steps(stage, 50_000), count_stage_steps(stage, 12_500)
        assert few == stage.min_steps or few == pytest.approx(many / 2, rel=0.02), stage
