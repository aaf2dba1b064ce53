"""A net in which each kernel and each value can be rounded as int8 rounds it, or not: one compiled function for all of that.

What is rounded, and how, is what `stages.fake_quantize` trains with; the ranges are those that the export would find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.pipeline.sensitivity.wiring import Edge, Rounded, Wiring
from edgedigits.stages.fake_quantize import find_shared, round_kernel

_NOTHING = Rounded()


class RoundedNet:
    """The net `model`, flat, batch normalization folded; answers with logits where a softmax or sigmoid makes its end."""

    def __init__(self, model: KerasModel, calibration: Iterable[np.ndarray]) -> None:
        """calibration: float32 batches as the model takes them, which the ranges of all tensors come from."""
        self._net = walk.clone(model, logits=True)
        self.wiring = Wiring(self._net, walk.find_closing(model) is not None)
        self._variables = walk.collect_kernels(self._net)
        self.whole = {path: variable.numpy() for path, variable in self._variables.items()}
        self._held = dict(self.whole)
        self._calibration = calibration

    def answer(
        self, pixels: np.ndarray, rounded: Rounded = _NOTHING, kernels: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """float32 [n, outputs] for float32 [n, height, width, channels]; `kernels` by path stand in for the net's own."""
        wanted = {**self.whole, **(kernels or {}), **{path: self._int8[path] for path in rounded.kernels}}
        for path, values in wanted.items():
            if values is not self._held[path]:
                self._variables[path].assign(values)
                self._held[path] = values
        switches = np.array([edge in rounded.edges for edge in self.wiring.edges])
        found: np.ndarray = self._run(pixels, switches).numpy()
        return found

    @cached_property
    def _int8(self) -> dict[str, np.ndarray]:
        """Every kernel rounded, once, from the net's own values."""
        layers = {call.layer.name: call.layer for call in walk.list_calls(self._net)}
        found = {}
        for path in self.wiring.kernels:
            layer, _, attribute = path.rpartition("/")
            found[path] = round_kernel(tf.convert_to_tensor(self.whole[path]), layers[layer], attribute).numpy()
        return found

    @cached_property
    def _ranges(self) -> dict[int, tuple[float, float]]:
        """Least and greatest value of each source on the calibration images, zero included."""
        low, high = np.zeros((2, len(self.wiring.sources)), np.float32)
        observe = as_graph(self._observe, reduce_retracing=True)
        for pixels in self._calibration:
            ends = np.asarray(observe(pixels))
            low, high = np.minimum(low, ends[:, 0]), np.maximum(high, ends[:, 1])
        own = dict(
            zip(self.wiring.sources, zip(low.tolist(), np.maximum(high, 1e-6).tolist(), strict=True), strict=True)
        )
        shared = find_shared(self._net, [source for source in own if source != walk.ENTRY])
        groups = {source: [own[one] for one in shared if shared[one] == shared[source]] for source in shared}
        return own | {
            source: (min(low for low, _ in ends), max(high for _, high in ends)) for source, ends in groups.items()
        }

    def _observe(self, pixels: KerasTensor) -> KerasTensor:
        """float32 [sources, 2], the ends of each."""
        values: dict[int, KerasTensor] = {}
        self._walk(pixels, lambda _edge, read: read, values)
        ends = [
            tf.stack([tf.reduce_min(values[number]), tf.reduce_max(values[number])]) for number in self.wiring.sources
        ]
        result: KerasTensor = tf.stack(ends)
        return result

    @cached_property
    def _run(self) -> Callable[[np.ndarray, np.ndarray], KerasTensor]:
        ranges, places = self._ranges, {edge: place for place, edge in enumerate(self.wiring.edges)}

        def run(pixels: KerasTensor, switches: KerasTensor) -> KerasTensor:
            def round_where_wanted(edge: Edge, values: KerasTensor) -> KerasTensor:
                low, high = ranges[edge.source]
                result: KerasTensor = tf.cond(
                    switches[places[edge]],
                    lambda: tf.quantization.fake_quant_with_min_max_args(values, low, high),
                    lambda: values,
                )
                return result

            return self._walk(pixels, round_where_wanted, {})

        shape = [None, *self._net.inputs[0].shape[1:]]
        signature = [tf.TensorSpec(shape, tf.float32), tf.TensorSpec([len(places)], tf.bool)]
        found: Callable[[np.ndarray, np.ndarray], KerasTensor] = as_graph(run, input_signature=signature)
        return found

    def _walk(
        self, pixels: KerasTensor, read: Callable[[Edge, KerasTensor], KerasTensor], values: dict[int, KerasTensor]
    ) -> KerasTensor:
        """The logits; `read(edge, value)` gives what is read of a value there. `values` gets every tensor, by number."""
        edges = {(edge.tensor, edge.reader): edge for edge in self.wiring.edges}

        def look(number: int, reader: int) -> KerasTensor:
            edge = edges.get((number, reader))
            return values[number] if edge is None else read(edge, values[number])

        values[walk.ENTRY] = pixels
        last = walk.ENTRY
        for call in walk.list_calls(self._net):
            last = call.outputs[0]
            seen = {id(tensor): look(number, last) for number, tensor in zip(call.inputs, call.use.read, strict=True)}
            args, kwargs = call.use.fill_in(seen)
            made = call.layer(*args, **{**kwargs, "training": False})
            values.update(zip(call.outputs, walk.list_made(made), strict=True))
        return look(last, -1)
