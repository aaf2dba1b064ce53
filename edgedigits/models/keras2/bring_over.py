"""A Keras 2 model as a Keras 3 model that answers the same, built from its config; tf_keras is not needed.

Settings that have other names get those, what Keras 3 has no layer for becomes layers that compute it: functions of
TensorFlow (`x + y`), the hard sigmoid of slope 0.2, ThresholdedReLU. What has no effect on an answer becomes Identity.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.models.keras2 import weights
from edgedigits.models.keras2.weights import Call, Part
from edgedigits.models.layers import known_layers, operations
from edgedigits.models.saved import config_check, saved_files

RENAMED: Final = {"alpha": "negative_slope", "batch_input_shape": "batch_shape", "theta": "threshold"}
"""Settings by their names in Keras 2, where Keras 3 has another name for them."""
DROPPED: Final = frozenset(
    {"batch_shape", "fused", "key_shape", "optional", "query_shape", "ragged", "rng_type", "sparse", "value_shape"}
)
"""Settings that say nothing about an answer. Others that Keras 3 lacks may only be off."""
CONSTANT: Final = "_CONSTANT_VALUE"


def bring_over(saved: saved_files.SavedModel, classes: Sequence[type] = ()) -> KerasModel:
    """The Keras 3 model, float32, uncompiled, with the weights of the file; nested models stay nested, shared layers shared.

    Args:
        saved: what a Keras 2 file says, as `saved_files.read` gives it.
        classes: the caller's own; layers of such a name are built from those of Keras 3.

    Raises:
        ModelError: naming the layer that can't be brought over: its class, why, what would do.
    """
    own = {one.__name__: one for one in classes if issubclass(one, keras.layers.Layer)}
    config = config_check.check_config(saved.config, "2", {one.__name__ for one in classes})
    top = _Graph(own).model(config)
    if not isinstance(top.layer, keras.Model):
        raise ModelError(f"'{top.name}' (Sequential) has no input shape; put an Input layer first and save again.")
    weights.load(saved, top.parts)
    model: KerasModel = top.layer
    return model


class _Graph:
    """One model of the file; each of its layers has a name of its own."""

    def __init__(self, own: Mapping[str, Any]) -> None:
        self.own = own
        self.names: set[str] = set()

    def name(self, wanted: str) -> str:
        """`wanted` without the strokes that Keras 3 refuses, or with the lowest number behind it that makes it new."""
        plain = wanted.replace("/", "_")
        numbered = itertools.chain([plain], (f"{plain}_{number}" for number in itertools.count(1)))
        found = next(name for name in numbered if name not in self.names)
        self.names.add(found)
        return found

    def make(self, kind: str, name: str, /, **settings: Any) -> KerasLayer:
        """A new Keras 3 layer for the Keras 2 layer of these settings."""
        cls = getattr(keras.layers, "ReLU" if kind == "ThresholdedReLU" else kind)
        known = inspect.signature(cls).parameters.keys() | {"dtype"}
        trainable = settings.pop("trainable", True)
        if kind == "BatchNormalization" and isinstance(settings.get("axis"), list):
            (settings["axis"],) = settings["axis"]
        taken = {}
        for key, value in settings.items():
            key = key if key in known else RENAMED.get(key, key)
            if key in known:
                taken[key] = value
            elif key not in DROPPED and value is not None and value is not False and (key, value) != ("groups", 1):
                raise ModelError(f"layer '{name}' ({kind}) has {key}={value!r}, which Keras 3 lacks; build it without.")
        result: KerasLayer = cls(**{**taken, "name": self.name(name)})
        result.trainable = trainable
        return result

    def model(self, value: JsonObject) -> Part:
        """A model, nested or not; a Sequential without an input shape is built by its first call."""
        kind, config = value["class_name"], value["config"]
        if kind == "Sequential":
            return self.sequential(value)
        graph = _Graph(self.own)
        inputs, outputs, parts = graph.connected(config)
        single = [tensors[0] if len(tensors) == 1 else tensors for tensors in (inputs, outputs)]
        made = keras.Model(*single, name=self.name(value.get("name") or config["name"]))
        trainable = config.get("trainable", True)
        return Part(
            kind, made.name, lambda x, **_: made(_flat(x) if isinstance(x, dict) else x), made, trainable, parts
        )

    def sequential(self, value: JsonObject) -> Part:
        """A model whose layers are called one after the other."""
        config = value["config"]
        config = {"layers": config} if isinstance(config, list) else config
        graph = _Graph(self.own)
        parts = [graph.part(one) for one in config["layers"] if one["class_name"] != "InputLayer"]
        name = self.name(value.get("name") or config.get("name") or "sequential")

        def call(x: KerasTensor, **_: object) -> KerasTensor:
            return (whole.layer or build([None, *x.shape[1:]]))(x)

        def build(shape: Sequence[int | None]) -> KerasModel:
            image = x = keras.Input(batch_shape=shape, name=graph.name("image"))
            for part in parts:
                x = part.call(x)
            made: KerasModel = keras.Model(image, x, name=name)
            whole.layer = made
            return made

        whole = Part("Sequential", name, call, None, config.get("trainable", True), parts)
        shape = _input_shape(value) or config.get("build_input_shape")
        if shape:
            build(shape)
        return whole

    def connected(self, config: JsonObject) -> tuple[list[KerasTensor], list[KerasTensor], list[Part]]:
        """(inputs, outputs, layers) of a functional model."""
        parts = {value["name"]: self.part(value) for value in config["layers"]}
        nodes = [(v["name"], n, node) for v in config["layers"] for n, node in enumerate(v.get("inbound_nodes") or [])]
        wires = _Wires(parts, [[node for *_, node in nodes], config["output_layers"]])
        for name, part in parts.items():
            if part.kind == "InputLayer":
                wires.made[name, 0] = [part.call()]
        while nodes:
            later = [node for node in nodes if not wires.connect(*node)]
            if len(later) == len(nodes):
                name, _, node = later[0]
                other, number, *_ = next(one for one in wires.references(node) if wires.find(one) is None)
                raise ModelError(
                    f"layer '{name}' takes answer {number} of layer '{other}', which is never made, or needs this layer "
                    "first; save the model again with model.save()."
                )
            nodes = later
        inputs, answers = (_flat(wires.fill(config[key])) for key in ("input_layers", "output_layers"))
        given = {id(tensor) for tensor in inputs}  # one that no layer takes is no answer to Keras 3.12
        outputs = [keras.layers.Identity(name=self.name("same"))(x) if id(x) in given else x for x in answers]
        return inputs, outputs, list(parts.values())

    def part(self, value: JsonObject, name: str = "") -> Part:
        """One layer of the file."""
        kind, config = value["class_name"], value["config"]
        if kind in known_layers.MODELS:
            return self.model(value)
        name = name or value.get("name") or config["name"]
        try:
            return self.layer(kind, name, config)
        except (AttributeError, TypeError, ValueError) as error:
            raise _cannot(kind, name, error) from error

    def layer(self, kind: str, name: str, config: JsonObject) -> Part:
        """One layer that is no model."""
        if kind == "TFOpLambda":
            return Part(kind, name, self.function(config["function"]))
        if kind == "InputLayer":
            shape = config.get("batch_shape") or config["batch_input_shape"]
            return Part(kind, name, lambda: keras.Input(batch_shape=shape, name=self.name(name)))
        settings = {
            key: one for key, one in config.items() if key != "name" and not key.endswith(config_check.SETTINGS)
        }
        if kind in self.own:
            made = self.own[kind].from_config({**config, "name": self.name(name)})
            return Part(kind, name, made, made)
        if kind in known_layers.LEFT_OUT:
            return Part(kind, name, self.make("Identity", name))
        activation = settings.get("activation")
        if activation == "hard_sigmoid" or isinstance(activation, dict):
            return self.activated(kind, name, settings)
        made = self.make(kind, name, **settings)
        return Part(kind, name, made, made)

    def activated(self, kind: str, name: str, settings: JsonObject) -> Part:
        """A layer with what follows it: the activation that is a layer, or the hard sigmoid of Keras 2."""
        activation = settings["activation"]
        own = (
            ""
            if activation == "hard_sigmoid"
            else f"{name}_{activation['config'].get('name', activation['class_name'])}"
        )
        inner = [self.part(activation, own)] if own else []
        made = None if kind == "Activation" else self.make(kind, name, **{**settings, "activation": "linear"})

        def call(x: KerasTensor, **_: object) -> KerasTensor:
            x = x if made is None else made(x)
            if inner:
                return inner[0].call(x)
            line = self.make("Rescaling", f"{name}_line", scale=0.2, offset=0.5)(x)
            return self.make("ReLU", f"{name}_hard_sigmoid", max_value=1.0)(line)

        return Part(kind, name, call, made, parts=inner)

    def function(self, function: str) -> Call:
        """What calls layers in place of a TensorFlow function."""
        operation = known_layers.TENSORFLOW_FUNCTIONS[function]

        def call(x: object, **given: object) -> KerasTensor:
            operands, settings = operations.operands(operation, [x], given)
            shape: tuple[int | None, ...] = ()
            if operation == "reshape":
                how = [settings[key] for key in ("shape", "axis") if key in settings]
                shape = tuple(getattr(keras.ops, function.rsplit(".", maxsplit=1)[-1])(operands[0], *how).shape)
            return operations.apply(self.make, operation, operands, settings, shape)

        return call


class _Wires:
    """What the calls of a functional model's layers answered, by (layer, which of its calls).

    Calls of a layer are counted from 0, those of a nested model mostly from 1, where it was built on an input of its own.
    """

    def __init__(self, parts: Mapping[str, Part], named: object) -> None:
        self.parts = parts
        self.made: dict[tuple[str, int], list[KerasTensor]] = {}
        models = {name for name, part in parts.items() if part.kind in known_layers.MODELS}
        self.from_one = models - {name for name, number, *_ in self.references(named) if number == 0}

    def is_reference(self, value: Any) -> bool:
        """True for [layer, call, which of its answers], with or without further arguments."""
        return isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and value[0] != CONSTANT

    def references(self, value: Any) -> Iterator[list[Any]]:
        """All that are named within `value`."""
        if self.is_reference(value):
            yield value
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for one in inner:
            yield from self.references(one)

    def find(self, reference: list[Any]) -> KerasTensor | None:
        """The tensor that is named; None where it has not been made."""
        name, number, which = reference[:3]
        answers = self.made.get((name, number - 1 if name in self.from_one else number), [])
        return answers[which] if which < len(answers) else None

    def fill(self, value: Any) -> Any:
        """`value` with tensors where it names them."""
        if self.is_reference(value):
            return self.find(value)
        if isinstance(value, list):
            return value[2] if value[:1] == [CONSTANT] else [self.fill(one) for one in value]
        return {key: self.fill(one) for key, one in value.items()} if isinstance(value, dict) else value

    def connect(self, name: str, number: int, node: Any) -> bool:
        """Calls a layer, if all that it takes is there."""
        if any(self.find(one) is None for one in self.references(node)):
            return False
        part, given = self.parts[name], self.fill(node)
        given = given[0] if isinstance(given, list) and len(given) == 1 else given
        more = self.fill(_more(node))
        if more.pop("training", None) is True:
            raise ModelError(
                f"layer '{name}' ({part.kind}) is called with training=True, so it answers at random; call it without."
            )
        try:
            answers = part.call(given, **{key: one for key, one in more.items() if key != "mask"})
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise _cannot(part.kind, name, error) from error
        self.made[name, number] = _flat(answers)
        return True


def _more(node: Any) -> JsonObject:
    """What a layer is called with besides its tensors, which stands beside the first of them."""
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list) and len(node) == 4 and isinstance(node[3], dict):
        return dict(node[3])
    return _more(node[0]) if isinstance(node, list) and node and isinstance(node[0], (list, dict)) else {}


def _flat(value: Any) -> list[KerasTensor]:
    """Its tensors; those of a dictionary in the order of their names, whose call's and whose model's inputs so agree."""
    found: list[KerasTensor] = keras.tree.flatten(value)
    return found


def _input_shape(value: JsonObject) -> list[int | None] | None:
    """The shape that a layer says its input has, the batch first; of a model that of its first layer."""
    config = value["config"]
    if value["class_name"] in known_layers.MODELS:
        layers = config if isinstance(config, list) else config["layers"]
        return _input_shape(layers[0]) if layers else None
    shape: list[int | None] | None = config.get("batch_shape") or config.get("batch_input_shape")
    return shape


def _cannot(kind: str, name: str, error: Exception) -> ModelError:
    reason = str(error).split("\n", maxsplit=1)[0]
    return ModelError(f"layer '{name}' ({kind}) can't be built in Keras 3 ({reason}); replace it by another layer.")
