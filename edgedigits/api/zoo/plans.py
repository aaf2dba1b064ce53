"""The rows of a comparison as they are planned."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgedigits.api.progress import Told
from edgedigits.api.zoo.kinds import KINDS, find_kind, list_names
from edgedigits.api.zoo.question import Names, Question, split_names
from edgedigits.errors import InputError
from edgedigits.ground.yaml_files import suggest
from edgedigits.models.zoo import ZOO
from edgedigits.pipeline.export.export import make_slim
from edgedigits.pipeline.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class RowPlan:
    """One row: a model of a kind (`kinds.KINDS`) under its name, and the recipe that it goes through, None for none."""

    kind: str
    name: str
    recipe: Recipe | None


def parse_nets(said: Names) -> tuple[str, ...]:
    """Names of nets, empty where nothing is said. Raises InputError for an unknown one and for one that is named twice."""
    names = split_names(said, "--nets")
    for name in names:
        if name not in list_names():
            raise InputError(f"--nets {name}: no such net{suggest(name, list_names())}")
    return names


def choose_nets(question: Question, told: Told) -> tuple[tuple[str, ...], dict[str, str]]:
    """The nets to compare; of those that were not asked for by name, why each that does not suit the data is left out."""
    if question.nets:
        return question.nets, {}
    left: dict[str, str] = {}
    for name in ZOO:
        told.progress(f"{name}: whether it suits the data", 0.0)
        try:
            KINDS["net"].check(name, question)
        except InputError as error:
            left[name] = str(error)
    return tuple(name for name in ZOO if name not in left), left


def plan_rows(name: str, question: Question) -> list[RowPlan]:
    """Those of one model, in the order of the recipes."""
    kind = find_kind(name)
    own = KINDS[kind].recipes
    recipes = question.recipes if own is None else tuple(map(load_recipe, own))
    if question.slim:
        recipes = tuple(replace(recipe, export=make_slim(recipe.export)) for recipe in recipes)
    return [RowPlan(kind, name, recipe) for recipe in recipes] or [RowPlan(kind, name, None)]
