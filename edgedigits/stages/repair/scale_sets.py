"""Which channels of a graph can be made larger or smaller with the same answers, and which only together.

A layer that makes channels can make them smaller by a factor, and one that reads them larger, if all between them hands a factor
on: ReLU and its leaky kinds, pooling, padding with zeros, additions of channels that take the same factor. Nagel et al. 2019,
"Data-Free Quantization Through Weight Equalization and Bias Correction", do so for pairs of layers; sets of channels (as in
`graph/coupling.py`) take residual sums and concatenations in as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.graph.channel_rules import RULES, name_set, whole
from edgedigits.models.graph.channel_sets import Channels
from edgedigits.models.layers.layer_kinds import Passage, find_kind

_ACTIVATIONS: Final = ("leaky_relu", "linear", "relu")
"""Those that hand a factor above 0 on."""
_SUMS: Final = ("Add", "Average", "Maximum", "Minimum", "Subtract")
_HAND_ON: Final = (
    *(f"{kind}Pooling{rank}D" for kind in ("Average", "GlobalAverage", "GlobalMax", "Max") for rank in (1, 2)),
    *(f"{kind}{rank}D" for kind in ("Cropping", "SpatialDropout", "ZeroPadding") for rank in (1, 2)),
    *(
        "AlphaDropout",
        "CenterCrop",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "LeakyReLU",
        "PReLU",
        "UpSampling2D",
    ),
)
_MOVE: Final = (Passage.CONCATENATED, Passage.PERMUTED, Passage.RESHAPED)
_INPUT, _OUTPUT = "is tied to the network's input", "makes the answers"
CAPPED, ALONE = "is cut off at a largest value that it reaches", "has a scale of its own"


@dataclass(frozen=True)
class ScaleSets:
    """The sets of a model's channels, by number; those in `fixed` keep their size.

    tensors: tensor number (as in `walk.list_calls`) -> int64 [channels], the set of each channel on its last axis.
    caps: number of a tensor that a ReLU with a largest value makes -> (the tensor it reads, that value).
    fixed: set -> why.
    """

    model: KerasModel
    tensors: Mapping[int, np.ndarray]
    caps: Mapping[int, tuple[int, float]]
    fixed: Mapping[int, str]
    count: int

    @property
    def free(self) -> np.ndarray:
        """bool [count], True where a set can take a factor."""
        found = np.ones(self.count, bool)
        found[list(self.fixed)] = False
        return found


def find_scale_sets(model: KerasModel) -> ScaleSets:
    """The sets of a flat model with its batch normalizations folded: one that is not keeps the channels around it as they are."""
    calls = list(walk.list_calls(model))
    channels, axes, caps = Channels(), dict[int, np.ndarray](), dict[int, tuple[int, float]]()
    axes[walk.ENTRY] = channels.fresh(int(model.inputs[0].shape[-1]), _INPUT)
    uses = Counter(id(call.layer) for call in calls)
    for call in calls:
        read, (output,) = [axes[number] for number in call.inputs], call.outputs
        if uses[id(call.layer)] > 1 and call.layer.weights:
            axes[output] = whole(channels, call, read, f"{name_set(call.layer)} is used more than once")
        else:
            axes[output] = _pass(channels, call, read)
        if (cap := find_cap(call.layer)) is not None and call.inputs[0] != walk.ENTRY:
            caps[output] = (call.inputs[0], cap)
    channels.fix(axes[calls[-1].outputs[0]], _OUTPUT)
    return _numbered(model, channels, axes, caps)


def find_cap(layer: KerasLayer) -> float | None:
    """The largest value that a layer, nothing but a ReLU, lets through; None for another one."""
    config = layer.get_config()
    if type(layer).__name__ == "Activation":
        return 6.0 if config["activation"] == "relu6" else None
    if type(layer).__name__ != "ReLU" or config.get("threshold") or config.get("max_value") is None:
        return None
    return float(config["max_value"])


def _pass(channels: Channels, call: walk.Call, read: list[np.ndarray]) -> np.ndarray:
    layer, kind = call.layer, find_kind(call.layer)
    name, config = type(layer).__name__, layer.get_config()
    if kind is None:
        return whole(channels, call, read)
    if kind.channels in (Passage.MADE, Passage.DEPTHWISE):
        groups = int(config.get("groups", 1))
        why = f"computes in {groups} groups" if groups != 1 else f"ends in {config.get('activation')}"
        if groups != 1:
            return whole(channels, call, read, f"{name_set(layer)} {why}")
        fixed = None if config.get("activation", "linear") in _ACTIVATIONS else f"{name_set(layer)} {why}"
        return channels.fresh(int(call.use.made[0].shape[-1]), fixed)
    if name in _HAND_ON and read[0].size == call.use.made[0].shape[-1]:
        return read[0]
    if _is_factor(name, config) or find_cap(layer) is not None:
        return read[0]
    if name in _SUMS and len({axis.size for axis in read}) == 1:
        return RULES[Passage.MERGED](channels, call, read)
    return RULES[kind.channels](channels, call, read) if kind.channels in _MOVE else whole(channels, call, read)


def _is_factor(name: str, config: JsonObject) -> bool:
    """Whether f(a x) = a f(x) for every a above 0."""
    if name == "Activation":
        return config["activation"] in _ACTIVATIONS
    if name == "ReLU":
        return not config.get("threshold") and config.get("max_value") is None
    return name == "Rescaling" and not np.any(np.asarray(config.get("offset", 0.0)))


def _numbered(
    model: KerasModel, channels: Channels, axes: dict[int, np.ndarray], caps: dict[int, tuple[int, float]]
) -> ScaleSets:
    """Sets in the order of their roots."""
    roots = np.array([channels.find(channel) for channel in range(len(channels))])
    own, number = np.unique(roots, return_inverse=True)
    fixed = {place: reason for place, root in enumerate(own) if (reason := channels.reason(int(root))) is not None}
    return ScaleSets(model, {tensor: number[axis] for tensor, axis in axes.items()}, caps, fixed, len(own))
