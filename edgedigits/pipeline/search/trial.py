"""One trial: a point is asked, its cost foretold, its training looked at in parts, and what it came to is told to the study."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import optuna
from optuna.trial import TrialState

from edgedigits.data.splits import FitData, split
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import JsonObject, Progress
from edgedigits.pipeline.costs import add_costs
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.loop import validate
from edgedigits.pipeline.recipe import Recipe
from edgedigits.pipeline.search.going_on import LEFT, find_bar
from edgedigits.pipeline.search.points.foretelling import Outlay, foretell, measure
from edgedigits.pipeline.search.points.looks import (
    Look,
    count_steps,
    list_looks,
    rate,
    rate_costs,
    read_drop,
    tell_cost_fault,
)
from edgedigits.pipeline.search.points.question import Goal
from edgedigits.pipeline.search.points.space import KINDS, Frame, ask, draw_new, make_recipe
from edgedigits.pipeline.search.study import FINISHED, GOES_ON, OVER, is_end, quiet, sign

_LEAST_PART: Final = 0.02
"""What is seen of less tells nothing of the whole."""
SLACK: Final = 1.05
"""Bytes and milliseconds are foretold to within a few percent; the bytes that are made are held to the bounds themselves."""
WORST: Final = 100.0
"""The value of a point that no bytes can be made of."""


class OutOfTime(Exception):
    """The search's time is over in the middle of a trial."""


@dataclass(frozen=True)
class Plain:
    """What all points are compared with: the float model and its plain int8 form."""

    float_ms: float
    int8: Outlay


@dataclass
class Trying:
    """What Optuna calls for every trial. `deadline` is in time.time()'s seconds; None: never."""

    job: Job
    goal: Goal
    plain: Plain
    study: optuna.Study
    deadline: float | None
    progress: Progress
    data: FitData = field(init=False)
    _begun: tuple[float, float] = field(init=False, default=(0.0, 1.0))
    """When the training in progress began, and what part of the whole one it is."""
    _done: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.data = add_costs(split(self.job.dataset, self.job.scale, self.job.seed))

    def __call__(self, trial: optuna.Trial) -> float:
        sign(trial)
        self._begun, self._done = (time.time(), 1.0), 0.0
        kind, choices = ask(trial)
        if (value := self._known(trial)) is not None:
            return value
        try:
            recipe = make_recipe(kind, choices, Frame(self.goal.target))
            trial.set_user_attr("recipe", recipe.as_dict())
            self._foretell(trial, recipe)
            return self._looked_at(trial, recipe)
        except OutOfTime as error:
            self._keep_needed()
            self._queue_again(trial)
            raise self._pruned(trial, OVER) from error
        except KeyboardInterrupt:
            self._queue_again(trial)
            raise
        except EdgeDigitsError as error:
            trial.report(WORST, 0)
            raise self._pruned(trial, str(error)) from error
        except Exception as error:  # ends the search, which goes on without this point
            trial.set_user_attr("failed", f"{type(error).__name__}: {error}"[:500])
            raise

    def _known(self, trial: optuna.Trial) -> float | None:
        """The value of the same point in an earlier trial. Raises TrialPruned as that one ended so, under the same bounds."""
        bounds = self.goal.bounds.as_json()
        trial.set_user_attr("bounds", bounds)
        same = [
            one
            for one in self.study.get_trials(deepcopy=False, states=FINISHED)
            if one.params == trial.params and "same_as" not in one.user_attrs and is_end(one)
        ]
        for one in same:
            if one.state is TrialState.COMPLETE:
                trial.set_user_attr("same_as", one.number)
                if GOES_ON not in trial.user_attrs:
                    self._queue_another(trial)
                return self._rate(one.user_attrs["seen"], one.params["kind"])
        for one in same:
            if one.user_attrs.get("bounds") == bounds and GOES_ON not in trial.user_attrs:
                trial.set_user_attr("same_as", one.number)
                self._queue_another(trial)
                for step, value in one.intermediate_values.items():
                    trial.report(value, step)
                raise optuna.TrialPruned
        return None

    def _queue_another(self, trial: optuna.Trial) -> None:
        """The sampler is drawn to what is best, and asks for it again; that teaches nothing, so the next point is any new one."""
        known = [one.params for one in self.study.get_trials(deepcopy=False)]
        new = draw_new(np.random.default_rng([self.goal.seed, trial.number]), known)
        if new is not None:
            with quiet():
                self.study.enqueue_trial(new)

    def _queue_again(self, trial: optuna.Trial) -> None:
        rest_of = {key: one for key, one in trial.user_attrs.items() if key == GOES_ON}
        self.study.enqueue_trial(dict(trial.params), user_attrs=rest_of)

    def _rate(self, seen: JsonObject, kind: str) -> float:
        outlay = Outlay(seen["size_bytes"], seen["gzip_bytes"], seen["ms"], seen["cycles"])
        left, plain = KINDS[kind].left.get(seen["share"], 1.0), self.plain
        return rate(outlay, read_drop(seen), left, self.goal.bounds, plain.int8, plain.float_ms)

    def _foretell(self, trial: optuna.Trial, recipe: Recipe) -> None:
        """Raises TrialPruned for a point that can't hold the bounds on cost, before any training."""
        self._watch("foretell", 0.0)
        outlay = foretell(recipe, self.job, self.data, self.goal.target)
        trial.set_user_attr("foretold", outlay.as_json())
        bounds, float_ms = self.goal.bounds, self.plain.float_ms
        if fault := tell_cost_fault(outlay, bounds, float_ms, SLACK):
            trial.report(WORST / 2 + rate_costs(outlay, bounds, float_ms), 0)
            raise self._pruned(trial, f"can't fit, so nothing was trained: {fault}")

    def _looked_at(self, trial: optuna.Trial, recipe: Recipe) -> float:
        value, whole, seen = WORST, count_steps(recipe, len(self.data.fit)), self._find_share_seen(trial)
        for look, short in list_looks(recipe, len(self.data.fit)):
            if look.share <= seen:
                continue
            steps = count_steps(short, len(self.data.fit))
            self._begun, self._done = (time.time(), steps / max(1, whole)), 0.0
            value = self._look(trial, look, short)
            if look.share == 1:
                break
            trial.report(value, look.step)
            bar = find_bar(self.study, self.goal.bounds, self.plain.float_ms)
            if value >= bar or trial.should_prune():
                trial.set_user_attr(LEFT, True)
                raise self._pruned(trial, f"others were better at {100 * look.share:.0f} % of the training")
            self._done = 1.0
            if self.deadline is not None and time.time() + self._keep_needed() > self.deadline:
                self._queue_again(trial)
                raise self._pruned(trial, OVER)
        return value

    def _find_share_seen(self, trial: optuna.Trial) -> float:
        """The share of the training that the trial was left at which this one is the rest of; 0 of a new one."""
        if GOES_ON not in trial.user_attrs:
            return 0.0
        seen = self.study.get_trials(deepcopy=False)[trial.user_attrs[GOES_ON]].user_attrs["seen"]
        return float(seen["share"])

    def _look(self, trial: optuna.Trial, look: Look, recipe: Recipe) -> float:
        made = validate(self.job.with_recipe(recipe), lambda _line: None, self._watch, look.share < 1)
        outlay = measure(made.exported.flat, self.goal.target)
        paired = made.exported.facts["validation_paired"]
        drop = -float(paired["difference_points"])
        seen = {"share": look.share, "drop_points": round(drop, 6), "paired": paired, **outlay.as_json()}
        trial.set_user_attr("seen", seen)
        return self._rate(seen, trial.params["kind"])

    def _keep_needed(self) -> float:
        """Keeps and gives the seconds that the whole training would take, by what the one in progress took for its part."""
        began, part = self._begun
        needed = (time.time() - began) / max(_LEAST_PART, part * self._done)
        self.study.set_user_attr("needed_seconds", round(needed))
        return needed

    def _watch(self, what: str, share: float) -> None:
        self._done = share
        if self.deadline is not None and time.time() > self.deadline:
            raise OutOfTime
        self.progress(what, share)

    def _pruned(self, trial: optuna.Trial, why: str) -> optuna.TrialPruned:
        trial.set_user_attr("ended", why)
        return optuna.TrialPruned(why)
