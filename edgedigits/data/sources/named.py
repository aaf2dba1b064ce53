"""Where data sets come from: MNIST, the bundled digits, .npz files, folders of images, tables of labels."""

from __future__ import annotations

import hashlib
import os
import stat
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from edgedigits_runner.clean_settings import Clean
from edgedigits_runner.reading import colour_of

from edgedigits.data.arrays import name_classes
from edgedigits.data.cleaned import clean_images
from edgedigits.data.dataset import Dataset, convert_shape, hash_parts
from edgedigits.data.images import ArrayImages, Labels, Pixels
from edgedigits.data.keeping.kept_images import keep_images
from edgedigits.data.reading import PLAIN, RESIZINGS, CleanSaid, Reading, Resizing, parse_clean, word_clean
from edgedigits.data.sources.arrays.npz_data import load_npz
from edgedigits.data.sources.layouts import LAYOUTS, Asked, find_layout
from edgedigits.data.splits import train_test_cut
from edgedigits.errors import DataError, InputError
from edgedigits.ground.cache_dir import find_cache_dir

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(
    spec: str | os.PathLike[str] | object,
    *,
    skip_bad: bool = False,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    resizing: Resizing | None = None,
    background: str | None = None,
    bits: int | None = None,
    classes: Sequence[str] | None = None,
    shape: tuple[int, ...] | None = None,
    clean: CleanSaid = None,
) -> Dataset:
    """The data set that `--data` names: `mnist`, `digits`, or the path of anything in `layouts.LAYOUTS`, as an .npz, a folder
    with one subfolder per class, a .csv with a column for each pixel or of paths and labels, or the folder of one.
    In Python also arrays (images, labels), a tf.data.Dataset or a Dataset of Hugging Face; two of them are train and test.

    resize: (height, width) in pixels of every image; grey: turn colour images grey; resizing: the method, one of `RESIZINGS`.
    background: what transparency is laid on, "white" (default), "black" or "#rrggbb"; skip_bad: leave out images that can't be
    decoded, which are counted in the notes; classes: their order where they have names, else their names; bits: of 16-bit
    images those in use, by default as found. Where None is given, images are read as `Reading` has it.
    shape: of images whose pixels are columns, (height, width), (height, width, 3), or (3, height, width) where the colours stand
    one behind the other; by default a square.
    clean: pictures of handwriting are brought to the form that MNIST has: True, "otsu", "sauvola", or settings by name, as
    {"threshold": "sauvola", "deskew": True, "ink": "dark", "lines": False}; skip_bad leaves out empty ones.

    Raises DataError when the set is missing, unreadable or not what it should be, InputError for settings that can't be.

    >>> import edgedigits as ed
    >>> digits = ed.load_data("digits", resize=(14, 14))
    >>> digits.shape, len(digits.train), len(digits.test), digits.classes[:3]
    ((14, 14, 1), 1438, 359, ('0', '1', '2'))
    """
    _check_reading(resize, resizing, background)
    _check_shape(shape)
    reading = Reading(
        resize, resizing or PLAIN.resizing, grey, background or PLAIN.background, bits, parse_clean(clean)
    )
    if isinstance(spec, (str, os.PathLike)):
        dataset = _load(os.fspath(spec), Asked(skip_bad, reading, classes, shape))
    else:
        dataset = _load_objects(spec, skip_bad, reading, classes, shape)
    if reading.clean and not dataset.reading.clean:
        dataset = clean_images(dataset, reading.clean, resize or dataset.shape[:2], skip_bad)
    dataset = replace(dataset, reading=replace(reading, bits=dataset.reading.bits))
    channels = 1 if grey else dataset.shape[2]
    return _converted(dataset, resize or dataset.shape[:2], channels)


def _converted(dataset: Dataset, size: tuple[int, int], channels: int) -> Dataset:
    """In that size and those colours, kept so once an image is read."""
    if (size, channels) != (dataset.shape[:2], dataset.shape[2]):
        dataset = convert_shape(dataset, size, channels)
    return replace(dataset, train=keep_images(dataset.train), test=keep_images(dataset.test))


def _check_reading(resize: object, resizing: object, background: str | None) -> None:
    """What the command line's options can't be given in the first place."""
    if resize is not None and not (
        isinstance(resize, (tuple, list))
        and len(resize) == 2
        and all(isinstance(one, int) and one > 0 for one in resize)
    ):
        raise InputError(f"resize: found {resize!r}; wanted (height, width) in pixels, as (32, 32)")
    if resizing is not None and resizing not in RESIZINGS:
        raise InputError(f"resizing: found {resizing!r}; choose from {', '.join(RESIZINGS)}")
    try:
        colour_of(background or PLAIN.background)
    except ValueError as error:
        raise InputError(f"background: found {background!r}; wanted {error}") from error


def _check_shape(shape: object) -> None:
    if shape is not None and not (
        isinstance(shape, (tuple, list))
        and len(shape) in (2, 3)
        and all(isinstance(one, int) and one > 0 for one in shape)
    ):
        raise InputError(f"shape: found {shape!r}; wanted (height, width) or (height, width, channels), as (28, 28)")


def reread(
    dataset: Dataset,
    size: tuple[int, int] | None,
    grey: bool,
    resizing: Resizing | None,
    classes: Sequence[str] | None,
    clean: Clean | None = None,
    skip_bad: bool = False,
) -> Dataset:
    """A data set that is there, cleaned, resized and turned grey where that is said, its classes named. Raises DataError."""
    if classes and tuple(classes) != dataset.classes:
        dataset = replace(dataset, classes=name_classes(dataset.name, len(dataset.classes), classes))
    if clean and dataset.reading.clean not in (None, clean):
        raise InputError(
            f"--clean: {dataset.name} is cleaned already, by {word_clean(dataset.reading.clean)}; leave --clean out"
        )
    if clean and not dataset.reading.clean:
        dataset = clean_images(dataset, clean, size or dataset.shape[:2], skip_bad)
    reading = replace(dataset.reading, size=size or dataset.reading.size, grey=grey or dataset.reading.grey)
    dataset = replace(dataset, reading=replace(reading, resizing=resizing or reading.resizing))
    channels = 1 if grey else dataset.shape[2]
    return _converted(dataset, size or dataset.shape[:2], channels)


def _load_objects(
    spec: object, skip_bad: bool, reading: Reading, classes: Sequence[str] | None, shape: tuple[int, ...] | None
) -> Dataset:
    from edgedigits.data.sources.objects.object_data import load_objects

    if shape:
        raise InputError("shape: the images that were given have one; leave it out, or say resize")
    return load_objects(spec, skip_bad=skip_bad, reading=reading, classes=classes)


def _load(spec: str, asked: Asked) -> Dataset:
    classes = asked.classes
    if asked.shape and spec in ("mnist", "digits"):
        raise InputError(f"--shape: {spec} has a shape; leave it out, or say --resize")
    if spec == "mnist":
        return load_npz(find_mnist(), "mnist", classes)
    if spec == "digits":
        digits = load_digits()
        return replace(digits, classes=name_classes(spec, len(digits.classes), classes)) if classes else digits
    path = Path(spec)
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"data {spec}: no such file or folder; give mnist, digits, {', '.join(one.what for one in LAYOUTS)}"
        ) from error
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte; a folder that is closed to us
        raise DataError(f"data {spec}: can't be looked at ({getattr(error, 'strerror', None) or error})") from error
    there = find_layout(path)
    if there is None:
        raise DataError(f"data {spec}: none of what can be read; give {', '.join(one.what for one in LAYOUTS)}")
    layout, found = there
    if asked.shape and not layout.shaped:
        raise InputError(f"--shape: {spec} is {layout.what}, whose images have a shape; leave it out, or say --resize")
    return layout.load(path.name if stat.S_ISDIR(kind) else path.stem, found, asked)


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
    mark = hash_parts([pixels, labels])
    whole = ArrayImages(pixels, labels)
    return Dataset(name, classes, whole.subset(train), whole.subset(test), mark)


def find_mnist() -> Path:
    """Path of mnist.npz: in `EDGEDIGITS_DATA`, else the cache, else downloaded into the cache with its SHA-256 checked."""
    folder = os.environ.get("EDGEDIGITS_DATA")
    if folder and (Path(folder) / "mnist.npz").is_file():
        return Path(folder) / "mnist.npz"
    path = find_cache_dir() / "data" / "mnist.npz"
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
