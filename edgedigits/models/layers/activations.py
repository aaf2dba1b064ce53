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


KEPT: Final = frozenset(
    {"exponential", "gelu", "linear", "log_softmax", "relu", "sigmoid", "silu", "softmax", "softsign", "tanh"}
)
"""Activations that a layer may do itself: TFLite has kernels for what TensorFlow makes of them."""
ALIASES: Final = {"swish": "silu", "hard_swish": "hard_silu"}
_SELU_SCALE: Final = 1.0507009873554805
_SELU_ALPHA: Final = 1.6732632423543772
_GELU_FLAT: Final = 6.0
"""From here on the approximate GELU of x is x, of -x 0, to within 1e-9."""


def activate(make: Make, name: str, activation: str, x: KerasTensor, **settings: Any) -> KerasTensor:
    """Applies an activation to the symbolic tensor `x`, by layers named after `name`; the last has it.

    `settings` are those of the function in `keras.ops`, by name, as `axis`, `negative_slope`, `alpha`, `threshold`.
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


def _exponential_below(
    make: Make, name: str, x: KerasTensor, slope: float, depth: float, pace: float = 1.0
) -> KerasTensor:
    """A line of that slope above 0, an exponential that falls to -depth below, `pace` times as fast."""
    above, below = _parted(make, name, x)
    below = below if pace == 1.0 else make("Rescaling", f"{name}_pace", scale=pace)(below)
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


def _celu(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """max(x, 0) + alpha (exp(min(x, 0) / alpha) - 1)."""
    alpha = float(settings.get("alpha", 1.0))
    return _exponential_below(make, name, x, 1.0, alpha, 1 / alpha)


def _log_sigmoid(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """The softplus of -x, negative."""
    mirrored = make("Rescaling", f"{name}_mirror", scale=-1.0)(x)
    return make("Rescaling", name, scale=-1.0)(_softplus(make, f"{name}_softplus", mirrored, settings))


def _hard_tanh(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    """x from -1 to 1."""
    return limit(make, name, x, -1.0, 1.0)


def limit(make: Make, name: str, x: KerasTensor, low: float, high: float) -> KerasTensor:
    """x from `low` to `high`: a ReLU of the way from the lower end."""
    way = make("ReLU", f"{name}_way", max_value=high - low)(
        make("Rescaling", f"{name}_line", offset=-low, scale=1.0)(x)
    )
    return make("Rescaling", name, scale=1.0, offset=low)(way)


def _tanh_shrink(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    """x - tanh(x)."""
    return make("Subtract", name)([x, make("Activation", f"{name}_tanh", activation="tanh")(x)])


def _soft_shrink(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """What of x is beyond the threshold, on either side."""
    away = float(settings.get("threshold", 0.5))
    above = make("ReLU", f"{name}_above")(make("Rescaling", f"{name}_up", scale=1.0, offset=-away)(x))
    below = make("ReLU", f"{name}_below")(make("Rescaling", f"{name}_down", scale=-1.0, offset=-away)(x))
    return make("Subtract", name)([above, below])


def _hard_shrink(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """x where it is beyond the threshold, on either side."""
    away = float(settings.get("threshold", 0.5))
    above = make("ThresholdedReLU", f"{name}_above", theta=away)(x)
    mirrored = make("Rescaling", f"{name}_mirror", scale=-1.0)(x)
    return make("Subtract", name)([above, make("ThresholdedReLU", f"{name}_below", theta=away)(mirrored)])


def _threshold(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """x where it is above the threshold, else another value."""
    theta, other = float(settings["threshold"]), float(settings["default_value"])
    if not other:
        return make("ThresholdedReLU", name, theta=theta)(x)
    moved = make("Rescaling", f"{name}_line", scale=1.0, offset=-other)(x)
    kept = make("ThresholdedReLU", f"{name}_kept", theta=theta - other)(moved)
    return make("Rescaling", name, scale=1.0, offset=other)(kept)


def _sparse_sigmoid(make: Make, name: str, x: KerasTensor, _: JsonObject) -> KerasTensor:
    """(x + 1) / 2 from 0 to 1."""
    return make("ReLU", name, max_value=1.0)(make("Rescaling", f"{name}_line", scale=0.5, offset=0.5)(x))


def _sparse_plus(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """The square of (x + 1) / 2, that from 0 to 1, and what of x is above 1."""
    gate = _sparse_sigmoid(make, f"{name}_gate", x, settings)
    square = make("Multiply", f"{name}_square")([gate, gate])
    above = make("ReLU", f"{name}_above")(make("Rescaling", f"{name}_line", scale=1.0, offset=-1.0)(x))
    return make("Add", name)([above, square])


def _squareplus(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """(x + sqrt(x^2 + b)) / 2, the root of u being u / sqrt(u)."""
    square = make("Multiply", f"{name}_square")([x, x])
    size = make("Rescaling", f"{name}_size", scale=1.0, offset=float(settings.get("b", 4)))(square)
    root = make("Multiply", f"{name}_root")([size, make("ReciprocalRoot", f"{name}_reciprocal")(size)])
    return make("Average", name)([x, root])


def _glu(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    """The first half of x, gated by the sigmoid of the second."""
    axis, rank = settings.get("axis", -1), len(x.shape)
    axis = axis % rank
    half = x.shape[axis] // 2

    def part(word: str, start: int | None, stop: int | None) -> KerasTensor:
        ends: dict[str, list[int | None]] = {end: [None] * (rank - 1) for end in ("start", "stop", "step")}
        ends["start"][axis - 1], ends["stop"][axis - 1] = start, stop
        return make("Slice", f"{name}_{word}", **ends)(x)

    gate = make("Activation", f"{name}_sigmoid", activation="sigmoid")(part("gate", half, None))
    return make("Multiply", name)([part("value", None, half), gate])


def _log_softmax(make: Make, name: str, x: KerasTensor, settings: JsonObject) -> KerasTensor:
    axis = settings.get("axis", -1)
    if axis not in (-1, len(x.shape) - 1):
        raise ValueError(f"log_softmax over axis {axis}, not the last")
    return make("Activation", name, activation="log_softmax")(x)


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
    "celu": _celu,
    "elu": _elu,
    "glu": _glu,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu,
    "hard_tanh": _hard_tanh,
    "leaky_relu": _leaky_relu,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _log_softmax,
    "mish": _mish,
    "relu6": _relu6,
    "selu": _selu,
    "soft_shrink": _soft_shrink,
    "softmax": _softmax,
    "softplus": _softplus,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "squareplus": _squareplus,
    "tanh_shrink": _tanh_shrink,
    "threshold": _threshold,
}
