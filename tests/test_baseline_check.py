"""What a model's answers tell before anything is trained: chance, or another order of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from edgedigits.data.images import read_all
from edgedigits.errors import DataError, ModelError
from edgedigits.ground.facts import Progress, silent
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.advise import question
from edgedigits.pipeline.checks.judging import check_baseline
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import Recipe, parse
from edgedigits.stages.candidate import Candidate
from edgedigits.tasks.baseline_check import Findings, look
from edgedigits.tasks.kinds.classification import Classification
from tests.prototypes import matched, noisy


def answering(labels: np.ndarray, classes: int, right: float = 0.95, order: Sequence[int] | None = None) -> np.ndarray:
    """Logits of a model that is right so often, and names class i as its answer order[i]."""
    rng = np.random.default_rng(0)
    meant = np.where(rng.random(len(labels)) < right, labels, rng.integers(0, classes, len(labels)))
    chosen = np.asarray(order if order is not None else range(classes))[meant]
    logits: np.ndarray = np.eye(classes, dtype=np.float32)[chosen] * 3 + rng.random((len(labels), classes), np.float32)
    return logits


def looked(classes: int, per_class: int = 8, names: Sequence[str] | None = None, **model: Any) -> Findings:
    labels = np.repeat(np.arange(classes), per_class)
    return look(answering(labels, classes, **model), labels, names or [f"c{i}" for i in range(classes)], logits=True)


@pytest.mark.parametrize("classes", [2, 10, 200, 1000])
def test_a_good_model_and_a_hard_one_are_fine(classes: int) -> None:
    assert looked(classes) == Findings()
    assert looked(classes, per_class=max(4, min(30, 3000 // classes)), right=0.45) == Findings()


@pytest.mark.parametrize("classes", [2, 10, 200, 1000])
def test_chance_is_said(classes: int) -> None:
    found = looked(classes, per_class=10, right=0.0)
    assert found.near_chance
    assert found.wrong_order is None, "of many classes with few images some order always seems better"
    assert "answers at random would give" in found.warnings[0]
    labels = np.repeat([0, 1], [970, 30])
    constant = look(np.tile(np.array([[2.0, 1.0]], np.float32), (1000, 1)), labels, ["ok", "defect"], logits=True)
    assert (
        "answers 97.0 % of 1000 validation images right, where answers at random would give 97.0 %"
        in (constant.warnings[0])
    )
    assert "100 % of its answers are one class" in constant.warnings[0]


def test_three_images_all_right_are_not_chance() -> None:
    assert looked(3, per_class=1, right=1.0) == Findings()


@pytest.mark.parametrize("classes", [2, 12, 200])
def test_classes_in_another_order_are_a_certain_mistake(classes: int) -> None:
    names = [f"name {i}" for i in range(classes)]
    order = np.random.default_rng(1).permutation(classes) if classes > 2 else np.array([1, 0])
    found = looked(classes, per_class=30 if classes == 2 else 8, names=names, order=order.tolist())
    assert found.wrong_order is not None
    wanted = ",".join(names[int(np.flatnonzero(order == answer)[0])] for answer in range(classes))
    assert f"--classes '{wanted}'" in found.wrong_order


def test_an_order_that_is_only_likely_is_a_warning() -> None:
    """Two of forty classes have changed places: most is right as it is."""
    order = [*range(38), 39, 38]
    found = looked(40, per_class=10, order=order)
    assert found.wrong_order is None
    assert "2 of 40 classes elsewhere; if so, say --classes c0,c1," in found.warnings[0]
    assert found.warnings[0].endswith("c37,c39,c38")


def test_a_model_of_more_answers_names_the_pairs() -> None:
    labels = np.repeat(np.arange(3), 20)
    answers = np.eye(5, dtype=np.float32)[labels + 2] * 3
    found = look(answers, labels, ["a", "b", "c"], logits=True)
    assert found.wrong_order is not None
    assert found.wrong_order.endswith("its answer 2 is 'a', 3 is 'b', 4 is 'c'")


def test_answers_that_nothing_can_be_told_from_are_refused() -> None:
    labels = np.repeat(np.arange(3), 5)
    for answers, says in ((np.zeros((15, 3)), "prefers no class to another"), (np.full((15, 3), np.nan), "NaN")):
        with pytest.raises(ModelError, match=f"net: .*{says}"):
            check_baseline(Classification(), answers, labels, ["a", "b", "c"], True, "net", "data")


def test_classes_without_an_image_to_judge_by_are_said() -> None:
    labels = np.repeat([0, 1], 10)
    found = check_baseline(Classification(), answering(labels, 3), labels, ["a", "b", "rare"], True, "net", "data")
    assert "too few images of rare for one to judge by" in found.warnings[0]


@pytest.fixture(scope="module")
def misnamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six classes that sort otherwise than the answers of the model beside it go."""
    folder = tmp_path_factory.mktemp("misnamed")
    names = ("zebra", "ape", "mouse", "cat", "yak", "bee")  # as the model was trained
    images = noisy(len(names), 240)
    for number, (pixels, label) in enumerate(zip(read_all(images), images.labels, strict=True)):
        place = folder / "photos" / names[label]
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number}.png"), pixels)
    matched(len(names), 1.0).save(folder / "net.keras")
    return folder


@dataclass(frozen=True)
class Never:
    """A stage that must not run."""

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = ""
    in_words: ClassVar[str] = ""

    def __call__(self, candidate: Candidate, data: Any, progress: Progress = silent) -> Any:
        raise AssertionError("a stage ran")


def test_a_run_stops_before_its_first_stage_and_says_the_order(misnamed: Path, tmp_path: Path) -> None:
    wish = Wish(model=misnamed / "net.keras", data=str(misnamed / "photos"), scale="0..1")
    recipe = Recipe("never", "", (("never", Never()),), "int8", Int8())
    with pytest.raises(DataError, match=r"say --classes zebra,ape,mouse,cat,yak,bee$"):
        loop.run(prepare.prepare_job(recipe, wish, lambda _: None), tmp_path / "out", lambda _: None)
    assert not list((tmp_path / "out").iterdir())


def test_advice_on_named_data_says_it_too(misnamed: Path) -> None:
    recipe = parse({"export": "int8"}, "test", "plain")
    asked = question.Asked(model=misnamed / "net.keras", data=str(misnamed / "photos"), scale="0..1")
    (warning,) = question.ask_question(recipe, asked).warnings
    assert "--classes zebra,ape,mouse,cat,yak,bee" in warning
    unsaid = question.Asked(model=misnamed / "net.keras", data=str(misnamed / "photos"))
    assert question.ask_question(recipe, unsaid).warnings == (), "without a scale it would judge its own guess"


def test_a_model_near_chance_is_warned_of_before_the_first_stage(misnamed: Path, tmp_path: Path) -> None:
    """Its weights are those of other images."""
    stranger = matched(6, 1.0)
    stranger.set_weights([np.random.default_rng(0).normal(size=(144, 6)), np.zeros(6)])
    stranger.save(tmp_path / "stranger.keras")
    wish = Wish(model=tmp_path / "stranger.keras", data=str(misnamed / "photos"), scale="0..1")
    recipe, said = Recipe("never", "", (("never", Never()),), "int8", Int8()), list[str]()
    with pytest.raises(AssertionError, match="a stage ran"):
        loop.run(prepare.prepare_job(recipe, wish, said.append), tmp_path / "out", said.append)
    assert "warning: before compression the model answers" in said[-1]
