"""Nets whose operators span the sizes that small classifiers have, for `benchmarks.cycle_rates`; weights do not matter."""

from __future__ import annotations

from typing import Any


def samples() -> list[Any]:
    """Plain and separable convolutions of several widths, with what stands beside them."""
    from edgedigits.backend import keras

    return [
        *(_plain(keras, *each) for each in ((8, 12, 24), (16, 16, 32), (4, 20, 40), (32, 48, 64), (10, 10, 10))),
        *(_separable(keras, *each) for each in ((8, 16, 1), (24, 40, 2), (12, 64, 3), (48, 32, 1))),
    ]


def _plain(keras: Any, *filters: int) -> Any:
    layers = keras.layers
    x = image = keras.Input((28, 28, 1))
    for number, count in enumerate(filters):
        x = layers.Conv2D(count, 5 if count == 20 else 3, strides=1 + number % 2, padding="same", activation="relu")(x)
        x = layers.Conv2D(count, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x) if number == 0 else x
    both = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.Flatten()(layers.MaxPooling2D()(x))])
    y = layers.Dense(8 * filters[0], activation="relu")(both)
    return keras.Model(image, layers.Dense(10, activation="softmax")(y))


def _separable(keras: Any, narrow: int, wide: int, channels: int) -> Any:
    layers = keras.layers
    image = keras.Input((32, 32, channels if channels != 2 else 1))
    x = layers.Conv2D(narrow, 3, strides=2, padding="same", activation="relu")(image)
    for stride in (1, 2):
        y = layers.Conv2D(wide, 1, activation="relu")(x)
        y = layers.DepthwiseConv2D(3, strides=stride, padding="same", activation="relu")(y)
        y = layers.Conv2D(narrow, 1)(y)
        x = layers.Add()([x, y]) if stride == 1 else y
    x = layers.AveragePooling2D(2)(x)
    scale = layers.Dense(narrow, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, narrow))(scale)])
    return keras.Model(image, layers.Dense(100)(layers.Flatten()(x)))
