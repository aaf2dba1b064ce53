"""One run of a recipe, as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgedigits.data.dataset import Dataset
from edgedigits.data.scale import Scaling
from edgedigits.ground.facts import JsonObject
from edgedigits.models.importer.loading import LoadedModel
from edgedigits.pipeline.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """One run of a recipe: all it depends on."""

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
