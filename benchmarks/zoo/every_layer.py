"""Each net of the zoo, small, through four recipes: what the bytes hold, and what each stage says that it leaves to others.

Section "layers" of results/zoo.json. The images are made up and the nets' weights random, but for a last layer that tells these
images apart; the recipes' training is cut to a few steps. What counts is that every kind of layer finds its way, not what is
reached.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.document import target
from benchmarks.zoo_nets import CLASSES, PER_CLASS, RECIPES, make_images, settle, shorten

GREY, COLOUR = 1, 3
NARROW: Final = 2
"""LeNet-5 and pico: so narrow that `shrink50_int8` can't halve them, which it says."""
LIGHT: Final = {"importance": "l1", "scope": "layer", "balance": "even"}
"""Of `shrink`."""


@dataclass(frozen=True)
class Case:
    """A net as small as its builder makes it: side and channels of its images, and options.

    deep: of random weights it would make much of little, so it is trained for some steps.
    """

    size: int = 16
    channels: int = GREY
    options: Mapping[str, Any] = field(default_factory=dict)
    deep: bool = False


_SLIM: Final = {"filters": (16, 32, 32), "units": 32}
CASES: Final[dict[str, Case]] = {
    "cbam_cnn": Case(options={**_SLIM, "ratio": 2}),
    "classic_cnn": Case(options={"filters": (16, 32), "units": 32}),
    "cnn": Case(),
    "deep": Case(options={"filters": (16, 32, 32), "strides": (1, 2, 1), "unpadded": 3}),
    "efficientnet_b0": Case(64, COLOUR, deep=True),
    "gap_cnn": Case(options=_SLIM),
    "leaky_cnn": Case(options={"filters": (16, 32, 32), "units": (32, 16)}),
    "lenet5": Case(),
    "mlp": Case(),
    "mobilenet_v1": Case(64, COLOUR, {"alpha": 1.0}, deep=True),
    "mobilenet_v2": Case(64, COLOUR, {"alpha": 1.0}, deep=True),
    "mobilenet_v3_small": Case(64, COLOUR, {"alpha": 0.5}, deep=True),
    "nano": Case(),
    "pico": Case(),
    "resnet18": Case(16, COLOUR, {"width": 32, "blocks": (1, 1)}),
    "resnet50": Case(32, COLOUR, {"width": 32, "blocks": (1, 1), "stem": "224"}),
    "resnet8": Case(16, COLOUR),
    "se_cnn": Case(options={**_SLIM, "ratio": 2}),
    "self_attention_cnn": Case(options=_SLIM),
    "vit": Case(options={"width": 32, "depth": 1, "heads": 2}),
}


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every net through every recipe; the targets, and what came of each."""
    nets = {name: dict(try_net(name)) for name in CASES}
    cells = [cell for row in nets.values() for cell in row.values()]
    whole = len(CASES) * len(RECIPES)
    came = sum(cell["ok"] for cell in cells)
    silent = sum(bool(cell.get("float_operators")) for cell in cells)
    targets = [
        target("layers: nets x recipes that come out, or say why not", f"{whole}", len(cells), "", len(cells) == whole),
        target("layers: of these with bytes", f">= {whole - NARROW}", came, "", came >= whole - NARROW),
        target("layers: of these with an operator in float", "0", silent, "", silent == 0),
    ]
    return targets, {"nets": nets}


def try_net(name: str, recipes: tuple[str, ...] = RECIPES, light: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Recipe and what came of it; `light`: which channels go is chosen by the size of weights, in half of the time."""
    from edgedigits.backend import keras

    scale = find_scale(name)
    with tempfile.TemporaryDirectory(prefix="edgedigits-zoo-") as folder:
        model, data = make_net(name, Path(folder))
        for recipe in recipes:
            keras.backend.clear_session()
            yield recipe, try_recipe(model, data, scale, recipe, Path(folder), light)


def find_scale(name: str) -> str:
    """Of the pixels that the net is made for."""
    from edgedigits.models.zoo import NETS

    return NETS[name].habits.scale


def make_net(name: str, folder: Path) -> tuple[Path, Path]:
    """The net of its case, with answers to lose, and its images: a .keras and an .npz file."""
    from edgedigits.backend import keras
    from edgedigits.data.scale import scale_pixels
    from edgedigits.models.zoo import build

    case = CASES[name]
    images = make_stripes(case.size) if case.channels == GREY else make_images(case.size)
    np.savez(folder / "bars.npz", **images)  # type: ignore[arg-type]
    keras.utils.set_random_seed(1)
    net = build(name, (case.size, case.size, case.channels), CLASSES, **case.options)
    prepared = settle if case.deep else tell_apart
    prepared(net, np.asarray(scale_pixels(images["x_train"], find_scale(name))), images["y_train"])
    net.save(folder / f"{name}.keras")
    return folder / f"{name}.keras", folder / "bars.npz"


def tell_apart(net: Any, images: np.ndarray, labels: np.ndarray) -> None:
    """Gives a net of random weights answers to lose, without training: normalization as on these images, and a last layer that
    makes the classes of what the layers before it tell, by least squares."""
    from edgedigits.backend import keras

    for layer in net._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    net(images, training=True)
    last = net.layers[-1]
    told = np.asarray(keras.Model(net.inputs[0], last.input)(images))
    middle = told.mean(axis=0)
    known = (told - middle).T @ (told - middle)
    known += np.trace(known) / len(known) * np.eye(len(known))
    weights = np.linalg.solve(known, (told - middle).T @ (6 * (np.eye(CLASSES)[labels] - 1 / CLASSES)))
    last.set_weights([weights, -middle @ weights])


def make_stripes(size: int, seed: int = 5) -> dict[str, np.ndarray]:
    """Rows, columns or a checkerboard in noise, which nets that average over places tell apart too; keras.datasets' layout."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)) // 2 % 2
    patterns = np.stack([rows, columns, rows ^ columns])[..., None]

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.repeat(np.arange(CLASSES), count)).astype(np.uint8)
        noise = rng.integers(0, 90, (len(labels), size, size, 1))
        return (noise + 150 * patterns[labels]).astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = part(PER_CLASS), part(PER_CLASS // 3)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def lighten(recipe: Any) -> Any:
    """The recipe with what is chosen by measuring chosen by weights."""
    stages = ((name, replace(stage, **LIGHT) if name == "shrink" else stage) for name, stage in recipe.stages)
    return replace(recipe, stages=tuple(stages))


def try_recipe(model: Path, data: Path, scale: str, recipe: str, out: Path, light: bool = False) -> dict[str, Any]:
    """What comes of one recipe: what the bytes hold and what the stages said of it, or the sentence by which it is refused."""
    from edgedigits.errors import EdgeDigitsError
    from edgedigits.pipeline.loop import run
    from edgedigits.pipeline.prepare import Wish, prepare_job
    from edgedigits.pipeline.recipe import load_recipe
    from edgedigits.tflite.flatbuffer import list_float_operators, read

    began = time.perf_counter()
    said: list[str] = []
    cut = shorten(load_recipe(recipe))
    try:
        wish = Wish(model=model, data=str(data), scale=scale, fresh=True)
        made = run(prepare_job(lighten(cut) if light else cut, wish, said.append), out, said.append)
    except EdgeDigitsError as error:
        found: dict[str, Any] = {"ok": False, "why": str(error).replace(str(model), model.name)}
    else:
        raw = (made.path / "model.tflite").read_bytes()
        contents = read(raw, "model.tflite")
        found = {
            "ok": True,
            "bytes": len(raw),
            "operators": dict(sorted(Counter(operator.name for operator in contents.operators).items())),
            "float_operators": list_float_operators(contents),
            "left_to_converter": _left(made.manifest),
        }
    return {**found, "seconds": round(time.perf_counter() - began, 1)}


def _left(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Layers that rounding in training left to the converter, and why."""
    return {name: why for stage in manifest["stages"] for name, why in stage.get("left_to_converter", {}).items()}
