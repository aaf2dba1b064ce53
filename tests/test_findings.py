"""What is found of two forms' answers: right against counting by hand, for one class per image, labels, two classes and many."""

from __future__ import annotations

import base64
import json
from typing import Any

import cv2
import numpy as np
import pytest

from edgedigits.api.render.page.blocks import find
from edgedigits.api.report.sections.calibration import show_calibration
from edgedigits.api.report.sections.classes import show_classes
from edgedigits.api.report.sections.flips import show_flips
from edgedigits.api.report.sections.source import Source
from edgedigits.data.images import ArrayImages
from edgedigits.measure.findings.accuracy import describe_accuracy
from edgedigits.measure.findings.answers import Both, Form, _as_two_classes
from edgedigits.measure.findings.calibration import describe_calibration
from edgedigits.measure.findings.class_scores import MOST_DENSE, describe_classes
from edgedigits.measure.findings.flips import MOST_SHOWN, describe_flips


def form(shares: np.ndarray, labels: np.ndarray) -> Form:
    if labels.ndim == 2:
        found = shares > 0.5
        return Form(shares, found, (found == labels.astype(bool)).all(axis=1))
    found = shares.argmax(axis=1)
    return Form(shares, found, found == labels)


def both(classes: int, images: int, several: bool = False, seed: int = 3, channels: int = 1) -> Both:
    """Two forms that mostly agree, the first mostly right."""
    random = np.random.default_rng(seed)
    labels: Any = (
        random.integers(0, 2, (images, classes)).astype(np.uint8) if several else random.integers(0, classes, images)
    )
    hints = labels if several else np.eye(classes)[labels]
    first, second = (hints * 0.55 + random.random((images, classes)) for _ in range(2))
    shares = [np.clip(one - 0.3, 0, 1) if several else one / one.sum(axis=1, keepdims=True) for one in (first, second)]
    pixels = random.integers(0, 256, (images, 150, 100, channels)).astype(np.uint8)
    names = tuple(f"c{at}" for at in range(classes))
    kept = ArrayImages(pixels, labels if several else labels.astype(np.int32))
    return Both(names, kept, kept.labels, *(form(one, labels) for one in shares))


def test_classes_are_counted_as_by_hand() -> None:
    one = both(5, 400)
    found = describe_classes(one)
    table = np.zeros((5, 5), int)
    for label, answer in zip(one.labels, one.after.found, strict=True):
        table[label, answer] += 1
    assert found["confusion"]["compressed"] == table.tolist()
    row = found["per_class"][2]["compressed"]
    assert row["precision"] == pytest.approx(table[2, 2] / table[:, 2].sum())
    assert row["recall"] == pytest.approx(table[2, 2] / table[2].sum())
    assert row["f1"] == pytest.approx(2 * table[2, 2] / (table[:, 2].sum() + table[2].sum()))
    own, others = (one.after.shares[one.labels == 2, 2], one.after.shares[one.labels != 2, 2])
    above = (own[:, None] > others[None]).mean() + (own[:, None] == others[None]).mean() / 2
    assert row["auc"] == pytest.approx(above)
    wrong = table - np.diag(np.diag(table))
    assert found["pairs"][0]["compressed"] == wrong.max()
    assert found["pairs"] == sorted(found["pairs"], key=lambda pair: (-pair["compressed"], -pair["float"]))


def test_calibration_is_that_of_its_definition() -> None:
    one = both(4, 1000)
    found = describe_calibration(one)["compressed"]
    sure = one.after.shares.max(axis=1)
    place = np.minimum((sure * 15).astype(int), 14)
    gaps = [
        abs(sure[place == at].mean() - one.after.right[place == at].mean()) * (place == at).sum() for at in set(place)
    ]
    assert found["ece"] == pytest.approx(sum(gaps) / 1000)
    assert sum(row["cases"] for row in found["curve"]) == 1000


def test_flips_show_lost_ones_first_and_small() -> None:
    one = both(3, 600, channels=3)
    found = describe_flips(one)
    kinds = [flip["kind"] for flip in found["shown"]]
    assert (
        found["images"]
        == one.changed.sum()
        == describe_accuracy(one)["flips"]
        == found["lost"] + found["won"] + found["other"]
    )
    assert len(kinds) == min(MOST_SHOWN, found["images"])
    assert kinds == sorted(kinds, key=("lost", "won", "other").index)
    first = found["shown"][0]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(first["png"]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert image.shape == (96, 64, 3)
    at = first["index"]
    assert first["float"][0] == {"class": f"c{one.before.found[at]}", "share": one.before.shares[at].max()}
    assert first["compressed"][0]["class"] == f"c{one.after.found[at]}"


def test_labels_are_missed_or_seen_wrongly() -> None:
    one = both(4, 300, several=True)
    found = describe_classes(one)
    has, answers = one.labels.astype(bool), one.after.found
    assert [row["compressed"]["missed"] for row in found["labels"]] == (has & ~answers).sum(axis=0).tolist()
    assert [row["compressed"]["seen_wrongly"] for row in found["labels"]] == (~has & answers).sum(axis=0).tolist()
    assert "confusion" not in found
    assert describe_calibration(one)["float"]["cases"] == 1200
    flip = describe_flips(one)["shown"][0]
    changed = {one.classes[at] for at in np.flatnonzero(one.before.found[flip["index"]] != answers[flip["index"]])}
    assert flip["float"][0]["class"] in changed


def test_one_label_is_two_classes() -> None:
    shares = np.array([[0.9], [0.2]])
    found = _as_two_classes(Form(shares, shares > 0.5, np.array([True, False])))
    assert found.shares.tolist() == pytest.approx(np.array([[0.1, 0.9], [0.8, 0.2]]))
    assert found.found.tolist() == [1, 0]


def test_a_class_without_images_has_no_scores() -> None:
    one = both(3, 60)
    left = one.labels != 1
    kept = ArrayImages(one.images.read(np.flatnonzero(left)), one.labels[left])
    forms = [Form(each.shares[left], each.found[left], each.right[left]) for each in (one.before, one.after)]
    found = describe_classes(Both(one.classes, kept, kept.labels, *forms))
    row = found["per_class"][1]["float"]
    assert (row["recall"], row["f1"], row["auc"]) == (None, None, None)
    json.dumps(found, allow_nan=False)


def test_a_thousand_classes_stay_readable() -> None:
    """Cells instead of a table of a million, a drawing without numbers, and rows that are folded away."""
    one = both(1000, 1500)
    assert len(one.classes) > MOST_DENSE
    found = describe_classes(one)
    assert len(found["confusion_cells"]) <= 2 * 1500
    assert sum(cell[3] for cell in found["confusion_cells"]) == 1500
    document = {
        "confidence": 0.95,
        "artifacts": [
            {
                "classes": found,
                "accuracy": describe_accuracy(one),
                "calibration": describe_calibration(one),
                "flips": describe_flips(one),
            }
        ],
    }
    assert len(json.dumps(document)) < 1e6
    source = Source(document, "/artifacts/0")
    for show in (show_classes, show_calibration, show_flips):
        assert show(source).blocks
    heat = show_classes(source).blocks[0].blocks[0].draw()  # type: ignore[union-attr]
    assert len(heat) < 3e5
    assert "<image" in heat
    assert find(document, "/artifacts/0/classes/names/999") == "c999"
