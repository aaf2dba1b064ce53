"""Cases of images: means and deviations, resizing, transparency, depth, orientation, folders as people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document import target
from benchmarks.faults.running import Ended
from benchmarks.faults.scene import Scene, Targets, accuracy, close, ended_well, printed, said, same_on_device

_CAFFE = ("--scale", "0..255", "--mean", "103.939,116.779,123.68", "--bgr")
_TORCH = ("--scale", "0..1", "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")


def meanstd(scene: Scene) -> Targets:
    """Named and spelled out, both give what Keras gave; with no scale that fits, that is said."""
    keras = scene.script("meanstd.py")
    found: Targets = []
    for model, name, spelled in (("caffe", "caffe", _CAFFE), ("torchstd", "torch", _TORCH)):
        wanted = 100 * printed(keras, model)
        for title, words in ((f"--scale {name}", ("--scale", name)), (" ".join(spelled), spelled)):
            made = scene.compress(f"{model}.keras", "colour.npz", *words, out=f"out-{name}-{len(words)}")
            found.append(close(f"meanstd.py: {model}, float, {title}", wanted, 0.01, accuracy(made, "float_accuracy")))
            found.append(close(f"meanstd.py: {model}, int8, {title}", wanted, 2, accuracy(made)))
            found.append(same_on_device(f"meanstd.py: {model}, the runner, {title}", scene, made))
    plain = scene.compress("caffe.keras", "colour.npz", "--scale", "0..1", out="out-plain")
    found.append(said("meanstd.py: caffe without it", plain, r"none of the scales fits|--scale caffe|--bgr"))
    return found


def resize(scene: Scene) -> Targets:
    """Resized as image_dataset_from_directory does: as right as in Keras, and the same in the runner."""
    keras = scene.script("resize.py")
    wanted = 100 * printed(keras, "keras test accuracy (image_dataset_from_directory)")
    made = scene.compress("photo.keras", "f_photo", "--scale", "0..255", "--resize", "32x32", "--resizing", "keras")
    found = [
        close("resize.py: float, --resizing keras", wanted, 0.01, accuracy(made, "float_accuracy")),
        close("resize.py: int8, --resizing keras", wanted, 1, accuracy(made)),
        same_on_device("resize.py: the runner on the test images", scene, made),
    ]
    right, count = _predicted(scene, made.json().get("path"), scene.folder / "f_photo" / "test")
    return [
        *found,
        close("resize.py: the runner's predict on the photos themselves", wanted, 1, right and 100 * right / count),
    ]


def _predicted(scene: Scene, release: Any, folder: Path) -> tuple[int | None, int]:
    """How many files of class folders the runner's `predict` answers with their folder's name, of how many."""
    if release is None:
        return None, 1
    files = [path.absolute() for path in sorted(folder.rglob("*")) if path.is_file()]
    ended = scene.runner("predict", "--in", release, *files)
    answers = _answers(ended)
    return sum(answers.get(str(path)) == path.parent.name for path in files), len(files)


def _answers(ended: Ended) -> dict[str, str | None]:
    """File to the likeliest class, as the runner's `predict` prints them; None where it could not be answered."""
    lines = [json.loads(line) for line in ended.out.splitlines()]
    return {line["file"]: line["top"][0]["name"] if "top" in line else None for line in lines}


_WHOLE = 600


def folders(scene: Scene) -> Targets:
    """The same six hundred digits in every way that people keep them, read as a viewer shows them."""
    from edgedigits.data.sources.named import load_data

    scene.script("folders.py")
    read = {}
    for path in sorted(scene.folder.glob("f_*")):
        try:
            read[path.name] = load_data(str(path), grey=True)
        except Exception as error:  # noqa: BLE001  # a case that can't be read is one that is not met
            scene.say(f"{path.name}: {type(error).__name__}: {error}")
    plain = _pixels(read["f_plain"])
    found = [
        _alike(name, read.get(name), wanted, most)
        for name, wanted, most in (
            ("f_la", plain, 0),
            ("f_bmp", plain, 0),
            ("f_pal", plain, 0),
            ("f_alpha", 255 - plain, 1),
            ("f_12bit", plain, 1),
            ("f_nested", plain, 8),
            ("f_exif", plain, 8),
        )
    ]
    found += [_counted(name, read.get(name), _WHOLE) for name in ("f_mixed", "f_mac", "f_nested")]
    parts = read.get("f_ipynb")
    sizes = f"{len(parts.train)} + {len(parts.test)}" if parts else None
    found.append(target("folders.py: f_ipynb, train + test", "480 + 120", sizes, "images", sizes == "480 + 120"))  # type: ignore[arg-type]
    notes = " ".join(read["f_mac"].notes) if "f_mac" in read else ""
    found.append(target("folders.py: f_mac, what is left out is counted", "10", notes, "files named", "10" in notes))  # type: ignore[arg-type]
    return found


def _pixels(dataset: Any) -> np.ndarray:
    from edgedigits.data.images import read_all

    return np.concatenate([read_all(dataset.train), read_all(dataset.test)]).astype(int)


def _alike(name: str, dataset: Any, wanted: np.ndarray, most: float) -> dict[str, Any]:
    """Mean difference in grey levels; what JPEG costs is a few."""
    title = f"folders.py: {name}, as a viewer shows it"
    if dataset is None or (pixels := _pixels(dataset)).shape != wanted.shape:
        return target(title, f"<= {most}", None, "grey levels", False)
    got = float(np.abs(pixels - wanted).mean())
    return target(title, f"<= {most}", round(got, 2), "grey levels, mean difference", got <= most)


def _counted(name: str, dataset: Any, wanted: int) -> dict[str, Any]:
    got = len(dataset.train) + len(dataset.test) if dataset else None
    return target(f"folders.py: {name}, images read", str(wanted), got, "images", got == wanted)


def exif_predict(scene: Scene) -> Targets:
    """A phone's photo, turned, and ink in the alpha channel alone: the runner says 8 to both."""
    scene.script("exif_predict.py")
    scene.script("selu.py")
    _teach(scene.folder)
    made = scene.compress("both.keras", "both.npz", "--scale", "0..1")
    ended = scene.runner("predict", "--in", made.json().get("path", "nowhere"), "up.jpg", "phone.jpg", "alpha.png")
    answers = _answers(ended)
    found: Targets = [ended_well("exif_predict.py: the commands", made, ended)]
    for name in ("up.jpg", "phone.jpg", "alpha.png"):
        got = answers.get(name)
        found.append(target(f"exif_predict.py: {name}", "8", got, "", got == "8"))  # type: ignore[arg-type]
    return found


def _teach(folder: Path) -> None:
    """A net that reads light digits on dark ground and dark ones on light, from the digits that selu.py left."""
    from edgedigits.backend import keras as keras3

    with np.load(folder / "d16.npz") as data:
        parts = {name: data[name] for name in data.files}
    for part in ("train", "test"):
        images, labels = parts[f"x_{part}"], parts[f"y_{part}"]
        parts[f"x_{part}"], parts[f"y_{part}"] = (
            np.concatenate([images, 255 - images]),
            np.concatenate([labels, labels]),
        )
    np.savez(folder / "both.npz", **parts)
    layers = keras3.layers
    keras3.utils.set_random_seed(0)
    net = keras3.Sequential(
        [
            keras3.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    net.compile(keras3.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    net.fit(parts["x_train"] / 255, parts["y_train"], epochs=15, batch_size=64, verbose=0)
    net.save(folder / "both.keras")
