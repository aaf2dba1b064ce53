"""The device half of a task: decoding, what is right, scores, checks, JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from edgedigits_runner.f1 import f1_of
from edgedigits_runner.tasks import CLASSIFICATION, Multilabel, from_json, multilabel
from sklearn.metrics import f1_score

OUTPUTS = np.array([[0.9, 0.2, 0.5], [0.4, 0.6, 0.1], [0.51, 0.7, 0.2], [0.1, 0.1, 0.1]], np.float32)
LABELS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]], np.uint8)
THREE = multilabel(["red", "round", "ripe"])


def test_a_class_is_the_greatest_output_and_of_equal_ones_the_first() -> None:
    outputs = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.0, 0.1, 0.9]])
    found = CLASSIFICATION.decode(outputs)
    assert found.dtype == np.int64
    assert found.tolist() == [1, 0, 2]
    assert CLASSIFICATION.right(found, np.array([1, 1, 2])).tolist() == [True, False, True]
    assert CLASSIFICATION.scores(outputs, np.array([1, 1, 2])) == {"accuracy": pytest.approx(2 / 3)}


def test_labels_are_those_above_their_own_threshold() -> None:
    assert THREE.decode(OUTPUTS).tolist() == [
        [True, False, False],
        [False, True, False],
        [True, True, False],
        [False] * 3,
    ]
    strict = Multilabel(THREE.labels, (0.95, 0.65, 0.05))
    assert strict.decode(OUTPUTS).astype(int).tolist() == [[0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 1]]


def test_logits_go_through_a_sigmoid_before_they_meet_a_threshold() -> None:
    logits = np.array([[-0.01, 0.01, 3.0], [-1e9, 1e9, 0.0]])
    task = Multilabel(THREE.labels, (0.5, 0.5, 0.99), logits=True)
    assert task.decode(logits).tolist() == [[False, True, False], [False, True, False]]
    assert task.probabilities(np.array([[0.0, np.log(3), 0]]))[0] == pytest.approx([0.5, 0.75, 0.5])


def test_an_image_is_right_only_with_all_its_labels() -> None:
    assert THREE.right(THREE.decode(OUTPUTS), LABELS).tolist() == [True, False, True, True]


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    outputs, labels = random.random((200, 5)), (random.random((200, 5)) < 0.3).astype(np.uint8)
    task = multilabel("abcde")
    found = task.decode(outputs)
    assert task.scores(outputs, labels) == {
        "accuracy": pytest.approx((found == labels).all(axis=1).mean()),
        "f1_macro": pytest.approx(f1_score(labels, found, average="macro")),
        "f1_micro": pytest.approx(f1_score(labels, found, average="micro")),
    }


def test_a_label_that_no_image_has_does_not_count_in_macro_but_its_false_alarms_do_in_micro() -> None:
    labels = np.array([[1, 0], [0, 0], [1, 0]], np.uint8)
    outputs = np.array([[0.9, 0.9], [0.1, 0.1], [0.9, 0.1]])
    scores = multilabel(["seen", "never"]).scores(outputs, labels)
    assert scores["f1_macro"] == 1.0
    assert scores["f1_micro"] == pytest.approx(4 / 5)


@pytest.mark.parametrize(("output", "f1"), [(0.1, 1.0), (0.9, 0.0)])
def test_where_no_image_has_any_label_silence_is_all_right_and_all_else_is_wrong(output: float, f1: float) -> None:
    scores = multilabel(["a"]).scores(np.full((4, 1), output), np.zeros((4, 1), np.uint8))
    assert (scores["f1_macro"], scores["f1_micro"]) == (f1, f1)


def test_f1_is_counted_for_many_drawings_at_once() -> None:
    hits, alarms, misses = np.array([[3, 0], [1, 1]]), np.array([[1, 1], [0, 0]]), np.array([[0, 0], [1, 3]])
    macro, micro = f1_of(hits, alarms, misses)
    assert macro.tolist() == pytest.approx([6 / 7, (2 / 3 + 2 / 5) / 2])
    assert micro.tolist() == pytest.approx([6 / 8, 4 / 8])


@pytest.mark.parametrize("task", [CLASSIFICATION, THREE, Multilabel(("a",), (0.25,), logits=True)])
def test_a_task_survives_json(task: object) -> None:
    assert from_json(json.loads(json.dumps(task.as_json()))) == task  # type: ignore[attr-defined]


def test_what_the_manifest_says() -> None:
    assert CLASSIFICATION.as_json() == {"name": "classification"}
    assert THREE.as_json() == {
        "name": "multilabel",
        "labels": ["red", "round", "ripe"],
        "thresholds": [0.5, 0.5, 0.5],
    }


def test_a_file_that_names_no_task_is_classification() -> None:
    assert from_json(None) is CLASSIFICATION


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("multilabel", "give an object whose name is one of classification, multilabel"),
        ({"name": "detection"}, "found 'detection'"),
        ({"name": ["multilabel"]}, "found \\['multilabel'\\]"),
        ({"name": "x" * 10_000}, "x\\.\\.\\.; give"),
        ({"name": "multilabel"}, "labels: found None"),
        ({"name": "multilabel", "labels": [], "thresholds": []}, "labels: found \\[\\]"),
        ({"name": "multilabel", "labels": ["a", 1], "thresholds": [0.5, 0.5]}, "labels: found"),
        ({"name": "multilabel", "labels": ["a"], "thresholds": [0.5, 0.5]}, "give 1 numbers from 0 to 1"),
        ({"name": "multilabel", "labels": ["a"], "thresholds": [float("nan")]}, "thresholds: found \\[nan\\]"),
        ({"name": "multilabel", "labels": ["a"], "thresholds": [True]}, "thresholds"),
        ({"name": "multilabel", "labels": ["a"], "thresholds": [10**400]}, "thresholds"),
        ({"name": "multilabel", "labels": ["a"], "thresholds": [0.5], "logits": 1}, "logits: found 1"),
    ],
)
def test_what_is_no_task_is_told_in_a_sentence(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json(value)


@pytest.mark.parametrize(
    ("task", "labels", "outputs", "said"),
    [
        (CLASSIFICATION, np.array([0, 3]), 3, "label 3 is among the labels, and the model answers 3 classes"),
        (CLASSIFICATION, np.array([0, -1]), 3, "label -1"),
        (CLASSIFICATION, np.array([0.0, 1.0]), 3, "one whole number per image"),
        (CLASSIFICATION, LABELS, 3, "one whole number per image"),
        (CLASSIFICATION, np.array([0, 1]), 1, "can't tell classes apart"),
        (THREE, np.array([0, 1]), 3, r"whole numbers \[n, 3\]"),
        (THREE, LABELS[:, :2], 3, r"whole numbers \[n, 3\]"),
        (THREE, LABELS[:, :2], 2, "2 outputs stand for 3 labels"),
        (THREE, LABELS * 2, 3, "2 is among the labels"),
    ],
)
def test_labels_that_do_not_fit_are_told_in_a_sentence(
    task: object, labels: np.ndarray, outputs: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        task.check_labels(labels, outputs)  # type: ignore[attr-defined]


def test_labels_that_fit_are_taken() -> None:
    CLASSIFICATION.check_labels(np.array([0, 2], np.uint8), 3)
    THREE.check_labels(LABELS, 3)
    THREE.check_labels(LABELS.astype(bool), 3)
