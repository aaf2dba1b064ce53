"""Short trainings first: how much of a recipe's training each look takes, and what a look is worth to the study."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.recipe import Recipe
from edgedigits.pipeline.search.points.foretelling import Outlay
from edgedigits.pipeline.search.points.question import Bounds
from edgedigits.stages.settings import count_stage_steps, lengthen


@dataclass(frozen=True)
class Look:
    """A training of `share` of the recipe's. `step` is Optuna's."""

    step: int
    share: float


LOOKS: Final = (Look(1, 0.1), Look(3, 0.35), Look(9, 1.0))
"""Optuna's successive halving goes from one to the next by thirds."""
FACTOR: Final = 3
_WORTH_IT: Final = 0.7
"""A look that trains for more than this share of the next one's steps is left out."""
_LEAST_SCALE: Final = 0.2
"""Points: of a bound of no drop at all, a drop of so many counts as much as of one of 0.2."""
_PAST_DROP, _PAST_COST, _PACKED = 2.0, 4.0, 0.05


def list_looks(recipe: Recipe, images: int) -> Iterator[tuple[Look, Recipe]]:
    """The looks at a recipe, the whole last, for so many training images. What comes before the longest stage is never cut, so
    that all looks share it as kept."""
    whole = count_steps(recipe, images)
    made = [(one, cut(recipe, one.share, images)) for one in LOOKS[:-1]] if whole else []
    for look, short in made:
        later = [count_steps(other, images) for one, other in made if one.step > look.step] + [whole]
        if count_steps(short, images) <= _WORTH_IT * later[0]:
            yield look, short
    yield LOOKS[-1], recipe


def cut(recipe: Recipe, share: float, images: int) -> Recipe:
    """The recipe with that share of its longest stage and of those after it."""
    steps = [count_stage_steps(stage, images) for _, stage in recipe.stages]
    first = steps.index(max(steps))
    stages = [(name, lengthen(one, share) if at >= first else one) for at, (name, one) in enumerate(recipe.stages)]
    return Recipe(recipe.name, recipe.purpose, stages, recipe.export_name, recipe.export)


def count_steps(recipe: Recipe, images: int) -> int:
    """Steps of training in all."""
    return sum(count_stage_steps(stage, images) for _, stage in recipe.stages)


@dataclass(frozen=True)
class Drop:
    """Points of accuracy lost on validation images, and the standard error of that: the same images, answered twice."""

    points: float
    error: float

    def margin(self, bounds: Bounds) -> float:
        """What has to be left of the points that may go: the error, since the best of many points was lucky too. Where validation
        images are too few to tell that much, so that the error is more than half of these points, less of it, down to nothing:
        else no model that is any smaller would do."""
        return max(0.0, min(self.error, bounds.max_drop - self.error))


def find_error(only_before: int, only_after: int, images: int) -> float:
    """The standard error, in points, of a difference between two models, of which so many images one alone got right."""
    return 100 / images * math.sqrt(only_before + only_after - (only_before - only_after) ** 2 / images)


def read_drop(seen: JsonObject) -> Drop:
    """Of what a trial keeps of a look; the error follows from the paired answers."""
    paired = seen["paired"]
    error = find_error(paired["only_float_right"], paired["only_compressed_right"], paired["images"])
    return Drop(seen["drop_points"], round(error, 6))


def rate(outlay: Outlay, drop: Drop, left: float, bounds: Bounds, plain: Outlay, float_ms: float) -> float:
    """What the study minimises: the logarithm of the time on the target as a share of the plain int8 form's, a little of the
    packed bytes', and what lies beyond the bounds, much. `left`: of a drop so much may be left after the whole training."""
    value = math.log(outlay.ms / plain.ms) + _PACKED * math.log(outlay.gzip_bytes / plain.gzip_bytes)
    lost = drop.points * (left if drop.points > 0 else 1.0)
    over = lost + drop.margin(bounds) - bounds.max_drop
    value += _PAST_DROP * max(0.0, over) / max(_LEAST_SCALE, bounds.max_drop)
    return value + rate_costs(outlay, bounds, float_ms)


def rate_costs(outlay: Outlay, bounds: Bounds, float_ms: float) -> float:
    """How far the costs lie beyond the bounds; 0 where they hold them."""
    most_ms, value = bounds.most_ms(float_ms), 0.0
    if most_ms is not None:
        value += _PAST_COST * max(0.0, math.log(outlay.ms / most_ms))
    if bounds.max_bytes is not None:
        value += _PAST_COST * max(0.0, math.log(outlay.size_bytes / bounds.max_bytes))
    return value


def tell_cost_fault(outlay: Outlay, bounds: Bounds, float_ms: float, slack: float = 1.0) -> str:
    """Why it doesn't fit, "" where it does; what is foretold gets some slack."""
    most_ms = bounds.most_ms(float_ms)
    if bounds.max_bytes is not None and outlay.size_bytes > slack * bounds.max_bytes:
        return f"{outlay.size_bytes:,} bytes of at most {bounds.max_bytes:,}"
    if most_ms is not None and outlay.ms > slack * most_ms:
        return f"{outlay.ms:.3g} ms of at most {most_ms:.3g}"
    return ""
