"""Weight clustering (Han et al. 2016, "Deep Compression"): each kernel keeps few distinct values, so that its bytes compress."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class
from edgedigits.stages.settings import Batch, ClassWeights, EnoughImages, Epochs, Rate, Share, Steps, Temperature


@make_settings_class
class Cluster:
    """Give every kernel it takes at most `clusters` distinct values, zero for pruned weights not counted, and train those on."""

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = (
        "each weight still takes its place in the file and its multiply-add; repeats only pack well"
    )

    clusters: Annotated[int, Field(ge=2, le=256)] = 16
    skip_layers: list[str] = Field(default_factory=list)
    skip_kinds: list[str] = Field(default_factory=lambda: ["DepthwiseConv2D"])
    min_weights: Annotated[int, Field(ge=0)] = 1000
    epochs: Epochs = 1.0
    min_steps: Steps = 100
    enough_images: EnoughImages = None
    rate: Rate = 3e-4
    batch: Batch = 128
    distillation: Share = 0.0
    temperature: Temperature = 3.0
    class_weights: ClassWeights = "auto"

    @property
    def in_words(self) -> str:
        return f"{self.clusters} clusters a kernel"

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: masks are kept; `clusters` of the result tells each weight's group."""
        from edgedigits.stages import training_loop
        from edgedigits.stages.select_layers import choose_layers

        taken, left = choose_layers(candidate.model, "cluster", self.skip_layers, self.skip_kinds, self.min_weights)
        groups = {
            path: group_values(kernel.numpy(), self.clusters, candidate.masks.get(path))
            for path, kernel in taken.items()
        }
        training_copy = training_loop.make_training_copy(candidate.model)
        hold = training_loop.make_holder(training_copy, candidate.masks, {**candidate.clusters, **groups})
        hold()
        facts = training_loop.tune(
            training_copy, candidate.original, data, training_loop.Plan.of(self), progress, hold=hold
        )
        done = replace(
            candidate,
            model=training_loop.copy_weights(candidate.model, training_copy),
            clusters={**candidate.clusters, **groups},
        )
        return done, {
            **facts,
            "clusters": {path: int(group.max()) + 1 for path, group in groups.items()},
            "left_whole": left,
        }


def group_values(kernel: np.ndarray, clusters: int, mask: np.ndarray | None, rounds: int = 25) -> np.ndarray:
    """The group of each weight, int32 of the kernel's shape, -1 where the mask prunes; k-means from evenly spread centroids."""
    keep = np.ones(kernel.shape, bool) if mask is None else mask
    values = kernel[keep].astype(np.float64)
    centroids = np.linspace(values.min(), values.max(), clusters)
    for _ in range(rounds):
        nearest = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)
        counts = np.bincount(nearest, minlength=clusters)
        sums = np.bincount(nearest, values, minlength=clusters)
        centroids = np.sort(np.where(counts > 0, sums / np.maximum(counts, 1), centroids))
    nearest = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)
    numbers = np.full(kernel.shape, -1, np.int32)
    numbers[keep] = np.unique(nearest, return_inverse=True)[1]
    return numbers
