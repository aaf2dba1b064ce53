"""A small vision transformer (Dosovitskiy et al. 2021), of Keras' own layers alone."""

from __future__ import annotations

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.zoo.nets.about import DIGIT, Habits, ImageShape, Net

MOST_PATCHES = 1024
"""That attention sees at once: its work grows by the square of them."""


POSITIONS = 0.5
"""How far from 0 positions begin: the standard deviation."""


def vit(
    shape: ImageShape,
    classes: int,
    patch: int = 4,
    width: int = 96,
    depth: int = 3,
    heads: int = 4,
    ratio: int = 4,
    dropout: float = 0.0,
) -> KerasModel:
    """Square patches, learned positions, `depth` blocks of attention and GELU: 342,922 parameters for 28x28x1.

    `patch` is their side in pixels. The normalization comes before each part of a block (Xiong et al. 2020), and the mean of all
    patches answers. The positions are the bias of the layer that takes the patches, one number for each place and channel. They
    begin as large as a patch full of ink makes its numbers: where they are small, a blank patch is next to nothing, the first
    normalization makes it a thousand times larger, and 8 bits hold no such range.

    Raises InputError for images that the patches don't cover, too many patches, and heads that don't divide the width.
    """
    from keras import Model, initializers, layers

    height, wide, channels = shape
    _check(shape, patch, width, heads)
    rows, columns = height // patch, wide // patch
    image = x = layers.Input(shape)
    x = layers.Permute((1, 3, 2, 4))(layers.Reshape((rows, patch, columns, patch * channels))(x))
    x = layers.Reshape((rows * columns, patch * patch * channels))(x)
    positions = initializers.RandomNormal(stddev=POSITIONS)
    x = layers.EinsumDense(
        "abc,cd->abd", (rows * columns, width), bias_axes="bd", bias_initializer=positions, name="patches"
    )(x)
    for _ in range(depth):
        x = _block(x, width, heads, ratio, dropout)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    result: KerasModel = Model(image, layers.Dense(classes, activation="softmax", dtype="float32")(x), name="vit")
    return result


def _block(x: KerasTensor, width: int, heads: int, ratio: int, dropout: float) -> KerasTensor:
    from keras import layers

    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, _dropped(layers.MultiHeadAttention(heads, width // heads)(y, y), dropout)])
    y = layers.Dense(ratio * width, activation="gelu")(layers.LayerNormalization()(x))
    result: KerasTensor = layers.Add()([x, _dropped(layers.Dense(width)(y), dropout)])
    return result


def _dropped(x: KerasTensor, dropout: float) -> KerasTensor:
    from keras import layers

    result: KerasTensor = layers.Dropout(dropout)(x) if dropout else x
    return result


def _check(shape: ImageShape, patch: int, width: int, heads: int) -> None:
    height, wide, _ = shape
    if height % patch or wide % patch:
        near = "x".join(str(max(1, round(side / patch)) * patch) for side in (height, wide))
        raise InputError(
            f"vit: images are {height}x{wide}, and patches of {patch}x{patch} don't cover them; pass --resize {near}, "
            "or another --patch"
        )
    patches = height * wide // patch**2
    if patches > MOST_PATCHES:
        raise InputError(
            f"vit: images of {height}x{wide} have {patches} patches of {patch}x{patch}, and attention takes at most "
            f"{MOST_PATCHES}; pass a larger --patch"
        )
    if width % heads:
        raise InputError(f"vit: {heads} heads don't divide a width of {width}; choose a width that is a multiple")


NETS = {
    "vit": Net(
        vit,
        DIGIT,
        342_922,
        "the vision transformer: patches, attention, GELU",
        Habits(epochs=40, rate=1e-3, patience=15),
    )
}
