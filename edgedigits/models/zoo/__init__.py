"""The architectures that `edgedigits train` knows: a literal table of names.

Each builder takes the input shape (height, width, channels), the number of classes and its own options, and returns an
untrained Keras 3 model with softmax output; `build` gives it another. Importing this imports no Keras; building does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel
from edgedigits.models.zoo.convnets import cnn, deep, lenet5, nano, pico
from edgedigits.models.zoo.mlp import mlp
from edgedigits.models.zoo.mobilenet import mobilenet_v2

NetBuilder = Callable[..., KerasModel]

ZOO: dict[str, NetBuilder] = {
    "cnn": cnn,
    "deep": deep,
    "lenet5": lenet5,
    "mlp": mlp,
    "mobilenet_v2": mobilenet_v2,
    "nano": nano,
    "pico": pico,
}


def build(name: str, shape: Sequence[int], units: int, closing: str = "softmax", **options: object) -> KerasModel:
    """A net of the table, untrained, whose last layer makes probabilities by `closing`: softmax, or sigmoid for labels."""
    return close_with(closing, ZOO[name](shape, units, **options))


def close_with(closing: str, net: KerasModel) -> KerasModel:
    """The net, untrained, with what its last layer makes probabilities by: softmax, or sigmoid for labels."""
    if closing != "softmax":
        from keras import activations

        net.layers[-1].activation = activations.get(closing)
    return net


def check_net(name: str) -> None:
    """Raises InputError for a net that is not in the zoo."""
    if name not in ZOO:
        raise InputError(f"--zoo {name}: no such net; choose from {', '.join(ZOO)}")
