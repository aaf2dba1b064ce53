"""Small nets of Keras 2, saved by tf_keras in a process of its own, with what they answer there.

`python -m tests.keras2_nets FOLDER` writes NAME.h5, NAME.keras, of some NAME/ (a SavedModel), and NAME.npz: images, answers.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

SHAPE: Final = (12, 12, 3)
NAMES: Final = ("convolutions", "lines", "normalized", "tangled", "functions", "nested", "mobilenet")
AS_SAVEDMODEL: Final = ("normalized", "tangled")
"""Writing a SavedModel takes seconds."""


def layers_in_a_row(k: Any) -> dict[str, list[Any]]:
    """Name of a net -> its layers."""
    layers = k.layers
    return {
        "convolutions": [
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.Conv2D(4, 3, padding="same", use_bias=False, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.15),
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6"),
            layers.SeparableConv2D(6, 3, activation="swish"),
            layers.ZeroPadding2D(((1, 0), (0, 2))),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="elu"),
            layers.PReLU(shared_axes=[1, 2], alpha_initializer="uniform"),
            layers.MaxPooling2D((2, 3), strides=2),
            layers.SpatialDropout2D(0.1),
            layers.Conv2D(4, 3, groups=2, dilation_rate=2, activation=layers.PReLU(alpha_initializer="uniform")),
            layers.GaussianNoise(0.1),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(5),
        ],
        "lines": [
            layers.CenterCrop(10, 9),
            layers.Cropping2D(((1, 1), (0, 1))),
            layers.Resizing(9, 10),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.AveragePooling2D(2, padding="same"),
            layers.Permute((2, 1, 3)),
            layers.Reshape((30, 9)),
            layers.Conv1D(6, 3, padding="causal", activation="selu"),
            layers.SeparableConv1D(6, 3, activation="softplus"),
            layers.MaxPooling1D(2),
            layers.SpatialDropout1D(0.1),
            layers.AveragePooling1D(2),
            layers.Dense(6, activation=layers.LeakyReLU(0.4)),
            layers.LayerNormalization(),
            layers.Dense(6, activation="gelu"),
            layers.UnitNormalization(),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ],
        "normalized": [
            layers.Normalization(name="measured"),
            layers.Conv2D(4, 3, name="first", activation="hard_sigmoid"),
            layers.GroupNormalization(2),
            layers.ReLU(max_value=0.9, negative_slope=0.1, threshold=0.05),
            layers.LayerNormalization(axis=[1, 3], center=False),
            layers.ThresholdedReLU(0.2),
            layers.Normalization(mean=[0.1] * 4, variance=[0.5] * 4),
            layers.Activation("mish"),
            layers.ELU(0.7),
            layers.Conv2D(4, 1, activation="exponential"),
            layers.ActivityRegularization(0.1),
            layers.BatchNormalization(scale=False, epsilon=0.01, trainable=False),
            layers.Activation("softsign"),
            layers.Conv2D(4, 3, activation=layers.ThresholdedReLU(0.1)),
            layers.GlobalMaxPooling2D(keepdims=True),
            layers.Flatten(),
            layers.Dense(3),
            layers.Softmax(),
        ],
    }


def tangled(k: Any, tf: Any) -> Any:
    """Nested models, one used twice and holding a third, frozen parts, a shared layer, operations on tensors."""
    layers = k.layers
    deepest = k.Sequential(
        [
            k.Input((12, 12, 4)),
            layers.DepthwiseConv2D(3, padding="same", name="depthwise"),
            layers.BatchNormalization(),
        ],
        name="deepest",
    )
    x = k.Input((12, 12, 4))
    norm = layers.BatchNormalization(name="norm")
    y = norm(deepest(layers.Conv2D(4, 1, name="conv")(x)))
    block = k.Model(x, layers.Add()([x, y]), name="block")
    late = k.Sequential([layers.RandomFlip(), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()])
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = k.Input(SHAPE)
    y = late(late(block(block(layers.Conv2D(4, 3, padding="same", name="a/conv")(x)))))
    y = shared(y) + shared(shared(y)) * 0.5 - 1.0
    y = tf.nn.relu(2.0 - y / 3.0)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Activation("hard_sigmoid", name="add")(layers.Conv2D(4, 1)(gate))
    y = layers.Multiply()([y, gate])
    y = layers.Average()([y, layers.Maximum()([y, block(y)]), layers.Minimum()([y, shared(y)])])
    y = layers.Concatenate()([layers.GlobalAveragePooling2D()(y), tf.reduce_mean(y, [1, 2])])
    net = k.Model(x, layers.Dense(5, name="answer")(y), name="tangled")
    deepest.trainable = False
    norm.trainable = False
    deepest.layers[-1].trainable = True
    return net


def functions(k: Any, tf: Any) -> Any:
    """TensorFlow's functions on the tensors of a model."""
    ways: tuple[Callable[[Any], Any], ...] = (
        lambda x: tf.reshape(tf.nn.relu6(x), (-1, 48)),
        lambda x: tf.squeeze(tf.reduce_max(x, axis=(1, 2), keepdims=True), axis=(1, 2)),
        lambda x: tf.concat([tf.sigmoid(x), tf.nn.silu(x)], axis=-1),
        lambda x: tf.maximum(x, tf.nn.leaky_relu(x, 0.3)) + tf.minimum(x, tf.tanh(x)),
        lambda x: tf.cast(-x, tf.float32) * np.float32(3) + np.array([0.5], "float32"),
        lambda x: tf.nn.elu(tf.identity(x)) - tf.nn.selu(x) * tf.nn.softplus(x),
        lambda x: tf.nn.gelu(x) + tf.nn.softmax(x, axis=1) / 0.5,
        lambda x: tf.nn.gelu(x * 3.0, approximate=True) + tf.maximum(x, 0.5) * tf.minimum(x, 0.25),
        lambda x: tf.expand_dims(1.0 - tf.nn.softsign(x), 1),
    )
    x = k.Input(SHAPE)
    y = k.layers.AveragePooling2D(3)(x) * 8.0 - 4.0
    ends = [k.layers.Dense(2)(k.layers.Flatten()(way(y))) for way in ways]
    return k.Model(x, k.layers.Concatenate()(ends), name="functions")


def build(k: Any, tf: Any, names: Sequence[str] = NAMES) -> dict[str, Any]:
    """Each net of `names` by its name, with random weights, moving statistics included."""
    nets = {name: k.Sequential([k.Input(SHAPE), *row], name=name) for name, row in layers_in_a_row(k).items()}
    nets |= {"tangled": tangled(k, tf), "functions": functions(k, tf)}
    image = k.Input(SHAPE, name="image")
    body = k.Model(image, k.layers.Conv2D(4, 3, activation="relu")(image), name="body")
    inner = k.Sequential([k.Input((10, 10, 4)), k.layers.Conv2D(4, 3), k.layers.BatchNormalization()])
    nets["nested"] = k.Sequential([body, inner, k.layers.GlobalAveragePooling2D(), k.layers.Dense(3)], name="nested")
    if "mobilenet" in names:
        nets["mobilenet"] = k.applications.MobileNetV2(
            (96, 96, 3), 0.35, weights=None, classes=4, classifier_activation=None
        )
    random = np.random.default_rng(0)
    for net in nets.values():
        net.set_weights([_values(random, weight.shape) for weight in net.get_weights()])
    nets["normalized"].get_layer("measured").adapt(random.random((4, *SHAPE)))
    return nets


def _values(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Such that a layer's answers are about as large as what it reads."""
    if len(shape) < 2:
        return 0.5 + random.random(shape)
    read = shape[:2] if shape[-1] < 3 and len(shape) == 4 else shape[:-1]  # a depthwise kernel reads one channel
    return random.normal(0, np.prod(read) ** -0.5, shape)


def main(folder: Path) -> None:
    """Saves every net in every format, and what it answers."""
    import tensorflow as tf
    import tf_keras

    random = np.random.default_rng(1)
    for name, net in build(tf_keras, tf).items():
        tints, range_ = random.normal(0, 1, (6, 1, 1, 3)), 255 if name == "convolutions" else 2
        images = (random.random((6, *net.input_shape[1:])) * tints * range_).astype(np.float32)
        np.savez(folder / f"{name}.npz", images=images, answers=np.asarray(net(images, training=False)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras calls its own older formats legacy
            for ending in (".h5", ".keras", *([""] if name in AS_SAVEDMODEL else [])):
                net.save(folder / f"{name}{ending}")


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    main(Path(sys.argv[1]))
