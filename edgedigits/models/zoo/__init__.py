"""The architectures that `edgedigits train` knows: a literal table of names.

Each builder takes the input shape (height, width, channels), the number of classes and its own options, and returns an
untrained Keras 3 model with softmax output; `build` gives it another. Importing this imports no Keras; building does.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.yaml_files import suggest
from edgedigits.keras_types import KerasModel
from edgedigits.models.zoo.nets import attention_cnns, classics, convnets, mlp, ready_made, resnets, vit
from edgedigits.models.zoo.nets.about import Habits, Net, NetBuilder
from edgedigits.models.zoo.own import build_own, is_own

_FAMILIES = (attention_cnns, classics, convnets, mlp, ready_made, resnets, vit)
NETS: dict[str, Net] = dict(sorted(pair for family in _FAMILIES for pair in family.NETS.items()))
"""What is known of each architecture; a family's module has those of its own."""

ZOO: dict[str, NetBuilder] = {name: net.build for name, net in NETS.items()}


def build(name: str, shape: Sequence[int], units: int, closing: str = "softmax", /, **options: object) -> KerasModel:
    """A net of the table, untrained, whose last layer makes probabilities by `closing`: softmax, or sigmoid for labels.

    A name with a colon is a function of the caller's own, `module:function`. Raises InputError where it can't be built.
    """
    net = build_own(name, shape, units) if is_own(name) else ZOO[name](shape, units, **options)
    return close_with(closing, net)


def close_with(closing: str, net: KerasModel) -> KerasModel:
    """The net, untrained, with what its last layer makes probabilities by: softmax, or sigmoid for labels."""
    if closing != "softmax":
        from keras import activations

        net.layers[-1].activation = activations.get(closing)
    return net


def find_habits(name: str, options: JsonObject) -> Habits:
    """How a net is trained where the call says nothing else; a net of the caller's own as most are."""
    if is_own(name):
        return Habits()
    net = NETS[name]
    return net.pretrained or net.habits if options.get("weights") else net.habits


def list_options(name: str) -> list[str]:
    """The options that a net's builder takes."""
    return [] if is_own(name) else [*inspect.signature(ZOO[name]).parameters][2:]


def check_net(name: str, where: str = "--zoo ", others: Sequence[str] = ()) -> None:
    """Raises InputError for a net that is not in the zoo, with the nearest that is, or that is among the `others` that would do
    there; `where` begins the sentence."""
    if name not in ZOO:
        raise InputError(f"{where}{name}: no such net{suggest(name, [*ZOO, *others])}")
