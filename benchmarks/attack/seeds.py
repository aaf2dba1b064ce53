"""Right files of every kind, made from the project's own parts: tiny nets, tiny data, and what the commands leave of them.

`make` brings TensorFlow into its process, so the campaign calls it in one of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attack import seed_pictures
from benchmarks.attack.kinds import KINDS

SIDE, CLASSES = 12, 3
RELEASE = "release"
"""Folder of a whole artifact, as `compress` writes it."""
STAGE = "stage"
TRAINING = "training"


def make(folder: Path) -> None:
    """A folder of right files for every kind, and beside them the folders that they were taken from."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    data = shapes(folder / "data" / "shapes.npz")
    _nets(folder)
    _release(folder, data)
    _other_models(folder)
    _kept_stage(folder)
    _texts(folder)
    _training(folder, data)
    seed_pictures.make(folder / "picture")


def make_apart(folder: Path) -> None:
    """`make` in a process of its own; nothing where the folder is there already."""
    if not folder.is_dir():
        command = [sys.executable, "-m", "benchmarks.attack.seeds", str(folder.absolute())]
        subprocess.run(command, cwd=Path(__file__).parents[2], check=True, stderr=subprocess.DEVNULL)


def listed(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Kind to its files, sorted; kinds that nothing was made for left out."""
    found = {kind: tuple(sorted((folder / kind).iterdir())) for kind in KINDS if (folder / kind).is_dir()}
    return {kind: files for kind, files in found.items() if files}


def shapes(path: Path) -> Path:
    """Grey images whose class is where a bright bar lies, in the layout of keras.datasets."""
    rng = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count, dtype=np.uint8) % CLASSES
        images = rng.integers(0, 90, (count, SIDE, SIDE, 1))
        for image, label in zip(images, labels, strict=True):
            image[4 * label : 4 * label + 4] += 140
        return images.astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = part(90), part(30)
    np.savez_compressed(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def _net(library: Any) -> Any:
    """A small net of the kinds that most have: convolution, normalization, depthwise, addition, dense."""
    layers = library.layers
    library.utils.set_random_seed(1)
    image = library.Input((SIDE, SIDE, 1))
    x = layers.Conv2D(6, 3, padding="same")(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(layers.Add()([x, y]))
    x = layers.Dense(8, activation="relu")(layers.Flatten()(x))
    return library.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def _nets(folder: Path) -> None:
    from edgedigits.backend import keras
    from edgedigits.backend import keras as keras3

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both Keras warn about their own older formats
        net = _net(keras3)
        net.save(folder / "keras" / "three.keras")
        net.save(folder / "h5" / "three.h5")
        _net(keras).save(folder / "h5" / "two.h5")
        _net(keras).save(folder / "keras" / "two.keras")


def _release(folder: Path, data: Path) -> None:
    """An artifact as `compress` writes it, its parts, and its model in other forms."""
    from edgedigits.pipeline import loop, prepare
    from edgedigits.pipeline.prepare import Wish
    from edgedigits.pipeline.recipe import parse
    from edgedigits.tflite.packed_file import pack_file

    recipe = parse({"stages": [], "export": {"int8": {"calibration_images": 30}}}, "the attack", "tiny_int8")
    job = prepare.prepare_job(
        recipe, Wish(model=folder / "keras" / "three.keras", data=str(data), scale="0..1"), _silent
    )
    made = loop.run(job, folder / "made", _silent).path
    shutil.copytree(made, folder / RELEASE)
    shutil.copy(made / "model.tflite", folder / "model" / "int8.tflite")
    shutil.copy(made / "float.tflite", folder / "model" / "float32.tflite")
    for kind, name in (("eval", "eval.npz"), ("golden", "golden.npz"), ("manifest", "manifest.json")):
        shutil.copy(made / name, folder / kind / name)
    for form in ("gz", "zst"):
        (folder / "packed" / f"model.tflite.{form}").write_bytes(pack_file((made / "model.tflite").read_bytes(), form))


def _other_models(folder: Path) -> None:
    """The net with weights of 16 and of 8 bits, unpacked when it is loaded."""
    from edgedigits.backend import keras, tf

    net = _net(keras)
    for name, types in (("float16", [tf.float16]), ("dynamic", [])):
        converter = tf.lite.TFLiteConverter.from_keras_model(net)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = types
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter warns about its own defaults
            (folder / "model" / f"{name}.tflite").write_bytes(converter.convert())


def _silent(_: object) -> None:
    """Nothing is said while seeds are made."""


def _kept_stage(folder: Path) -> None:
    """What the cache keeps of a finished stage."""
    from edgedigits.models.importer import loading

    model = loading.load(folder / "keras" / "three.keras").model
    masks = {"mask conv2d/kernel": np.ones((3, 3, 1, 6), bool)}
    loading.save(model, masks, folder / STAGE)
    (folder / STAGE / "facts.json").write_text(json.dumps({"epochs": 1, "loss": 0.5, "note": "x"}))
    for kind, name in (
        ("layers", "model.json"),
        ("weights", "weights.npz"),
        ("masks", "masks.npz"),
        ("facts", "facts.json"),
    ):
        shutil.copy(folder / STAGE / name, folder / kind / name)


def _training(folder: Path, data: Path) -> None:
    """The checkpoint of a finished training, and its record."""
    from benchmarks.attack.readers.keras import trained
    from edgedigits.pipeline.baselines import save

    found = trained(data, folder / TRAINING)
    for path in (folder / TRAINING).iterdir():
        if path.is_file():
            shutil.copy(path, folder / ("state" if path.suffix == ".json" else "checkpoint") / path.name)
    save(found.model, found.record, folder / "taught" / "pico.keras")
    shutil.copy(folder / "taught" / "pico.json", folder / "record" / "pico.json")


def _texts(folder: Path) -> None:
    """Recipes as shipped, a list of hosts, jobs and results of the runner, kept timings."""
    from edgedigits.pipeline.recipe import find, list_shipped

    for name in list_shipped():
        shutil.copy(find(name), folder / "recipe")
    hosts = (
        "hosts:\n  - pi@kitchen.local\n  - host: pi@192.168.1.7\n    name: garage\n    port: 2222\n    runtime: auto\n"
    )
    (folder / "hosts" / "hosts.yaml").write_text(hosts)
    from benchmarks.attack.seed_jobs import make as make_jobs

    make_jobs(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
