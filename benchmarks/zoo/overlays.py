"""Digits under and over letters: a net trained on MNIST with half of the letters laid on, judged under the other half.

The halves are of single written letters, so no letter that was trained on is seen again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.document import target
from benchmarks.zoo.trained import WIDE, train_kept
from edgedigits.api.compress import compress
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages, Images, Pixels, read_all
from edgedigits.data.sources.named import find_mnist, load_data
from edgedigits.data.splits import cut_validation, split
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.train import Settings
from edgedigits.tasks.statistics import pair_up

LEAST: Final = 93.0  # percent
MOST_BYTES: Final = 100_000
MOST_LOST: Final = 0.3  # points
EPOCHS: Final = 18
OPTIONS: Final = {**WIDE, "dropout": 0.1}
"""Letters leave little to learn by heart."""
RECIPES: Final = ("ptq_int8", "repair_int8", "qat_int8")
"""Of which the one is taken whose int8 is right most often on validation images under letters."""
SEED: Final = 16
WAYS: Final = ("over", "under", "through")
TAUGHT: Final = ("over", "under", "over", "under", "through")
MOVES: Final = {"rotation_degrees": 10.0, "shift": 0.08, "zoom": 0.1, "shear": 0.1}
_STEP = 1000


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The targets, and accuracy by way of laying letters on."""
    ours, others = split_letters()
    mnist = load_data("mnist")
    noise = {"letters": str(ours), "chance": 0.85, "ways": list(TAUGHT)}
    settings = Settings(
        "nano", epochs=EPOCHS, patience=EPOCHS, options=OPTIONS, augment={**MOVES, "noise": noise}, seed=SEED
    )
    path, record = train_kept(settings, lay_on_validation(mnist, ours), "overlays")
    laid = lay_letters(mnist, ours, others, WAYS[:2])
    tried, validation = {one: make_forms(path, laid, one) for one in RECIPES}, split(laid, "0..1", 0).validation
    validated = {one: compare(forms, validation) for one, forms in tried.items()}
    recipe = max(RECIPES, key=lambda one: validated[one]["int8"])
    flats = tried[recipe]
    images = {"plain": mnist.test, "over and under": laid.test}
    images |= {way: lay_letters(mnist, ours, others, (way,), test_only=True).test for way in WAYS}
    rows = {name: compare(flats, one) for name, one in images.items()}
    judged = rows["over and under"]
    size, lost = len(flats["model"]), judged["float"] - judged["int8"]
    name = "digits over and under letters never seen"
    targets = [
        target(f"{name}, int8", f">= {LEAST:g}", judged["int8"], "%", judged["int8"] >= LEAST),
        target(f"{name}, lost against float", f"<= {MOST_LOST:g}", round(lost, 2), "points", lost <= MOST_LOST),
        target(f"{name}, size", f"<= {MOST_BYTES}", size, "bytes", size <= MOST_BYTES),
    ]
    training = json.loads(json.dumps(record).replace(str(ours), ours.name))  # no place of this machine
    return targets, {
        "training": training,
        "recipe": recipe,
        "validation_percent": validated,
        "bytes": size,
        "accuracy_percent": rows,
    }


def make_forms(path: Path, data: Dataset, recipe: str) -> dict[str, bytes]:
    """The .tflite files "model" and "float" that a recipe makes of a net."""
    out = find_cache_dir() / "benchmarks" / "overlays"
    made = compress(path, data, recipe=recipe, augment="none", out=out, progress=False)
    return {name: (made.path / f"{name}.tflite").read_bytes() for name in ("model", "float")}


def split_letters() -> tuple[Path, Path]:
    """Both halves of letters.npz as files beside the cache."""
    with np.load(find_mnist().with_name("letters.npz"), allow_pickle=False) as file:
        letters = file["x_clean"]
    order = np.random.default_rng(SEED).permutation(len(letters))
    folder = find_cache_dir() / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "letters-trained-on.npz", folder / "letters-judged-by.npz"
    for path, rows in zip(paths, np.array_split(order, 2), strict=True):
        np.savez_compressed(path, x=letters[np.sort(rows)])
    return paths


def lay_letters(dataset: Dataset, ours: Path, others: Path, ways: tuple[str, ...], test_only: bool = False) -> Dataset:
    """Every image with a letter: of `ours` in training, of `others` in the test part."""
    train = dataset.train if test_only else _laid(dataset.train, ours, ways)
    test = _laid(dataset.test, others, ways)
    x_train, x_test = (read_all(one) for one in (train, test))
    return Dataset.from_arrays(x_train, train.labels, x_test, test.labels, dataset.classes, "letters")


def lay_on_validation(dataset: Dataset, letters: Path) -> Dataset:
    """A letter over or under each validation image, so that the epoch is chosen by what is asked; the others as they are."""
    labels = dataset.train.labels
    _, rows = cut_validation(labels, np.random.default_rng(0))
    pixels = read_all(dataset.train).copy()
    pixels[rows] = read_all(_laid(dataset.train.subset(rows), letters, WAYS[:2]))
    return Dataset.from_arrays(
        pixels, labels, read_all(dataset.test), dataset.test.labels, dataset.classes, f"{dataset.name}, under letters"
    )


def _laid(images: Images, letters: Path, ways: tuple[str, ...]) -> ArrayImages:
    augment = Augment.only(noise={"letters": str(letters), "chance": 1.0, "ways": list(ways)})
    found: list[Pixels] = []
    for start in range(0, len(images), _STEP):
        pixels = images.read(np.arange(start, min(start + _STEP, len(images)))).astype(np.float32)
        found.append(np.rint(np.asarray(augment(pixels, [SEED, start]))).astype(np.uint8))
    return ArrayImages(np.concatenate(found), images.labels)


def compare(flats: dict[str, bytes], images: Images) -> dict[str, Any]:
    """Percent right of the bytes in int8 and in float, and McNemar's p."""
    right = {
        name: np.asarray(compute_outputs_of_bytes(flat, images, "0..1")).argmax(axis=1) == images.labels
        for name, flat in flats.items()
    }
    return {
        "images": len(images),
        "int8": round(100 * float(right["model"].mean()), 3),
        "float": round(100 * float(right["float"].mean()), 3),
        "mcnemar_p": pair_up(right["float"], right["model"]).p_value,
    }
