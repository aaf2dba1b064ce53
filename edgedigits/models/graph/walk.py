"""The layers of a flat Keras graph, in the order they compute, and copies of the graph with some of them exchanged.

Every model that reaches the stages is flat (see `loading.py`): no nested models, one input, one output; a layer may be
used more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from edgedigits.backend import keras
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor, KerasVariable
from edgedigits.models.layers import keras_private
from edgedigits.models.layers.layer_kinds import list_kernels

SOFTMAX, SIGMOID = CLOSING = ("softmax", "sigmoid")
"""What makes probabilities of logits at the end of a model."""
ENTRY = 0
"""The number that `calls` gives to the model's input: the input layer stands first, since nothing computes before it."""


@dataclass(frozen=True)
class Call:
    """One use of a layer: the tensors it reads and makes, named by number; `use` has these themselves, symbolic."""

    layer: KerasLayer
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    use: keras_private.Use


Apply = Callable[[Call, tuple[KerasTensor, ...], dict[str, object]], KerasTensor | None]
"""Computes one use of a layer: what it makes of the arguments, by place and by name, that it is called with."""


def list_calls(model: KerasModel) -> Iterator[Call]:
    """Every use of a layer in the model, inputs before users; the input layer is left out."""
    numbers = {id(model.inputs[0]): ENTRY}

    def number(tensor: KerasTensor) -> int:
        return numbers.setdefault(id(tensor), len(numbers))

    for use in keras_private.list_uses(model):
        yield Call(use.layer, tuple(map(number, use.read)), tuple(map(number, use.made)), use)


def find_readers(calls: Iterable[Call]) -> dict[int, list[Call]]:
    """Number of a tensor -> the uses that read it, each as often as it does."""
    readers: dict[int, list[Call]] = {}
    for call in calls:
        for number in call.inputs:
            readers.setdefault(number, []).append(call)
    return readers


def run(model: KerasModel, value: KerasTensor, apply: Apply) -> KerasTensor:
    """The model's output for `value`, each layer computed by `apply(call, args, kwargs)`; `value` may be symbolic."""
    values = {id(model.inputs[0]): value}
    for call in list_calls(model):
        made = apply(call, *call.use.fill_in(values))
        values.update(zip(map(id, call.use.made), list_made(made), strict=True))
    return values[id(model.outputs[0])]


def list_made(made: object) -> Sequence[KerasTensor]:
    """The tensors of what a layer gives, one of which may come alone."""
    return made if isinstance(made, (list, tuple)) else [cast("KerasTensor", made)]


def collect_kernels(model: KerasModel) -> dict[str, KerasVariable]:
    """Kernel variables by path, `layer/attribute`, in graph order; shared layers stand once."""
    found: dict[str, KerasVariable] = {}
    for call in list_calls(model):
        for attribute in list_kernels(call.layer):
            found[f"{call.layer.name}/{attribute}"] = getattr(call.layer, attribute)
    return found


def exchange_layers(
    model: KerasModel, make: Callable[[KerasLayer], KerasLayer | None], entry_name: str = ""
) -> KerasModel:
    """The same graph with each layer replaced by `make(layer)`, once per layer; None stands for "pass the input on"."""
    made: dict[int, KerasLayer | None] = {}

    def apply(call: Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor:
        if id(call.layer) not in made:
            made[id(call.layer)] = make(call.layer)
        layer = made[id(call.layer)]
        return args[0] if layer is None else layer(*args, **kwargs)

    return rebuild_with(model, apply, entry_name)


def rebuild_with(model: KerasModel, apply: Apply, entry_name: str = "") -> KerasModel:
    """The model from an input of its own to what `run` gives for that; layers whose outcome nothing uses are not in it."""
    source = model.inputs[0]
    entry = keras.Input(shape=tuple(source.shape[1:]), dtype="float32", name=entry_name or source.name)
    result: KerasModel = keras.Model(entry, run(model, entry, apply), name=model.name)
    return result


def clone(model: KerasModel, policy: str = "float32", logits: bool = False) -> KerasModel:
    """A copy with its own weights, computing in `policy`; with `logits`, a closing softmax or sigmoid is left out.

    The last layer computes in float32 whatever the policy, so that the loss is not rounded. The order of the weights is kept.
    """
    *_, last = list_calls(model)
    return clone_opened(model, last.layer if logits else None, policy)


def clone_opened(model: KerasModel, opened: KerasLayer | None, policy: str = "float32") -> KerasModel:
    """As `clone`; the softmax or sigmoid that the layer `opened` is or ends in is left out, wherever that layer stands."""
    *_, last = list_calls(model)
    closing = None if opened is None else find_closing_of(opened)

    def make(layer: KerasLayer) -> KerasLayer | None:
        opens = closing is not None and layer is opened
        if opens and _is_only(layer, closing):
            return None
        config = layer.get_config()
        config["dtype"] = "float32" if layer is last.layer else policy
        if opens:
            config["activation"] = "linear"
        return type(layer).from_config(config)

    copy = exchange_layers(model, make)
    copy.set_weights(model.get_weights())
    return copy


def is_softmax_layer(layer: KerasLayer) -> bool:
    """True for a layer that is nothing but a softmax."""
    return _is_only(layer, SOFTMAX)


def _is_only(layer: KerasLayer, activation: str | None) -> bool:
    """True for a layer that is nothing but this activation."""
    if isinstance(layer, keras.layers.Activation):
        return bool(layer.get_config()["activation"] == activation)
    return activation == SOFTMAX and isinstance(layer, keras.layers.Softmax)


def find_closing(model: KerasModel) -> str | None:
    """The one of `CLOSING` that the model's output is, as a layer or as the last layer's activation; None where it is none."""
    *_, last = list_calls(model)
    return find_closing_of(last.layer)


def find_closing_of(layer: KerasLayer) -> str | None:
    """The one of `CLOSING` that the layer is or ends in."""
    if is_softmax_layer(layer):
        return SOFTMAX
    activation = layer.get_config().get("activation")
    return next((name for name in CLOSING if name == activation), None)


def ends_in_softmax(model: KerasModel) -> bool:
    """True when the model's output is a softmax, as a layer or as the last layer's activation."""
    return find_closing(model) == SOFTMAX
