"""Biases to correct, and corrections put into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgedigits.backend import keras
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import find_kind, list_kernels
from edgedigits.stages.candidate import Candidate


def add_biases(model: KerasModel) -> KerasModel:
    """The same model; layers that could have a bias, and were used without, have one of zeros."""
    without = {call.layer.name for call in walk.list_calls(model) if _lacks_bias(call.layer)}

    def make(layer: KerasLayer) -> KerasLayer:
        config = layer.get_config()
        return type(layer).from_config({**config, "use_bias": True} if layer.name in without else config)

    made = walk.exchange_layers(model, make)
    for layer in made.layers:
        if layer.weights:
            own = model.get_layer(layer.name).get_weights()
            layer.set_weights([*own, layer.get_weights()[-1]] if layer.name in without else own)
    return made


def _lacks_bias(layer: KerasLayer) -> bool:
    kind = find_kind(layer)
    return bool(kind and list_kernels(layer) and "bias" in kind.weights and not layer.use_bias)


def add_corrections(candidate: Candidate) -> KerasModel:
    """The candidate's model as its bytes are made of it: with the corrections in its biases."""
    if not candidate.corrections:
        return candidate.model
    copy = walk.clone(candidate.model)
    for name, correction in candidate.corrections.items():
        *others, bias = copy.get_layer(name).get_weights()
        copy.get_layer(name).set_weights([*others, bias + correction])
    return copy


def take_activation(layer: KerasLayer) -> Callable[[Any], Any]:
    """The activation of a layer of a working copy, which from now on makes what that reads."""
    activation: Callable[[Any], Any] = getattr(layer, "activation", keras.activations.linear)
    if hasattr(layer, "activation"):
        layer.activation = keras.activations.linear
    return activation
