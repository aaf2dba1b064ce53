"""Bias correction (Nagel et al. 2019, "Data-Free Quantization", 4.2): rounding moves a channel's mean, its bias moves it back.

Layer by layer, with all before it corrected, the mean of what a layer makes in float is held against that with int8 rounding, on
training images; what is missing is added to its bias when the bytes are made. The model that travels on stays as it is: the bytes
are to answer like that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class


@make_settings_class
class CorrectBias:
    """Measure on so many `images` of those for calibration what is added to biases in the bytes; the last stage of a recipe."""

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = "it buys accuracy after rounding: same graph, same bytes"
    comes_last: ClassVar[bool] = True

    images: Annotated[int, Field(ge=1)] = 128

    @property
    def in_words(self) -> str:
        return ""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: the same answers and kernels; every layer that is rounded has a bias, and most have a correction."""
        from edgedigits.stages.qat import fold_batchnorms
        from edgedigits.stages.repair.corrections import add_biases
        from edgedigits.stages.repair.mean_errors import find_corrections

        flat, folded = fold_batchnorms(candidate)
        model = add_biases(flat.model)
        sample = draw_sample(data.calibration, self.images)
        progress("correct_bias", 0.0)
        corrections, shares = find_corrections(model, data, sample)
        facts = {"images": len(sample), "folded": folded, "corrected": shares}
        return replace(flat, model=model, corrections=corrections), facts
