"""Magnitude pruning (Zhu & Gupta 2017): the smallest weights of each kernel go, gradually, while the rest learns on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class
from edgedigits.stages.settings import (
    Batch,
    ClassWeights,
    EnoughImages,
    Epochs,
    Rate,
    Share,
    Sparsity,
    Steps,
    Temperature,
)


@make_settings_class
class Prune:
    """Zero the share `sparsity` of every kernel it takes, exactly, and hold it there.

    magnitude: the smallest weights go; activation: those whose size times that of their input is smallest.
    polynomial: the share rises as a cubic from `initial_sparsity` over the first `ramp` of the steps; constant: at once.
    spare_output: leave the last kernel whole: it holds few weights, and zeros there cost the most accuracy.
    layers: own targets by layer name pattern. Kernels under `min_weights` can't hit a share exactly and hardly cost anything.
    """

    makes_zeros: ClassVar[bool] = True
    why_no_gain: ClassVar[str] = "every zero takes its place in the file"

    sparsity: Sparsity = 0.8
    importance: Literal["magnitude", "activation"] = "magnitude"
    schedule: Literal["polynomial", "constant"] = "polynomial"
    initial_sparsity: Sparsity = 0.0
    ramp: Share = 0.6
    every_steps: Annotated[int, Field(ge=1)] = 50
    layers: dict[str, Sparsity] = Field(default_factory=dict)
    skip_layers: list[str] = Field(default_factory=list)
    skip_kinds: list[str] = Field(default_factory=lambda: ["DepthwiseConv2D"])
    min_weights: Annotated[int, Field(ge=0)] = 1000
    spare_output: bool = True
    epochs: Epochs = 2.0
    min_steps: Steps = 200
    enough_images: EnoughImages = None
    rate: Rate = 1e-3
    batch: Batch = 128
    distillation: Share = 0.0
    temperature: Temperature = 3.0
    class_weights: ClassWeights = "auto"

    @property
    def in_words(self) -> str:
        return f"{100 * self.sparsity:.0f} % unstructured"

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: masks cover every kernel taken; kernels that an earlier stage pruned further keep their own zeros too."""
        from edgedigits.backend import tf
        from edgedigits.models.graph import walk
        from edgedigits.stages import training_loop
        from edgedigits.stages.select_layers import check_patterns, choose_layers, find_output_layer, find_own_setting
        from edgedigits.stages.weight_importance import measure_input_sizes

        check_patterns(candidate.model, "prune.layers", self.layers)
        spared = [find_output_layer(candidate.model)] if self.spare_output else []
        skipped = [*self.skip_layers, *spared]
        taken, left = choose_layers(candidate.model, "prune", skipped, self.skip_kinds, self.min_weights)
        targets = {path: find_own_setting(path, self.layers, self.sparsity) for path in taken}
        training_copy = training_loop.make_training_copy(candidate.model)
        kernels = walk.collect_kernels(training_copy)
        earlier = {
            path: candidate.masks.get(path, np.ones(tuple(kernels[path].shape), bool))
            for path in {**candidate.masks, **taken}
        }
        masks = {path: tf.Variable(mask.astype(np.float32), trainable=False) for path, mask in earlier.items()}
        weighted = self.importance == "activation"
        sizes = measure_input_sizes(candidate.model, data) if weighted else {}
        plan = training_loop.Plan.of(self)
        steps = plan.steps(data)

        def update(step: int) -> None:
            for path, target in targets.items():
                share = self.share_at(step, steps, target)
                mask = prune_smallest(kernels[path].numpy() * sizes.get(path, 1.0), share)
                masks[path].assign(mask & earlier[path])

        def hold() -> None:
            for path, mask in masks.items():
                kernels[path].assign(kernels[path] * mask)

        pause = training_loop.Pause(self.every_steps, update)
        facts = training_loop.tune(training_copy, candidate.original, data, plan, progress, hold=hold, pause=pause)
        found = {path: mask.numpy().astype(bool) for path, mask in masks.items()}
        pruned = replace(candidate, model=training_loop.copy_weights(candidate.model, training_copy), masks=found)
        return pruned, {**facts, "sparsity": _sparsities(found), "left_whole": left}

    def share_at(self, step: int, steps: int, target: float) -> float:
        """The share of zeros wanted at `step` of `steps`: tfmot's PolynomialDecay with power 3, or ConstantSparsity."""
        end = self.ramp * (steps - 1)
        if self.schedule == "constant" or step >= end:
            return target
        start = min(self.initial_sparsity, target)
        return target + (start - target) * (1 - step / end) ** 3


def prune_smallest(kernel: np.ndarray, share: float) -> np.ndarray:
    """A bool mask of the kernel's shape, False for exactly round(share * size) weights of least magnitude (ties by position)."""
    order = np.argsort(np.abs(kernel), axis=None, kind="stable")
    mask = np.ones(kernel.size, bool)
    mask[order[: round(share * kernel.size)]] = False
    return mask.reshape(kernel.shape)


def _sparsities(masks: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {path: round(1 - float(mask.mean()), 6) for path, mask in masks.items()}
