"""Cross-layer equalization (Nagel et al. 2019, "Data-Free Quantization"): channels that share a scale get one size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field

from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData
from edgedigits.errors import CheckError, RecipeError
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class

if TYPE_CHECKING:
    import numpy as np

    from edgedigits.data.images import Images
    from edgedigits.keras_types import KerasModel
    from edgedigits.stages.repair.scale_sets import ScaleSets

_COMPARED: Final = 200
"""Validation images that the answers are compared on, besides those that channels are measured on."""


@make_settings_class
class Equalize:
    """Give the channels of a tensor ranges of a like size: what makes a channel is divided, what reads it multiplied.

    How far channels reach is measured on so many `images` of those for calibration. Batch normalizations are folded first.
    Answers stay the same within float rounding: a channel that a ReLU6 cuts off keeps its size. With `scope` "joined" only
    channels that a concatenation, or another operator with one scale for all that it reads, joins with others: a net without
    such is handed on as it is.
    """

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = "it buys accuracy after rounding: same graph, same bytes"
    not_after: ClassVar[tuple[str, ...]] = ("cluster",)

    images: Annotated[int, Field(ge=1)] = 300
    scope: Literal["all", "joined"] = "all"

    @property
    def in_words(self) -> str:
        return ""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: the same answers, kernel paths and zeros. Raises RecipeError where kernels are clustered."""
        from edgedigits.stages.qat import fold_batchnorms
        from edgedigits.stages.repair.factors import hold_others, list_joins
        from edgedigits.stages.repair.scale_sets import find_scale_sets

        if candidate.clusters:
            raise RecipeError(
                "equalize: kernels are clustered, and a factor for each channel would part them; put equalize before cluster"
            )
        as_it_is = candidate, {"images": 0, "folded": [], "factors": {}, "left_whole": {}}
        if self.scope == "joined" and not list_joins(candidate.model):
            return as_it_is
        flat, folded = fold_batchnorms(candidate)
        sample = draw_sample(data.calibration, self.images)
        progress("equalize", 0.0)
        sets = find_scale_sets(flat.model)
        if self.scope == "joined":
            sets = hold_others(sets)
            if not sets.free.any():
                return as_it_is
        model, facts = _equalize(sets, data, sample)
        return replace(flat, model=model), {"images": len(sample), "folded": folded, **facts}


def _equalize(whole: ScaleSets, data: FitData, sample: Images) -> tuple[KerasModel, Facts]:
    """With as many of the channels before a ReLU6 as leave the answers the same."""
    from edgedigits.models.graph.answers import TOLERANCE
    from edgedigits.stages.repair.factors import MARGINS, find_factors, hold_caps, measure
    from edgedigits.stages.repair.rescale import rescale

    reached = measure(whole, sample, data.scale)
    for margin in MARGINS:
        sets, least = hold_caps(whole, reached, margin)
        factors = find_factors(sets, reached, least)
        made = rescale(sets, factors)
        off = _difference(whole.model, made, data, sample)
        if off <= TOLERANCE:
            return made, {"largest_difference": off, **_tell(sets, factors)}
    raise CheckError(
        f"equalize: the answers differ by {off:.1e} of the largest, and {TOLERANCE} is allowed; leave the stage out"
    )


def _difference(before: KerasModel, after: KerasModel, data: FitData, sample: Images) -> float:
    """The largest between the answers, as a share of the largest answer."""
    import numpy as np

    from edgedigits.tasks.scoring import compute_outputs

    largest = 0.0
    for images in (sample, draw_sample(data.validation, _COMPARED)):
        first, second = (compute_outputs(model, images, data.scale) for model in (before, after))
        largest = max(largest, float(np.abs(first - second).max() / max(float(np.abs(first).max()), 1e-6)))
    return largest


def _tell(sets: ScaleSets, factors: np.ndarray) -> Facts:
    """By layer, how many times the largest factor of its channels is the smallest; and why others keep all of theirs."""
    from edgedigits.stages.repair.rescale import list_workers

    scaled, left = dict[str, float](), dict[str, str]()
    for worker in list_workers(sets):
        own, free = factors[worker.made], sets.free[worker.made]
        if free.any():
            scaled[worker.layer.name] = round(float(own.max() / own.min()), 2)
        else:
            left[worker.layer.name] = sets.fixed[int(worker.made[0])]
    return {"factors": scaled, "left_whole": left}
