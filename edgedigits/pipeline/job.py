"""One run of a recipe, as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from edgedigits.data.dataset import Dataset
from edgedigits.data.scale import Scaling
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runtimes.asked import Asked
from edgedigits.models.importer.loading import LoadedModel
from edgedigits.pipeline.confidence.wanted import NOTHING, Wanted
from edgedigits.pipeline.recipe import Recipe

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Job:
    """One run of a recipe: all it depends on. `strict`: a gate that is not surely held is missed;
    `runtimes` are what the bytes must run on, `confidence` what is asked of how sure its answers are."""

    recipe: Recipe
    name: str
    loaded: LoadedModel
    model_sha256: str
    dataset: Dataset
    scale: Scaling
    seed: int = 0
    preprocessing: JsonObject = field(default_factory=dict)
    fresh: bool = False
    tune_thresholds: bool = False
    custom: Sequence[str] = ()
    strict: bool = False
    runtimes: tuple[Asked, ...] = ()
    confidence: Wanted = NOTHING
    made: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, what: Hashable, make: Callable[[], _Made]) -> _Made:
        """What `make` gives: made once for this job and for those that differ from it in nothing but the recipe."""
        if what not in self.made:
            self.made[what] = make()
        found: _Made = self.made[what]
        return found

    def with_recipe(self, recipe: Recipe) -> Job:
        """The same by another recipe; what depends on no recipe is made once for both."""
        return replace(self, recipe=recipe)
