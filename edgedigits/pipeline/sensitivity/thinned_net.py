"""A net that loses channels without being built anew: which of a layer's can go, and which go first, is what `shrink` knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.splits import FitData
from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.narrow import Layout
from edgedigits.models.graph.narrowed_size import count_multiply_adds, count_parameters
from edgedigits.models.layers.layer_kinds import find_kind
from edgedigits.stages.shrink.channel_importance import measure_importances
from edgedigits.stages.shrink.gates import gate_by, run_gated
from edgedigits.stages.shrink.removal import lay_out
from edgedigits.tasks.kinds.table import find_task

LOST = 0.5
"""Of a layer's channels: so many go."""


@dataclass(frozen=True)
class Free:
    """The channels of a layer that can go: int64 `units`, of which `count`, its half, are to; `together`: layers that lose the
    same ones with it."""

    units: np.ndarray
    count: int
    together: tuple[str, ...]

    @property
    def mark(self) -> str:
        """The same for layers whose channels go together."""
        return hashlib.sha256(self.units.tobytes()).hexdigest()[:16]


class ThinnedNet:
    """Of a flat model, whose batch normalizations take the statistics of the images at hand, as after a little training."""

    def __init__(self, model: KerasModel, data: FitData, images: int) -> None:
        """images: so many of the training images say what each channel is worth."""
        self.model, self._data, self._images = model, data, images
        self._calls = {call.layer.name: call for call in walk.list_calls(model)}
        self.refusal = ""
        self.layout: Layout | None = None
        try:
            self.layout = lay_out(model, [])
        except ModelError as error:
            self.refusal = str(error)

    def find_free(self, layer: str) -> Free | str:
        """What of the layer can go; else why it can't."""
        if self.layout is None:
            return self.refusal
        call, coupling = self._calls[layer], self.layout.coupling
        kind = find_kind(call.layer)
        if kind is None or not kind.kernels:
            return "makes no channels of its own"
        axis = coupling.units[call.outputs[0]]
        units = np.unique(axis[axis >= 0])
        if not len(units):
            return coupling.left_whole.get(layer) or "its channels can't go alone"
        count = round(LOST * len(np.unique(axis)) if (axis >= 0).all() else LOST * len(axis))
        if not count:
            return "has one channel"
        if count > len(units):
            return f"only {len(units)} of its {len(axis)} channels can go"
        return Free(units, count, tuple(self._find_together(layer, units)))

    def share_parameters(self, free: Iterable[Free], spared: Iterable[Free] = ()) -> float:
        """The share of the parameters that goes where each that is free loses its half, but nothing of what is spared."""
        if self.layout is None:
            return 0.0
        keep = np.ones(self.layout.coupling.count, bool)
        whole = count_parameters(self.layout, keep)
        for one in free:
            keep[one.units[: one.count]] = False
        for one in spared:
            keep[one.units] = True
        return 1 - count_parameters(self.layout, keep) / whole

    def answer(self, pixels: np.ndarray, free: Free | None = None) -> np.ndarray:
        """float32 [n, outputs] without the half of those channels, the least important ones; with all of them where None."""
        layout = self._followed
        factors = np.ones(layout.coupling.count, np.float32)
        if free is not None:
            order = np.argsort(self._importance[free.units], kind="stable")
            factors[free.units[order[: free.count]]] = 0
        found: np.ndarray = self._run(pixels, factors).numpy()
        return found

    @property
    def _followed(self) -> Layout:
        if self.layout is None:
            raise ModelError(self.refusal)
        return self.layout

    @cached_property
    def _importance(self) -> np.ndarray:
        """float64 [units], as `shrink` measures it by default."""
        weights = find_task(self._data).weights("auto", self._data.fit.labels)
        return measure_importances("taylor", self._followed, self._data, self._images, weights)

    @cached_property
    def _run(self) -> tf.types.experimental.PolymorphicFunction:
        layout, net = self._followed, walk.clone(self.model, logits=True)

        def run(pixels: KerasTensor, factors: KerasTensor) -> KerasTensor:
            return run_gated(net, layout, pixels, gate_by(factors, layout.coupling.count), renormalize=True)

        shape = [None, *net.inputs[0].shape[1:]]
        return as_graph(
            run, input_signature=[tf.TensorSpec(shape, tf.float32), tf.TensorSpec([layout.coupling.count], tf.float32)]
        )

    def _find_together(self, layer: str, units: np.ndarray) -> list[str]:
        """Other layers with kernels that make some of the same channels."""
        coupling = self._followed.coupling
        return [
            name
            for name, call in self._calls.items()
            if name != layer
            and (kind := find_kind(call.layer)) is not None
            and kind.kernels
            and np.isin(coupling.units[call.outputs[0]], units).any()
        ]


def count_work(model: KerasModel) -> int | None:
    """Multiply-adds of one inference; None where they can't be counted: channels that can't be followed, images of any size."""
    if None in model.inputs[0].shape[1:]:
        return None
    try:
        layout = lay_out(model, [])
    except ModelError:
        return None
    return count_multiply_adds(layout, np.ones(layout.coupling.count, bool))
