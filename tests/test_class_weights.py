"""Rare classes weigh more in training; where none is rare, nothing changes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import tf
from edgedigits.data.images import ArrayImages
from edgedigits.data.splits import FitData
from edgedigits.errors import InputError, RecipeError
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.recipe import STAGES, parse
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.distil.soft_labels import make_loss
from edgedigits.stages.finetune import Finetune
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.tasks.class_weights import (
    HEAVIEST,
    check_said_weights,
    compute_class_weights,
    compute_label_weights,
    make_weighted_mean,
    name_weights,
    to_facts,
)
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.kinds.multilabel import Multilabel
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


def test_balanced_weighs_what_auto_leaves_alone() -> None:
    labels = labels_of(100, 50)
    assert compute_class_weights("auto", labels) is None
    assert to_facts(compute_class_weights("balanced", labels)) == [0.75, 1.5]
    several = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], np.uint8)
    assert compute_label_weights("auto", several) is None
    found = compute_label_weights("balanced", several)
    assert found is not None
    assert found[1] > found[0]


def test_weights_by_name_are_read_as_people_write_them() -> None:
    assert check_said_weights("balanced", "--x") == "balanced"
    assert (
        check_said_weights("a b=2, c=1.5", "--x")
        == check_said_weights({"a b": 2, "c": 1.5}, "--x")
        == {"a b": 2, "c": 1.5}
    )
    for wrong in ("rare", "", "a=", "a=nan", "a=-1", "a=inf", {}, {"a": True}, {"a": "x"}, 3):
        with pytest.raises(InputError, match=r"^--x"):
            check_said_weights(wrong, "--x")
    weights = name_weights({"b": 3.0}, ["a", "b"], labels_of(3, 1))
    assert weights.tolist() == pytest.approx([1 / 1.5, 2])
    assert name_weights({"b": 3.0}, ["a", "b"], np.eye(2, dtype=np.uint8)).tolist() == [0.5, 1.5]
    with pytest.raises(InputError, match="the data has no class 'bb'; nearest: b; choose from a, b"):
        name_weights({"bb": 3.0}, ["a", "b"], labels_of(3, 1))


def test_what_keras_compiles_weighs_mixed_and_smoothed_targets_exactly() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
    weights, even = np.array([0.5, 2.0, 1.0], np.float32), np.ones(3, np.float32)
    own, other = np.eye(3, dtype=np.float32)[[0, 2]], np.eye(3, dtype=np.float32)[[1, 0]]
    mixed = 0.7 * own + 0.3 * other
    for task in (CLASSES, Multilabel()):
        plain = task.keras_loss(0.1)(mixed, shares)
        assert float(np.mean(task.keras_loss(0.1, even)(mixed, shares))) == pytest.approx(float(plain), rel=1e-5)
    found = np.asarray(CLASSES.keras_loss(0.1, weights)(mixed, shares))
    smooth = [0.9 * each + 0.1 / 3 for each in (own, other)]
    own_loss, other_loss = (-(each * np.log(shares)).sum(axis=1) for each in smooth)
    assert found == pytest.approx(0.7 * weights[[0, 2]] * own_loss + 0.3 * weights[[1, 0]] * other_loss, rel=1e-5)
    wanted = 0.9 * mixed + 0.05
    each = -(wanted * np.log(shares) + (1 - wanted) * np.log(1 - shares))
    assert np.asarray(Multilabel().keras_loss(0.1, weights)(mixed, shares)) == pytest.approx(
        (weights * each).mean(axis=1), rel=1e-4
    )
