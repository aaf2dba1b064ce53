"""What can go from a graph before its layers are narrowed: copies of one tensor, the residual branches that matter least, and
1x1 convolutions that another can do the work of."""

from __future__ import annotations

from dataclasses import replace

from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.ground.facts import Facts
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.graph.duplicate_inputs import find_copies, merge_copies, sum_copies
from edgedigits.models.graph.merge_pointwise import merge_pairs
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.shrink.residual_blocks import IMAGES, find_branches, measure_branch_importance, remove_branches


def simplify(
    candidate: Candidate, data: FitData, drop_blocks: int, merge_pointwise: bool = False, images: int = IMAGES
) -> tuple[KerasModel, Facts]:
    """(the model with copies merged, `drop_blocks` residual branches gone and then 1x1 convolutions joined, what that was).

    Merging changes no answer, dropping does. Convolutions that are pruned or clustered are not joined: a product is neither.
    Those branches go that change the loss least on `images` training images, each alone; one within another counts for itself.
    Raises RecipeError when there are fewer.
    """
    model = candidate.model
    there = len(find_branches(model))
    if drop_blocks > there:
        are = {0: "no residual branches", 1: "1 residual branch"}.get(there, f"{there} residual branches")
        raise RecipeError(
            f"shrink.drop_blocks: found {drop_blocks}, but {model.name} has {are} that could go; ask for at most {there}"
        )
    model, names = merge_copies(model)
    dropped: list[str] = []
    if drop_blocks:
        importance = measure_branch_importance(model, data, images)
        dropped = sorted(importance, key=lambda add: importance[add])[:drop_blocks]
        model = remove_branches(model, dropped)
    facts: Facts = {"merged_copies": names, "dropped_blocks": dropped}
    if merge_pointwise:
        model, facts["merged_pointwise"] = merge_pairs(model, {*candidate.masks, *candidate.clusters})
    return model, facts


def carry_along(candidate: Candidate, model: KerasModel) -> Candidate:
    """The candidate with its simplified model; masks and clusters stay where their kernels do.

    A weight that is the sum of several is pruned where all of them were. It has no cluster: sums have other values.
    """
    there = walk.collect_kernels(model)
    places = {path: one.place for one in find_copies(candidate.model) for path in one.kernels if path in there}
    masks = {path: mask for path, mask in candidate.masks.items() if path in there}
    return replace(
        candidate,
        model=model,
        masks={path: sum_copies(mask, places[path]) > 0 if path in places else mask for path, mask in masks.items()},
        clusters={path: one for path, one in candidate.clusters.items() if path in there and path not in places},
        kept={},
        summed=places,
    )
