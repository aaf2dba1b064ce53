"""Layers and models of classes of the caller's own, followed: what their code does with symbolic tensors."""

from typing import Any, cast

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.layers import keras_private

Shape = tuple[int | None, ...]


def trace(layer: KerasLayer, shape: Shape) -> Any:
    """The functional graph of what a layer of the caller's computes; None where its code can't be followed that far."""
    inside = keras.Input(batch_shape=shape)
    try:
        return keras.Function(inside, layer.call(inside))
    except Exception:  # noqa: BLE001  # the code is the caller's: whatever it raises says that it takes no symbolic tensor
        return None


def make_functional(model: Any) -> KerasModel:
    """A functional model of the very layers of one that is a subclass of keras.Model, and as it is any other.

    Raises ModelError where it was never called, where its `call` takes no symbolic tensor, or has weights outside of layers.
    """
    if keras_private.find_function(model) is not None or isinstance(model, keras.Sequential):
        return cast("KerasModel", model)
    said = f"'{model.name}' is a subclass of keras.Model ({type(model).__name__})"
    remedy = "build it with the functional API or as Sequential"
    shape = (model.get_build_config() or {}).get("input_shape")
    sizes = shape if isinstance(shape, (list, tuple)) else [shape or "unknown"]
    if not model.built or not all(size is None or isinstance(size, int) for size in sizes):
        raise ModelError(f"{said} whose input shape is not known; call it once on one tensor of images, or {remedy}.")
    inside = keras.Input(batch_shape=(None, *sizes[1:]), name="image")
    try:
        outside = model.call(inside)
    except Exception as error:  # the code is the caller's
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"{said} whose call can't be followed on a symbolic tensor ({reason}); write it with layers and keras.ops alone, "
            f"without a step that needs numbers, or {remedy}."
        ) from error
    functional: KerasModel = keras.Model(inside, outside, name=model.name)
    inside_layers = {id(weight) for layer in functional.layers for weight in layer.weights}
    if own := [weight.path for weight in model.weights if id(weight) not in inside_layers]:
        raise ModelError(f"{said} with a weight that is in no layer ({own[0]}); put it into a layer class of yours.")
    return functional


def open_models(model: KerasModel) -> KerasModel:
    """A model in memory, it and every model in it that is a subclass of keras.Model made functional; else as it is.

    Raises ModelError as `make_functional` does.
    """
    made = make_functional(model)
    function = keras_private.find_function(made)
    if function is None or not any(isinstance(layer, keras.Model) for layer in made.layers):
        return made
    opened = {id(layer): open_models(layer) for layer in made.layers if isinstance(layer, keras.Model)}
    if made is model and all(opened.get(id(layer), layer) is layer for layer in made.layers):
        return made
    inside = [keras.Input(batch_shape=one.shape, dtype=one.dtype, name=one.name) for one in made.inputs]
    outside = keras_private.run_through(function, inside, lambda layer: opened.get(id(layer), layer))
    result: KerasModel = keras.Model(inside, outside, name=made.name)
    return result
