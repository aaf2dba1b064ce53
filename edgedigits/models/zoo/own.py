"""A net of the caller's own: what a function `module:function` makes for given images and classes."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path

from edgedigits.errors import InputError, ModelError
from edgedigits.ground.names import make_safe
from edgedigits.keras_types import KerasModel
from edgedigits.models.saved.callers_code import import_module


def is_own(name: str) -> bool:
    """True for what names a function, not a net of the zoo."""
    return ":" in name


def build_own(name: str, shape: Sequence[int], classes: int) -> KerasModel:
    """What the function named so makes of (height, width, channels) and the number of classes: an untrained Keras 3 model.

    One whose last layer makes logits gets a softmax there. Raises InputError, in one sentence, where the function can't be found
    or fails, and where what it gives is no such model.
    """
    function = find_function(name)
    try:
        net = function(tuple(shape), classes)
    except Exception as error:  # the code is the caller's: whatever it raises is its answer
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"--model-fn {name}: called with ({tuple(shape)}, {classes}) it failed ({type(error).__name__}: {reason}); "
            "mend the function"
        ) from error
    return _checked(name, net, tuple(shape), classes)


def find_function(name: str) -> Callable[[tuple[int, ...], int], object]:
    """The function `module:function`; the working folder is looked into first. Raises InputError."""
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise InputError(f"--model-fn {name}: found {name!r}; wanted module:function, as my_nets:make_net")
    try:
        module = import_module(module_name, f"--model-fn {name}")
    except ModelError as error:
        raise InputError(str(error)) from error
    found: object = getattr(module, function_name, None)
    if not callable(found):
        raise InputError(f"--model-fn {name}: {module_name} has no function {function_name}; write it, or name another")
    return found


def hash_source(name: str) -> str:
    """SHA-256 of the file that a function of the caller's own is written in; "" for a net of the zoo."""
    if not is_own(name):
        return ""
    source = inspect.getsourcefile(inspect.unwrap(find_function(name)))
    return hashlib.sha256(Path(source).read_bytes() if source else name.encode()).hexdigest()


def _checked(name: str, net: object, shape: tuple[int, ...], classes: int) -> KerasModel:
    import keras

    def refuse(why: str) -> InputError:
        return InputError(f"--model-fn {name}: {why}")

    if not isinstance(net, keras.Model):
        kind = f"{type(net).__module__.split('.')[0]}'s {type(net).__name__}"
        raise refuse(f"it gave {kind}; wanted a Keras 3 model: `import keras`, and return keras.Model(...)")
    if not net.built or not isinstance(net, (keras.Sequential, keras.Function)):
        raise refuse("its model has no fixed input; begin it with keras.Input(shape)")
    for what, found, wanted in (
        ("takes", net.input_shape, (None, *shape)),
        ("answers", net.output_shape, (None, classes)),
    ):
        if not isinstance(found, tuple) or found[1:] != wanted[1:]:
            raise refuse(f"its model {what} shape {found}; wanted {wanted}")
    last = net.layers[-1]
    activation = getattr(last, "activation", None)
    if activation is keras.activations.linear:
        last.activation = keras.activations.softmax
    elif activation is not keras.activations.softmax:
        raise refuse(f"its model ends in '{last.name}' ({type(last).__name__}); end it in Dense(classes, 'softmax')")
    net.name = make_safe(net.name)
    result: KerasModel = net
    return result
