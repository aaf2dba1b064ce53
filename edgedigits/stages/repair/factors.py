"""By how much each set of channels is made smaller, so that none of them lacks steps where another fills the range.

A channel's share of the range of what is stored, and its share of the weights that read it, have one product, whatever the
factor; both roundings together are least where the shares are alike (as in Nagel et al. 2019, eq. 11, there for weights on both
sides). A depthwise convolution has a scale for each channel, so that its weights take any factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edgedigits.data.feed import make_plain_batches
from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import Output, find_kind
from edgedigits.stages.fake_quantize import find_shared, list_roundings
from edgedigits.stages.repair.rescale import Worker, list_workers
from edgedigits.stages.repair.scale_sets import ALONE, CAPPED, ScaleSets

MARGINS: Final = (1.5, 3.0, 10.0, 1e9)
"""A channel counts as one that a ReLU6 does not cut off if so many times what it reaches on training images is below 6; the next
is tried where other images reach further. With the last only those count that reach nothing."""
_FLOOR: Final = 1e-3
"""A smaller share counts as so large: what is so small has no step of eight bits. A channel that is never used on the images is
held back so where it is read, lest its weights fill a filter's range."""
_DEAD: Final = 1e-6
_ROUNDS, _STILL, _BATCH = 50, 1e-3, 50


@dataclass(frozen=True)
class Reached:
    """Largest magnitude of every channel on its last axis, and largest value, by tensor number; float64 [channels]."""

    sizes: Mapping[int, np.ndarray]
    tops: Mapping[int, np.ndarray]


def measure(sets: ScaleSets, images: Images, scale: Scale) -> Reached:
    """What the channels of every tensor reach on the images."""
    sizes, tops = dict[int, np.ndarray](), dict[int, np.ndarray]()

    def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
        made = call.layer(*args, **{**kwargs, "training": False})
        values = np.asarray(made).reshape(-1, made.shape[-1])
        low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
        for found, reached in ((sizes, np.maximum(-low, high)), (tops, high)):
            found[call.outputs[0]] = np.maximum(found.get(call.outputs[0], reached), reached)
        return made

    for pixels, _ in make_plain_batches(images, scale, _BATCH):
        walk.run(sets.model, pixels, apply)
    return Reached(sizes, tops)


def hold_caps(sets: ScaleSets, reached: Reached, margin: float) -> tuple[ScaleSets, np.ndarray]:
    """(the sets, those fixed that a ReLU with a largest value cuts off; the least factor of each that leaves others below it)."""
    fixed, least = dict(sets.fixed), np.zeros(sets.count)
    for source, cap in sets.caps.values():
        needed = margin * np.maximum(reached.tops[source], 0.0) / cap
        for one, share in zip(sets.tensors[source], needed, strict=True):
            least[one] = max(least[one], share)
    fixed |= {int(one): CAPPED for one in np.flatnonzero(least > 1.0) if int(one) not in fixed}
    return replace(sets, fixed=fixed), least


def list_joins(model: KerasModel) -> list[walk.Call]:
    """The uses of layers that give several tensors one scale."""
    kinds = ((call, find_kind(call.layer)) for call in walk.list_calls(model) if len(set(call.inputs)) > 1)
    return [call for call, kind in kinds if kind is not None and kind.output is Output.SHARED]


def hold_others(sets: ScaleSets) -> ScaleSets:
    """The sets, those fixed that no operator joins with others under one scale."""
    shared, joined = find_shared(sets.model, list_roundings(sets.model)[0]), set[int]()
    groups = {shared.get(call.outputs[0]) for call in list_joins(sets.model)}
    for number, group in shared.items():
        if group in groups:
            joined.update(sets.tensors[number].tolist())
    return replace(sets, fixed={**dict.fromkeys(set(range(sets.count)) - joined, ALONE), **sets.fixed})


def find_factors(sets: ScaleSets, reached: Reached, least: np.ndarray) -> np.ndarray:
    """The factor of every set, float64 [count]; 1 for those that are fixed."""
    shared = find_shared(sets.model, list_roundings(sets.model)[0])
    workers, factors, free = list(list_workers(sets)), np.ones(sets.count), sets.free
    weighed = np.zeros(sets.count, bool)
    for worker in workers:
        weighed[worker.read] |= not worker.kernels[0].depthwise
    for _ in range(_ROUNDS):
        shrinks, grows = np.zeros(sets.count), np.zeros(sets.count)
        stored = {number: reached.sizes[number] / factors[sets.tensors[number]] for number in shared}
        tops = dict.fromkeys(shared.values(), 0.0)
        for number, first in shared.items():
            tops[first] = max(tops[first], float(stored[number].max()))
        for number, first in shared.items():
            _note(shrinks, sets.tensors[number], stored[number], tops[first])
        for worker in workers:
            _note_weights(worker, factors, shrinks, grows)
        step = np.where(shrinks > _DEAD, shrinks, 1.0)
        step[weighed] = np.sqrt(np.maximum(shrinks[weighed], _FLOOR) / np.maximum(grows[weighed], _FLOOR))
        before, factors = factors, np.where(free, np.maximum(factors * step, least), 1.0)
        if np.abs(np.log(factors / before)).max() < _STILL:
            break
    return factors


def _note_weights(worker: Worker, factors: np.ndarray, shrinks: np.ndarray, grows: np.ndarray) -> None:
    """The shares of the weights: of the channels that are read, and where all filters have one scale of those that are made."""
    first, last = worker.kernels[0], worker.kernels[-1]
    weights = [np.abs(weight.astype(np.float64)) for weight in worker.layer.get_weights()]
    if not first.depthwise:
        assert first.reads is not None
        axes = first.reads % weights[0].ndim, first.filters[0] % weights[0].ndim
        others = tuple(axis for axis in range(weights[0].ndim) if axis not in axes)
        sizes = weights[0].max(axis=others)
        sizes = sizes if axes[0] < axes[1] else sizes.T
        sizes = sizes * factors[worker.read][:, None] / factors[worker.made]
        tops = sizes.max() if first.one_scale else sizes.max(0)
        np.maximum.at(grows, worker.read, (sizes / np.maximum(tops, 1e-30)).max(1))
        if last.one_scale:
            _note(shrinks, worker.made, sizes.max(0), float(sizes.max()))


def _note(shares: np.ndarray, places: np.ndarray, sizes: np.ndarray, top: float) -> None:
    """Each set's share of the largest size of one scale, where that is more than was known."""
    np.maximum.at(shares, places, sizes / max(top, 1e-30))
