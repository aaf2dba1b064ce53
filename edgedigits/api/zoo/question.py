"""What is asked of a comparison: which nets, through which recipes, on which data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from edgedigits.data.augmentation.named_sets import Said, check_said
from edgedigits.data.dataset import Dataset
from edgedigits.data.scale import Scaling
from edgedigits.data.sources.wish import DataWish
from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.findings.timing import Clock
from edgedigits.pipeline.recipe import Recipe, load_recipe

RECIPES: Final = ("ptq_int8", "qat_int8", "prune80_int8", "shrink50_int8")
"""Where none are named: without training, with rounding trained in, with zeros, with half of the multiply-adds."""

Names = str | Sequence[str] | None
"""Names in a list, or in one text with commas; None where nothing is said."""


@dataclass(frozen=True)
class Question:
    """`nets` is empty where all that suit the data are meant; `epochs` and `augment` (how training images
    are moved) None leave each net its own; `slim`: every export is to be that. Raises InputError for what is no set of moves."""

    wish: DataWish
    nets: tuple[str, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    scaling: Scaling | None = None
    seed: int = 0
    epochs: int | None = None
    slim: bool = False
    clock: Clock = field(default_factory=Clock)
    augment: Said | None = None

    def __post_init__(self) -> None:
        if self.augment is not None:
            object.__setattr__(self, "augment", check_said(self.augment, "--augment"))

    @cached_property
    def dataset(self) -> Dataset:
        """The images, read once. Raises DataError."""
        return self.wish.dataset()

    def resized(self, size: tuple[int, int]) -> Dataset:
        """The images in another size."""
        return replace(self.wish, resize=size).dataset()

    def identity(self) -> JsonObject:
        """What must be the same for a folder to go on with; nets, recipes, epochs and moves may be others."""
        scale = None if self.scaling is None else self.scaling.as_json()
        return {
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "classes": list(self.dataset.classes),
            "seed": self.seed,
            "scale": scale,
        }


def parse_recipes(said: Names) -> tuple[Recipe, ...]:
    """Recipes by shipped name or file; RECIPES where nothing is said. Raises RecipeError and InputError."""
    recipes = tuple(map(load_recipe, split_names(said, "--recipes") or RECIPES))
    _refuse_twice((recipe.name for recipe in recipes), "--recipes")
    return recipes


def split_names(said: Names, option: str) -> tuple[str, ...]:
    """One name after the other, () where nothing is said. Raises InputError for an empty one and for one that comes twice."""
    if said is None:
        return ()
    names = tuple(one.strip() for one in (said.split(",") if isinstance(said, str) else said))
    if not names or not all(names):
        raise InputError(f"{option}: found an empty name; wanted names with commas, as nano,pico")
    _refuse_twice(names, option)
    return names


def _refuse_twice(names: Iterable[str], option: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{option}: {name} is named twice; name each once")
        seen.add(name)
