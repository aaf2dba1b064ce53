"""Whether the layers of a Keras 2 config can be connected at all: where they can't, Keras 2 tries for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import cast

from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.models.layers.known_layers import MODELS

_Call = tuple[str, object]
"""(layer, which of its calls: 0, 1, ...)."""
_LENGTHS = (3, 4)
"""Of a reference to a tensor: layer, call, which of its outputs, and what else the call is given."""


def check_connections(layers: list[object]) -> None:
    """Raises ModelError naming a layer that waits for what no layer before it answers.

    `layers` are those of a functional model, as Keras 2 writes them. What is written otherwise is left to Keras, which says so.
    """
    if not all(map(_is_written_so, layers)):
        return
    described = cast("list[JsonObject]", layers)
    kinds = {layer["name"]: layer["class_name"] for layer in described}
    waiting = {call: wanted for layer in described for call, wanted in _calls(layer, kinds)}
    users: dict[_Call, list[_Call]] = defaultdict(list)
    for call, wanted in waiting.items():
        for one in wanted:
            users[one].append(call)
    ready = [call for call, wanted in waiting.items() if not wanted]
    while ready:
        made = ready.pop()
        for user in users.pop(made, ()):
            waiting[user].discard(made)
            if not waiting[user]:
                ready.append(user)
    for (name, _), wanted in waiting.items():
        if wanted:
            other, number = min(wanted, key=str)
            raise ModelError(
                f"layer '{name}' takes answer {number} of layer '{other}', which is never made, or needs this layer first; "
                "save the model again with model.save()."
            )


def _is_written_so(layer: object) -> bool:
    return (
        isinstance(layer, dict)
        and all(isinstance(layer.get(key), str) for key in ("name", "class_name"))
        and isinstance(layer.get("inbound_nodes"), list)
    )


def _calls(layer: JsonObject, kinds: dict[str, str]) -> Iterator[tuple[_Call, set[_Call]]]:
    """Each call of a layer, and the calls it waits for: those of its inputs, and its own before."""
    name = layer["name"]
    for number, inputs in enumerate(layer["inbound_nodes"]):
        before = {(name, number - 1)} if number else set()
        yield (name, number), before | set(_wanted(inputs, kinds))


def _wanted(inputs: object, kinds: dict[str, str]) -> Iterator[_Call]:
    """The answers of an input layer are there at once; a model within counts its calls from 1 where it was built on an input."""
    if isinstance(inputs, dict):
        inputs = list(inputs.values())
    if not isinstance(inputs, list):
        return
    if len(inputs) in _LENGTHS and isinstance(inputs[0], str):
        name, number = inputs[:2]
        if kinds.get(name, "InputLayer") != "InputLayer" and not isinstance(number, (list, dict)):
            yield name, number - 1 if kinds[name] in MODELS and isinstance(number, int) and number else number
        inputs = inputs[3:]
    for item in inputs:
        yield from _wanted(item, kinds)
