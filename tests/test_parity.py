"""Whether exported bytes answer as the model does: good exports pass and broken ones fail, whatever the number of classes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.data.images import Pixels, read_all
from edgedigits.errors import ParityError
from edgedigits.pipeline import loop, prepare, recipe
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import parse
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.parity import check_parity, compute_losses, compute_margins
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tflite.interpreter import TfliteModel
from tests.examples import example
from tests.prototypes import matched, noisy

TASK = Classification()
CLASSES = [2, 10, 200, 1000]
SURE, HARDLY = 1.0, 0.05
EXPORTS: dict[str, Any] = {
    name: example(f"export {name!r}", "this table", kind) for name, kind in recipe.EXPORTS.items()
}


@functools.cache
def images(classes: int) -> Any:
    return noisy(classes, 300)


def exported(net: Any, classes: int, name: str = "int8") -> tuple[bytes, np.ndarray, Pixels]:
    """(the bytes, what the model answers, the pixels of the images)"""
    flat = EXPORTS[name](net, noisy(classes, 100, seed=1), "0..1")
    return flat, compute_outputs(net, images(classes), "0..1"), read_all(images(classes))


def accuracy(flat: bytes, classes: int) -> float:
    answers = TfliteModel(flat).outputs(read_all(images(classes)), "0..1")
    return float((answers.argmax(axis=1) == images(classes).labels).mean())


@pytest.mark.parametrize("classes", CLASSES)
def test_of_sure_models_a_good_export_passes_and_other_answers_fail(classes: int) -> None:
    flat, answers, pixels = exported(matched(classes, SURE), classes)
    facts = check_parity(TASK, flat, Int8.limits, answers, False, pixels, "0..1")
    assert facts["images"] == 300
    assert facts["lost"]["answers"] < 0.005
    assert accuracy(flat, classes) > 0.98
    for broken in (np.roll(answers, 1, axis=1), answers[::-1]):
        with pytest.raises(ParityError, match=r"of its (answers|information|ranks), at most"):
            check_parity(TASK, flat, Int8.limits, broken, False, pixels, "0..1")
    with pytest.raises(ParityError, match="do not answer as the Keras model does"):
        check_parity(TASK, flat, Int8.limits, answers, False, 255 - pixels, "0..1")


@pytest.mark.parametrize("classes", CLASSES)
def test_of_hardly_sure_models_a_good_export_passes_and_a_ruined_one_fails(classes: int) -> None:
    """No answer is sure, so that limits on probabilities would pass whatever the bytes say."""
    flat, answers, pixels = exported(matched(classes, HARDLY, softmax=False), classes)
    assert check_parity(TASK, flat, Int8.limits, answers, True, pixels, "0..1")["lost"]["answers"] < 0.005
    flat, answers, pixels = exported(matched(classes, HARDLY, softmax=False, huge=400.0), classes)
    before = float((answers.argmax(axis=1) == images(classes).labels).mean())
    assert before > 0.85
    assert accuracy(flat, classes) < before - 0.1, "the export is not as bad as this test needs it"
    with pytest.raises(ParityError, match=r"do not answer as the Keras model does.*the recipe qat_int8 trains it in"):
        check_parity(TASK, flat, Int8.limits, answers, True, pixels, "0..1")


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_is_held_to_limits_of_its_own(name: str) -> None:
    flat, answers, pixels = exported(matched(10, HARDLY), 10, name)
    assert check_parity(TASK, flat, EXPORTS[name].limits, answers, False, pixels, "0..1")["most"] == vars(
        EXPORTS[name].limits
    )
    with pytest.raises(ParityError) as caught:
        check_parity(TASK, flat, EXPORTS[name].limits, np.roll(answers, 1, axis=1), False, pixels, "0..1")
    assert ("where rounding takes so much" in str(caught.value)) == EXPORTS[name].rounds


def test_int8_answers_too_coarse_for_the_probabilities_are_said_to_be() -> None:
    """Of 1,000 classes the first has 0.1 %, and a step of an int8 softmax is 0.4 %."""
    flat, answers, pixels = exported(matched(1000, HARDLY), 1000)
    assert accuracy(flat, 1000) < 0.1
    with pytest.raises(ParityError, match="too coarse for probabilities as small as this model's: end it in logits"):
        check_parity(TASK, flat, Int8.limits, answers, False, pixels, "0..1")


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("heat", [0.05, 1.0, 8.0])
def test_the_measures_mean_the_same_for_any_number_of_classes(classes: int, heat: float) -> None:
    """However sure the model is: 0 for its own answers, 1 for random ones."""
    rng = np.random.default_rng(0)
    logits = heat * rng.normal(size=(600, classes))
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    same = compute_losses(wanted, wanted, wanted, 0.0)
    assert (same.answers, same.ranks) == (0, 0)
    assert same.information == pytest.approx(0, abs=1e-12)
    random = compute_losses(wanted, wanted, wanted[rng.permutation(600)], 0.0)
    assert random.answers == pytest.approx(1, abs=0.15)
    assert random.ranks == pytest.approx(1, abs=0.15)
    even = compute_losses(wanted, wanted, np.full_like(wanted, 1 / classes), 0.0)
    assert even.information == pytest.approx(1, abs=0.01)
    assert even.ranks == pytest.approx(1, abs=0.01), "ties count half"


def test_a_changed_answer_weighs_as_much_as_the_model_was_sure_of_it() -> None:
    wanted = np.array([[0.9, 0.1, 0.0], [0.34, 0.33, 0.33]])
    assert compute_margins(wanted) == pytest.approx([0.8, 0.01 / 0.67])
    sure, unsure = wanted[[0, 1]].copy(), wanted[[0, 1]].copy()
    sure[0], unsure[1] = wanted[0][::-1], wanted[1][::-1]
    assert compute_losses(wanted, wanted, sure, 0.0).answers > 1
    assert compute_losses(wanted, wanted, unsure, 0.0).answers < 0.03


def test_over_nothing_there_is_no_pass() -> None:
    flat, answers, pixels = exported(matched(10, SURE), 10)
    with pytest.raises(ParityError, match="there is no image to compare answers on"):
        check_parity(TASK, flat, Int8.limits, answers[:0], False, pixels[:0], "0..1")
    zero = matched(10, 0.0)
    flat, answers, pixels = exported(zero, 10, "float32")
    with pytest.raises(ParityError, match="prefers no class to another, so nothing shows"):
        check_parity(TASK, flat, Float32.limits, answers, False, pixels, "0..1")
    with pytest.raises(ParityError, match="answers with NaN or infinity"):
        check_parity(TASK, flat, Float32.limits, answers * np.nan, False, pixels, "0..1")


def test_a_ruined_export_of_a_hard_model_writes_nothing(tmp_path: Path) -> None:
    train, test = noisy(100, 500), noisy(100, 100, seed=1)
    np.savez(tmp_path / "hard.npz", x_train=train.pixels, y_train=train.labels, x_test=test.pixels, y_test=test.labels)
    matched(100, 0.3, huge=400.0).save(tmp_path / "hard.keras")
    wish = Wish(model=tmp_path / "hard.keras", data=str(tmp_path / "hard.npz"), scale="0..1")
    job = prepare.prepare_job(parse({"export": "int8"}, "test", "plain"), wish, lambda _: None)
    with pytest.raises(ParityError) as caught:
        loop.run(job, tmp_path / "out", lambda _: None)
    assert caught.value.exit_code == 1
    assert not list(tmp_path.glob("out/*"))
