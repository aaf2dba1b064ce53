"""Where data sets come from: MNIST, the bundled digits, .npz files, folders of images."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path

import numpy as np

from edgedigits.cache_dir import cache_dir
from edgedigits.data.dataset import Dataset, fingerprint, with_shape
from edgedigits.data.folders import load_folder
from edgedigits.data.images import ArrayImages, Labels, Pixels
from edgedigits.data.splits import train_test_cut
from edgedigits.errors import DataError

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(spec: str, *, skip_bad: bool = False, size: tuple[int, int] | None = None, grey: bool = False) -> Dataset:
    """The data set that `--data` names: `mnist`, `digits`, a path to an .npz, or a folder with one subfolder per class.

    Images are resized to `size` (height, width) and turned grey when asked for. Raises DataError when the set is missing,
    unreadable or not what it should be.
    """
    dataset = _load(spec, skip_bad, size)
    channels = 1 if grey else dataset.shape[2]
    wanted = (size or dataset.shape[:2], channels)
    return dataset if wanted == (dataset.shape[:2], dataset.shape[2]) else with_shape(dataset, *wanted)


def _load(spec: str, skip_bad: bool, size: tuple[int, int] | None) -> Dataset:
    if spec == "mnist":
        return load_npz(find_mnist(), name="mnist")
    if spec == "digits":
        return load_digits()
    path = Path(spec)
    if path.is_dir():
        return load_folder(path, skip_bad=skip_bad, size=size)
    if path.suffix == ".npz" and path.is_file():
        return load_npz(path, name=path.stem)
    if not path.exists():
        raise DataError(f"data {spec}: no such file or folder; give mnist, digits, an .npz file or a folder of images")
    raise DataError(f"data {spec}: neither an .npz file nor a folder with one subfolder of images per class")


def load_digits() -> Dataset:
    """The 1,797 real handwritten digits that scikit-learn ships (UCI, 8x8), scaled to 28x28, one in five kept for test."""
    import cv2
    from sklearn.datasets import load_digits as bundled

    digits = bundled()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([cv2.resize(image, (28, 28), interpolation=cv2.INTER_LINEAR) for image in small])[..., None]
    return cut_test("digits", pixels.astype(np.uint8), digits.target.astype(np.int32), tuple("0123456789"))


def cut_test(name: str, pixels: Pixels, labels: Labels, classes: tuple[str, ...]) -> Dataset:
    """A data set from images that come without a test part: a stratified one is cut with a fixed seed."""
    train, test = train_test_cut(labels)
    mark = fingerprint([pixels, labels])
    whole = ArrayImages(pixels, labels)
    return Dataset(name, classes, whole.subset(train), whole.subset(test), mark)


def find_mnist() -> Path:
    """Path of mnist.npz: in `EDGEDIGITS_DATA`, else the cache, else downloaded into the cache with its SHA-256 checked."""
    folder = os.environ.get("EDGEDIGITS_DATA")
    if folder and (Path(folder) / "mnist.npz").is_file():
        return Path(folder) / "mnist.npz"
    path = cache_dir() / "data" / "mnist.npz"
    if not path.is_file():
        download(MNIST_URL, path, MNIST_SHA256)
    return path


def download(url: str, path: Path, sha256: str) -> None:
    """Fetch `url` to `path`, which appears whole and with the right hash, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, part.open("wb") as out:
            digest = hashlib.sha256()
            while block := answer.read(1 << 16):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != sha256:
            raise DataError(f"{url}: SHA-256 is {digest.hexdigest()}, wanted {sha256}; the file was not kept")
        part.replace(path)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise DataError(
            f"data {path.stem}: not found here, and {url} can't be reached ({error}); three ways: set EDGEDIGITS_DATA to a "
            f"folder that holds {path.name}, put the file at {path}, or pass --data digits (bundled, no download)"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def load_npz(path: Path, name: str) -> Dataset:
    """A file in the layout of keras.datasets: x_train, y_train, x_test, y_test.

    Integer images are pixels 0..255; float images must lie in 0..1 and are taken as pixel/255. Labels are integers [n] or
    [n, 1]. Raises DataError for anything else, for NaN or infinity, and for labels outside the classes of the training part.
    """
    arrays = _read_arrays(path)
    x_train, y_train = _pixels(path, "x_train", arrays), _labels(path, "y_train", arrays)
    x_test, y_test = _pixels(path, "x_test", arrays), _labels(path, "y_test", arrays)
    for part, images, labels in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(images) != len(labels):
            raise DataError(
                f"{path}: x_{part} holds {len(images)} images, y_{part} {len(labels)} labels; they must match"
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{path}: images of x_train are {x_train.shape[1:]}, of x_test {x_test.shape[1:]}; they must match"
        )
    classes = int(y_train.max()) + 1
    missing = sorted(set(range(classes)) - set(np.unique(y_train).tolist()))
    if missing:
        raise DataError(
            f"{path}: y_train goes up to {classes - 1} but holds no image of class {missing[0]}; renumber the classes"
        )
    if y_test.max() >= classes:
        raise DataError(f"{path}: y_test holds label {y_test.max()}, outside the classes 0..{classes - 1} of y_train")
    mark = fingerprint([x_train, y_train, x_test, y_test])
    names = tuple(str(label) for label in range(classes))
    return Dataset(name, names, ArrayImages(x_train, y_train), ArrayImages(x_test, y_test), mark)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    wanted = ("x_train", "y_train", "x_test", "y_test")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if lacking := [name for name in wanted if name not in file]:
                raise DataError(f"{path}: holds no {lacking[0]}; the layout is x_train, y_train, x_test, y_test")
            return {name: file[name] for name in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise DataError(f"{path}: not a readable .npz file ({error}); write it with numpy.savez_compressed") from error


def _pixels(path: Path, name: str, arrays: dict[str, np.ndarray]) -> Pixels:
    images = arrays[name]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise DataError(
            f"{path}: {name} has shape {arrays[name].shape}; wanted [n, height, width] or [n, height, width, 1 or 3]"
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind == "f":
        if not np.isfinite(images).all():
            raise DataError(f"{path}: {name} holds NaN or infinity in {_count_bad(images)} images; mend or drop them")
        if images.min() < 0 or images.max() > 1:
            found = f"{images.min():.4g}..{images.max():.4g}"
            raise DataError(
                f"{path}: {name} is {images.dtype} in {found}; floats must lie in 0..1, pixels be uint8 in 0..255"
            )
        return np.round(images * 255).astype(np.uint8)
    if images.dtype.kind in "iu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    raise DataError(f"{path}: {name} is {images.dtype}; wanted uint8 pixels 0..255 or floats 0..1")


def _count_bad(images: np.ndarray) -> int:
    return int((~np.isfinite(images).reshape(len(images), -1).all(axis=1)).sum())


def _labels(path: Path, name: str, arrays: dict[str, np.ndarray]) -> Labels:
    labels = arrays[name]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
        found = f"{labels.dtype} {labels.shape}"
        raise DataError(
            f"{path}: {name} is {found}; wanted integer class numbers [n] (of one-hot rows take the argmax)"
        )
    if labels.min() < 0:
        raise DataError(f"{path}: {name} holds label {labels.min()}; classes count from 0")
    return labels.astype(np.int32)
