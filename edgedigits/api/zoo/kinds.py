"""The kinds of models that are compared, and how each comes about: literal tables.

A model that is no net of the zoo is one row in NAMES; a new way for models to come about, one row in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgedigits.api.progress import Told
from edgedigits.api.zoo.floats import Made, check_suits, find_or_train
from edgedigits.api.zoo.folder import Folder
from edgedigits.api.zoo.others import ENSEMBLE_RECIPES, make_classical, make_ensemble
from edgedigits.api.zoo.question import Question
from edgedigits.models.classical.estimators import ESTIMATORS
from edgedigits.models.zoo import ZOO
from edgedigits.pipeline.ensembles.kinds import ENSEMBLES

Make = Callable[[str, Question, Folder, Sequence[Made], Told], Made]
"""(name, question, folder, the models that were made before, where to tell) to the trained model."""


@dataclass(frozen=True)
class Kind:
    """`check` raises InputError where a model does not suit the data; `recipes` are its own, None: those that were asked for."""

    make: Make
    check: Callable[[str, Question], None] = lambda _name, _question: None
    recipes: tuple[str, ...] | None = None


KINDS: Final[Mapping[str, Kind]] = {
    "net": Kind(find_or_train, check_suits),
    "ensemble": Kind(make_ensemble, recipes=ENSEMBLE_RECIPES),
    "classical": Kind(make_classical, recipes=()),
}
NAMES: Final[Mapping[str, str]] = {**dict.fromkeys(ENSEMBLES, "ensemble"), **dict.fromkeys(ESTIMATORS, "classical")}
"""The kind of each name that is none of the zoo's."""


def list_names() -> list[str]:
    """All that can be compared."""
    return [*ZOO, *NAMES]


def find_kind(name: str) -> str:
    """The kind of a name that is known."""
    return NAMES.get(name, "net")
