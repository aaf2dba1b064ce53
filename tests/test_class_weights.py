"""Rare classes weigh more in training; where none is rare, nothing changes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import tf
from edgedigits.data.images import ArrayImages
from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.recipe import STAGES, parse
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.distil.soft_labels import make_loss
from edgedigits.stages.finetune import Finetune
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.tasks.class_weights import HEAVIEST, compute_class_weights, make_weighted_mean, to_facts
from edgedigits.tasks.kinds.classification import Classification
from tests.nets import classifier
from tests.prototypes import matched, noisy
from tests.test_stages import SETTINGS

CLASSES = Classification()


def labels_of(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts).astype(np.int32)


def test_classes_that_are_not_rare_weigh_nothing() -> None:
    assert compute_class_weights("auto", labels_of(100, 20)) is None, "one in five is not rarer than that"
    assert compute_class_weights("auto", labels_of(5, 0, 5)) is None
    assert compute_class_weights("none", labels_of(100, 1)) is None
    assert to_facts(None) == []


def test_rare_classes_weigh_as_much_as_the_others_and_the_mean_stays_one() -> None:
    labels = labels_of(900, 0, 100, 50)
    weights = compute_class_weights("auto", labels)
    assert weights is not None
    totals = np.bincount(labels, weights=weights[labels])
    assert totals[[0, 2, 3]] == pytest.approx([350] * 3)
    assert weights[labels].mean() == pytest.approx(1)
    assert (weights[1], weights.dtype) == (0, np.dtype(np.float32))
    assert to_facts(weights) == pytest.approx(weights.tolist(), abs=1e-6)


def test_no_image_weighs_so_much_that_training_follows_it_alone() -> None:
    labels = labels_of(10_000, 10_000, 1)
    weights = compute_class_weights("auto", labels)
    assert weights is not None
    assert weights.max() == HEAVIEST
    assert weights[labels].mean() == pytest.approx(1, rel=1e-5)


def test_the_mean_is_plain_without_weights_and_weighted_with_them() -> None:
    losses, labels = tf.constant([1.0, 2.0, 3.0]), tf.constant([0, 0, 1])
    assert float(make_weighted_mean(None)(losses, labels)) == 2
    assert float(make_weighted_mean(np.array([0.5, 2.0], np.float32))(losses, labels)) == 2.5
    assert (
        tf.function(make_weighted_mean(None)).get_concrete_function(losses, labels).graph.get_operations()[-2].type
        == "Mean"
    )


def test_distillation_weighs_both_halves_of_its_loss() -> None:
    logits, wanted = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32), np.array([[0.5, 0.0], [1.0, 0.0]], np.float32)
    labels, weights = np.array([0, 1], np.int32), np.array([0.25, 1.75], np.float32)

    def value(rows: slice, weigh: bool) -> float:
        given = np.zeros((len(labels[rows]), 2, 2, 1), np.uint8)
        found = make_loss(
            CLASSES,
            lambda *_, **__: tf.constant(logits[rows]),
            lambda pixels: pixels,
            "0..1",
            0.6,
            2.0,
            weights if weigh else None,
        )
        return float(found(given, labels[rows], wanted[rows]))

    each = [value(slice(at, at + 1), False) for at in (0, 1)]
    assert value(slice(None), True) == pytest.approx((0.25 * each[0] + 1.75 * each[1]) / 2, rel=1e-5)
    assert value(slice(None), False) == pytest.approx(sum(each) / 2, rel=1e-5)


def imbalanced(classes: int = 3, many: int = 150, few: int = 8) -> FitData:
    """The last class has only a few images to fit, and as many as any other to judge by."""
    images, others = noisy(classes, classes * many), noisy(classes, classes * 30, seed=1)
    rare = np.flatnonzero(images.labels == classes - 1)[few:]
    fit = images.subset(np.setdiff1d(np.arange(len(images)), rare))
    return FitData(fit, others, others, "0..1", 0)


def recall_of_the_rare(model: KerasModel, data: FitData) -> float:
    from edgedigits.tasks.scoring import compute_outputs

    answers = compute_outputs(model, data.validation, data.scale).argmax(axis=1)
    return float((answers[data.validation.labels == 2] == 2).mean())


def test_training_keeps_a_rare_class_that_it_would_forget_without() -> None:
    data = imbalanced()
    start = Candidate(matched(3, 0.02))
    quick: dict[str, Any] = {"epochs": 1.0, "min_steps": 120, "rate": 3e-3, "batch": 32}
    weighed, facts = Finetune(**quick)(start, data)
    plain, none = Finetune(class_weights="none", **quick)(start, data)
    assert facts["class_weights"][2] > 5 * facts["class_weights"][0] > 0
    assert none["class_weights"] == []
    assert recall_of_the_rare(weighed.model, data) > recall_of_the_rare(plain.model, data) + 0.2


def test_every_stage_that_trains_takes_and_records_it() -> None:
    data, net = imbalanced(many=60, few=6), classifier()
    quick: dict[str, Any] = {"epochs": 0.01, "min_steps": 2, "batch": 16}
    for stage in (Distil(**quick), Shrink(remove_parameters=0.3, multiple=2, images=40, **quick)):
        _, facts = stage(Candidate(net, original=net), data)
        assert len(facts["class_weights"]) == 3
    for name, kind in STAGES.items():
        if "epochs" not in {field.name for field in fields(kind)}:  # type: ignore[arg-type]
            continue
        taken: dict[str, Any] = {"class_weights": "none", **SETTINGS.get(name, {})}
        assert parse({"stages": [{name: taken}], "export": "int8"}, "test", "x").stages
        with pytest.raises(RecipeError, match="class_weights"):
            parse({"stages": [{name: {"class_weights": "balanced"}}], "export": "int8"}, "test", "x")


def test_balanced_data_trains_to_the_same_weights_whatever_the_setting() -> None:
    images = noisy(3, 90)
    data = FitData(ArrayImages(images.pixels, images.labels), images, images, "0..1", 0)
    one, other = (
        Finetune(min_steps=5, epochs=0.1, batch=16, class_weights=setting)(Candidate(classifier()), data)[0].model
        for setting in ("auto", "none")
    )
    assert all((a == b).all() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
