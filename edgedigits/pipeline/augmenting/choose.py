"""How the training images of a run of a recipe are moved, before its first stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.named_sets import AUTO, Said, make_augment
from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Progress
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.augmenting.choice import Choice
from edgedigits.pipeline.augmenting.decide import Question, as_said, find_out_once, look_at, warn_of_flips
from edgedigits.pipeline.augmenting.outlay import measure_outlay
from edgedigits.tasks.task import Half


@dataclass(frozen=True)
class Asked:
    """What a run asks for. said: what its recipe or the command line says, "" for nothing; asks: whether any stage wants to know.

    key: of all that the model, its data and the recipe are; `fresh` believes nothing kept under it.
    """

    model: KerasModel
    half: Half
    classes: tuple[str, ...]
    stages: Sequence[tuple[str, Any]]
    said: Said
    asks: bool
    key: str
    fresh: bool


def choose_augment(asked: Asked, data: FitData, progress: Progress) -> Choice:
    """As it is said; with `auto`, or where nothing is, what suits the data, found out within a tenth of the recipe's training.

    Nothing is chosen, and nothing tried, where no stage trains on images moved as the run says.
    """
    outlay = measure_outlay(asked.stages, data)
    if not asked.asks or not outlay.steps:
        choice = Choice(None)
    elif asked.said in ("", AUTO):
        question = Question(asked.model, asked.half, data, asked.classes, outlay)
        choice = find_out_once(question, asked.key, asked.fresh, progress)
    else:
        choice = as_said(asked.said)
    flips = _list_flips(asked, choice)
    if not flips:
        return choice
    look = look_at(asked.model, asked.half, data.fit, data)
    return replace(choice, warnings=warn_of_flips(look, asked.classes, flips[0]))


def _list_flips(asked: Asked, choice: Choice) -> list[str]:
    """Where somebody named flips: in the recipe, on the command line, or in a stage."""
    named = [("augment", choice.augment)] if asked.said not in ("", AUTO) else []
    for number, (name, stage) in enumerate(asked.stages):
        own = getattr(stage, "augment", None)
        if own:
            moves = make_augment(own) if isinstance(own, str) else Augment(**own)
            named.append((f"stages[{number}].{name}.augment", moves))
    return [where for where, augment in named if augment and augment.flip]
