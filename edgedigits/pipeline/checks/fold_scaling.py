"""A scaling folded into the first layer's weights, so that the model takes plain pixels: w (a x + b) + c = a w x + (w b + c).

That is exact, but for rounding, where each number the layer reads is a pixel of a known channel. Padding with zeros is not:
a zero of the model's input would have to become the pixel that stands for it, and so no layer is taken that pads after b.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgedigits.data.images import Images
from edgedigits.data.scale import NAMED, Scaling
from edgedigits.ground.facts import Facts
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.graph.answers import TOLERANCE
from edgedigits.models.layers.layer_kinds import Passage, PixelUse, find_kind, list_kernels
from edgedigits.stages.candidate import Candidate
from edgedigits.tasks.scoring import compute_outputs

PLAIN = NAMED["0..1"]


@dataclass(frozen=True)
class Entry:
    """The layer that reads the pixels first; `pads` tells whether it or a layer before it pads them with zeros."""

    layer: KerasLayer
    pads: bool


def fold(candidates: list[Candidate], scaling: Scaling, images: Images) -> tuple[list[Candidate], Scaling, Facts]:
    """(the candidates, how they take their pixels now, JSON-safe facts): all folded alike, or all as they were.

    What can be is folded: all of the scaling, which leaves 0..1, or else the order of the channels; a plain range is left as
    it is, and so is what changes the answers to `images` by more than rounding does. Masks and clusters move with their
    kernels, and zeros stay zero.
    """
    straight = scaling._replace(bgr=False, mean=scaling.mean[::-1], std=scaling.std[::-1])
    for left in (PLAIN, straight) if not scaling.plain else ():
        turn, factor, offset = _step(scaling, left)
        made = [_folded(candidate, turn, factor, offset) for candidate in candidates]
        found = [one for one in made if one is not None]
        if left == scaling or len(found) < len(made):
            continue
        pairs = zip(candidates, found, strict=True)
        off = max(_difference(one.model, scaling, other.model, left, images) for one, other in pairs)
        if off <= TOLERANCE:
            entries = [_entry(candidate.model) for candidate in candidates]
            layers = sorted({entry.layer.name for entry in entries if entry})
            return found, left, {"scale": scaling.as_json(), "layers": layers, "largest_difference": off}
    return candidates, scaling, {}


def _difference(model: KerasModel, scaling: Scaling, folded: KerasModel, left: Scaling, images: Images) -> float:
    """The largest difference between the answers, as a share of the largest answer."""
    before, after = compute_outputs(model, images, scaling), compute_outputs(folded, images, left)
    return float(np.abs(before - after).max() / max(float(np.abs(before).max()), 1e-6))


def _step(scaling: Scaling, left: Scaling) -> tuple[bool, np.ndarray, np.ndarray]:
    """(whether channels turn, a, b): the old input = a * the new input + b, channels as the model takes them; float64 [3]."""
    (factor, offset), (less, more) = ([part.astype(np.float64) for part in one.line(3)] for one in (scaling, left))
    turn = scaling.bgr and not left.bgr
    less, more = (less[::-1], more[::-1]) if turn else (less, more)
    if (less == factor).all() and (more == offset).all():
        return turn, np.ones(3), np.zeros(3)
    return turn, factor / less, offset - more * factor / less


def _folded(candidate: Candidate, turn: bool, factor: np.ndarray, offset: np.ndarray) -> Candidate | None:
    """The candidate with the change of input in its first layer; None where that would not be exact."""
    entry = _entry(candidate.model)
    channels = int(candidate.model.inputs[0].shape[-1])
    factor, offset, turn = factor[:channels], offset[:channels], turn and channels > 1
    if entry is None or (entry.pads and offset.any()):
        return None
    paths = [f"{entry.layer.name}/{attribute}" for attribute in list_kernels(entry.layer)]
    if (paths[0] in candidate.clusters and len(set(factor)) > 1) or (turn and _is_depthwise(entry.layer)):
        return None
    order = np.arange(channels)[::-1] if turn else np.arange(channels)
    model = _with_weights(candidate.model, entry.layer, _weights(entry.layer, factor, offset), order)

    def moved(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        kept = dict(arrays)
        for place, path in enumerate(paths):
            if path in kept:
                kept[path] = _turned(kept[path], place, order)
        return kept

    return replace(candidate, model=model, masks=moved(candidate.masks), clusters=moved(candidate.clusters))


def _entry(model: KerasModel) -> Entry | None:
    """The layer that reads the pixels first and alone, and that a change of them can be folded into; None where there is none."""
    calls = list(walk.list_calls(model))
    uses = [call.layer.name for call in calls]
    number, pads = walk.ENTRY, False
    while True:
        readers = [call for call in calls if number in call.inputs]
        if len(readers) != 1 or len(readers[0].inputs) != 1 or uses.count(readers[0].layer.name) != 1:
            return None
        layer, kind = readers[0].layer, find_kind(readers[0].layer)
        if getattr(layer, "data_format", "channels_last") != "channels_last" or getattr(layer, "groups", 1) != 1:
            return None
        if kind is None or kind.pixels is PixelUse.CHANGED:
            break
        pads, number = pads or kind.pixels is PixelUse.PADDED, readers[0].outputs[0]
    if next((kernel.reads for kernel in list_kernels(layer).values()), None) != -2:
        return None
    return Entry(layer, pads or (getattr(layer, "padding", "valid") != "valid" and set(layer.kernel_size) != {1}))


def _is_depthwise(layer: KerasLayer) -> bool:
    """True where channels that change places would do so in the output, too."""
    kind = find_kind(layer)
    return kind is not None and kind.channels is Passage.DEPTHWISE


def _weights(layer: KerasLayer, factor: np.ndarray, offset: np.ndarray) -> list[np.ndarray]:
    """float32 weights of the layer for input that `factor` and `offset` are yet to be put on; a bias last, if one is needed."""
    kernels = list(list_kernels(layer).values())
    count = len(kernels)
    weights = [weight.astype(np.float64) for weight in layer.get_weights()]
    first, *others = weights[:count]
    places = first.reshape(-1, len(factor), first.shape[-1])  # a dense layer may read many pixels of each channel
    gain = (places * factor[:, None]).reshape(first.shape)
    shift = np.einsum("pcm,c->cm" if kernels[0].depthwise else "pco,c->o", places, offset).reshape(-1)
    for pointwise in others:
        shift = shift @ pointwise.reshape(pointwise.shape[-2:])
    bias = [weights[count] + shift] if layer.use_bias else [shift] if offset.any() else []
    return [array.astype(np.float32) for array in (gain, *others, *bias)]


def _turned(array: np.ndarray, place: int, order: np.ndarray) -> np.ndarray:
    """A kernel, or what is said of its weights, for channels in that order; `place` tells which of the layer's it is."""
    if place == 0:
        turned = array.reshape(-1, len(order), array.shape[-1])[:, order]
    else:  # what a separable one makes of each channel lies together
        turned = array.reshape(len(order), -1, array.shape[-1])[order]
    return np.asarray(turned.reshape(array.shape))


def _with_weights(model: KerasModel, layer: KerasLayer, weights: list[np.ndarray], order: np.ndarray) -> KerasModel:
    """A copy of the model in which the layer has these weights and reads the channels in that order."""
    count = len(list_kernels(layer))
    turned = [_turned(array, place, order) for place, array in enumerate(weights[:count])] + weights[count:]

    def make(one: KerasLayer) -> KerasLayer | None:
        config = one.get_config()
        return type(one).from_config({**config, "use_bias": len(weights) > count} if one is layer else config)

    result = walk.exchange_layers(model, make)
    for one in result.layers:
        if one.weights:
            one.set_weights(turned if one.name == layer.name else model.get_layer(one.name).get_weights())
    return result
