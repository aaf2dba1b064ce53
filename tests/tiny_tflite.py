"""Tiny classifiers as .tflite files, and images for them; made in two seconds, untrained but with labels that fit."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.models.importer.loading import rebuild

SIDE, CLASSES, COUNT = 8, 4, 120


def pixels(channels: int = 1, side: int = SIDE, count: int = COUNT) -> np.ndarray:
    """uint8 [count, side, side, channels], smooth enough that resizing keeps them apart."""
    coarse = np.random.default_rng(1).integers(0, 256, (count, side // 2, side // 2, channels), np.uint8)
    return coarse.repeat(2, axis=1).repeat(2, axis=2)


def keras_model(shape: tuple[int | None, int | None, int]) -> Any:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    pool = [layers.GlobalAveragePooling2D()] if None in shape else [layers.Flatten()]
    body = [layers.Input(shape), layers.Conv2D(6, 3, activation="relu", strides=2), *pool]
    return rebuild(keras.Sequential([*body, layers.Dense(CLASSES, activation="softmax")]))


def convert(model: Any, path: Path, kind: str = "float32") -> Path:
    """Writes float32, int8 or uint8 (both with integer input and output), calibrated on 0..1."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        samples = pixels()[:20].astype("float32") / 255
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter warns about its own defaults
        path.write_bytes(converter.convert())
    return path


def labels_of(model: Any, images: np.ndarray, wrong: int = 20) -> np.ndarray:
    """The model's own answers, int32 [n], the first `wrong` of them changed."""
    labels: np.ndarray = model(images.astype("float32") / 255).numpy().argmax(axis=1).astype(np.int32)
    labels[:wrong] = (labels[:wrong] + 1) % CLASSES
    return labels


def make_all(folder: Path) -> dict[str, Path]:
    """float32, int8 and uint8 for 8x8x1; float rgb for 16x16x3; float open for RGB of any size; eval: an .npz."""
    grey = keras_model((SIDE, SIDE, 1))
    made = {kind: convert(grey, folder / f"grey-{kind}.tflite", kind) for kind in ("float32", "int8", "uint8")}
    made["rgb"] = convert(keras_model((16, 16, 3)), folder / "rgb.tflite")
    made["open"] = convert(keras_model((None, None, 3)), folder / "open.tflite")
    made["eval"] = folder / "eval.npz"
    np.savez(made["eval"], images=pixels(), labels=labels_of(grey, pixels()))
    return made
