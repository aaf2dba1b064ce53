"""Ready-made nets of `keras.applications` through four recipes: what comes out, or in which words it is refused.

    python -m benchmarks.zoo_nets [NET ...] [--recipes NAME ...] [--fresh]

Writes the section "zoo" of results/keras3.json after each. The weights are random, but for some steps of training on made-up
images, so that there are answers to lose. The recipes' training is cut too: what counts is that every layer is taken, not what is
reached.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document import document, find_commit, save_section, target
from benchmarks.pages import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "keras3.json"
RECIPES = ("ptq_int8", "qat_int8", "prune80_int8", "shrink50_int8")
CLASSES, PER_CLASS = 3, 40
BATCH, EPOCHS = 12, 4
FOLLOWS = 0.5
"""The momentum of batch normalization: with Keras' own, a net that lost half of its channels would after so few steps still be
normalized as the whole one, and go through on one processor and not on another."""
STEPS = {"epochs": 0.001, "epochs_between": 0.001, "min_steps": 12, "batch": 8}
"""What takes the place of the settings of a stage that has them."""


@dataclass(frozen=True)
class Net:
    """A function of `keras.applications`, the size of the images it is made for, and how it takes their pixels."""

    name: str
    scale: str
    size: int = 96
    settings: tuple[tuple[str, Any], ...] = ()

    def make(self) -> Any:
        """The net with random weights."""
        from edgedigits.backend import keras

        keras.utils.set_random_seed(1)
        shape = (self.size, self.size, 3)
        return getattr(keras.applications, self.name)(
            input_shape=shape, weights=None, classes=CLASSES, **dict(self.settings)
        )


NETS = {
    net.name: net
    for net in (
        Net("MobileNet", "-1..1"),
        Net("MobileNetV2", "-1..1"),
        Net("MobileNetV3Small", "0..255"),
        Net("EfficientNetB0", "0..255"),
        Net("EfficientNetV2B0", "0..255"),
        Net("ResNet50V2", "-1..1"),
        Net("ConvNeXtTiny", "0..255"),
        Net("DenseNet121", "torch"),
        Net("NASNetMobile", "-1..1", size=224),
    )
}


def make_images(size: int, seed: int = 5) -> dict[str, np.ndarray]:
    """Bars in noise, whose place tells the class: uint8 images and labels in the layout of keras.datasets."""
    rng = np.random.default_rng(seed)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.repeat(np.arange(CLASSES), count)).astype(np.uint8)
        images = rng.integers(0, 90, (len(labels), size, size, 3))
        for image, label in zip(images, labels, strict=True):
            start = int(label) * size // CLASSES
            image[start : start + size // CLASSES, :, int(label)] += 150
        return images.astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = part(PER_CLASS), part(PER_CLASS // 3)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def settle(net: Any, images: np.ndarray, labels: np.ndarray) -> None:
    """Trains the net for some steps, so that there are answers to lose; normalization as if trained for long, and quick to follow
    what the few steps of a recipe change, as many would."""
    from edgedigits.backend import keras

    layers = [layer for layer in net._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.momentum = 0.0
    net.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", jit_compile=False)
    net.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    net(images[:: len(images) // 40], training=True)
    for layer in layers:
        layer.momentum = FOLLOWS


def shorten(recipe: Any) -> Any:
    """The recipe with its training cut to a few steps."""
    stages = []
    for name, stage in recipe.stages:
        has = {key: value for key, value in STEPS.items() if hasattr(stage, key)}
        stages.append((name, replace(stage, **has)))
    return replace(recipe, stages=tuple(stages))


def try_one(model: Path, data: Path, scale: str, recipe: str, out: Path) -> dict[str, Any]:
    """What comes of one recipe: the bytes, or the sentence by which it is refused."""
    from edgedigits.errors import EdgeDigitsError
    from edgedigits.pipeline.loop import run
    from edgedigits.pipeline.prepare import Wish, prepare_job
    from edgedigits.pipeline.recipe import load_recipe

    began, commit = time.perf_counter(), find_commit()
    said: list[str] = []
    try:
        wish = Wish(model=model, data=str(data), scale=scale, fresh=True)
        made = run(prepare_job(shorten(load_recipe(recipe)), wish, said.append), out, said.append)
    except EdgeDigitsError as error:
        found: dict[str, Any] = {"ok": False, "why": str(error).replace(str(model), model.name)}
    else:
        left = [name for stage in made.manifest["stages"] for name in stage.get("left_to_converter", {})]
        found = {"ok": True, "bytes": (made.path / "model.tflite").stat().st_size, "left_to_converter": len(left)}
    return {**found, "seconds": round(time.perf_counter() - began, 1), "commit": commit}


def measure(net: Net, recipes: list[str], keep: Any) -> None:
    """Tries a net; `keep(net, recipe, what came of it)` after each."""
    from edgedigits.backend import keras
    from edgedigits.data.scale import scale_pixels

    with tempfile.TemporaryDirectory(prefix="edgedigits-zoo-") as name:
        folder = Path(name)
        images = make_images(net.size)
        np.savez(folder / "bars.npz", **images)  # type: ignore[arg-type]
        made = net.make()
        settle(made, np.asarray(scale_pixels(images["x_train"], net.scale)), images["y_train"])
        made.save(folder / f"{net.name.lower()}.keras")
        del made
        for recipe in recipes:
            keras.backend.clear_session()
            gc.collect()
            keep(
                net.name,
                recipe,
                try_one(folder / f"{net.name.lower()}.keras", folder / "bars.npz", net.scale, recipe, folder),
            )


def read_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Net -> recipe -> what came of it, of those that are there."""
    whole = json.loads(path.read_text()) if path.exists() else {}
    rows: dict[str, dict[str, Any]] = whole.get("zoo", {}).get("nets", {})
    return rows


def write(path: Path, net: str, recipe: str, found: dict[str, Any]) -> None:
    """Puts one cell into the section; the rest of the file stays."""
    rows = read_rows(path)
    rows.setdefault(net, {})[recipe] = found
    cells = [cell for row in rows.values() for cell in row.values()]
    came = sum(cell["ok"] for cell in cells)
    targets = [
        target(
            "nets of keras.applications x recipes that come out, or say why not", "36", len(cells), "", len(cells) == 36
        ),
        target("of these with bytes", "36", came, "", came == 36),
    ]
    save_section(path, "zoo", document("python -m benchmarks.zoo_nets", targets, nets=rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("nets", nargs="*", default=list(NETS))
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--fresh", action="store_true", help="measure what is there anew")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()

    def keep(net: str, recipe: str, found: dict[str, Any]) -> None:
        write(given.out, net, recipe, found)
        print(net, recipe, found, flush=True)

    for name in given.nets:
        known = read_rows(given.out).get(name, {})
        recipes = [recipe for recipe in given.recipes if given.fresh or recipe not in known]
        if recipes:
            measure(NETS[name], recipes, keep)


if __name__ == "__main__":
    main()
