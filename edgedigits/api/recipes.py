"""`recipes`, `recipes_show` and `recipes_check`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import PathLike
from edgedigits.api.result import Result
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.recipe import Recipe, list_shipped, load_recipe

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, repr=False)
class Recipes(Result):
    """The shipped recipes, by name. Frame: "recipes"."""

    FRAMES: ClassVar[tuple[str, ...]] = ("recipes",)

    found: tuple[Recipe, ...]

    def __iter__(self) -> Iterator[Recipe]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def as_json(self) -> list[JsonObject]:
        return [recipe.as_dict() for recipe in self.found]

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        width = max(len(recipe.name) for recipe in self.found)
        kinds = dict.fromkeys(recipe.images for recipe in self.found)
        lines: list[str] = []
        for images in sorted(kinds):
            lines += [""] * bool(lines) + ([f"For images of {images} alone:"] if images else [])
            lines += [f"{one.name:<{width}}  {one.purpose}" for one in self.found if one.images == images]
        return Text("\n".join(lines), no_wrap=True)

    def _in_a_line(self) -> str:
        return ", ".join(recipe.name for recipe in self.found)

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        return [{"name": one.name, "for": one.purpose, "images": one.images, "steps": one.steps} for one in self.found]


@command()
def recipes() -> Recipes:
    """The shipped recipes.

    >>> [recipe.steps for recipe in ed.recipes() if recipe.name == "prune80_int8"]
    ['prune > equalize > qat > int8']
    """
    return Recipes(tuple(load_recipe(name) for name in list_shipped()))


@command()
def recipes_show(name: PathLike) -> Recipe:
    """A recipe of a shipped name or a YAML file. Raises RecipeError saying place, what was found, and what would do.

    >>> ed.recipes_show("ptq_int8").as_json()["export"]["int8"]["slim"]
    False
    """
    return load_recipe(os.fspath(name))


@command()
def recipes_check(file: PathLike) -> JsonObject:
    """Whether a recipe is right: its settings with "ok". Raises RecipeError where it isn't, saying what would do.

    >>> ed.recipes_check("ptq_int8")["ok"]
    True
    """
    return {"ok": True, **load_recipe(os.fspath(file)).as_dict()}
