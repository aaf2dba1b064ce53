"""Models beside the zoo's nets: ensembles of those that were compared before, and classical ones. `train` makes both.

Names that mean one are rows in `kinds.NAMES`. An ensemble's rows are itself and the small net that is distilled of it, side by
side; a classical model goes through no recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgedigits_runner.files import sha256_of

from edgedigits.api.progress import Told
from edgedigits.api.zoo.floats import Made, find_or_make
from edgedigits.api.zoo.folder import Folder
from edgedigits.api.zoo.question import Question
from edgedigits.errors import InputError

MEMBERS: Final = 3
ENSEMBLE_RECIPES: Final = ("ptq_int8", "distil_ensemble_int8")


def make_ensemble(name: str, question: Question, folder: Folder, before: Sequence[Made], told: Told) -> Made:
    """An ensemble of the members that `choose_members` takes. Raises InputError where there are too few."""
    members = choose_members(name, question, before)
    of = {"members": [sha256_of(one.path) for one in members]}
    return find_or_make(name, ".keras", of, {"members": [one.path for one in members]}, question, folder, told)


def choose_members(name: str, question: Question, before: Sequence[Made]) -> list[Made]:
    """The nets with the highest validation accuracy, at most MEMBERS, in the order in which they were made."""
    fit = [one for one in before if one.dataset.shape == question.dataset.shape and one.path.suffix == ".keras"]
    best = sorted(fit, key=lambda one: -one.record["validation_accuracy"])[:MEMBERS]
    if len(best) < 2:
        raise InputError(
            f"{name}: made of nets that are compared before it, found {len(best)}; name two at least in --nets"
        )
    return [one for one in fit if one in best]


def make_classical(name: str, question: Question, folder: Folder, _before: Sequence[Made], told: Told) -> Made:
    """An estimator of scikit-learn, on pixels."""
    return find_or_make(name, ".skops", {}, {}, question, folder, told)
