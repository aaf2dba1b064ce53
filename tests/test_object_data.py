"""Data that Python has in hand: arrays, tf.data, Datasets of Hugging Face (by what they can do)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pyarrow
import pytest

import edgedigits as ed
from edgedigits.api.given import Read, make_data_wish
from edgedigits.backend import tf
from edgedigits.data.images import read_all
from edgedigits.data.sources.wish import DataWish
from edgedigits.errors import EdgeDigitsError

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 6, 5, 3)).astype(np.uint8)
LABELS = np.arange(30) % 3
NAMES = ["cat", "ant", "bee"]
EXPECTED = sorted((int(label), image.tobytes()) for label, image in zip(LABELS, PIXELS, strict=True))


def whole(found: ed.Dataset) -> list[tuple[int, bytes]]:
    parts = (found.train, found.test)
    return sorted(
        (int(label), image.tobytes()) for one in parts for label, image in zip(one.labels, read_all(one), strict=True)
    )


def pairs(pixels: np.ndarray = PIXELS, labels: np.ndarray = LABELS) -> Any:
    return tf.data.Dataset.from_tensor_slices((pixels, labels))


def halves(make: Any) -> tuple[Any, Any]:
    return make(PIXELS[:21], LABELS[:21]), make(PIXELS[21:], LABELS[21:])


class Hub:
    """What this package asks of `datasets.Dataset`."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, names: list[str] | None = NAMES) -> None:
        cells = [{"bytes": bytes(cv2.imencode(".png", one[..., ::-1])[1]), "path": None} for one in pixels]
        self._table = pyarrow.table({"image": cells, "label": labels})
        self.features = {"image": SimpleNamespace(), "label": SimpleNamespace(names=names)}

    def with_format(self, kind: str) -> Hub:
        assert kind == "arrow"
        return self

    def iter(self, batch_size: int) -> Iterator[Any]:
        return (self._table.slice(start, 7) for start in range(0, len(self._table), 7))


@pytest.mark.parametrize(
    "data",
    [
        (PIXELS, LABELS),
        pairs(),
        pairs(labels=LABELS[:, None].astype(np.float32)).batch(8),
        pairs(pixels=PIXELS.astype(np.float32), labels=np.eye(3, dtype=np.float32)[LABELS]).batch(8).prefetch(1),
        tf.data.Dataset.from_tensor_slices({"image": PIXELS, "label": LABELS, "id": LABELS}),
        Hub(PIXELS, LABELS),
        Hub(PIXELS, LABELS, None),
    ],
    ids=["arrays", "tf", "tf of binary labels", "tf as Keras reads files", "tfds", "hub", "hub without names"],
)
def test_what_python_has_is_a_data_set(data: Any) -> None:
    found = ed.load_data(data)
    assert (found.shape, found.task, len(found.test)) == ((6, 5, 3), "classification", 6)
    assert whole(found) == EXPECTED
    assert found.fingerprint == ed.load_data(data).fingerprint
    assert any("held back for the test" in note for note in found.notes)
    small = ed.load_data(data, resize=(3, 4), grey=True)
    assert (small.shape, small.reading.size, small.reading.grey) == ((3, 4, 1), (3, 4), True)


@pytest.mark.parametrize("make", [lambda x, y: (x, y), pairs, Hub], ids=["arrays", "tf", "hub"])
def test_two_are_train_and_test(make: Any) -> None:
    train, test = halves(make)
    for data in ((train, test), {"train": train, "test": test}, {"train": train, "validation": test}):
        found = ed.load_data(data, classes=["x", "y", "z"]) if make is not Hub else ed.load_data(data)
        assert (len(found.train), len(found.test)) == (21, 9)
        assert whole(found) == EXPECTED
        assert found.classes == (tuple(NAMES) if make is Hub else ("x", "y", "z"))


def test_every_call_takes_them_as_it_takes_a_path() -> None:
    said = make_data_wish(pairs(), None, Read(resize=(4, 4), classes=["a", "b", "c"], skip_bad=True))
    found = DataWish(**said).dataset()
    assert (found.shape, found.classes, found.reading.size) == ((4, 4, 3), ("a", "b", "c"), (4, 4))


def refused(data: Any, **how: Any) -> str:
    with pytest.raises(EdgeDigitsError) as caught:
        ed.load_data(data, **how)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_what_is_no_data_is_refused_in_a_sentence() -> None:
    assert "data: found int; wanted a Dataset" in refused(7)
    assert "data: found list; wanted" in refused([1, 2, 3])
    assert "has no part train among tests" in refused({"tests": pairs()})
    assert "never ends; leave out its .repeat()" in refused(pairs().repeat())
    assert "pixels are floats in 0..1; wanted 0..255" in refused(pairs(pixels=(PIXELS / 255).astype(np.float32)))
    assert "images are float64; wanted uint8" in refused((PIXELS / 255, LABELS))
    assert "found elements of ndarray; wanted elements (image, label)" in refused(
        tf.data.Dataset.from_tensor_slices(PIXELS)
    )
    assert "found images of (5,)" in refused(pairs(pixels=PIXELS[:, 0, :, 0]))
    assert "holds no image" in refused(pairs().take(0))
    assert "train part: y_train holds label -1; classes count from 0" in refused((PIXELS, LABELS - 1))
    assert "x_train holds 30 images, y_train 3 labels" in refused((PIXELS, LABELS[:3]))
    assert "its parts are of different kinds" in refused({"train": pairs(), "test": Hub(PIXELS, LABELS)})
    turned = Hub(PIXELS, LABELS, ["ant", "bee", "cat"])
    said = refused((Hub(PIXELS, LABELS), turned))
    assert "test part: its classes are ant, bee, cat, those of data, train part cat, ant, bee" in said
    assert "shape: the images that were given have one" in refused(pairs(), shape=(6, 5))


def test_images_of_different_sizes_need_a_size() -> None:
    def images() -> Iterator[tuple[np.ndarray, int]]:
        yield from ((np.full((4 + place % 2, 4, 1), place, np.uint8), place % 2) for place in range(20))

    spec = (tf.TensorSpec([None, None, 1], tf.uint8), tf.TensorSpec([], tf.int64))
    data = tf.data.Dataset.from_generator(images, output_signature=spec)
    assert "images of (4, 4, 1) and of (5, 4, 1); say resize=(height, width)" in refused(data)
    assert ed.load_data(data, resize=(4, 4)).shape == (4, 4, 1)
