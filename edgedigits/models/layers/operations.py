"""Operations that are no layers, as the Keras layers that compute the same.

`x + y`, `keras.ops.mean(x)` and `tf.nn.relu6(x)` inside a functional model become layers: stages and exports then meet
layers only.
"""

import math
from collections.abc import Sequence
from typing import TypeGuard, cast

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasTensor
from edgedigits.models.layers.activations import Make, activate, limit
from edgedigits.models.layers.shape_operations import find_shape_operation, refuse

PAIRS = {"add": "Add", "maximum": "Maximum", "minimum": "Minimum", "multiply": "Multiply", "subtract": "Subtract"}
OPERANDS = ("x1", "x2", "x", "y", "a", "input", "input_tensor", "tensor", "features", "logits", "values")
"""Names of arguments that hold tensors, in their order, in TensorFlow and in keras.ops."""
SECOND = {
    "cast": "dtype",
    "concatenate": "axis",
    "gelu": "approximate",
    "get_item": "key",
    "leaky_relu": "negative_slope",
    "max": "axis",
    "mean": "axis",
    "softmax": "axis",
}
"""What a second argument without a name sets."""
TWO = frozenset({*PAIRS, "divide", "matmul", "power"})
"""Operations of two operands."""


def is_symbolic(value: object) -> TypeGuard[KerasTensor]:
    """True for a tensor of a functional model."""
    return isinstance(value, keras.KerasTensor)


def apply(
    make: Make, operation: str, args: Sequence[object], settings: JsonObject, shape: tuple[int | None, ...]
) -> KerasTensor:
    """Applies an operation of `known_layers` to symbolic tensors; those that cut one in parts give a list.

    Args:
        args: tensors and constants, in the operation's order, nested lists included.
        settings: axis, keepdims and the like, by name.
        shape: of the original's output, the batch first.

    Raises:
        ModelError: used in a way that no layer computes.
    """
    if operation in PAIRS or operation == "divide":
        return _pair(make, operation, args)
    tensors = [item for item in keras.tree.flatten(list(args)) if is_symbolic(item)]
    if operation == "concatenate":
        return make("Concatenate", operation, axis=settings["axis"])(tensors)
    if shapes := find_shape_operation(operation):
        return cast("KerasTensor", shapes(make, operation, tensors, settings))
    if operation == "power":
        return _power(make, operation, args)
    (x,) = tensors
    if operation == "reshape":
        return make("Reshape", operation, target_shape=[_known(size, operation) for size in shape[1:]])(x)
    if operation == "negative":
        return make("Rescaling", operation, scale=-1.0)(x)
    if operation in _ALONE:
        return _ALONE[operation](make, operation, x)
    if operation == "clip":
        return limit(make, operation, x, float(settings["x_min"]), float(settings["x_max"]))
    if operation in ("cast", "identity"):
        return _cast(x, settings)
    return activate(make, operation, operation, x, **settings)


def extreme(make: Make, name: str, kind: str, tensors: Sequence[KerasTensor]) -> KerasTensor:
    """The Maximum or Minimum of tensors, value by value: b + max(a - b, 0), or a - max(a - b, 0).

    TFLite's own operators in int8 give both operands one scale, by which all of an operand that never wins is cut off, for
    whatever else reads it too.
    """
    found, *others = tensors
    for number, other in enumerate(others, 1):
        own = name if number == len(others) else f"{name}_{number}"
        excess = make("ReLU", f"{own}_excess")(make("Subtract", f"{own}_difference")([found, other]))
        found = make("Add", own)([other, excess]) if kind == "Maximum" else make("Subtract", own)([found, excess])
    return found


def operands(operation: str, args: Sequence[object], kwargs: JsonObject) -> tuple[list[object], JsonObject]:
    """Tensors and constants apart from settings; a TFOpLambda holds both just as its function was called."""
    settings = {key: value for key, value in kwargs.items() if key != "name" and value is not None}
    values = list(args)
    if operation not in TWO:
        if len(values) > 1 and operation in SECOND:
            settings.setdefault(SECOND[operation], values[1])
        values = values[:1]
    if operation == "leaky_relu" and "alpha" in settings:
        settings["negative_slope"] = settings.pop("alpha")
    return values + [settings.pop(key) for key in OPERANDS if key in settings], settings


def _pair(make: Make, operation: str, args: Sequence[object]) -> KerasTensor:
    """Two tensors meet in a merging layer; a tensor and a constant are a line, a * x + b: Rescaling."""
    first, second = args[0], args[1]
    if is_symbolic(first) and is_symbolic(second):
        if operation not in PAIRS or len(first.shape) != len(second.shape):
            raise ModelError(
                f"'{operation}' of two tensors of shapes {first.shape} and {second.shape} has no layer; "
                "use a built-in layer."
            )
        if operation in ("maximum", "minimum"):
            return extreme(make, operation, PAIRS[operation], [first, second])
        return make(PAIRS[operation], operation)([first, second])
    swapped = not is_symbolic(first)
    x, constant = cast("tuple[KerasTensor, object]", (second, first) if swapped else (first, second))
    value = np.asarray(constant, dtype=np.float64)
    if value.ndim > 1 and value.size != value.shape[-1]:
        raise ModelError(f"'{operation}' with a constant of shape {value.shape} has no layer.")
    value = value.reshape(-1) if value.ndim else value
    if operation in ("maximum", "minimum"):
        return _limited(make, operation, x, value)
    return _rescaled(make, operation, x, *_line(operation, value, swapped))


def _limited(make: Make, operation: str, x: KerasTensor, limit: np.ndarray) -> KerasTensor:
    """The larger or smaller of a tensor and a constant."""
    excess = make("ReLU", f"{operation}_excess")(_rescaled(make, f"{operation}_line", x, np.ones_like(limit), -limit))
    if operation == "minimum":
        return make("Subtract", operation)([x, excess])
    return _rescaled(make, operation, excess, np.ones_like(limit), limit)


def _rescaled(make: Make, name: str, x: KerasTensor, scale: np.ndarray, offset: np.ndarray) -> KerasTensor:
    return make("Rescaling", name, scale=np.asarray(scale).tolist(), offset=np.asarray(offset).tolist())(x)


def _line(operation: str, value: np.ndarray, swapped: bool) -> tuple[np.ndarray, np.ndarray]:
    if operation == "add":
        return np.ones_like(value), value
    if operation == "subtract":
        return (-np.ones_like(value), value) if swapped else (np.ones_like(value), -value)
    if operation == "multiply":
        return value, np.zeros_like(value)
    if operation == "divide" and not swapped:
        return 1 / value, np.zeros_like(value)
    raise ModelError(f"'{operation}' of a constant by a tensor has no layer; use a built-in layer.")


def _absolute(make: Make, name: str, x: KerasTensor) -> KerasTensor:
    """max(x, 0) + max(-x, 0)."""
    mirrored = make("Rescaling", f"{name}_mirror", scale=-1.0)(x)
    return make("Add", name)([make("ReLU", f"{name}_above")(x), make("ReLU", f"{name}_below")(mirrored)])


def _square(make: Make, name: str, x: KerasTensor) -> KerasTensor:
    return make("Multiply", name)([x, x])


def _sqrt(make: Make, name: str, x: KerasTensor) -> KerasTensor:
    """x / sqrt(x), of x from 0."""
    return make("Multiply", name)([x, make("ReciprocalRoot", f"{name}_reciprocal")(x)])


def _rsqrt(make: Make, name: str, x: KerasTensor) -> KerasTensor:
    return make("ReciprocalRoot", name)(x)


_ALONE = {"absolute": _absolute, "rsqrt": _rsqrt, "sqrt": _sqrt, "square": _square}


def _power(make: Make, operation: str, args: Sequence[object]) -> KerasTensor:
    """Whole powers up to the fourth, and roots."""
    x, exponent = args[0], args[1]
    if not is_symbolic(x) or is_symbolic(exponent):
        raise refuse(operation, "of a tensor by a tensor")
    value = np.asarray(exponent, dtype=np.float64)
    if value.size != 1 or (power := float(value.reshape(()))) not in (-0.5, 0.5, 1.0, 2.0, 3.0, 4.0):
        raise refuse(operation, f"with the exponent {exponent}", "use 0.5, 2, 3 or 4")
    if power == 1.0:
        return x
    if abs(power) < 1:
        return (_sqrt if power > 0 else _rsqrt)(make, operation, x)
    squared = _square(make, operation if power == 2 else f"{operation}_square", x)
    if power == 2:
        return squared
    return make("Multiply", operation)([squared, x if power == 3 else squared])


def _cast(x: KerasTensor, settings: JsonObject) -> KerasTensor:
    dtype = settings.get("dtype", "float32")
    if not tf.as_dtype(dtype).is_floating:
        raise ModelError(f"'cast' to {dtype} would round the numbers; only casts between float types can be taken.")
    return x


def _known(size: int | None, operation: str) -> int:
    if size is None:
        raise ModelError(f"'{operation}' gives a shape that depends on the input; use a Reshape layer of fixed shape.")
    return math.trunc(size)
