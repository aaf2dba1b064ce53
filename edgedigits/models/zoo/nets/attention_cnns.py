"""A net that averages over all places at its end, and the same with three kinds of attention between its blocks.

Squeeze-and-excite: Hu et al. 2018; CBAM: Woo et al. 2018; attention over the places: Wang et al. 2018 (non-local nets).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgedigits.errors import InputError
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.zoo.nets.about import DIGIT, Habits, ImageShape, Net, check_sides

FILTERS = (32, 64, 128)
MOST_PLACES = 4096
"""That attention sees at once: its work grows by the square of them."""

Attend = Callable[[KerasTensor], KerasTensor]


def gap_cnn(shape: ImageShape, classes: int, filters: Sequence[int] = FILTERS, units: int = 128) -> KerasModel:
    """Two convolutions before each pooling, one behind the last, the mean of all places: 156,650 parameters for 28x28x1."""
    return _pooled("gap_cnn", shape, classes, filters, units, lambda x: x)


def se_cnn(
    shape: ImageShape, classes: int, filters: Sequence[int] = FILTERS, units: int = 128, ratio: int = 8
) -> KerasModel:
    """As `gap_cnn`, each block followed by squeeze-and-excite: 162,278 parameters for 28x28x1."""
    from keras import layers

    def attend(x: KerasTensor) -> KerasTensor:
        mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = _squeeze(x, "se_cnn", ratio)
        result: KerasTensor = layers.Multiply()([x, layers.Activation("sigmoid")(gate(mean))])
        return result

    return _pooled("se_cnn", shape, classes, filters, units, attend)


def cbam_cnn(
    shape: ImageShape, classes: int, filters: Sequence[int] = FILTERS, units: int = 128, ratio: int = 8
) -> KerasModel:
    """As `gap_cnn`, each block followed by attention to channels, then to places (7x7): 162,575 parameters for 28x28x1."""
    from keras import layers, ops

    def attend(x: KerasTensor) -> KerasTensor:
        gate = _squeeze(x, "cbam_cnn", ratio)
        mean = gate(layers.GlobalAveragePooling2D(keepdims=True)(x))
        most = gate(layers.GlobalMaxPooling2D(keepdims=True)(x))
        x = layers.Multiply()([x, layers.Activation("sigmoid")(layers.Add()([mean, most]))])
        seen = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
        places = layers.Conv2D(1, 7, padding="same", activation="sigmoid")(layers.Concatenate()(seen))
        result: KerasTensor = layers.Multiply()([x, places])
        return result

    return _pooled("cbam_cnn", shape, classes, filters, units, attend)


def self_attention_cnn(
    shape: ImageShape, classes: int, filters: Sequence[int] = FILTERS, units: int = 128
) -> KerasModel:
    """A convolution, pooling and attention over all places, twice, and another convolution: 131,338 parameters for 28x28x1.

    Raises InputError for images with so many places that each can't look at all others.
    """
    from keras import layers

    places = (shape[0] // 2) * (shape[1] // 2)
    if places > MOST_PLACES:
        raise InputError(
            f"self_attention_cnn: images are {shape[0]}x{shape[1]}, {places} places for attention, which takes at most "
            f"{MOST_PLACES}; pass --resize 128x128 or less"
        )

    def block(x: KerasTensor, count: int) -> KerasTensor:
        x = layers.MaxPooling2D()(_convolve(x, count))
        rows = layers.Reshape((-1, count))(x)
        attended = layers.MultiHeadAttention(1, count)(rows, rows)
        result: KerasTensor = layers.Reshape(tuple(x.shape[1:]))(layers.Add()([rows, attended]))
        return result

    check_sides("self_attention_cnn", shape, 2 ** (len(filters) - 1))
    image = x = layers.Input(shape)
    for count in filters[:-1]:
        x = block(x, count)
    return _close("self_attention_cnn", image, _convolve(x, filters[-1]), units, classes)


def _pooled(
    name: str, shape: ImageShape, classes: int, filters: Sequence[int], units: int, attend: Attend
) -> KerasModel:
    from keras import layers

    check_sides(name, shape, 2 ** (len(filters) - 1))
    image = x = layers.Input(shape)
    for count in filters[:-1]:
        x = attend(layers.MaxPooling2D()(_convolve(_convolve(x, count), count)))
    return _close(name, image, attend(_convolve(x, filters[-1])), units, classes)


def _convolve(x: KerasTensor, filters: int) -> KerasTensor:
    from keras import layers

    result: KerasTensor = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return result


def _squeeze(x: KerasTensor, name: str, ratio: int) -> Attend:
    """Through a layer of so many times fewer channels, and back; the same layers at each call."""
    from keras import layers

    channels = int(x.shape[-1])
    if not 1 <= ratio <= channels:
        raise InputError(f"{name}: ratio {ratio}: wanted 1 to {channels}, its fewest channels")
    inner = layers.Conv2D(channels // ratio, 1, activation="relu")
    outer = layers.Conv2D(channels, 1)
    return lambda x: outer(inner(x))


def _close(name: str, image: KerasTensor, x: KerasTensor, units: int, classes: int) -> KerasModel:
    from keras import Model, layers

    x = layers.Dense(units, activation="relu")(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(classes, activation="softmax", dtype="float32")(layers.Dropout(0.5)(x))
    result: KerasModel = Model(image, x, name=name)
    return result


_LONGER = Habits(epochs=40, rate=1e-3, patience=15)
NETS = {
    "cbam_cnn": Net(cbam_cnn, DIGIT, 162_575, "attention to channels and places", _LONGER),
    "gap_cnn": Net(gap_cnn, DIGIT, 156_650, "few parameters for images of any size", _LONGER),
    "se_cnn": Net(se_cnn, DIGIT, 162_278, "attention to channels: squeeze-and-excite", _LONGER),
    "self_attention_cnn": Net(self_attention_cnn, DIGIT, 131_338, "attention of each place to all others", _LONGER),
}
