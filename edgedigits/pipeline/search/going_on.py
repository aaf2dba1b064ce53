"""Points that were left at a look because others were better then: they are not lost, and the most promising one goes on.

A short training tells little, and the points that looked best in it may turn out to miss a bound at the end of the whole one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.search.outcome import read_point, tell_fault
from edgedigits.pipeline.search.points.question import Bounds
from edgedigits.pipeline.search.study import GOES_ON, is_end, list_rests, quiet

LEFT: Final = "left"
"""Of a trial that ended at a look, while others were better."""


def find_bar(study: optuna.Study, bounds: Bounds, float_ms: float) -> float:
    """The value of the best whole training that holds the bounds: a point that can't be better is not worth more training."""
    said, trials = bounds.as_json(), study.get_trials(deepcopy=False)
    whole = [
        float(one.value or 0.0)
        for one in trials
        if one.state is TrialState.COMPLETE
        and one.user_attrs.get("bounds") == said
        and not tell_fault(read_point(trials[one.user_attrs.get("same_as", one.number)]), bounds, float_ms)
    ]
    return min(whole, default=float("inf"))


def queue_left(study: optuna.Study, bounds: Bounds, float_ms: float, late: bool) -> bool:
    """Queues the most promising point that was left, if it is its turn: every other time, and always once it is late. Whether one
    was."""
    trials = study.get_trials(deepcopy=False)
    if any(one.state is TrialState.WAITING for one in trials):
        return False
    ended = [one for one in trials if is_end(one)]
    if not late and ended and GOES_ON in ended[-1].user_attrs:
        return False
    bar = find_bar(study, bounds, float_ms)
    left = sorted((_last_value(one), one.number) for one in _list_left(trials, bounds.as_json()))
    if not left or left[0][0] >= bar:
        return False
    with quiet():
        study.enqueue_trial(dict(trials[left[0][1]].params), user_attrs={GOES_ON: left[0][1]})
    return True


def _list_left(trials: list[FrozenTrial], bounds: JsonObject) -> Iterator[FrozenTrial]:
    """Those under these bounds that no other trial is the rest of."""
    gone = list_rests(trials)
    for one in trials:
        if (
            is_end(one)
            and one.user_attrs.get(LEFT)
            and one.user_attrs.get("bounds") == bounds
            and one.number not in gone
        ):
            yield one


def _last_value(trial: FrozenTrial) -> float:
    return trial.intermediate_values[max(trial.intermediate_values)]
