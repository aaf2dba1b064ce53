"""Data in files of records, as the Hugging Face hub and TensorFlow Datasets store it: read right, or refused in a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from edgedigits.backend import tf
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import read_all
from edgedigits.data.sources.layouts import read_class_names
from edgedigits.data.sources.named import load_data
from edgedigits.errors import EdgeDigitsError

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 6, 5, 3)).astype(np.uint8)
LABELS = np.arange(30) % 3
NAMES = ["cat", "ant", "bee"]


def png(pixels: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", pixels[..., ::-1])[1])


def parquet(
    path: Path,
    rows: slice = slice(None),
    names: Sequence[str] | None = NAMES,
    labels: Sequence[Any] | None = None,
    image: str = "image",
    cells: Sequence[Any] | None = (),
) -> Path:
    """A file as `datasets` writes it, or without what is None."""
    if cells == ():
        cells = [{"bytes": png(one), "path": None} for one in PIXELS[rows]]
    columns = {image: cells, "label": LABELS[rows].tolist() if labels is None else labels}
    table = pyarrow.table({name: values for name, values in columns.items() if values is not None})
    if names is not None:
        told = {"info": {"features": {image: {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(told)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path)
    return path


def whole(found: Dataset) -> list[tuple[str, bytes]]:
    return sorted(
        (found.classes[label], image.tobytes())
        for part in (found.train, found.test)
        for label, image in zip(part.labels, read_all(part), strict=True)
    )


EXPECTED = sorted((NAMES[label], image.tobytes()) for label, image in zip(LABELS, PIXELS, strict=True))


def refused(spec: Path, **how: Any) -> str:
    with pytest.raises(EdgeDigitsError) as caught:
        load_data(spec, **how)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_parquet_as_the_hub_stores_it(tmp_path: Path) -> None:
    parquet(tmp_path / "data" / "train-00000-of-00002.parquet", slice(0, 12))
    parquet(tmp_path / "data" / "train-00001-of-00002.parquet", slice(12, 21))
    parquet(tmp_path / "data" / "test-00000-of-00001.parquet", slice(21, 30))
    found = load_data(tmp_path)
    assert (found.shape, found.classes, found.task) == ((6, 5, 3), tuple(NAMES), "classification")
    assert (len(found.train), len(found.test)) == (21, 9)
    assert whole(found) == EXPECTED
    assert load_data(tmp_path / "data" / "train-00000-of-00002.parquet").fingerprint == found.fingerprint
    assert read_class_names(tmp_path) == tuple(NAMES), "bench keeps an artifact's order of the same classes"
    turned = load_data(tmp_path, classes=["ant", "bee", "cat"])
    assert turned.classes == ("ant", "bee", "cat")
    assert whole(turned) == EXPECTED
    small = load_data(tmp_path, resize=(3, 3), grey=True)
    assert small.train.read(np.array([0])).shape == (1, 3, 3, 1)


def test_parquet_without_names_and_without_a_test_part(tmp_path: Path) -> None:
    path = parquet(tmp_path / "some.parquet", names=None, labels=[NAMES[label] for label in LABELS], image="img")
    found = load_data(path)
    assert found.classes == ("ant", "bee", "cat")
    assert whole(found) == EXPECTED
    assert len(found.test) == 6
    assert any("one image in five is held back" in note for note in found.notes)
    assert load_data(parquet(path, names=None)).classes == ("0", "1", "2")


def test_a_part_without_labels_is_left_out_and_said(tmp_path: Path) -> None:
    parquet(tmp_path / "train.parquet")
    parquet(tmp_path / "test.parquet", labels=[-1] * 30)
    found = load_data(tmp_path)
    assert whole(found) == EXPECTED
    assert "test.parquet has no labels and is left out" in " ".join(found.notes)


def test_parquet_that_is_none_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = parquet(tmp_path / "train.parquet")
    test = parquet(tmp_path / "test.parquet", names=["ant", "bee", "cat"])
    assert "test.parquet: its classes are ant, bee, cat, those of" in refused(train)
    parquet(test, names=None, labels=["ant", "bee", "cat"] * 10)
    assert "test.parquet: its classes are without names, those of" in refused(train)
    test.unlink()
    assert "holds the label 3; its classes are 0..2" in refused(parquet(train, labels=[0, 1, 3] * 10))
    assert "train.parquet: has no labels" in refused(parquet(train, labels=[-1] * 30))
    assert "no training image has the class 'bee'" in refused(parquet(train, labels=[0, 1] * 15))
    assert "row 1, column label is empty" in refused(parquet(train, labels=[0, None] * 15))
    assert "row 0, column image is empty" in refused(parquet(train, cells=[None, png(PIXELS[0])] * 15))
    assert "no column of images among label (int64)" in refused(parquet(train, cells=None))
    assert "row 1 and 14 more: can't be decoded as an image" in refused(
        parquet(train, cells=[png(PIXELS[0]), b"x"] * 15)
    )
    train.write_bytes(train.read_bytes()[:-9])
    assert "train.parquet: not a readable Parquet file" in refused(train)
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "pyarrow", None)
        assert "needs pyarrow, which is not installed here; pip install 'edgedigits[parquet]'" in refused(train)


def tfrecord(
    folder: Path, part: str, rows: slice, image: str = "image", label: str = "label", labels: np.ndarray = LABELS
) -> Path:
    """A shard as TensorFlow Datasets writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pets-{part}.tfrecord-00000-of-00001"
    train = tf.train
    with tf.io.TFRecordWriter(str(path)) as writer:
        for pixels, kind in zip(PIXELS[rows], labels[rows], strict=True):
            told = {
                image: train.Feature(bytes_list=train.BytesList(value=[png(pixels)])),
                label: train.Feature(int64_list=train.Int64List(value=[int(kind)])),
                "file_name": train.Feature(bytes_list=train.BytesList(value=[b"x.png"])),
            }
            writer.write(train.Example(features=train.Features(feature=told)).SerializeToString())
    return path


def describe(folder: Path, names: Sequence[str] = NAMES) -> None:
    kinds = {
        "image": "image.image_feature.Image",
        "label": "class_label_feature.ClassLabel",
        "file_name": "text_feature.Text",
    }
    told = {key: {"pythonClassName": f"tensorflow_datasets.core.features.{kind}"} for key, kind in kinds.items()}
    (folder / "features.json").write_text(json.dumps({"featuresDict": {"features": told}}))
    (folder / "label.labels.txt").write_text("\n".join(names) + "\n")


def test_tfrecord_as_tensorflow_datasets_writes_it(tmp_path: Path) -> None:
    folder = tmp_path / "pets" / "1.0.0"
    first = tfrecord(folder, "train", slice(0, 21))
    tfrecord(folder, "test", slice(21, 30))
    describe(folder)
    for spec in (tmp_path / "pets", folder, first):
        found = load_data(spec)
        assert (found.shape, found.classes, len(found.train), len(found.test)) == ((6, 5, 3), tuple(NAMES), 21, 9)
        assert whole(found) == EXPECTED
    describe(folder, ["cat", "ant"])
    assert "holds the label 2; its classes are 0..1" in refused(folder)
    (folder / "features.json").write_text("{}")
    assert "features.json: not a readable description of features" in refused(folder)


def test_tfrecord_without_a_description(tmp_path: Path) -> None:
    found = load_data(tfrecord(tmp_path, "train", slice(0, 30), "image/encoded", "image/class/label", LABELS + 1))
    assert (found.classes, len(found.test)) == (("1", "2", "3"), 6)
    path = tfrecord(tmp_path, "train", slice(0, 30), "picture")
    assert "example 0: found no image file; the example holds file_name, label, picture" in refused(path)
    path = tfrecord(tmp_path, "train", slice(0, 30), label="kind")
    assert "example 0: found no label" in refused(path)
    path = tfrecord(tmp_path, "train", slice(0, 30))
    path.write_bytes(path.read_bytes()[:-3])
    assert "not a whole TFRecord file" in refused(path)


def test_parts_by_the_folders_they_lie_in(tmp_path: Path) -> None:
    root = tmp_path / "test"
    parquet(root / "train" / "0000.parquet", slice(0, 21))
    parquet(root / "validation" / "0000.parquet", slice(21, 30))
    assert [len(one) for one in (load_data(root).train, load_data(root).test)] == [21, 9]
    parquet(root / "validation" / "some.parquet")
    assert whole(load_data(root / "validation" / "some.parquet")) == EXPECTED, "a file alone is a set, wherever it lies"
    alone = parquet(tmp_path / "my_test_pets" / "some.parquet").parent
    assert whole(load_data(alone)) == EXPECTED, "the folder that is named says no part"
