"""Layers chosen greedily: the one that int8 harms most first, alone or with what reads it, until the bytes are good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgedigits.errors import CheckError
from edgedigits.ground.facts import Say
from edgedigits.pipeline.mixing.choice.harm import Unit
from edgedigits.pipeline.mixing.choice.trying import Trial, Trying

MOST_TRIES: Final = 24
"""A bound in tries, not in time: the same model and images give the same bytes on a slow machine."""
_WORTH: Final = 0.05
"""Of the divergence that is left: a layer that takes away less is left in int8."""
_AS_GOOD: Final = 0.9
"""Of what a layer takes away together with those that read it: where it takes so much alone, those stay in int8."""


@dataclass(frozen=True)
class Step:
    """What a layer, with those that read it where they came along, gained: points of accuracy, and nats of divergence."""

    layers: tuple[str, ...]
    points: float
    nats: float


@dataclass(frozen=True, eq=False)
class Choice:
    """`plain` has no layer chosen, `last` all of them. `kept`: whether that is within the bound."""

    plain: Trial
    last: Trial
    steps: tuple[Step, ...]
    kept: bool


def choose_layers(trying: Trying, plain: Trial, units: Sequence[Unit], most_points: float, say: Say) -> Choice:
    """Layers for which the bytes are at most so many points of accuracy below the float form, the fewest that are found."""
    now, steps = plain, list[Step]()
    for unit in units:
        if trying.points_below(now) <= most_points or trying.tries >= MOST_TRIES:
            break
        if unit.layer in now.layers:
            continue
        say(f"{unit.layer} in more than int8")
        better = _better(trying, now, unit)
        if better is None:
            continue
        added = tuple(layer for layer in better.layers if layer not in now.layers)
        steps.append(Step(added, 100 * (better.accuracy - now.accuracy), now.nats - better.nats))
        now = better
    steps, now = _without_needless(trying, steps, now, most_points, say)
    return Choice(plain, now, tuple(steps), trying.points_below(now) <= most_points)


def _better(trying: Trying, now: Trial, unit: Unit) -> Trial | None:
    """With the layer, or with those behind it as well where that takes clearly more away; None where neither is worth it."""
    alone = _attempt(trying, (*now.layers, unit.layer))
    both = _attempt(trying, (*now.layers, unit.layer, *unit.readers)) if unit.readers else None
    gains = {id(one): now.nats - one.nats for one in (alone, both) if one is not None}
    found = alone
    if both is not None and (alone is None or gains[id(alone)] < _AS_GOOD * gains[id(both)]):
        found = both
    return found if found is not None and gains[id(found)] > _WORTH * now.nats else None


def _without_needless(
    trying: Trying, steps: list[Step], now: Trial, most_points: float, say: Say
) -> tuple[list[Step], Trial]:
    """Earlier steps are taken back where the later ones do without them."""
    for step in list(steps[:-1]):
        if trying.points_below(now) > most_points or trying.tries >= MOST_TRIES:
            break
        say(f"{step.layers[0]} in int8 again")
        less = _attempt(trying, [layer for layer in now.layers if layer not in step.layers])
        if less is not None and trying.points_below(less) <= most_points:
            steps.remove(step)
            now = less
    return steps, now


def _attempt(trying: Trying, layers: Sequence[str]) -> Trial | None:
    """None where the quantizer has no such bytes, or LiteRT can't run them."""
    try:
        return trying.attempt(layers)
    except CheckError:
        return None
