"""Activations as Keras layers whose TFLite operators have int8 kernels, and kernels that answer alike on every machine.

TFLite's ELU has no int8 kernel and no reference kernel; exp(x) of large x, as inside TensorFlow's SELU, softplus and mish, leaves
int8 with one step for all that matters, and is infinite for raw pixels. Each form here is exact, up to float rounding, and
takes exp of numbers up to 0 only, so that what lies between stays within 0..1 whatever the range of x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Protocol

from edgedigits.ground.facts import JsonObject
from edgedigits.keras_types import KerasLayer, KerasTensor


class Make(Protocol):
    """Makes a new layer, of the class `kind`, with a name that no other has."""

    def __call__(self, kind: str, name: str, /, **settings: object) -> KerasLayer: ...


KEPT: Final = frozenset({"exponential", "gelu", "linear", "relu", "sigmoid", "silu", "softmax", "softsign", "tanh"})
"""Activations that a layer may do itself: TFLite has kernels for what TensorFlow makes of them."""
ALIASES: Final = {"swish": "silu", "hard_swish": "hard_silu"}
_SELU_SCALE: Final = 1.0507009873554805
_SELU_ALPHA: Final = 1.6732632423543772
_GELU_FLAT: Final = 6.0
"""From here on the approximate GELU of x is x, of -x 0, to within 1e-9."""


def activate(make: Make, name: str, activation: str, x: KerasTensor, **settings: Any) -> KerasTensor:
    """Applies an activation to the symbolic tensor `x`, by layers named after `name`; the last has it.

    `settings`: `axis` of softmax, `negative_slope` of leaky_relu, `alpha` of elu, `approximate` of gelu.
    """
    activation = ALIASES.get(activation, activation)
    if activation == "gelu" and settings.get("approximate", False):
        return _approximate_gelu(make, name, x)
    if form := _FORMS.get(activation):
        return form(make, name, x, settings)
    return make("Activation", name, activation=activation)(x)


def find_activation(kind: str, settings: JsonObject) -> Callable[[Make, str, KerasTensor], KerasTensor] | None:
    """What calls the layers in place of one activation layer with the config `settings`; None where it may stay itself."""
    if kind == "ELU":
        return lambda make, name, x: _elu(make, name, x, settings)
    if kind != "ReLU":
        return None
    most, slope = settings.get("max_value"), float(settings.get("negative_slope") or 0.0)
    threshold = float(settings.get("threshold") or 0.0)
    if not threshold and (not slope or most is None):
        return None
    return lambda make, name, x: _relu(make, name, x, most, slope, threshold)


def _relu(make: Make, name: str, x: KerasTensor, most: float | None, slope: float, threshold: float) -> KerasTensor:
    """x from the threshold up, at most `most`; below it slope (x - threshold)."""
    below = None
    if slope:
        mirrored = make("Rescaling", f"{name}_mirror", scale=-slope, offset=slope * threshold)(x)
        below = make("ReLU", f"{name}_below")(mirrored)
    own = name if below is None else f"{name}_above"
    if threshold:
        x = make("ThresholdedReLU", own if most is None else f"{name}_threshold", theta=threshold)(x)
    if not threshold or most is not None:
        x = make("ReLU", own, max_value=most)(x)
    return x if below is None else make("Subtract", name)([x, below])


def _softmax(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    return make("Softmax", name, axis=settings.get("axis", -1))(x)


def _relu6(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    return make("ReLU", name, max_value=6.0)(x)


def _leaky_relu(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    return make("LeakyReLU", name, negative_slope=settings.get("negative_slope", 0.2))(x)


def _hard_sigmoid(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    """Of slope 1/6."""
    return make("ReLU", name, max_value=1.0)(make("Rescaling", f"{name}_line", scale=1 / 6, offset=0.5)(x))


def _hard_silu(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    return make("Multiply", name)([x, _hard_sigmoid(make, f"{name}_gate", x, settings)])


def _parted(make: Make, name: str, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """max(x, 0) and min(x, 0), both exact."""
    above = make("ReLU", f"{name}_above")(x)
    return above, make("Subtract", f"{name}_below")([x, above])


def _elu(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """max(x, 0) + alpha (exp(min(x, 0)) - 1)."""
    return _exponential_below(make, name, x, 1.0, float(settings.get("alpha", 1.0)))


def _selu(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    return _exponential_below(make, name, x, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA)


def _exponential_below(make: Make, name: str, x: KerasTensor, slope: float, depth: float) -> KerasTensor:
    """A line of that slope above 0, an exponential that falls to -depth below."""
    above, below = _parted(make, name, x)
    power = make("Activation", f"{name}_exp", activation="exponential")(below)
    curve = make("Rescaling", f"{name}_curve", scale=depth, offset=-depth)(power)
    line = above if slope == 1.0 else make("Rescaling", f"{name}_line", scale=slope)(above)
    return make("Add", name)([line, curve])


def _softplus(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)); the second is the softplus of -|x|."""
    above, below = _parted(make, name, x)
    distance = make("Subtract", f"{name}_distance")([below, above])
    return make("Add", name)([above, make("Activation", f"{name}_bend", activation="softplus")(distance)])


def _mish(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """x tanh(softplus(x))."""
    gate = _softplus(make, f"{name}_softplus", x, settings)
    return make("Multiply", name)([x, make("Activation", f"{name}_gate", activation="tanh")(gate)])


def _approximate_gelu(make: Make, name: str, x: KerasTensor) -> KerasTensor:
    """x / 2 (1 + tanh(a x + b x^3)) = x sigmoid(2 c (a + b c^2)), with c the x within +-6, past which the sigmoid is 0 or 1."""
    line = math.sqrt(8 / math.pi)
    above = make("ReLU", f"{name}_above", max_value=_GELU_FLAT)(x)
    below = make("ReLU", f"{name}_below", max_value=_GELU_FLAT)(make("Rescaling", f"{name}_mirror", scale=-1.0)(x))
    near = make("Subtract", f"{name}_near")([above, below])
    square = make("Multiply", f"{name}_square")([near, near])
    factor = make("Rescaling", f"{name}_factor", scale=line * 0.044715, offset=line)(square)
    bent = make("Multiply", f"{name}_bent")([near, factor])
    return make("Multiply", name)([x, make("Activation", f"{name}_gate", activation="sigmoid")(bent)])


_FORMS: Final = {
    "elu": _elu,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu,
    "leaky_relu": _leaky_relu,
    "mish": _mish,
    "relu6": _relu6,
    "selu": _selu,
    "softmax": _softmax,
    "softplus": _softplus,
}
