"""The float models that are compressed: trained here, once, and kept in a folder with what they reach."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adapt.nets import NETS
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split
from edgedigits.models.zoo.shipped import find_shipped_folder

PART, HELD, EPOCHS, BATCH, RATE = 20_000, 2_000, 12, 128, 3e-3
"""Of the six nets: Fashion-MNIST's first training images, those held back of them, and how they are trained on the others."""


@dataclass(frozen=True)
class Baseline:
    """A float model: its file, the data to compress it on, in words that follow `edgedigits compress`, and how it was made."""

    name: str
    data_name: str
    words: tuple[str, ...]
    record: dict[str, Any]


TRAINED = {
    "fashion cnn": ("cnn", "fashion", None, ["--epochs", "200", "--strength", "0.8"]),
    "signs mobilenet_v2": ("mobilenet_v2", "signs", (96, 96), ["--epochs", "340", "--batch", "32", "--erase"]),
}
"""By name: the net of the zoo, the data, the size its images are brought to, and the other words of `benchmarks.adapt.fit`."""


def prepare_data(shared: Path, folder: Path) -> dict[str, Path]:
    """The data sets by name: as they are in `shared`, the photos unpacked, and the part that the six nets are trained on."""
    signs, part = folder / "signs", folder / "fashion_part.npz"
    if not signs.is_dir():
        with zipfile.ZipFile(shared / "signs.zip") as packed:
            packed.extractall(folder / "signs.new")
        found = next(path.parent for path in sorted((folder / "signs.new").rglob("0")) if path.is_dir())
        found.rename(signs)
    if not part.is_file():
        with np.load(shared / "fashion_mnist.npz") as whole:
            cut = {name: whole[name][:PART] if name.endswith("train") else whole[name] for name in whole.files}
        np.savez(part, **cut)
    return {
        "mnist": shared / "mnist.npz",
        "fashion": shared / "fashion_mnist.npz",
        "fashion part": part,
        "signs": signs,
    }


def find_baseline(name: str, data: dict[str, Path], folder: Path) -> Baseline:
    """The baseline of that name, trained where it is not there yet."""
    if name == "mnist cnn":
        record = json.loads((find_shipped_folder() / "cnn.json").read_text(encoding="utf-8"))
        return Baseline(name, "mnist", ("--zoo", "cnn", "--data", "mnist"), record)
    if name in TRAINED:
        return _by_zoo(name, data, folder)
    return _by_fit(name, data, folder)


def _by_zoo(name: str, data: dict[str, Path], folder: Path) -> Baseline:
    """A net of the zoo in plain Keras, on the training images that `edgedigits compress` fits on."""
    net, of, size, more = TRAINED[name]
    model, images = folder / f"{name}.keras", folder / f"{of}-fit.npz"
    if not model.is_file():
        parts = split(load_data(data[of], resize=size), "0..1", 0)
        arrays: dict[str, Any] = {}
        for part, one in (("fit", parts.fit), ("held", parts.validation)):
            arrays |= {f"x_{part}": one.read(np.arange(len(one))), f"y_{part}": one.labels}
        np.savez(images, **arrays)
        command = [sys.executable, "-m", "benchmarks.adapt.fit", net, str(images), str(model), *more]
        subprocess.run(command, check=True)
    resize = ("--resize", f"{size[0]}x{size[1]}") if size else ()
    words = ("--model", str(model), "--data", str(data[of]), "--scale", "0..1", *resize)
    return Baseline(name, of, words, json.loads(model.with_suffix(".json").read_text(encoding="utf-8")))


def _by_fit(name: str, data: dict[str, Path], folder: Path) -> Baseline:
    """Plain Keras, as its guides have it: what other people do."""
    import keras

    build, scale = NETS[name]
    model, record = folder / f"{name}.keras", folder / f"{name}.json"
    if not model.is_file():
        began = time.perf_counter()
        with np.load(data["fashion part"]) as part:
            images, labels = part["x_train"][..., None].astype(np.float32), part["y_train"]
        images /= 255 if scale == "0..1" else 1
        keras.utils.set_random_seed(0)
        net = build(images.shape[1:], int(labels.max()) + 1)
        fit = len(images) - HELD
        rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * (fit // BATCH))
        net.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
        )
        net.fit(images[:fit], labels[:fit], BATCH, EPOCHS, verbose=0)
        held = net.evaluate(images[fit:], labels[fit:], verbose=0, return_dict=True)["accuracy"]
        net.save(model)
        facts = {"parameters": net.count_params(), "held_accuracy": held, "seconds": time.perf_counter() - began}
        record.write_text(json.dumps(facts))
    words = ["--model", str(model), "--data", str(data["fashion part"]), "--scale", scale]
    return Baseline(name, "fashion part", tuple(words), json.loads(record.read_text(encoding="utf-8")))
