"""Copies of one tensor, joined along the channels only to be summed up by the next kernel, become one.

A net made for colour takes grey images as Concatenate([image, image, image]). Nothing is known after it that was not before, but
every pixel is copied three times, and the first convolution does three times the work. The sum of its kernel over the copies,
applied to one of them, gives the same answers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import cast

import numpy as np

from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.layers.known_layers import ACTIVATIONS
from edgedigits.models.layers.layer_kinds import Passage, Setting, find_kind, list_kernels


@dataclass(frozen=True)
class Copies:
    """A Concatenate that is given one tensor more than once.

    stay: places among its inputs of those that stay. place: int64 [channels it makes], the channel that each becomes.
    kernels: paths of the kernels, `layer/attribute`, that sum over them.
    """

    name: str
    stay: tuple[int, ...]
    place: np.ndarray
    kernels: tuple[str, ...]


def find_copies(model: KerasModel) -> tuple[Copies, ...]:
    """Those of a flat model that nothing but convolutions and dense layers reads, directly or through layers that act on each
    channel alike; layers that are used more than once stay as they are."""
    calls = list(walk.list_calls(model))
    uses = Counter(id(call.layer) for call in calls)
    readers: dict[int, list[walk.Call]] = {}
    for call in calls:
        for number in set(call.inputs):
            readers.setdefault(number, []).append(call)

    def kernels(tensor: int) -> list[str] | None:
        """Of all that reads a tensor; None where something else does, or where it is the answer."""
        found: list[str] = []
        for call in readers.get(tensor, []):
            below = [f"{call.layer.name}/{one}" for one in list_kernels(call.layer)] if sums(call.layer) else None
            if _acts_alike(call.layer):
                below = kernels(call.outputs[0])
            if below is None or uses[id(call.layer)] > 1:
                return None
            found += below
        return found or None

    joins = [call for call in calls if _joins_copies(call) and uses[id(call.layer)] == 1]
    return tuple(_copies(call, tuple(paths)) for call in joins if (paths := kernels(call.outputs[0])))


def merge_copies(model: KerasModel) -> tuple[KerasModel, list[str]]:
    """(the model with copies made one, the names of the Concatenate layers that joined them).

    The answers are the same within float rounding. All other layers keep their names, kernels that read copies are narrower. It
    is the model itself where there are no copies.
    """
    found = {one.name: one for one in find_copies(model)}
    if not found:
        return model, []
    made: dict[str, KerasLayer] = {}

    def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
        layer, given = call.layer, cast("tuple[object, ...]", args)
        if layer.name in found:
            first, *more = (args[0][place] for place in found[layer.name].stay)
            if not more:
                return first
            given = ([first, *more],)
        if layer.name not in made:
            made[layer.name] = type(layer).from_config(layer.get_config())
        return made[layer.name](*given, **kwargs)

    result = walk.rebuild_with(model, apply)
    places = {path: one.place for one in found.values() for path in one.kernels}
    for name, layer in made.items():
        weights = model.get_layer(name).get_weights()
        for number, attribute in enumerate(list_kernels(layer)):
            if (place := places.get(f"{name}/{attribute}")) is not None:
                weights[number] = sum_copies(weights[number].astype(np.float64), place)
        layer.set_weights(weights)
    return result, list(found)


def sum_copies(kernel: np.ndarray, place: np.ndarray) -> np.ndarray:
    """[..., channels read, channels made] with each read channel added to its `place`, int64 [channels read]; in float64."""
    onto = np.arange(int(place.max()) + 1)[:, None] == place
    return np.asarray(onto.astype(np.float64) @ kernel)


def _joins_copies(call: walk.Call) -> bool:
    last = len(call.use.made[0].shape) - 1
    return (
        (kind := find_kind(call.layer)) is not None
        and kind.channels is Passage.CONCATENATED
        and call.layer.axis in (-1, last)
        and len(set(call.inputs)) < len(call.inputs)
    )


def _copies(call: walk.Call, kernels: tuple[str, ...]) -> Copies:
    starts: dict[int, int] = {}
    stay, place, width = [], [], 0
    for index, (number, tensor) in enumerate(zip(call.inputs, call.use.read, strict=True)):
        channels = int(tensor.shape[-1])
        if number not in starts:
            starts[number] = width
            stay.append(index)
            width += channels
        place.append(starts[number] + np.arange(channels))
    return Copies(call.layer.name, tuple(stay), np.concatenate(place), kernels)


def sums(layer: KerasLayer) -> bool:
    """True where a layer, at each place, multiplies all channels that it reads by one matrix."""
    kind = find_kind(layer)
    return kind is not None and kind.sums and layer.get_config().get("groups", 1) == 1


def _acts_alike(layer: KerasLayer) -> bool:
    """True where it answers each channel for itself, all by the same rule."""
    kind, config = find_kind(layer), layer.get_config()
    if kind is not None and kind.channels is Passage.ACTIVATED:
        return config["activation"] in ACTIVATIONS - {walk.SOFTMAX}
    if kind is None or kind.weights or kind.channels is not Passage.PASSED_ON:
        return False
    return all(says is Setting.VALUES and np.ndim(config[name]) == 0 for name, says in kind.settings.items())
