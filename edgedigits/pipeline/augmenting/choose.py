"""How the training images of a job are moved, before its first stage."""

from __future__ import annotations

from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.named_sets import AUTO, make_augment
from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Progress
from edgedigits.pipeline.augmenting.choice import Choice
from edgedigits.pipeline.augmenting.decide import Question, as_said, find_out_once, look_at, warn_of_flips
from edgedigits.pipeline.augmenting.outlay import measure_outlay
from edgedigits.pipeline.job import Job
from edgedigits.tasks.task import Half


def choose_augment(job: Job, data: FitData, half: Half, key: str, progress: Progress) -> Choice:
    """As the recipe says; with `auto` what suits the data, found out within a tenth of the recipe's training.

    Nothing is chosen, and nothing tried, for a recipe none of whose stages trains on images moved as the run says.
    """
    recipe = job.recipe
    if not recipe.stages:
        return Choice(None)
    said = recipe.augment or AUTO
    if not recipe.asks_augment:
        choice = Choice(None)
    elif said == AUTO:
        outlay, classes = measure_outlay(recipe.stages, data), tuple(job.dataset.classes)
        question = Question(job.loaded.model, half, data, classes, outlay)
        choice = find_out_once(question, key, job.fresh, progress)
    else:
        choice = as_said(said)
    return Choice(choice.augment, choice.record, choice.line, _warn_of_flips(job, data, half, choice))


def _warn_of_flips(job: Job, data: FitData, half: Half, choice: Choice) -> tuple[str, ...]:
    """Of flips that somebody named: in the recipe, on the command line, or in a stage."""
    named = [("augment", choice.augment)] if job.recipe.augment not in ("", AUTO) else []
    for number, (name, stage) in enumerate(job.recipe.stages):
        own = getattr(stage, "augment", None)
        if own:
            moves = make_augment(own) if isinstance(own, str) else Augment(**own)
            named.append((f"stages[{number}].{name}.augment", moves))
    flips = [where for where, augment in named if augment and augment.flip]
    if not flips:
        return ()
    look = look_at(job.loaded.model, half, data.fit, data)
    return warn_of_flips(look, tuple(job.dataset.classes), flips[0])
