"""Small nets of Keras 2, saved in every format by tf_keras in a process of its own, with what they answer.

`python -m tests.keras2_nets FOLDER` writes NAME.h5, NAME.keras, NAME/ (a SavedModel) and NAME.npz with `images` and `answers`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.backend import tf

SHAPE: Final = (12, 12, 3)


def _layers(k: Any) -> dict[str, list[Any]]:
    """Name of a net -> layers one after the other."""
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
            layers.Dense(5, activation="softmax"),
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
            layers.LayerNormalization(),
            layers.Dense(6, activation=layers.LeakyReLU(0.4)),
            layers.UnitNormalization(),
            layers.GlobalAveragePooling1D(),
            layers.Dense(4, activation="gelu"),
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


def _tangled(k: Any) -> Any:
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
    deepest.trainable = False
    norm.trainable = False
    late = k.Sequential([layers.RandomFlip(), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()])
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = k.Input(SHAPE)
    y = late(late(block(block(layers.Conv2D(4, 3, padding="same", name="conv")(x)))))
    y = shared(y) + shared(shared(y)) * 0.5 - 1.0
    y = tf.nn.relu(2.0 - y / 3.0)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Activation("hard_sigmoid")(layers.Conv2D(4, 1)(gate))
    y = layers.Multiply()([y, gate])
    y = layers.Average()([y, layers.Maximum()([y, block(y)]), layers.Minimum()([y, shared(y)])])
    y = layers.Concatenate()([layers.GlobalAveragePooling2D()(y), tf.reduce_mean(y, [1, 2])])
    return k.Model(x, layers.Dense(5, name="answer")(y), name="tangled")


def _functions(k: Any) -> Any:
    """TensorFlow's functions on the tensors of a model."""
    functions: tuple[Callable[[Any], Any], ...] = (
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
    ends = [k.layers.Dense(2)(k.layers.Flatten()(function(y))) for function in functions]
    return k.Model(x, k.layers.Concatenate()(ends), name="functions")


def build(k: Any) -> dict[str, Any]:
    """Each net by its name, with random weights, moving statistics included."""
    nets = {name: k.Sequential([k.Input(SHAPE), *layers], name=name) for name, layers in _layers(k).items()}
    nets |= {"tangled": _tangled(k), "functions": _functions(k)}
    nets["mobilenet"] = k.applications.MobileNetV2((96, 96, 3), 0.35, weights=None, classes=4)
    random = np.random.default_rng(0)
    for net in nets.values():
        net.set_weights(
            [0.5 + random.random(w.shape) if w.ndim < 2 else random.normal(0, 0.3, w.shape) for w in net.get_weights()]
        )
    nets["normalized"].get_layer("measured").adapt(random.random((4, *SHAPE)))
    return nets


def main(folder: Path) -> None:
    """Saves every net in every format, and what it answers."""
    import time

    import tf_keras

    random = np.random.default_rng(1)
    for name, net in build(tf_keras).items():
        images = random.random((6, *net.input_shape[1:]), dtype=np.float32)
        np.savez(folder / f"{name}.npz", images=images, answers=np.asarray(net(images, training=False)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras calls its own older formats legacy
            for ending in (".h5", ".keras", ""):
                t = time.time()
                net.save(folder / f"{name}{ending}")
                print(name, ending, time.time() - t)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
