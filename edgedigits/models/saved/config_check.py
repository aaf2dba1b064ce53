"""A saved model's config, looked through before Keras may build from it.

"Loading a file never runs code from it": what `check_config` returns names only classes listed in `known_layers` and
classes that the caller handed in; a Lambda, a pickled function, an unknown class and an unknown TensorFlow
function are refused. Keras' own safe mode covers neither the .h5 format nor SavedModels, nor built-in layers that
read files.
"""

import json
from collections.abc import Collection
from typing import Any

from edgedigits.errors import ModelError
from edgedigits.models.layers import known_layers as tables
from edgedigits.models.saved.saved_files import Config, Generation

KERAS3_MODULES = {"Functional": "keras.src.models.functional", "Model": "keras", "Sequential": "keras"}
SETTINGS = ("_initializer", "_regularizer", "_constraint")
VALUES = frozenset({"__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"})


def check_config(config: Config, keras: Generation, custom: Collection[str] = ()) -> Config:
    """The config made plain: only listed classes, each with the module it must come from, float32, batch size open.

    Args:
        config: `{"class_name": ..., "config": ...}` of a whole model, as JSON; it is not changed.
        keras: the generation that wrote it. For "3" the result suits `keras.saving.deserialize_keras_object`, also when it
            came from an .h5 file; for "2" `keras2.bring_over`, and `tf_keras.models.model_from_config`.
        custom: names of classes that the caller handed in.

    Raises:
        ModelError: naming the first layer that can't be taken: its class, why, what would do.
    """
    name = str(config["class_name"])
    short, check = name.rsplit(">", maxsplit=1)[-1], _Check(keras, frozenset(custom))
    if short in custom:
        return check.own(config, short)
    if name not in tables.MODELS:
        raise ModelError(
            f"the model is a subclass of keras.Model ({short}), whose layers can't be recovered from its file alone; hand its "
            f"class in as custom 'module:{short}', or build it with the functional API or as Sequential, and save again."
        )
    return check.model({"class_name": name, "config": config.get("config")})


class _Check:
    """One walk through one config."""

    def __init__(self, keras: Generation, custom: frozenset[str]) -> None:
        self.keras = keras
        self.custom = custom

    def value(self, value: object) -> Any:
        """Any JSON value within a config, with every described object in it checked."""
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "class_name" not in value:
            return {key: self.value(item) for key, item in value.items()}
        if "items" in value and value["class_name"] in ("__tuple__", "TensorShape"):
            return self.value(value["items"])
        return self.described(value)

    def described(self, value: Config) -> object:
        """An object's description: {"class_name": ..., "config": ..., "module": ...}."""
        kind = str(value["class_name"])
        short = kind.rsplit(">", maxsplit=1)[-1]
        if kind in ("Lambda", "__lambda__"):
            raise ModelError(
                f"layer '{_name(value)}' (Lambda) holds Python code, and code from a file is never run; replace it "
                "by a built-in layer (Rescaling, Activation, Reshape) or a layer class of yours, handed in as custom."
            )
        if self.keras == "2" and kind in ("__numpy__", "__tensor__"):  # as Keras 2.12 writes numbers
            return self.value((value.get("config") or {}).get("value"))
        if kind in VALUES:
            return {**value, "config": self.value(value.get("config"))}
        if kind == "function":
            return _activation(value.get("config"), _name(value))
        if short in self.custom:
            return self.own(value, short)
        if kind in tables.MODELS and _is_keras(value):
            return self.model(value)
        if self.keras == "3" and _is_operation(value):
            return self.operation(value)
        if self.keras == "2" and kind == "TFOpLambda":
            return self.function(value)
        if kind in tables.LAYERS and _is_keras(value):
            return self.layer(value)
        raise _refusal(value)

    def model(self, value: Config) -> Config:
        """A model and everything in it; how it was compiled is left out."""
        inner = value["config"]
        if isinstance(inner, dict):
            inner = {key: item for key, item in inner.items() if key != "dtype"}
        inner = self.value(inner)
        return self.built(value, inner, KERAS3_MODULES[value["class_name"]])

    def layer(self, value: Config) -> Config:
        """A built-in layer: float32, and only listed activations, initializers and the like."""
        inner = value.get("config")
        if not isinstance(inner, dict):
            raise ModelError(f"layer '{_name(value)}' ({value['class_name']}) has no config; save the model again.")
        known = {key: item for key, item in inner.items() if not _is_unknown_setting(key, item)}
        name, inner = _name(value), _without_newer(known)
        if "dtype" in inner:
            inner["dtype"] = _as_float32(inner["dtype"], name, value["class_name"])
        if isinstance(inner.get("activation"), str):
            inner["activation"] = _activation(inner["activation"], name)
        inner = {
            key: self.setting(key, item) if key.endswith(SETTINGS) else self.value(item) for key, item in inner.items()
        }
        for key in ("batch_shape", "batch_input_shape"):
            if isinstance(inner.get(key), list) and inner[key]:
                inner[key] = [None, *inner[key][1:]]
        return self.built(value, inner, tables.OF_READY_NETS.get(value["class_name"], "keras.layers"))

    def setting(self, key: str, item: object) -> object:
        """A listed initializer, regularizer or constraint, from the module that its key says."""
        if not isinstance(item, dict):
            return item
        result = {"class_name": item["class_name"], "config": _without_newer(item.get("config") or {})}
        module = f"keras.{key.rsplit('_', maxsplit=1)[-1]}s"
        return {**result, "module": module, "registered_name": None} if self.keras == "3" else result

    def operation(self, value: Config) -> Config:
        """A Keras 3 operation that is no layer, as `x + y` and `keras.ops` leave in a model."""
        module = tables.KERAS3_OPERATIONS[value["class_name"]][0]
        return self.built(value, self.value(value["config"]), f"keras.src.ops.{module}")

    def function(self, value: Config) -> Config:
        """A Keras 2 layer that calls a TensorFlow function, as `x + y` and `tf.nn` leave in a model."""
        function = (value.get("config") or {}).get("function")
        if function not in tables.TENSORFLOW_FUNCTIONS:
            raise ModelError(
                f"layer '{_name(value)}' (TFOpLambda) calls tf.{function}, which has no known layer; replace it by a "
                "built-in layer or a layer class of yours, handed in as custom."
            )
        return self.built(value, {**self.value(value["config"]), "dtype": "float32"}, "")

    def own(self, value: Config, name: str) -> Config:
        """A layer of a class that the caller handed in: its settings are its own affair, objects in them not."""
        value = {**value, "class_name": name, "registered_name": name}
        inner = value.get("config")
        if isinstance(inner, dict) and "dtype" in inner:
            inner = {**inner, "dtype": "float32"}
        inner = self.value(inner)
        return self.built(value, inner, "", registered=name)

    def built(self, value: Config, inner: object, module: str, registered: str | None = None) -> Config:
        """The description with its checked config and, for Keras 3, the one module that its class may come from."""
        kept = ("name", "inbound_nodes", "shared_object_id")
        result: Config = {key: self.value(value[key]) for key in kept if key in value}
        result |= {"class_name": value["class_name"], "config": inner}
        if self.keras == "3":
            result |= {"module": module or None, "registered_name": registered}
            result |= {"build_config": self.value(value["build_config"])} if value.get("build_config") else {}
        return result


def _name(value: Config) -> str:
    inner = value.get("config")
    return str(value.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or value["class_name"])


def _is_keras(value: Config) -> bool:
    """True for a class of Keras itself; files of the .h5 format and SavedModels name no module."""
    module, registered = value.get("module"), value.get("registered_name")
    inside = module is None or str(module).split(".")[0] in ("keras", "tf_keras")
    return inside and registered in (None, value["class_name"])


def _is_operation(value: Config) -> bool:
    """True for an operation; in the .h5 format, which names no module, only its bare config tells it from a layer."""
    if value["class_name"] not in tables.KERAS3_OPERATIONS or not isinstance(value.get("config"), dict):
        return False
    module = value.get("module")
    return "trainable" not in value["config"] if module is None else str(module).startswith("keras.src.ops.")


def _is_unknown_setting(key: str, item: object) -> bool:
    if not key.endswith(SETTINGS) or item is None:
        return False
    if isinstance(item, str):
        return item.title().replace("_", "") not in tables.SETTINGS_OBJECTS
    listed = isinstance(item, dict) and item.get("class_name") in tables.SETTINGS_OBJECTS and _is_keras(item)
    return not (isinstance(item, dict) and listed) or "class_name" in json.dumps(item.get("config"))


def _without_newer(settings: Config) -> Config:
    """Settings without those that an older Keras does not have and that say no more than it does."""
    return {key: item for key, item in settings.items() if item not in tables.NEWER.get(key, ())}


def _as_float32(dtype: object, name: str, kind: str) -> str:
    inner = dtype.get("config") if isinstance(dtype, dict) else dtype
    text = inner.get("name") if isinstance(inner, dict) else inner
    if text is None or text in tables.DTYPES or kind == "InputLayer":
        return "float32"
    raise ModelError(f"layer '{name}' ({kind}) computes in {text}; hand in the model before it was quantized.")


def _activation(name: object, layer: str) -> str:
    if isinstance(name, str) and name in tables.ACTIVATIONS:
        return name
    why = tables.ACTIVATION_REASONS.get(str(name))
    raise ModelError(
        f"layer '{layer}' has the activation '{name}', which has no known layer{f' ({why})' if why else ''}; choose from "
        f"{', '.join(sorted(tables.ACTIVATIONS))}, or hand in a layer class of yours as custom."
    )


def _refusal(value: Config) -> ModelError:
    kind, module = str(value["class_name"]), str(value.get("module") or "keras")
    where = f"layer '{_name(value)}' ({kind})"
    if ">" in kind or (not _is_keras(value) and not module.startswith("keras.src.ops")):
        return ModelError(
            f"{where} is a class of {module}, not built into Keras, and code is taken from your own modules only; hand "
            f"it in as custom 'module:{kind.rsplit('>', maxsplit=1)[-1]}'."
        )
    why, remedy = tables.explain_refusal(kind)
    return ModelError(f"{where} {why}; {remedy}.")
