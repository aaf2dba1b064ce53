"""Data with a column for each pixel, as Kaggle has it, and pairs of .npy files: read right, or refused in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import read_all
from edgedigits.data.sources.layouts import read_class_names
from edgedigits.data.sources.named import load_data
from edgedigits.errors import EdgeDigitsError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 48)).astype(np.uint8)
LABELS = np.arange(40) % 3
NAMES = [f"pixel{place}" for place in range(16)]


def table(path: Path, header: Sequence[str], *columns: np.ndarray) -> Path:
    rows = np.column_stack([column.astype(str) for column in columns]).tolist()
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(",".join(row) for row in [*([header] if header else []), *rows]) + "\n")
    return path


def whole(found: Dataset) -> list[tuple[int, bytes]]:
    parts = (found.train, found.test)
    return sorted(
        (int(label), image.tobytes()) for one in parts for label, image in zip(one.labels, read_all(one), strict=True)
    )


def expected(pixels: np.ndarray, labels: np.ndarray = LABELS) -> list[tuple[int, bytes]]:
    return sorted((int(label), image.tobytes()) for label, image in zip(labels, pixels, strict=True))


def refused(spec: Path, **how: object) -> str:
    with pytest.raises(EdgeDigitsError) as caught:
        load_data(spec, **how)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return str(caught.value)


GREY, IDS = PIXELS[:, :16], np.arange(40)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (["label", *NAMES], [LABELS, GREY]),
        ([*NAMES, "label"], [GREY, LABELS]),
        (["id", *NAMES, "emotion"], [IDS, GREY, LABELS]),
        (["", "kind", *NAMES, "Usage"], [IDS, LABELS, GREY, LABELS]),
        (["label", *(f"{row}x{column}" for row in range(1, 5) for column in range(1, 5))], [LABELS, GREY]),
        (["label", *map(str, range(16))], [LABELS, GREY]),
        (["uid", *NAMES, "outcome"], [IDS, GREY, LABELS]),
        (["label", *sorted(NAMES)], [LABELS, GREY[:, sorted(range(16), key=str)]]),
        ([], [LABELS, GREY]),
    ],
    ids=[
        "first",
        "last",
        "id",
        "kind",
        "rows and columns",
        "numbers",
        "id by what it holds",
        "sorted as text",
        "no header",
    ],
)
def test_tables_of_pixels_as_people_have_them(tmp_path: Path, header: list[str], columns: list[np.ndarray]) -> None:
    found = load_data(table(tmp_path / "some.csv", header, *columns))
    assert (found.shape, found.classes) == ((4, 4, 1), ("0", "1", "2"))
    assert whole(found) == expected(GREY)
    assert len(found.test) == 9, "three of each class"
    assert any("9 of the 40 images are held back for the test" in note for note in found.notes)


def test_colours_by_the_count_or_by_what_is_said(tmp_path: Path) -> None:
    path = table(tmp_path / "some.csv", ["label", *(f"p{place}" for place in range(48))], LABELS, PIXELS)
    assert load_data(path).shape == (4, 4, 3)
    assert whole(load_data(path)) == expected(PIXELS)
    assert load_data(path, shape=(2, 8, 3)).shape == (2, 8, 3)
    assert load_data(path, shape=(6, 8)).shape == (6, 8, 1)
    behind = PIXELS.reshape(-1, 3, 4, 4).transpose(0, 2, 3, 1)
    assert whole(load_data(path, shape=(3, 4, 4))) == expected(np.ascontiguousarray(behind))
    assert "holds 48 columns of pixels, --shape 5x5 says 25" in refused(path, shape=(5, 5))


def test_parts_lie_beside_one_another(tmp_path: Path) -> None:
    for part, rows in (("train", slice(0, 30)), ("test", slice(30, 40))):
        table(tmp_path / f"sign_mnist_{part}.csv", ["label", *NAMES], LABELS[rows], GREY[rows])
    table(tmp_path / "sample_submission.csv", ["ImageId", "Label"], IDS, LABELS)
    for spec in (tmp_path, tmp_path / "sign_mnist_train.csv"):
        found = load_data(spec)
        assert (len(found.train), len(found.test)) == (30, 10)
        assert expected(GREY[30:], LABELS[30:]) == expected(read_all(found.test), found.test.labels)
    assert load_data(tmp_path).fingerprint == load_data(tmp_path / "sign_mnist_train.csv").fingerprint
    assert len(load_data(tmp_path / "sign_mnist_test.csv").train) < 10, "a test part alone is a set of its own"


def test_a_test_part_without_labels_is_left_out_and_said(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", ["label", *NAMES], LABELS, GREY)
    table(tmp_path / "test.csv", NAMES, GREY)
    found = load_data(tmp_path)
    assert whole(found) == expected(GREY)
    assert found.notes[0] == "test.csv has no column of labels and is left out"
    assert "9 of the 40 images are held back" in found.notes[1]


def test_classes_by_name_and_in_the_order_that_is_said(tmp_path: Path) -> None:
    names = np.array(["cat", "ant", "bee"])[LABELS]
    path = table(tmp_path / "some.csv", ["label", *NAMES], names, GREY)
    assert load_data(path).classes == read_class_names(path) == ("ant", "bee", "cat")
    found = load_data(path, classes=["cat", "ant", "bee"])
    assert whole(found) == expected(GREY)
    assert "has no class 'dog'; there are ant, bee, cat" in refused(path, classes=["cat", "ant", "dog"])
    numbers = table(tmp_path / "more.csv", ["label", *NAMES], np.array([10, 2, 7])[LABELS], GREY)
    assert load_data(numbers).classes == ("2", "7", "10")
    assert whole(load_data(numbers, classes=["10", "2", "7"])) == expected(GREY), "the same numbers in another order"
    named = load_data(numbers, classes=["two", "seven", "ten"])
    assert named.classes == ("two", "seven", "ten")
    assert whole(named) == expected(GREY, np.array([2, 0, 1])[LABELS])
    assert "names 2 different classes" in refused(numbers, classes=["a", "b"])


def test_fractions_are_pixels_over_255(tmp_path: Path) -> None:
    path = table(tmp_path / "some.csv", ["label", *NAMES], LABELS, GREY / 255)
    assert whole(load_data(path)) == expected(GREY)
    path = table(tmp_path / "some.csv", ["label", *NAMES], LABELS, GREY / 100)
    assert "pixels are fractions in 0..2.55; wanted whole numbers 0..255, or floats 0..1" in refused(path)


HEAD = "label," + ",".join(NAMES)
ROW = ",".join(map(str, range(16)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD.replace("pixel7,", ""), "some.csv: has no column pixel7 between pixel6 and pixel8"),
        (f"{HEAD},pixel16\n0,{ROW},1\n1,{ROW},1", "17 columns of pixels, which are no square image.* say --shape"),
        (HEAD.replace("pixel7", "pixel8"), "has two columns pixel8"),
        (",".join(NAMES) + f"\n{ROW}\n{ROW}", "holds 16 columns of pixels and none of labels; add a column label"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW},9\n", "line 3 holds 18 values, the header 17"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW}\n0,1,2\n", "line 4 holds 3 values, the header 17"),
        (f"{HEAD}\n0,{ROW},9\n1,{ROW},9\n", "line 2 holds 18 values, the header 17"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW.replace('7', 'seven')}\n", "line 3, column pixel7 holds 'seven', which is no pixel"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW.replace('7', '')}\n", "line 3, column pixel7 holds '', which is no pixel"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW.replace('7', '256')}\n", "line 3, column pixel7 holds '256', which is no pixel"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW.replace('7', '-1')}\n", "line 3, column pixel7 holds '-1', which is no pixel"),
        (f"{HEAD}\n0,{ROW}\n1,{ROW.replace('7', 'nan')}\n", "line 3, column pixel7 holds 'nan', which is no pixel"),
        (f"{HEAD}\n0,{ROW}\n,{ROW}\n", "line 3, column label is empty"),
        (f"{HEAD}\n", "holds no image"),
        (f"{HEAD}\n0,{ROW}\n0,{ROW}\n", "every image has the label '0'; wanted at least two classes"),
        (
            HEAD.replace("label", "kind,sort") + f"\n0,0,{ROW}\n0,0,{ROW}\n",
            "which column is the label. it could be kind, sort",
        ),
        (
            "\n".join([HEAD, *(f"x{row},{ROW}" for row in range(30))]),
            "30 different labels for 30 images, .* are these labels",
        ),
        (f'{HEAD}\n0,{ROW}\n1,"{ROW}\n', "some.csv: "),
    ],
)
def test_a_table_of_pixels_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "some.csv").write_text(text)
    said = refused(tmp_path / "some.csv")
    assert re.search(says, said)
    assert "\n" not in said


def test_parts_that_differ_are_refused(tmp_path: Path) -> None:
    train = table(tmp_path / "train.csv", ["label", *NAMES], LABELS, GREY)
    table(tmp_path / "test.csv", ["label", *NAMES], np.array(["ant", "bee", "cat"])[LABELS], GREY)
    assert re.search(r"test.csv: labels are names here, as 'ant', and numbers in .*train.csv, as '0'", refused(train))
    table(tmp_path / "test.csv", ["label", *NAMES], LABELS + 1, GREY)
    assert "test.csv: 13 images have a label that no image of" in refused(train)
    table(tmp_path / "test.csv", ["label", *NAMES[:-1]], LABELS, GREY[:, :-1])
    assert "test.csv: its columns are not those of train.csv, the first: pixel15" in refused(train)


def test_tables_beside_class_folders_are_about_them(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            np.save(tmp_path / name / f"{number}.npy", GREY[number].reshape(4, 4))
    table(tmp_path / "embeddings.csv", ["label", *NAMES], LABELS, GREY)
    assert load_data(tmp_path).classes == ("cat", "dog")
    assert load_data(tmp_path / "embeddings.csv").classes == ("0", "1", "2")


def test_shape_is_of_tables_of_pixels_alone(tmp_path: Path) -> None:
    assert "--shape: digits has a shape" in refused(Path("digits"), shape=(8, 8))
    assert "shape: found 'x'; wanted" in refused(Path("digits"), shape="x")


def pair(folder: Path, part: str, names: tuple[str, str], pixels: np.ndarray, labels: np.ndarray) -> None:
    for name, values in zip(names, (pixels, labels), strict=True):
        np.save(folder / name.format(part), values)


@pytest.mark.parametrize("names", [("x_{}", "y_{}"), ("{}_images", "{}-labels"), ("X{0}_x", "y_{}")])
def test_pairs_of_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    images = GREY.reshape(-1, 4, 4)
    pair(tmp_path, "_train", names, images[:30], LABELS[:30])
    found = load_data(tmp_path)
    assert whole(found) == expected(GREY[:30], LABELS[:30])
    assert any("held back for the test" in note for note in found.notes)
    pair(tmp_path, "_test", names, images[30:], LABELS[30:])
    found = load_data(next(tmp_path.glob("*train*")))
    assert (len(found.train), len(found.test), found.shape) == (30, 10, (4, 4, 1))
    assert whole(found) == expected(GREY)
    assert load_data(tmp_path, classes=["a", "b", "c"]).classes == ("a", "b", "c")


def test_pairs_that_are_none(tmp_path: Path) -> None:
    np.save(tmp_path / "x_train.npy", GREY.reshape(-1, 4, 4))
    assert "no pair of images and labels is beside it" in refused(tmp_path / "x_train.npy")
    np.save(tmp_path / "y_train.npy", LABELS[:5])
    assert "x_train holds 40 images, y_train 5 labels" in refused(tmp_path)
    np.save(tmp_path / "y_train.npy", np.array([{}]), allow_pickle=True)
    assert "y_train.npy: not a readable .npy file of numbers" in refused(tmp_path)
    np.save(tmp_path / "y_train.npy", LABELS)
    short = (tmp_path / "x_train.npy").read_bytes()[:-5]
    (tmp_path / "x_train.npy").write_bytes(short)
    assert "640 bytes; 635 are there" in refused(tmp_path)


def spaced(path: Path, rows: Sequence[str]) -> Path:
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


def test_all_pixels_of_an_image_in_one_column(tmp_path: Path) -> None:
    parts = ["Training"] * 24 + ["PublicTest"] * 6 + ["PrivateTest"] * 10
    texts = [" ".join(map(str, row)) for row in GREY.tolist()]
    rows = [f"{label},{text},{part}" for label, text, part in zip(LABELS, texts, parts, strict=True)]
    found = load_data(spaced(tmp_path / "faces.csv", rows))
    assert (found.shape, len(found.train), len(found.test)) == ((4, 4, 1), 30, 10)
    assert whole(found) == expected(GREY)
    assert load_data(tmp_path, shape=(2, 8)).shape == (2, 8, 1)
    for odd, says in (
        (f"0,{texts[0]} 9,Training", "line 42 holds 17 pixels, the lines before 16"),
        (f"0,{texts[0]}x,Training", "line 42, column pixels holds '"),
        (f"0,{texts[0].replace(' ', ' 256 ', 1)},Training", "line 42, column pixels holds '256', which is no pixel"),
        (f"0,{texts[0]}", "line 42 holds 2 values, the header 3"),
    ):
        assert says in refused(spaced(tmp_path / "faces.csv", [*rows, odd]))
