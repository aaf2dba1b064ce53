"""Images with several labels each, from tables and arrays: what is read, how it is cut, what is refused and how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgedigits.data.samples import draw_stratified
from edgedigits.data.sources.layouts import read_class_names
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split
from edgedigits.data.strata import assign_strata
from edgedigits.errors import DataError
from tests.labelled import SHAPES, coloured, folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Six grey images, 0.png to 5.png."""
    for number in range(6):
        Image.fromarray(np.full((4, 4), number, np.uint8) * np.arange(4, dtype=np.uint8)).save(
            tmp_path / f"{number}.png"
        )
    return tmp_path


def table(root: Path, text: str, name: str = "labels.csv") -> Path:
    (root / name).write_text(text, "utf-8")
    return root / name


def refused(spec: Path, **how: object) -> str:
    with pytest.raises(DataError) as caught:
        load_data(str(spec), **how)  # type: ignore[arg-type]
    return str(caught.value)


LISTED = "path,labels\n0.png,a;b\n1.png,b\n2.png,\n3.png,a\n4.png,a;b\n5.png,\n"
MARKED = "path,a,b\n0.png,1,1\n1.png,0,1\n2.png,0,0\n3.png,1,0\n4.png,1,1\n5.png,0,0\n"


@pytest.mark.parametrize("text", [LISTED, MARKED, LISTED.replace(";", " "), "\ufeff" + LISTED.replace("\n", "\r\n")])
def test_every_form_of_a_table_gives_the_same_labels(images: Path, text: str) -> None:
    found = load_data(str(table(images, text).parent))
    assert (found.task, found.classes) == ("multilabel", ("a", "b"))
    assert found.train.labels.dtype == np.uint8
    assert len(found.train) + len(found.test) == 6
    whole = np.concatenate([found.train.labels, found.test.labels])
    assert sorted(map(tuple, whole.tolist())) == sorted([(1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 0)])
    for part in (found.train, found.test):
        for pixels, row in zip(part.read(np.arange(len(part))), part.labels, strict=True):
            assert tuple(row) == ((1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 0))[int(pixels[0, 1, 0])]
    assert load_data(str(images / "labels.csv")).fingerprint == found.fingerprint, "the table itself can be named, too"


def test_a_table_for_each_part_and_labels_in_the_model_s_order(images: Path) -> None:
    table(images, "path,labels\n0.png,a;b\n1.png,b\n2.png,\n3.png,a\n", "train.csv")
    table(images, "path,labels\n4.png,a;b\n5.png,\n", "test.csv")
    found = load_data(str(images), classes=["b", "a"])
    assert (len(found.train), len(found.test), found.classes) == (4, 2, ("b", "a"))
    assert found.train.labels.tolist() == [[1, 1], [1, 0], [0, 0], [0, 1]]
    (images / "valid").mkdir()
    table(images, "path,labels\n../5.png,\n", "valid/labels.csv")
    assert "5.png is named twice, by labels.csv line 2 and test.csv line 3" in refused(images)


def test_numbers_count_as_numbers_and_columns_stay_as_they_stand(images: Path) -> None:
    listed = table(images, "file,labels\n0.png,10;2\n1.png,2\n2.png,10\n3.png,2 \n")
    assert load_data(str(listed)).classes == ("2", "10")
    marked = table(images, "image,z,a\n0.png,1,0\n1.png,0,1\n2.png,1,1\n3.png,1,1\n")
    assert load_data(str(marked)).classes == ("z", "a")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty; wanted a header of path,label; or of path,labels"),
        ("path,labels\n", "names no image; wanted"),
        ("path,labels\n0.png,\n1.png,\n", "no image has a label"),
        ("path,labels\n0.png,a\nno.png,b\n", r"line 3 names 'no.png', and there is no such file"),
        ("path,labels\n0.png,a\n0.png,b\n", "0.png is named twice, by labels.csv line 2 and labels.csv line 3"),
        ("path,labels\n./0.png,a\n0.png,b\n", "is named twice"),
        ("path,a,b\n0.png,1,2\n", "line 2, column b holds '2', which is not 0 or 1"),
        ("path,a,b\n0.png,1,\n", "line 2, column b holds '', which is not 0 or 1"),
        ("path,a,b\n0.png,1\n", "line 2 holds 2 values, the header 3"),
        ("path,a,a\n0.png,1,1\n", "its header is 'path,a,a'"),
        ("path,labels\n0.png,a,b\n", "line 2 holds 3 values, the header 2"),
        ('path,labels\n0.png,"a,b"\n', "line 2 holds the label 'a,b'; labels are plain text, apart by ;"),
        ('path,labels\n0.png,"a\n', "not a readable CSV file"),
        ("path,labels\n0.png,a\x00\n", "holds the label .a.x00."),
        ("path,labels\n" + "x" * 5000 + ".png,a\n", "there is no such file"),
        ("name,kind\n0.png,a\n", "its header is 'name,kind'"),
        ("path,a,b\n0.png,1,0\n1.png,1,0\n", "no training image has the label 'b'"),
    ],
)
def test_a_table_that_is_none_is_refused_in_a_sentence(images: Path, text: str, says: str) -> None:
    assert re.search(says, refused(table(images, text)))


def test_a_table_that_is_no_text_or_too_many_labels(images: Path) -> None:
    (images / "labels.csv").write_bytes(b"path,labels\n\xff\xfe,a\n")
    assert "not a readable CSV file in UTF-8" in refused(images / "labels.csv")
    many = ";".join(f"caption {number}" for number in range(200))
    assert "200 different labels for 2 images" in refused(table(images, f"path,labels\n0.png,{many}\n1.png,\n"))
    assert "has no class 'c'; there are a, b" in refused(table(images, LISTED), classes=["a", "b", "c"])


def test_other_tables_beside_class_folders_are_no_index(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.fromarray(np.eye(4, dtype=np.uint8) * 9 * (number + 1)).save(tmp_path / name / f"{number}.png")
    table(tmp_path, "id,breed\n1,x\n")
    found = load_data(str(tmp_path))
    assert (found.task, found.classes) == ("classification", ("cat", "dog"))


def npz(path: Path, **changed: np.ndarray) -> Path:
    pixels, labels = coloured(40)
    arrays: dict[str, Any] = {"x_train": pixels, "y_train": labels, "x_test": pixels, "y_test": labels, **changed}
    np.savez(path, **arrays)
    return path


def test_arrays_of_labels(tmp_path: Path) -> None:
    _, labels = coloured(40)
    for given in (labels, labels.astype(bool), labels.astype(np.float32), labels.astype(np.int64)):
        found = load_data(str(npz(tmp_path / "a.npz", y_train=given, y_test=given)), classes=SHAPES)
        assert (found.task, found.classes) == ("multilabel", SHAPES)
        assert (found.train.labels == labels).all()
    for changed, says in (
        ({"y_train": labels * 2}, r"y_train \(40, 3\) holds 2; several labels per image are 0 and 1"),
        ({"y_train": labels + 0.5}, "holds 0.5|holds 1.5"),
        ({"y_test": labels[:, :2]}, r"y_train is \(40, 3\), y_test \(40, 2\)"),
        ({"y_test": labels[:, 0].astype(int)}, r"y_train is \(40, 3\), y_test \(40,\)"),
        ({"y_train": np.where(np.arange(3) == 1, 0, labels)}, "no image of y_train has label 1|wanted integer"),
        ({"y_train": np.eye(3, dtype=int)[np.arange(40) % 3]}, "of one-hot rows take the argmax"),
    ):
        assert re.search(says, refused(npz(tmp_path / "b.npz", **changed))), says


def test_the_rarest_label_is_spread_first_and_no_image_stands_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((400, 4)) < (0.6, 0.5, 0.4, 0.02)).astype(np.uint8)
    kinds = assign_strata(labels)
    assert (kinds[labels[:, 3] == 1] == 3).all()
    assert (kinds[~labels.any(axis=1)] == 4).all()
    rare = int(labels[:, 3].sum())
    picked = draw_stratified(labels, 100)
    assert len(set(picked.tolist())) == 100
    assert abs(int(labels[picked, 3].sum()) - rare / 4) <= 1
    assert (picked == draw_stratified(labels, 100)).all()
    pixels, _ = coloured(400)
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    data = split(load_data(str(tmp_path / "a.npz")), "0..1", 0)
    again = split(load_data(str(tmp_path / "a.npz")), "0..1", 7)
    assert data.task == "multilabel"
    assert all(part.labels[:, 3].any() for part in (data.fit, data.validation, data.calibration))
    assert (data.validation.labels == again.validation.labels).all(), "the cut is the same for every run seed"


def test_colour_and_size_are_read_as_of_any_folder(tmp_path: Path) -> None:
    pixels, labels = coloured(30)
    root = folder(tmp_path, pixels, labels, SHAPES)
    found = load_data(str(root), resize=(8, 8), classes=SHAPES)
    assert found.shape == (8, 8, 3)
    assert load_data(str(root)).fingerprint == load_data(str(root)).fingerprint != found.fingerprint
    (root / "images" / "0.png").write_bytes(b"no image")
    assert "0.png" in refused(root)
    left = load_data(str(root), skip_bad=True)
    assert len(left.train) + len(left.test) == 29


@pytest.mark.parametrize(
    "text",
    [
        "path,label\n0.png,b\n1.png,a\n2.png,b\n3.png,a\n4.png,b\n5.png,a\n",
        "Width,ClassId,Path\n4,b,0.png\n4,a,1.png\n4,b,2.png\n4,a,3.png\n4,b,4.png\n4,a,5.png\n",
    ],
)
def test_one_label_for_each_image_is_its_class(images: Path, text: str) -> None:
    found = load_data(table(images, text))
    assert (found.task, found.classes, found.train.labels.dtype.name) == ("classification", ("a", "b"), "int32")
    assert load_data(images).fingerprint == found.fingerprint
    assert read_class_names(images) == ("a", "b")
    for part in (found.train, found.test):
        for pixels, label in zip(part.read(np.arange(len(part))), part.labels, strict=True):
            assert label == 1 - int(pixels[0, 1, 0]) % 2
    assert load_data(images, classes=["b", "a"]).train.labels.tolist() == (1 - found.train.labels).tolist()
    assert any("6 images in 2 classes read" in note for note in found.notes)


def test_classes_of_tables_are_those_of_training(images: Path) -> None:
    train = table(images, "path,label\n0.png,0\n1.png,1\n2.png,0\n3.png,1\n", "train.csv")
    assert load_data(train).classes == ("0", "1"), "one label each, though all of them are 0 and 1"
    table(images, "path,label\n4.png,0\n5.png,1\n", "test.csv")
    assert load_data(train).test.labels.tolist() == [0, 1], "the table beside it is the test part"
    table(images, "path,label\n4.png,cat\n5.png,dog\n", "test.csv")
    assert re.search("test.csv: labels are names here, as 'cat', and numbers in .*train.csv, as '0'", refused(images))
    table(images, "path,label\n4.png,0\n5.png,\n", "test.csv")
    assert "test.csv: line 3, column label holds ''; every image needs its label" in refused(images)
    table(images, "path,labels\n4.png,0\n5.png,1\n", "test.csv")
    assert "its header is not that of train.csv" in refused(images)
