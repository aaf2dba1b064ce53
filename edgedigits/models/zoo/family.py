"""Nets of the family that `family_plan` plans: convolutions, batch normalizations that fold into them, and ReLU."""

from __future__ import annotations

from collections.abc import Sequence

from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.zoo.family_plan import Convolution, Teacher, plan


def build_student(
    size: str,
    shape: Sequence[int],
    classes: int,
    teacher: Teacher | None = None,
    width: float = 1.0,
    depth: float = 1.0,
    blocks: str = "auto",
) -> KerasModel:
    """An untrained net of a size of the family, with softmax output, for images [height, width, channels].

    Without a teacher nothing but images and classes bounds it. Raises InputError as `plan` does.
    """
    from keras import Model, layers

    convolutions = plan(size, shape, classes, teacher or Teacher(), width, depth, blocks)
    image = x = layers.Input(shape)
    for one in convolutions:
        x = _add(one, x)
    x = layers.GlobalAveragePooling2D()(x)
    result: KerasModel = Model(image, layers.Dense(classes, activation="softmax", dtype="float32")(x), name=size)
    return result


def _add(one: Convolution, x: KerasTensor) -> KerasTensor:
    from keras import layers

    own = {"strides": one.stride, "padding": "same", "use_bias": False}
    if one.kind == "depthwise":
        x = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, **own)(x)))
        y = layers.Conv2D(one.channels, 1, use_bias=False)(x)
    else:
        y = layers.Conv2D(one.channels, 3, **own)(x)
    y = layers.BatchNormalization()(y)
    result: KerasTensor = layers.ReLU()(layers.Add()([x, y]) if one.kind == "residual" else y)
    return result
