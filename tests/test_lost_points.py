"""A loss on validation images that is more than chance is told with what to try next; training can be made longer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgedigits as ed
from edgedigits.errors import RecipeError
from edgedigits.pipeline.checks.known_by_heart import tell_known
from edgedigits.pipeline.checks.lost_points import loses, pair_outputs, tell_loss, word_points
from edgedigits.pipeline.recipe import Recipe, load_recipe
from edgedigits.tasks.kinds.classification import Classification

HALF = Classification().half(["a", "b"], False)
LABELS = np.zeros(100, np.int64)


def outputs(right: int) -> np.ndarray:
    """Of 100 images so many first ones right."""
    first = np.arange(100) < right
    return np.stack([first, ~first], axis=1).astype(np.float32)


def paired(before: int, after: int) -> dict[str, Any]:
    return pair_outputs(HALF, HALF, LABELS, outputs(before), outputs(after))


def told(recipe: Recipe, last: Any, found: Any) -> str:
    return tell_loss(recipe.stages, recipe.export.rounds, last, found)


def test_images_are_counted_by_who_is_right() -> None:
    found = paired(90, 80)
    assert (found["images"], found["only_float_right"], found["only_compressed_right"]) == (100, 10, 0)
    assert found["difference_points"] == pytest.approx(-10)
    assert found["mcnemar_p"] == pytest.approx(2 * 0.5**10)


@pytest.mark.parametrize(
    ("before", "after", "lost"), [(90, 80, True), (90, 87, False), (80, 90, False), (90, 90, False)]
)
def test_only_a_loss_beyond_chance_is_told(before: int, after: int, lost: bool) -> None:
    found = paired(before, after)
    assert loses(found) == lost
    assert bool(word_points(found)) == bool(told(load_recipe("ptq_int8"), None, found)) == lost


@pytest.mark.parametrize(
    ("recipe", "last", "says", "not_said"),
    [
        (load_recipe("ptq_int8"), None, ["the recipe repair_int8", "qat_int8, which trains"], ["--more"]),
        (load_recipe("repair_int8"), None, ["the recipe qat_int8"], ["--more", "stage qat"]),
        (load_recipe("qat_int8"), paired(90, 80), ["--more 3"], ["qat_int8", "stage qat"]),
        (Recipe(stages=[ed.Shrink(remove_parameters=0.5)], export=ed.Int8()), paired(90, 80),
         ["--more 3", "shrink with remove_parameters: 0.25 instead of 0.5", "the recipe prune80_int8"], ["qat", "shrink50_int8"]),
        (Recipe(stages=[ed.Distil(student="nano")], export=ed.Int8()), paired(90, 80),
         ["--more 3", "the recipe shrink50_int8"], ["prune80_int8"]),
        (Recipe(stages=[ed.Prune(sparsity=0.8)], export=ed.Int8()), paired(90, 90),
         ["a stage qat at the end", "prune with sparsity: 0.4 instead of 0.8"], []),
    ],
)  # fmt: skip
def test_what_to_try_next_follows_the_recipe_and_where_it_was_lost(
    recipe: Recipe, last: Any, says: list[str], not_said: list[str]
) -> None:
    sentence = told(recipe, last, paired(90, 80))
    assert "on 100 validation images the bytes are 10.00 points worse" in sentence
    assert "(10 only that one got right, 0 only they; p = 0.002)" in sentence
    assert all(part in sentence for part in says)
    assert not any(part in sentence for part in not_said)


def test_training_is_made_longer_stage_by_stage() -> None:
    plain = load_recipe("shrink50_int8")
    longer = plain.with_more(2.5)
    assert [name for name, _ in longer.stages] == [name for name, _ in plain.stages]
    for name in ("shrink", "distil"):
        before, after = dict[str, Any](plain.stages)[name], dict[str, Any](longer.stages)[name]
        assert after.epochs == 2.5 * before.epochs
        assert after.min_steps == round(2.5 * before.min_steps)
    assert (longer.name, longer.hash != plain.hash) == ("shrink50_int8", True)


@pytest.mark.parametrize(
    ("recipe", "times", "says"),
    [
        ("ptq_int8", 2, r"--more 2: ptq_int8 has no stage that trains"),
        ("qat_int8", 0, r"--more: found 0; wanted a number above 0"),
        ("qat_int8", -1, r"--more: found -1; wanted"),
        ("qat_int8", 1000, r"--more: found 1000; wanted .* at most 100"),
        ("qat_int8", float("nan"), r"--more: found nan; wanted"),
        ("mobile_shrink_int8", 90, r"--more 90: Distil.epochs: found 5400"),
    ],
)
def test_what_cannot_be_longer_is_refused(recipe: str, times: float, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        load_recipe(recipe).with_more(times)


@pytest.mark.parametrize(
    ("validation", "test", "known"),
    [
        ((0.9665, 2000), (0.8898, 10000), True),
        ((0.9464, 5000), (0.9412, 10000), False),
        ((0.8898, 2000), (0.9665, 10000), False),
        ((1.0, 20), (0.8, 20), False),
        ((1.0, 200), (0.8, 200), True),
    ],
)
def test_a_model_that_knows_validation_images_by_heart_is_told(
    validation: tuple[float, int], test: tuple[float, int], known: bool
) -> None:
    said = tell_known(validation, test)
    assert bool(said) == known
    if known:
        assert f"{100 * validation[0]:.2f} % of the validation images" in said
        assert f"{100 * test[0]:.2f} % of the test images" in said
