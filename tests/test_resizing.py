"""The one resizer of toolkit and runner against those whose methods it promises: Pillow, TensorFlow, OpenCV."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from edgedigits_runner.pictures import fitted, fitted_all, grey
from edgedigits_runner.reading import METHODS
from edgedigits_runner.resizing import resized
from PIL import Image

from edgedigits.data.reading import RESIZINGS

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SIZES = [
    *[((40, 60), (28, 28)), ((60, 40), (28, 28)), ((192, 192), (32, 32)), ((7, 9), (28, 20)), ((31, 36), (64, 12))],
    *[((31, 36), (12, 64)), ((1, 1), (5, 3)), ((50, 1), (3, 7)), ((28, 28), (28, 14)), ((28, 28), (14, 28)), ((301, 7), (2, 2))],
    *[((9, 200), (9, 1)), ((33, 65), (1, 1))],
]  # fmt: skip


def pictures(size: tuple[int, int], channels: int) -> np.ndarray:
    """Noise, and noise of black and white alone, which overshoots most."""
    noise = np.random.default_rng(1).integers(0, 256, (2, *size, channels), np.uint8)
    noise[1] = (noise[1] > 127) * 255
    return noise


@pytest.mark.parametrize("method", PILLOW)
@pytest.mark.parametrize("channels", [1, 3])
def test_filters_are_pillows_to_the_bit(method: str, channels: int) -> None:
    for old, new in SIZES:
        images = pictures(old, channels)
        found = resized(images, *new, method)
        for image, one in zip(images, found, strict=True):
            picture = Image.fromarray(image if channels == 3 else image[..., 0])
            wanted = np.asarray(picture.resize(new[::-1], PILLOW[method])).reshape(one.shape)
            np.testing.assert_array_equal(one, wanted, err_msg=f"{old} to {new}")


def test_keras_is_what_image_dataset_from_directory_does() -> None:
    """tf.image.resize reckons in float32, which moves a value by some thousandths; then it is rounded here."""
    import tensorflow as tf

    for old, new in SIZES:
        images = pictures(old, 3)
        wanted = tf.image.resize(images, new).numpy()
        assert np.abs(resized(images, *new, "keras") - wanted).max() <= 0.5 + 0.01, f"{old} to {new}"


def test_area_is_opencvs_within_one_grey_level() -> None:
    for old, new in SIZES:
        shrinking = old[0] > new[0] and old[1] > new[1]
        method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        for image in pictures(old, 3):
            wanted = cv2.resize(image, new[::-1], interpolation=method).reshape(*new, 3)
            assert np.abs(fitted(image, (*new, 3)).astype(int) - wanted).max() <= 1, f"{old} to {new}"


@pytest.mark.parametrize("method", METHODS)
def test_an_image_alone_is_as_among_others_and_flat_ones_stay(method: str) -> None:
    images = np.concatenate([pictures((31, 36), 3), np.full((1, 31, 36, 3), 201, np.uint8)])
    together = resized(images, 12, 40, method)
    assert (together.dtype, together.shape) == (np.dtype(np.uint8), (3, 12, 40, 3))
    for image, one in zip(images, together, strict=True):
        np.testing.assert_array_equal(resized(image[None], 12, 40, method)[0], one)
    assert (together[2] == 201).all()
    np.testing.assert_array_equal(resized(images, 31, 36, method), images)


@pytest.mark.parametrize("method", METHODS)
def test_the_sums_are_exact_so_that_no_machine_rounds_them_otherwise(method: str) -> None:
    """Turned by whole numbers in any order of sums: the same as with Python's own integers."""
    from edgedigits_runner import resizing

    old, new = 211, 13
    rule = {"area": resizing._areas, "keras": resizing._between}.get(method)
    weights = rule(old, new) if rule else resizing._filtered(old, new, method)
    line = pictures((1, old), 1)
    found = resizing._summed(line, 2, weights, 255)
    for image, sums in zip(line[:, 0, :, 0].tolist(), found[:, 0, :, 0].tolist(), strict=True):
        for first, table, total in zip(weights.first.tolist(), weights.table.tolist(), sums, strict=True):
            row = image[first : first + len(table)]
            assert total == sum(int(w) * pixel for w, pixel in zip(table, row, strict=False))


def test_a_photo_takes_a_fraction_of_a_second() -> None:
    """12 megapixels to 224x224 by the costliest method: the CPU's seconds, for others may use it too; 0.2 where it is quiet."""
    photo = np.random.default_rng(0).integers(0, 256, (1, 3000, 4000, 3), np.uint8)
    began = time.thread_time()
    resized(photo, 224, 224, "lanczos")
    assert time.thread_time() - began < 1.5


def test_sizes_come_first_then_colours() -> None:
    image = pictures((31, 36), 3)[:1]
    for target in ((12, 12, 1), (12, 12, 3), (64, 48, 1)):
        found = fitted_all(image, target, "bicubic")
        colours = resized(image, *target[:2], "bicubic")
        np.testing.assert_array_equal(found, grey(colours) if target[2] == 1 else colours)
    single = fitted(image[0, ..., :1], (12, 12, 3))
    assert (single == single[..., :1]).all()


def test_the_command_line_offers_what_the_runner_can() -> None:
    assert RESIZINGS == METHODS
