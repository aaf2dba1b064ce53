"""What a study came to: its points, those on the Pareto front, the best one under the bounds, the nearest where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.recipe import Recipe, parse
from edgedigits.pipeline.search.points.foretelling import Outlay
from edgedigits.pipeline.search.points.looks import Drop, read_drop, tell_cost_fault
from edgedigits.pipeline.search.points.question import MOST_POINTS, Bounds
from edgedigits.pipeline.search.study import FINISHED, list_rests

AS_FAST: Final = 1.02
"""Of points whose times differ by less than this, the more accurate one is the better."""


@dataclass(frozen=True)
class Point:
    """A trial that ended. `share` of its recipe's training was seen, 0: nothing, and its costs are foretold; `drop_points` is on
    validation images, against the float model, with its standard error, both None where nothing was trained. `ended` says why it
    went no further."""

    number: int
    name: str
    steps: str
    share: float
    drop_points: float | None
    size_bytes: int | None
    gzip_bytes: int | None
    ms: float | None
    cycles: int | None
    ended: str
    recipe: JsonObject | None
    error_points: float | None = None

    @property
    def whole(self) -> bool:
        """Whether all of its training was done."""
        return self.share == 1

    def as_json(self) -> JsonObject:
        """All but the recipe's settings."""
        return {name: value for name, value in asdict(self).items() if name != "recipe"}

    def read_recipe(self) -> Recipe:
        """Its recipe, as the study keeps it."""
        return parse(self.recipe, f"trial {self.number}", self.name)


def list_points(study: optuna.Study) -> list[Point]:
    """Every point that was tried to an end, once, as far as it went, in order."""
    trials = study.get_trials(deepcopy=False)
    finished = [one for one in trials if one.state in FINISHED]
    went_on = list_rests(finished)
    return [read_point(one) for one in finished if "same_as" not in one.user_attrs and one.number not in went_on]


def read_point(trial: FrozenTrial) -> Point:
    """What a trial says of itself."""
    attrs = trial.user_attrs
    seen, recipe = attrs.get("seen", {}), attrs.get("recipe")
    costs = seen or attrs.get("foretold", {})
    steps = parse(recipe, f"trial {trial.number}", "x").steps if recipe else ""
    done = trial.state is TrialState.COMPLETE
    return Point(
        number=trial.number,
        name=recipe["name"] if recipe else str(trial.params.get("kind", "")),
        steps=steps,
        share=float(seen.get("share", 0.0)),
        drop_points=seen.get("drop_points"),
        size_bytes=costs.get("size_bytes"),
        gzip_bytes=costs.get("gzip_bytes"),
        ms=costs.get("ms"),
        cycles=costs.get("cycles"),
        ended="" if done else attrs.get("ended", ""),
        recipe=recipe,
        error_points=read_drop(seen).error if seen else None,
    )


def tell_fault(point: Point, bounds: Bounds, float_ms: float) -> str:
    """Which bound a point misses, and by how much; "" for none."""
    if point.drop_points is None or point.ms is None or point.size_bytes is None or point.gzip_bytes is None:
        return "nothing was trained"
    margin = Drop(point.drop_points, point.error_points or 0.0).margin(bounds)
    if point.drop_points > bounds.max_drop:
        return f"{point.drop_points:.2f} points lost of at most {bounds.max_drop:g}"
    if point.drop_points + margin > bounds.max_drop:
        return f"{point.drop_points:.2f} points lost, too close to {bounds.max_drop:g} to be sure ({margin:.2f} are kept clear)"
    return tell_cost_fault(Outlay(point.size_bytes, point.gzip_bytes, point.ms, None), bounds, float_ms)


def rank(points: Sequence[Point], bounds: Bounds, float_ms: float) -> list[Point]:
    """Those that hold every bound, the best first: the fastest on the target, of those about as fast the most accurate."""
    left = sorted(
        (one for one in points if one.whole and not tell_fault(one, bounds, float_ms)),
        key=lambda one: (one.ms, one.number),
    )
    ranked: list[Point] = []
    while left:
        near = [one for one in left if _ms(one) <= AS_FAST * _ms(left[0])]
        best = min(near, key=lambda one: (one.drop_points, one.gzip_bytes, one.number))
        ranked.append(best)
        left.remove(best)
    return ranked


def find_front(points: Sequence[Point]) -> list[Point]:
    """Of whole trainings those that no other one beats in accuracy, time, bytes and packed bytes together, the fastest first."""
    whole = [one for one in points if one.whole and one.drop_points is not None]
    front = [one for one in whole if not any(_beats(other, one) for other in whole)]
    return sorted(front, key=lambda one: (_ms(one), one.number))


def _beats(one: Point, other: Point) -> bool:
    mine, others = (
        (each.drop_points or 0.0, _ms(each), each.size_bytes or 0, each.gzip_bytes or 0) for each in (one, other)
    )
    no_worse = all(a <= b for a, b in zip(mine, others, strict=True))
    return no_worse and (mine != others or one.number < other.number)


def _ms(point: Point) -> float:
    return float("inf") if point.ms is None else point.ms


@dataclass(frozen=True)
class Relief:
    """What one bound costs: without it the best point would be this one, None where there is none all the same."""

    bound: str
    point: Point | None


def list_reliefs(points: Sequence[Point], bounds: Bounds, float_ms: float) -> list[Relief]:
    """For each bound the best point that holds all the others. Of those that miss the drop alone the most accurate one counts;
    trainings that were cut short stand in where no whole one is there."""
    return [Relief(name, _best_without(points, loose, float_ms, key)) for name, loose, key in _loosened(bounds)]


_KEYS: Final[dict[str, Callable[[Point], Any]]] = {
    "max_drop": lambda one: (one.drop_points, one.ms),
    "max_bytes": lambda one: one.size_bytes,
    "max_ms": lambda one: one.ms,
    "min_speedup": lambda one: one.ms,
}
"""What is least of the nearest point, where a bound is left out."""


def _loosened(bounds: Bounds) -> Iterator[tuple[str, Bounds, Callable[[Point], Any]]]:
    for name, key in _KEYS.items():
        if (value := getattr(bounds, name)) is not None:
            given: dict[str, Any] = {name: MOST_POINTS if name == "max_drop" else None}
            yield f"--{name.replace('_', '-')} {value:.10g}", replace(bounds, **given), key


def _best_without(points: Sequence[Point], loose: Bounds, float_ms: float, key: Callable[[Point], Any]) -> Point | None:
    held = [one for one in points if not tell_fault(one, loose, float_ms)]
    return min([one for one in held if one.whole] or held, key=lambda one: (key(one), one.number), default=None)
