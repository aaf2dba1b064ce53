"""One graph of several models: one input, from which each member has its pixels as it was trained on them.

Members that take their pixels otherwise get a line of their own before them, a `Rescaling`, which is exact whatever the member
pads. Only the order of the channels can't be told so: that is folded into the weights of the first layer, where it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgedigits.data.images import Images
from edgedigits.data.scale import NAMED, Scaling
from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.pipeline.checks.fold_scaling import fold
from edgedigits.pipeline.ensembles.members import Member
from edgedigits.stages.candidate import Candidate

COMMON = NAMED["0..1"]
"""What an ensemble takes whose members do not all take the same."""


def unite_scales(members: Sequence[Member], images: Images) -> tuple[list[Member], Scaling]:
    """(the members, all reading channels in one order, the scale that serves all).

    Raises ModelError for a member whose channels are in another order than another's, and stay so.
    """
    if len({member.scale for member in members}) == 1:
        return list(members), members[0].scale
    if all(member.scale.bgr for member in members):
        return list(members), COMMON._replace(bgr=True)
    return [_turn(member, images) if member.scale.bgr else member for member in members], COMMON


def _turn(member: Member, images: Images) -> Member:
    (turned,), left, _ = fold([Candidate(member.flat)], member.scale, images)
    if left.bgr:
        raise ModelError(
            f"--members {member.path}: takes blue first, and its first layer can't be turned round; "
            "give members that take the channels in one order"
        )
    return replace(member, model=_open_to_all(turned.model, member), flat=turned.model, scale=left)


def _open_to_all(model: KerasModel, member: Member) -> KerasModel:
    """The flat model of Keras' own classes alone, so that it loads where this package is not."""
    import keras

    from edgedigits.models.graph import walk

    def make(layer: KerasLayer) -> KerasLayer:
        own = getattr(keras.layers, type(layer).__name__, None)
        if own is None:
            raise ModelError(
                f"--members {member.path}: takes blue first, and layer '{layer.name}' can't be written for others to load; "
                "give members that take the channels in one order"
            )
        made: KerasLayer = own.from_config(layer.get_config())
        return made

    copy = walk.exchange_layers(model, make)
    copy.set_weights(model.get_weights())
    return copy


def scale_input(image: KerasTensor, own: Scaling, common: Scaling, name: str) -> KerasTensor:
    """What a member reads that takes `own`, from an input that is scaled as `common`."""
    import keras

    if own == common:
        return image
    channels = int(image.shape[-1])
    (factor, offset), (less, more) = (
        [np.asarray(part, np.float64) + np.zeros(channels) for part in one.exact()] for one in (own, common)
    )
    gain = factor / less
    line = {"scale": _plain(gain), "offset": _plain(offset - gain * more)}
    result: KerasTensor = keras.layers.Rescaling(**line, name=name, dtype="float32")(image)
    return result


def _plain(values: np.ndarray) -> float | list[float]:
    """One number where all channels have the same."""
    return float(values[0]) if (values == values[0]).all() else [float(one) for one in values]


def name_member(model: KerasModel, number: int) -> KerasModel:
    """The same model under a name that no other member has."""
    model.name = f"member{number}"
    return model


def drop_closing(model: KerasModel, closing: str | None) -> KerasModel | None:
    """The model less the softmax or sigmoid that ends it, with the same weights; None where no layer of its own is that."""
    import keras

    last = model.layers[-1]
    if closing is None or isinstance(last, keras.Model):
        return None
    config = last.get_config()
    if isinstance(last, (keras.layers.Softmax, keras.layers.Activation)):
        output = last.input
    elif config.get("activation") == closing:
        plain = type(last).from_config({**config, "activation": "linear"})
        output = plain(last.input)
        plain.set_weights(last.get_weights())
    else:
        return None
    result: KerasModel = keras.Model(model.inputs, output, name=model.name)
    return result
