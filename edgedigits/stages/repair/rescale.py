"""Factors on the channels of a model: what makes them is divided by the factor, what reads them multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import Kernel, Passage, find_kind, list_kernels
from edgedigits.stages.repair.scale_sets import ScaleSets


@dataclass(frozen=True)
class Worker:
    """A layer with kernels, used once: the sets of the channels that it reads and makes, int64; `made` by filter."""

    layer: KerasLayer
    output: int
    read: np.ndarray
    made: np.ndarray

    @property
    def kernels(self) -> list[Kernel]:
        return list(list_kernels(self.layer).values())

    @property
    def is_depthwise(self) -> bool:
        kind = find_kind(self.layer)
        return kind is not None and kind.channels is Passage.DEPTHWISE


def list_workers(sets: ScaleSets) -> Iterator[Worker]:
    """Those whose channels the sets tell of, in the order of computation."""
    for call in walk.list_calls(sets.model):
        if list_kernels(call.layer):
            yield Worker(call.layer, call.outputs[0], sets.tensors[call.inputs[0]], sets.tensors[call.outputs[0]])


def rescale(sets: ScaleSets, factors: np.ndarray) -> KerasModel:
    """A copy of the model in which every set is smaller by its factor, float64 [count] above 0; 1 for those that are fixed."""
    copy = walk.clone(sets.model)
    for worker in list_workers(sets):
        weights = [weight.astype(np.float64) for weight in worker.layer.get_weights()]
        first, last = worker.kernels[0], len(worker.kernels) - 1
        weights[0] = weights[0] * spread_reads(factors[worker.read], weights[0].shape, first)
        weights[last] = weights[last] / spread_makes(factors[worker.made], weights[last].shape, worker.kernels[last])
        if len(weights) > last + 1:
            weights[last + 1] = weights[last + 1] / factors[worker.made]
        copy.get_layer(worker.layer.name).set_weights([weight.astype(np.float32) for weight in weights])
    return copy


def spread_reads(values: np.ndarray, shape: tuple[int, ...], kernel: Kernel) -> np.ndarray:
    """One value for each channel read, laid out to spread over the kernel."""
    return _laid_out(values, shape, [kernel.reads or 0])


def spread_makes(values: np.ndarray, shape: tuple[int, ...], kernel: Kernel) -> np.ndarray:
    """One value for each channel made, laid out to spread over the kernel."""
    return _laid_out(values, shape, kernel.filters)


def _laid_out(values: np.ndarray, shape: tuple[int, ...], axes: list[int] | tuple[int, ...]) -> np.ndarray:
    places = {axis % len(shape) for axis in axes}
    return np.reshape(values, [size if axis in places else 1 for axis, size in enumerate(shape)])
