"""Quantization-aware training (Jacob et al. 2018): train with weights and activations rounded as int8 will round them.

Batch normalization is folded first, so the weights that are rounded are the ones that ship, and a step costs little more than a
float one. What comes out is a plain float model: the converter finds the same scales again, since it computes them from the same
weights, and the ranges of the activations from the calibration images.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class
from edgedigits.stages.settings import Batch, ClassWeights, EnoughImages, Epochs, Rate, Share, Steps, Temperature

if TYPE_CHECKING:
    import numpy as np


@make_settings_class
class Qat:
    """Train for `epochs` with int8 rounding; masks and clusters stay as they are.

    Layers in `skip_layers`, and kinds that this stage does not know, are not rounded in training: the converter quantizes them,
    and the record names them. `weight_bits` 4 is for the export int4.
    """

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = "it buys accuracy after rounding: same graph, same bytes"

    epochs: Epochs = 0.5
    min_steps: Steps = 100
    enough_images: EnoughImages = None
    rate: Rate = 1e-4
    batch: Batch = 128
    distillation: Share = 0.0
    temperature: Temperature = 3.0
    class_weights: ClassWeights = "auto"
    skip_layers: list[str] = Field(default_factory=list)
    weight_bits: Literal[4, 8] = 8

    @property
    def in_words(self) -> str:
        return ""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: a float model with foldable batch normalizations gone, same kernel paths, same zeros."""
        from edgedigits.stages import training_loop
        from edgedigits.stages.fake_quantize import FakeQuantized
        from edgedigits.stages.select_layers import check_patterns

        check_patterns(candidate.model, "qat.skip_layers", self.skip_layers)
        flat, names = fold_batchnorms(candidate)
        training_copy = training_loop.make_training_copy(flat.model)
        rounded = FakeQuantized(training_copy, self.skip_layers, self.weight_bits)
        rounded.observe(data)
        hold = training_loop.make_holder(training_copy, flat.masks, flat.clusters)
        plan = training_loop.Plan.of(self)
        facts = training_loop.tune(training_copy, candidate.original, data, plan, progress, forward=rounded, hold=hold)
        done = replace(flat, model=training_loop.copy_weights(flat.model, training_copy))
        return done, {**facts, "folded": names, "left_to_converter": rounded.left}


def fold_batchnorms(candidate: Candidate) -> tuple[Candidate, list[str]]:
    """(the candidate with batch normalizations folded, the rest as the export has them; names of the layers that took some in);
    answers stay the same."""
    from edgedigits.models.graph import fold_batchnorm

    model, names = fold_batchnorm.fold(candidate.model)
    flat = replace(candidate, model=fold_batchnorm.make_convolutions(model))
    return replace(flat, clusters=_still_shared(flat, names)), names


def _still_shared(candidate: Candidate, folded: list[str]) -> dict[str, np.ndarray]:
    """Clusters after folding: a folded kernel's channels were scaled apart, so there each channel has groups of its own."""
    import numpy as np

    from edgedigits.models.graph.fold_batchnorm import along
    from edgedigits.models.layers.layer_kinds import list_kernels

    groups = {}
    for path, numbers in candidate.clusters.items():
        if path.rpartition("/")[0] in folded:
            most = int(numbers.max()) + 1
            (known,) = list_kernels(candidate.model.get_layer(path.rpartition("/")[0])).values()
            count = np.prod([numbers.shape[axis] for axis in known.filters])
            channel = along(np.arange(count, dtype=np.int32), numbers.shape, known)
            apart = np.where(numbers < 0, -1, numbers + channel * most)
            kept = apart >= 0
            renumbered = np.full(numbers.shape, -1, np.int32)
            renumbered[kept] = np.unique(apart[kept], return_inverse=True)[1]
            groups[path] = renumbered
        else:
            groups[path] = numbers
    return groups
