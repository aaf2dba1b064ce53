"""Any functional Keras 3 model rebuilt layer by layer as one flat graph of layers that the stages and exports know.

Nested models are opened, shared layers stay shared, operations become layers, everything is float32. Layers without
effect on an answer (augmentation, ActivityRegularization, Identity) are left out. The weights are copies.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.names import cut_number
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.models.graph.own_scaling import find_own_scaling, word_own_scaling
from edgedigits.models.importer.custom_layers import make_functional, trace
from edgedigits.models.importer.ends import move_closing
from edgedigits.models.layers import activations, keras_private, known_layers, lowered_layers, operations
from edgedigits.models.layers.layer_configs import Normalization, cannot, drop_training, measured, read_config
from edgedigits.models.layers.openings.table import OPENINGS

LayerCall = Callable[..., KerasTensor]
"""Calls a rebuilt layer as the original was called."""
Entrance = Callable[[tuple[int | None, ...]], tuple[tuple[int | None, ...], str]]


def rebuild(model: KerasModel, custom: Sequence[type] = ()) -> keras.Model:
    """`model` as one flat functional model with copied weights, uncompiled, its batch size open.

    Args:
        model: a Sequential or functional model, with one input and one output.
        custom: classes of the caller's own. A layer or model of such a class is opened, where its `call` goes through
            built-in layers and known operations alone: these take its place; else the layer stays as it is.

    Raises:
        ModelError: naming the layer that can't be taken: its class, why, what would do.
    """
    return Rebuilding(custom).model(model)


class Rebuilding:
    """One rebuilding. `entrance` tells of an input's shape, the batch left out, the one that the result takes, and what to say.

    Afterwards `left_out` names the layers that the result does without, `said` what was changed about its ends.
    """

    def __init__(self, custom: Sequence[type] = (), entrance: Entrance = lambda shape: (shape, "")) -> None:
        self.custom = custom
        self.entrance = entrance
        self.said: list[str] = []
        self.left_out: list[str] = []
        self.names: set[str] = set()
        self.made: dict[int, LayerCall] = {}

    def model(self, model: KerasModel) -> keras.Model:
        """The rebuilt model; see `rebuild`."""
        model = self.functional(model)
        (given,) = _flatten(model.inputs)
        shape = tuple(given.shape[1:])
        images, said = self.entrance(shape)
        self.said += [said] if said else []
        x = keras.Input(images, name=self.name(given.name.split(":")[0]), dtype="float32")
        inner = x if len(images) == len(shape) else self.make("Reshape", "channel", target_shape=shape)(x)
        (y,) = _flatten(self.through(keras_private.find_function(model), inner, ""))
        if y is x:
            raise ModelError("the model has no layer that could answer; hand in a trained classifier.")
        result, moved = move_closing(keras.Model(x, y, name=_plain(model.name)), self.name("answer"))
        self.said += [moved] if moved else []
        if names := find_own_scaling(result):
            self.said.append(word_own_scaling(names))
        return result

    def name(self, wanted: str) -> str:
        """`wanted`, or with the lowest number behind it that makes it new; TensorFlow can use it as a scope."""
        plain, number = _plain(wanted), 0
        name = plain
        while name in self.names:
            number += 1
            name = f"{plain}_{number}"
        self.names.add(name)
        return name

    def make(self, kind: str, name: str, /, **settings: object) -> KerasLayer:
        """A new layer of class `kind` whose name no other has."""
        return lowered_layers.lower_layer(kind)(name=self.name(name), **{"dtype": "float32", **settings})

    def through(self, function: Any, x: KerasTensor, prefix: str, plain: bool = False) -> KerasTensor:
        """Takes the tensor through every layer of a functional graph; `plain`: their names lose the numbers that Keras gave."""

        def compute(layer: KerasLayer) -> LayerCall:
            return self.call(layer, prefix, cut_number(layer.name) if plain else None)

        return cast("KerasTensor", keras_private.run_through(function, x, compute))

    def call(self, layer: KerasLayer, prefix: str, name: str | None = None) -> LayerCall:
        """What calls the rebuilt layer; made once for each layer, so what was shared stays shared."""
        if id(layer) not in self.made:
            self.made[id(layer)] = self.checked(layer, prefix, name or layer.name)
        return self.made[id(layer)]

    def checked(self, layer: KerasLayer, prefix: str, name: str) -> LayerCall:
        """The call with what concerns training taken off, and with errors that name the layer."""
        call = self.new(layer, prefix, f"{prefix}{name}")

        def named(*args: object, **kwargs: object) -> KerasTensor:
            kwargs = {key: value for key, value in kwargs.items() if key not in ("training", "mask")}
            try:
                return call(*args, **kwargs)
            except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
                reason = str(error).split("\n", maxsplit=1)[0]
                raise cannot(layer, f"can't be rebuilt ({reason})", "replace it by another layer") from error

        return named

    def new(self, layer: KerasLayer, prefix: str, name: str) -> LayerCall:
        """What calls the new layer, or the layers, for one layer, operation or nested model."""
        kind = type(layer).__name__
        if isinstance(layer, keras.Model):
            function = keras_private.find_function(self.functional(layer))
            return lambda x, **_: self.through(function, x, f"{name}_")
        if not isinstance(layer, keras.layers.Layer):
            return self.operation(layer, prefix)
        if _is_own(layer):
            return self.own(layer, name)
        if kind in known_layers.LEFT_OUT:
            self.left_out.append(name)
            return lambda x, **_: x
        if kind not in known_layers.LAYERS:
            raise cannot(layer, *known_layers.explain_refusal(kind))
        if kind in known_layers.WRAPPERS:
            return self.wrapped(layer, prefix, name)
        return self.built_in(layer, name, prefix)

    def operation(self, layer: KerasLayer, prefix: str) -> LayerCall:
        """An operation that is no layer; named after what it does, as Keras numbers them as they come."""
        kind = type(layer).__name__
        operation = known_layers.KERAS3_OPERATIONS.get(kind, ("", None))[1]
        if operation is None:
            raise cannot(layer, f"is the operation {kind}, which has no known layer", "replace it by a built-in layer")
        settings = {key: value for key, value in read_config(layer).items() if key not in ("name", "trainable")}
        made: object = layer.output  # of the first use; operations are not shared
        shape = () if isinstance(made, list) else tuple(cast("KerasTensor", made).shape)

        def make(kind: str, name: str, /, **kwargs: object) -> KerasLayer:
            return self.make(kind, f"{prefix}{name}", **kwargs)

        def call(*args: object, **kwargs: object) -> KerasTensor:
            operands, more = operations.operands(operation, args, kwargs)
            return operations.apply(make, operation, operands, {**settings, **more}, shape)

        return call

    def own(self, layer: KerasLayer, name: str) -> LayerCall:
        """A layer of the caller's class: the layers that it is made of, or where it is made of others a layer of its class."""
        if type(layer) not in self.custom:
            raise cannot(layer, "is not built into Keras", "hand its class in as custom 'module:Class'")
        function = trace(layer, tuple(layer.input.shape))
        chosen: list[LayerCall] = []

        def opened(x: KerasTensor, **_: object) -> KerasTensor:
            return self.through(function, x, f"{name}_", plain=True)

        def call(*args: KerasTensor, **kwargs: object) -> KerasTensor:
            if chosen:
                return chosen[0](*args, **kwargs)
            known = self.names.copy(), self.made.copy(), self.left_out.copy()
            try:
                y = opened(args[0]) if _is_made_of_layers(layer, function) else None
            except ModelError:  # a part of it can't be taken, so it stays whole
                y, (self.names, self.made, self.left_out) = None, known
            if y is None:
                settings = {**read_config(layer), "name": self.name(name), "dtype": "float32"}
                chosen.append(self.with_weights(layer, cast("lowered_layers.LayerClass", type(layer)), settings))
                return chosen[0](*args, **kwargs)
            chosen.append(opened)
            return y

        return call

    def wrapped(self, layer: KerasLayer, prefix: str, name: str) -> LayerCall:
        """The layers that a wrapper calls, one after the other; one alone takes its name."""
        inner = _flatten(getattr(layer, known_layers.WRAPPERS[type(layer).__name__]))
        calls = [self.call(cast("KerasLayer", one), prefix, name if len(inner) == 1 else None) for one in inner]

        def call(x: KerasTensor, **_: object) -> KerasTensor:
            for one in calls:
                x = one(x)
            return x

        return call

    def built_in(self, layer: KerasLayer, name: str, prefix: str) -> LayerCall:
        """A layer of Keras: that of the same name here, or the layers that compute the same; its activation behind it."""
        settings = drop_training(layer)
        if settings.get("data_format") == "channels_first":
            raise cannot(layer, "has channels_first", "build and train the model with channels_last")
        kind, after = type(layer).__name__, None
        if settings.get("interpolation", "nearest") not in known_layers.INTERPOLATIONS:
            why = f"resizes by {settings['interpolation']}, which TFLite has no operator for"
            raise cannot(layer, why, f"use {' or '.join(known_layers.INTERPOLATIONS)}, or resize the images before")
        if kind in ("Maximum", "Minimum"):
            return lambda tensors, **_: operations.extreme(self.make, name, kind, tensors)
        if form := activations.find_activation(kind, settings):
            return lambda x, **_: form(self.make, name, x)
        if "activation" in settings:
            lone = kind == "Activation"
            settings["activation"], after = self.activation(layer, settings["activation"], name, lone, prefix)
            if lone and after is not None:
                return after
        if opening := OPENINGS.get(kind):
            if (kept := str(settings.get("activation", "linear"))) != "linear":
                after = lambda x: activations.activate(self.make, f"{name}_{kept}", kept, x)  # noqa: E731
            return _followed(opening(layer, name, self.make, self.weighted), after)
        settings["name"] = self.name(name)
        if kind == "Normalization":
            settings |= measured(cast("Normalization", layer))
        return self.with_weights(layer, lowered_layers.lower_layer(kind), settings, after)

    def activation(
        self, layer: KerasLayer, activation: object, name: str, lone: bool, prefix: str
    ) -> tuple[str, LayerCall | None]:
        """The activation for the config of the new layer, and what follows behind that layer, or is all of a lone one."""
        if isinstance(activation, dict) and isinstance(layer.activation, keras.layers.Layer):
            return "linear", self.call(layer.activation, f"{prefix}{layer.name}_")
        activation = "linear" if activation is None else activation
        if not isinstance(activation, str) or activation not in known_layers.ACTIVATIONS:
            shown = activation.get("config") if isinstance(activation, dict) else activation
            raise cannot(layer, f"has the activation '{shown}', which has no known layer", "use a built-in activation")
        activation = activations.ALIASES.get(activation, activation)
        if activation in activations.KEPT:
            return activation, None
        own = name if lone else f"{name}_{activation}"
        return "linear", lambda x, **_: activations.activate(self.make, own, activation, x)

    def with_weights(
        self, source: KerasLayer, cls: lowered_layers.LayerClass, settings: JsonObject, after: LayerCall | None = None
    ) -> LayerCall:
        """Calls a new layer that takes the weights of `source` when its first call has built it."""
        weights = [] if type(source).__name__ == "Normalization" else [np.asarray(w) for w in source.get_weights()]
        return _followed(_weighted(cls.from_config(settings), weights), after)

    def weighted(self, kind: str, name: str, weights: Sequence[np.ndarray], /, **settings: object) -> LayerCall:
        """Calls a new layer of class `kind` with these weights."""
        return _weighted(self.make(kind, name, **settings), list(weights))

    def functional(self, model: KerasModel) -> KerasModel:
        """The model, traced where it is of a class of the caller's; refuses one with several inputs or outputs."""
        kind = type(model).__name__
        if isinstance(model, keras.Sequential) and not model.built:
            raise ModelError(
                f"'{model.name}' (Sequential) has no input shape; put an Input layer first and save again."
            )
        if keras_private.find_function(model) is None:
            if type(model) not in self.custom:
                raise ModelError(
                    f"'{model.name}' is a subclass of keras.Model ({kind}), whose layers its code alone tells; hand its class in "
                    "as custom 'module:Class', or build it with the functional API or as Sequential."
                )
            model = make_functional(model)
        for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
            if len(_flatten(tensors)) != 1:
                raise ModelError(
                    f"'{model.name}' has {len(_flatten(tensors))} {what}, and an image classifier has one; cut the model "
                    "down to one with keras.Model(input, output)."
                )
        return model


def _weighted(layer: KerasLayer, weights: list[np.ndarray]) -> LayerCall:
    def call(*args: object, **kwargs: object) -> KerasTensor:
        built = layer.built
        y = layer(*args, **kwargs)
        if weights and not built:
            layer.set_weights(weights)
        return y

    return call


def _followed(call: LayerCall, after: LayerCall | None) -> LayerCall:
    return call if after is None else lambda *args, **kwargs: after(call(*args, **kwargs))


def _plain(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return plain if plain[:1].isalnum() else f"layer{plain}"


def _flatten(value: object) -> list[KerasTensor]:
    return list(keras.tree.flatten(value))


def _is_made_of_layers(layer: KerasLayer, function: Any) -> bool:
    """True for one whose call was followed (`trace`) through layers that hold all weights of it."""
    if function is None:
        return False
    inside = {id(weight) for part in function.operations for weight in getattr(part, "weights", ())}
    return all(id(weight) in inside for weight in layer.weights)


def _is_own(layer: KerasLayer) -> bool:
    return type(layer).__module__.split(".")[0] not in ("keras", "edgedigits")
