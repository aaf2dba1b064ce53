"""Fine-tuning: train on, with what earlier stages pruned or clustered held."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class
from edgedigits.stages.settings import Batch, ClassWeights, EnoughImages, Epochs, Rate, Share, Steps, Temperature


@make_settings_class
class Finetune:
    """Train for `epochs`; masks and clusters stay as they are."""

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = "it buys accuracy: same graph, same bytes"

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
        return ""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: zeros stay zero, equal weights stay equal."""
        from edgedigits.stages import training_loop

        training_copy = training_loop.make_training_copy(candidate.model)
        hold = training_loop.make_holder(training_copy, candidate.masks, candidate.clusters)
        facts = training_loop.tune(
            training_copy, candidate.original, data, training_loop.Plan.of(self), progress, hold=hold
        )
        return replace(candidate, model=training_loop.copy_weights(candidate.model, training_copy)), facts
