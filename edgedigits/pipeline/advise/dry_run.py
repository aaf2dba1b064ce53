"""What a recipe will make of a model, without training: each stage runs with its training cut to one step; bytes are made then.

Masks, clusters and channels come out as they will, since they depend on the settings; the values of weights do not, but how many
bits they pack into hardly changes. A net that a stage makes anew has weights as they were drawn, which pack worse than trained
ones: those are drawn again, with tails as trained ones have.
"""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from edgedigits.data.splits import FitData
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import Say
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.pipeline.export.export import Export, find_converter
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.exportable import check_exportable
from edgedigits.pipeline.recipe import Recipe
from edgedigits.stages.candidate import Candidate, Stage

SHORTENED: Final = {"epochs": 1e-6, "min_steps": 1}
_MOST_VALUES: Final = 256  # a cluster has no more
_AS_DRAWN: Final = 0.05  # how near a kernel's spread must be to that of Glorot's uniform distribution
_PAST_BOUND: Final = 0.25  # how far past its bound one step may take a weight; trained kernels reach past twice of it
_FREEDOM: Final = 12
"""Of Student's t: trained 3x3 kernels have a kurtosis of 3.3 to 4.7, the wider the more, and the normal distribution has 3."""
_LEAST_WEIGHTS: Final = 256  # of a kernel whose distribution tells something


@dataclasses.dataclass(frozen=True)
class Step:
    """The bytes after the first so many stages. `name` is a stage's or an export's; `stage` the stage, None for the export alone.

    `changed` says that a stage changed shapes, zeros or the number of distinct values: where it did not, `flat` is that
    before it. `failed` is why there are no bytes of that step, "" where there are; those before it then stand in.
    """

    name: str
    stage: Stage | None
    flat: bytes
    changed: bool
    failed: str = ""

    @property
    def gzip_bytes(self) -> int:
        return len(gzip.compress(self.flat, 9, mtime=0))


@dataclasses.dataclass(frozen=True)
class Prediction:
    """`steps`: the float32 export, the recipe's export of the model as it is, then one per stage. `model` is the last one's."""

    steps: tuple[Step, ...]
    model: KerasModel
    as_int8: bytes | None

    @property
    def last(self) -> Step:
        return self.steps[-1]


def predict(
    recipe: Recipe, model: KerasModel, data: FitData, say: Say, custom: Sequence[str] = (), untrained: bool = False
) -> Prediction:
    """The bytes that the recipe will make, step by step, and those of an int8 export where the recipe has another.

    A minute for a net of many layers, seconds for a small one. Raises what the stages and the export raise.
    """
    check_exportable(recipe, model, data, say, untrained)
    converter = find_converter(recipe.export)
    say("float32")
    candidates = list(_candidates(recipe, imitate_training(model, data.seed), data, say, custom))
    first = candidates[0].model
    steps = [Step("float32", None, Float32(converter=converter)(first, data.calibration, data.scale), True)]
    if not isinstance(recipe.export, Float32):
        steps.append(_export_alone(recipe, first, data, steps[0], say))
    shapes = [_shape(candidate) for candidate in candidates]
    told = max((at for at in range(1, len(shapes)) if shapes[at] != shapes[at - 1]), default=0)
    for at, (name, stage) in enumerate(recipe.stages, 1):
        changed, flat, failed = shapes[at] != shapes[at - 1], steps[-1].flat, ""
        if at == told:  # stages after it change nothing: these are the final bytes
            flat = _exported(recipe, candidates[-1].model, data, say, name)
        elif changed:
            found, failed = _tried(recipe.export, candidates[at].model, data, say, f"bytes after {name}")
            flat = found or flat
        steps.append(Step(name, stage, flat, changed, failed))
    if recipe.stages and not told:
        steps[-1] = dataclasses.replace(steps[-1], flat=_exported(recipe, candidates[-1].model, data, say, "last"))
    other = None
    if not isinstance(recipe.export, Int8):
        other, _ = _tried(Int8(converter=converter), candidates[-1].model, data, say, "int8 instead")
    return Prediction(tuple(steps), candidates[-1].model, other)


def cut_short(stage: Any) -> Any:
    """The stage with its training cut to one step; settings that it has no field for are left out."""
    known = {field.name for field in dataclasses.fields(stage)}
    return dataclasses.replace(stage, **{name: value for name, value in SHORTENED.items() if name in known})


def imitate_training(model: KerasModel, seed: int) -> KerasModel:
    """The model, or where kernels are as Glorot's initializer drew them, a copy in which they have the tails of trained ones."""
    drawn = [path for path, kernel in walk.collect_kernels(model).items() if _as_drawn(kernel.numpy())]
    if not drawn:
        return model
    copy, rng = walk.clone(model), np.random.default_rng(seed)
    kernels = walk.collect_kernels(copy)
    for path in drawn:
        kernel = kernels[path].numpy()
        spread = kernel.std() / np.sqrt(_FREEDOM / (_FREEDOM - 2))
        kernels[path].assign((spread * rng.standard_t(_FREEDOM, kernel.shape)).astype(np.float32))
    return copy


def _candidates(
    recipe: Recipe, model: KerasModel, data: FitData, say: Say, custom: Sequence[str]
) -> Iterator[Candidate]:
    """The model as it is, then what each stage makes of it."""
    candidate = Candidate(model, original=model, custom=custom)
    yield candidate
    for name, stage in recipe.stages:
        say(f"{name}, its training cut to one step")
        made, _ = cut_short(stage)(candidate, data)
        candidate = dataclasses.replace(made, model=imitate_training(made.model, data.seed)).after(candidate)
        yield candidate


def _as_drawn(kernel: np.ndarray) -> bool:
    """True for Glorot's uniform distribution: its bound and its spread belong together, and training parts them."""
    if kernel.size < _LEAST_WEIGHTS or kernel.ndim < 2:
        return False
    field = int(np.prod(kernel.shape[:-2]))
    bound = float(np.sqrt(6.0 / (field * (kernel.shape[-2] + kernel.shape[-1]))))
    spread = bound / np.sqrt(3.0)
    return bool(np.abs(kernel).max() < (1 + _PAST_BOUND) * bound and abs(kernel.std() / spread - 1) < _AS_DRAWN)


def _shape(candidate: Candidate) -> list[tuple[str, tuple[int, ...], int, int]]:
    """For each kernel what decides over bytes and time: shape, pruned weights, distinct values if few."""
    found = []
    for path, kernel in walk.collect_kernels(candidate.model).items():
        mask, groups = candidate.masks.get(path), candidate.clusters.get(path)
        pruned = 0 if mask is None else int((~mask).sum())
        distinct = _MOST_VALUES + 1 if groups is None else len(np.unique(groups))
        found.append((path, tuple(kernel.shape), pruned, min(distinct, _MOST_VALUES + 1)))
    return found


def _export_alone(recipe: Recipe, model: KerasModel, data: FitData, before: Step, say: Say) -> Step:
    """The recipe's export without its stages; an export that only suits what the stages make counts with the first of those."""
    if not recipe.stages:
        return Step(recipe.export_name, None, _exported(recipe, model, data, say, recipe.export_name), True)
    flat, failed = _tried(recipe.export, model, data, say, f"bytes after {recipe.export_name}")
    return Step(recipe.export_name, None, flat or before.flat, flat is not None, failed)


def _tried(export: Export, model: KerasModel, data: FitData, say: Say, what: str) -> tuple[bytes | None, str]:
    """The bytes, or why there are none."""
    say(what)
    try:
        return export(model, data.calibration, data.scale), ""
    except EdgeDigitsError as error:
        say(f"no {what}: {error}")
        return None, f"no bytes can be made of the model at this step: {error}"


def _exported(recipe: Recipe, model: KerasModel, data: FitData, say: Say, what: str) -> bytes:
    say(f"bytes after {what}")
    return recipe.export(model, data.calibration, data.scale)
