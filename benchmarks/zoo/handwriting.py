"""Digits on paper: a net that never saw a photo, trained on cleaned MNIST, judged on photos that the runner cleans.

Cleaning and training were chosen on digits of MNIST made to look like small photos (`photos.py`). The photos themselves are read
once, for the last line.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from edgedigits_runner.clean_settings import Clean
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.predict import Predictor
from edgedigits_runner.release import read_release

from benchmarks.document import target
from benchmarks.zoo.overlays import compare
from benchmarks.zoo.photos import make_photos
from benchmarks.zoo.trained import WIDE, train_kept
from edgedigits.api.compress import compress
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import Pixels, read_all
from edgedigits.data.sources.named import find_mnist, load_data, reread
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.pipeline.train import Settings

LEAST: Final = 95.0  # percent
EPOCHS: Final = 8
SEED: Final = 16
MOVES: Final = {"rotation_degrees": 12.0, "shift": 0.05, "zoom": 0.12, "shear": 0.15}


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The target, and what the net and a plain one answer."""
    mnist = load_data("mnist")
    pages = make_pages(mnist)
    settings = Settings("nano", epochs=EPOCHS, options=WIDE, augment=MOVES, seed=SEED)
    path, record = train_kept(settings, pages, "handwriting")
    out = find_cache_dir() / "benchmarks" / "handwriting"
    made = compress(path, pages, recipe="ptq_int8", out=out, progress=False)
    plain = compress(zoo="cnn", data=mnist, recipe="ptq_int8", out=out, progress=False)
    flats = {name: (made.path / f"{name}.tflite").read_bytes() for name in ("model", "float")}
    cleaned = load_data("mnist", clean=True)
    with np.load(find_mnist().with_name("digits_photo.npz"), allow_pickle=False) as file:
        photos, labels = file["x_raw"], file["y"]
    found = judge(str(made.path), photos, labels)
    wanted = f">= {LEAST:g}"
    targets = [
        target("photos of handwritten digits, int8, cleaned", wanted, found["percent"], "%", found["percent"] >= LEAST)
    ]
    return targets, {
        "training": record,
        "bytes": len(flats["model"]),
        "photos": found,
        "photos_by_the_plain_cnn": judge(str(plain.path), 255 - photos, labels),
        "mnist": compare(flats, cleaned.test),
        "made_photos_of_mnist": compare(flats, pages.test),
    }


def make_pages(mnist: Dataset) -> Dataset:
    """The images of MNIST twice, as they are and as photos, cleaned; the test part is photos alone. Those without ink are left
    out."""
    digits, tests = read_all(mnist.train)[..., 0], read_all(mnist.test)[..., 0]
    x_train = np.concatenate([digits, make_photos(digits, SEED)])
    y_train = np.concatenate([mnist.train.labels, mnist.train.labels])
    pages = Dataset.from_arrays(
        x_train, y_train, make_photos(tests, SEED + 1), mnist.test.labels, mnist.classes, "pages"
    )
    return reread(pages, None, False, None, None, Clean(), skip_bad=True)


def judge(folder: str, photos: Pixels, labels: np.ndarray) -> dict[str, Any]:
    """Percent that the release answers rightly, each as `predict` does; an image that it refuses is a wrong answer."""
    predictor = Predictor(read_release(folder), "litert", 1)
    answers = [_answer(predictor, photo[..., None]) for photo in photos]
    right = np.array([answer == int(label) for answer, label in zip(answers, labels, strict=True)])
    return {
        "images": len(photos),
        "percent": round(100 * float(right.mean()), 3),
        "refused": sum(answer is None for answer in answers),
        "percent_by_class": [round(100 * float(right[labels == label].mean()), 2) for label in range(10)],
    }


def _answer(predictor: Predictor, photo: Pixels) -> int | None:
    try:
        return int(predictor.answer(photo)["top"][0]["class"])
    except RunnerError:
        return None
