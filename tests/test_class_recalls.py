"""What is said of single classes: recalls, the worst of them, and when a loss is more than chance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from edgedigits.errors import ClassLostError
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.models.graph import walk
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.checks.judging import check_classes, compute_outputs_of_bytes
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.model_card import write_artifact_card
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import Recipe
from edgedigits.stages.candidate import Candidate
from edgedigits.tasks.class_recalls import ClassChanges, compute_excess_p, count_by_class, to_record
from edgedigits.tasks.differences import find_worst_class, tell_classes
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.statistics import chance_p, holm, mcnemar_p
from tests.prototypes import matched, noisy


def changes(*rows: tuple[int, int, int, int]) -> ClassChanges:
    """One class for each (images, right before, of those wrong after, right only after)."""
    labels = np.repeat(np.arange(len(rows)), [row[0] for row in rows])
    before, after = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for label, (images, right, lost, gained) in enumerate(rows):
        start = int(np.flatnonzero(labels == label)[0])
        before[start : start + right] = True
        after[start + lost : start + right + gained] = True
        assert right + gained <= images
    return count_by_class(labels, before, after)


def test_the_p_value_is_the_share_of_all_draws() -> None:
    """Counted by hand over every way to choose the class's images."""
    signs = [1, 1, 1, -1, 0, 0, 0, 0, 0]
    for images, least in ((3, 2), (4, 1), (4, 3)):
        draws = [sum(signs[at] for at in chosen) >= least for chosen in combinations(range(9), images)]
        assert compute_excess_p(images, least, 0, 9, 3, 1) == pytest.approx(np.mean(draws))
    assert compute_excess_p(4, 2, 2, 9, 3, 1) == 1
    assert compute_excess_p(40, 40, 0, 1000, 40, 0) == pytest.approx(1 / comb(1000, 40), rel=1e-6)


def test_holm_corrects_for_how_many_there_are() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.9]) == [1, 1]


def test_chance_is_the_binomial_tail() -> None:
    assert chance_p(3, 4, 0.5) == pytest.approx(5 / 16)
    assert chance_p(0, 4, 0.5) == 1
    assert chance_p(1, 4, 0.0) == 0
    assert chance_p(500, 1000, 0.5) == pytest.approx(0.5126, abs=1e-3)


def test_the_loss_of_a_rare_class_is_seen_where_accuracy_rises() -> None:
    found = changes((970, 900, 0, 50), (30, 30, 30, 0))
    assert [one.label for one in found.worse_than_the_rest] == [1]
    assert [one.label for one in found.lost] == [1]
    assert found.worst is not None
    assert (found.worst.label, found.worst.loss) == (1, 1.0)
    said = tell_classes(found, ["ok", "defect"], "the test images")
    assert said == (
        "one class loses significantly more than the rest of the test images: "
        "class defect, of whose 30 images 30 were found before, 0 now"
    )
    assert find_worst_class(found, ["ok", "defect"]) == ("100.00 %", "0.00 %", "-100.00 points: defect")


def test_four_of_four_are_enough_and_two_of_two_are_not() -> None:
    assert [one.label for one in changes((128, 120, 0, 2), (4, 4, 4, 0)).lost] == [1]
    assert changes((128, 120, 0, 2), (2, 2, 2, 0)).lost == ()


@pytest.mark.parametrize("classes", [2, 10, 200, 1000])
def test_equal_losses_of_all_classes_are_no_loss_of_one(classes: int) -> None:
    found = changes(*[(20, 18, 2, 1)] * classes)
    assert found.worse_than_the_rest == ()
    assert found.lost == ()
    assert tell_classes(found, [], "the images") is None


def test_chance_among_many_classes_is_not_cried_out() -> None:
    """Of 1,000 classes with ten images each some lose three by chance alone; one that loses nine does not."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(1000), 10)
    before = rng.random(10_000) < 0.7
    after = before ^ (rng.random(10_000) < 0.06)
    assert count_by_class(labels, before, after).worse_than_the_rest == ()
    before[:10], after[:10] = True, False
    after[0] = True
    assert [one.label for one in count_by_class(labels, before, after).worse_than_the_rest] == [0]


def test_a_model_that_falls_into_one_answer_has_lost_the_others() -> None:
    """No class loses more than the rest of them, yet each is gone."""
    found = changes((40, 36, 0, 4), *[(40, 36, 36, 0)] * 9)
    assert {one.label for one in found.lost} == set(range(1, 10))


def test_no_class_loses_where_none_does() -> None:
    assert find_worst_class(changes((10, 5, 0, 1), (10, 9, 0, 0)), []) == ("", "", "no class loses")
    assert find_worst_class(changes((10, 5, 3, 0)), []) is None


def test_the_record_has_every_class_and_is_json() -> None:
    record = to_record(changes((10, 10, 0, 0), (4, 4, 1, 0)), ["a", "b"])
    assert json.loads(json.dumps(record)) == record
    assert [(row["class"], row["images"], row["float_recall"], row["compressed_recall"]) for row in record] == [
        ("a", 10, 1.0, 1.0),
        ("b", 4, 1.0, 0.75),
    ]


@pytest.fixture(scope="module")
def one_class_gone() -> bytes:
    """Float bytes of the four prototypes whose last class is never answered."""
    net = matched(4, 1.0)
    weights, bias = net.get_weights()
    bias[3] = -1e3
    net.set_weights([weights, bias])
    return Float32()(net, noisy(4, 10), "0..1")


def test_a_class_that_is_lost_fails_the_run_unless_the_model_never_knew_it(one_class_gone: bytes) -> None:
    images, names = noisy(4, 80), ["a", "b", "c", "rare"]
    task, knew = Classification(), images.labels
    never = np.where(knew == 3, 0, knew)
    after = task.half(names, False).decode(compute_outputs_of_bytes(one_class_gone, images, "0..1"))
    with pytest.raises(ClassLostError, match="class rare, of whose 20 images 20 were found before, 0 now") as caught:
        check_classes(task, images.labels, knew, after, names, may_lose=False)
    assert caught.value.exit_code == 1
    assert [row["compressed_recall"] for row in check_classes(task, images.labels, never, after, names, False)] == [
        1,
        1,
        1,
        0,
    ]
    check_classes(task, images.labels, knew, after, names, may_lose=True)


@dataclass(frozen=True)
class Forget:
    """A stage after which the last class is never answered."""

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = ""
    in_words: ClassVar[str] = ""

    def __call__(self, candidate: Candidate, data: Any, progress: Progress = silent) -> tuple[Candidate, Facts]:
        net = walk.clone(candidate.model)
        weights, bias = net.get_weights()
        bias[-1] = -1e3
        net.set_weights([weights, bias])
        return Candidate(net), {}


def test_a_run_whose_stages_lose_a_class_writes_nothing(tmp_path: Path) -> None:
    """The bytes are right, accuracy falls by 4 points: only the recall of the rare class tells."""
    images = noisy(3, 900)
    rare = np.flatnonzero(images.labels == 2)[40:]
    train, test = images.subset(np.setdiff1d(np.arange(900), rare)), noisy(3, 60, seed=1)
    np.savez(tmp_path / "d.npz", x_train=train.pixels, y_train=train.labels, x_test=test.pixels, y_test=test.labels)
    matched(3, 1.0).save(tmp_path / "net.keras")
    wish = Wish(model=tmp_path / "net.keras", data=str(tmp_path / "d.npz"), scale="0..1")
    job = prepare.prepare_job(Recipe("r", "", (("forget", Forget()),), "float32", Float32()), wish, lambda _: None)
    with pytest.raises(ClassLostError, match="class 2, of whose 4 images 4 were found before, 0 now"):
        loop.run(job, tmp_path / "out", lambda _: None)
    assert not list(tmp_path.glob("out/*"))
    lost = loop.validate(job, lambda _: None, short=True).exported.facts["validation_classes"][2]
    assert (lost["float_recall"], lost["compressed_recall"]) == (1.0, 0.0), "a short look at a training goes on"


def card(test: dict[str, Any]) -> str:
    size = {"export": "int8", "size_bytes": 1, "gzip_bytes": 1}
    return write_artifact_card(
        {
            "model": {"name": "net"},
            "recipe": {"name": "r", "for": "x"},
            "export": size,
            "float": size,
            "data": {"name": "d"},
            "input": {"shape": [8, 8, 1], "scale": "0..1"},
            "seed": 0,
            "stages": [],
            "warnings": [],
            "test": test,
        }
    )


def test_the_card_says_the_worst_loss_and_whether_the_change_is_significant(tmp_path: Path) -> None:
    found = changes((970, 900, 0, 50), (30, 30, 30, 0))
    classes = to_record(found, ["ok", "de|fect"])
    test = {
        "images": 1000,
        "float_accuracy": 0.93,
        "accuracy": 0.95,
        "only_float_right": 30,
        "only_compressed_right": 50,
    }
    text = card({**test, "mcnemar_p": mcnemar_p(30, 50), "classes": classes})
    assert r"| recall of class de\|fect, which loses most (30 images) | 100.00 % | 0.00 % |" in text
    assert "| 95 % interval | 91.25 to 94.42 | 93.47 to 96.19 |" in text
    assert "The difference of +2.00 points is significant: 900 images both got right, 30 only float" in text
    same = {**test, "accuracy": 0.93, "only_compressed_right": 30, "classes": classes[:1]}
    assert "The difference of +0.00 points is not significant" in card(same)
    assert "loses most" not in card(same)
