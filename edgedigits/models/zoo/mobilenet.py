"""MobileNetV2 (Sandler et al. 2018), from Keras' own implementation."""

from __future__ import annotations

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel

SMALLEST = 32


def mobilenet_v2(
    shape: tuple[int, int, int], classes: int, alpha: float = 0.35, weights: str | None = None
) -> KerasModel:
    """MobileNetV2 of width `alpha` for images of at least 32x32; grey images are repeated to RGB inside the model.

    `weights="imagenet"` downloads the ImageNet weights of that width through Keras, which come for -1..1 input; the classifier
    on top is new. Raises InputError for images that are too small and for weights that can't be had.
    """
    from keras import Model, applications, layers

    if min(shape[:2]) < SMALLEST:
        raise InputError(
            f"mobilenet_v2: images are {shape[0]}x{shape[1]}, it needs at least 32x32; pass --resize 32x32 or more"
        )
    image = layers.Input(shape)
    colour = layers.Concatenate()([image, image, image]) if shape[2] == 1 else image
    try:
        body = applications.MobileNetV2(
            input_shape=(*shape[:2], 3), alpha=alpha, include_top=False, weights=weights, pooling="avg"
        )
    except (OSError, ValueError) as error:
        raise InputError(f"mobilenet_v2 alpha {alpha}, weights {weights}: {error}") from error
    features = layers.Dropout(0.2)(body(colour))
    result: KerasModel = Model(
        image, layers.Dense(classes, activation="softmax", dtype="float32")(features), name="mobilenet_v2"
    )
    return result
