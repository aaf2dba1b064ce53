"""The nets that are exported: the shipped CNN, and one that others published, trained here for an epoch on the same data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from edgedigits.data.dataset import Dataset
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.models.zoo.shipped import find_shipped_folder

EXAMPLE: Final = "https://keras.io/examples/vision/mnist_convnet/"
BATCH, RATE = 128, 1e-3


@dataclass(frozen=True)
class Net:
    """A flat Keras model, the data that it answers, and where it is from."""

    name: str
    source: str
    model: Any
    dataset: Dataset
    data: FitData


@cache
def load_nets() -> tuple[Net, ...]:
    """Both, on MNIST."""
    from edgedigits.backend import keras

    dataset = load_data("mnist")
    data = split(dataset, "0..1", 0)
    shipped = keras.models.load_model(find_shipped_folder() / "cnn.keras", compile=False)
    example = build_example(keras)
    _train(keras, example, data)
    return Net("cnn", "shipped", shipped, dataset, data), Net("mnist_convnet", EXAMPLE, example, dataset, data)


def build_example(keras: Any) -> Any:
    """The layers of that page."""
    layers = keras.layers
    image = keras.Input((28, 28, 1))
    x = layers.MaxPooling2D(name="pool_1")(layers.Conv2D(32, 3, activation="relu", name="conv_1")(image))
    x = layers.MaxPooling2D(name="pool_2")(layers.Conv2D(64, 3, activation="relu", name="conv_2")(x))
    x = layers.Dropout(0.5, name="dropout")(layers.Flatten(name="flatten")(x))
    return keras.Model(image, layers.Dense(10, activation="softmax", name="dense")(x), name="mnist_convnet")


def _train(keras: Any, model: Any, data: FitData) -> None:
    from edgedigits.data.images import read_all

    keras.utils.set_random_seed(0)
    model.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy")
    model.fit(read_all(data.fit).astype("float32") / 255, data.fit.labels, epochs=1, batch_size=BATCH, verbose=0)
