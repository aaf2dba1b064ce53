"""The forms in which data lies on disk: one row each, the first that fits is the one. A new form is a file and a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits.data.dataset import Dataset
from edgedigits.data.reading import PLAIN, Reading
from edgedigits.data.sources.arrays.npy_pairs import find_pairs, load_pairs
from edgedigits.data.sources.arrays.npz_data import load_npz
from edgedigits.data.sources.arrays.pixel_data import find_pixel_tables, load_pixels, name_pixel_classes
from edgedigits.data.sources.arrays.spaced_pixels import find_spaced_tables, load_spaced
from edgedigits.data.sources.files.class_folders import find_training_part, list_classes
from edgedigits.data.sources.files.folders import load_folder
from edgedigits.data.sources.files.labelled_files import find_files, load_labelled, read_label_names
from edgedigits.data.sources.records.parquet_files import find_parquet, read_parquet_parts
from edgedigits.data.sources.records.record_data import Records, load_records, name_records
from edgedigits.data.sources.records.tfrecord_files import find_tfrecords, read_tfrecord_parts
from edgedigits.errors import DataError


@dataclass(frozen=True)
class Asked:
    """What is said of how data is read; `load_data` explains it."""

    skip_bad: bool = False
    reading: Reading = PLAIN
    classes: Sequence[str] | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Layout:
    """`find` gives what is there of this form, by part, {} for nothing; `load` reads that; `name` gives its classes' names.

    `shaped`: whether the shape of an image has to be said or guessed.
    """

    what: str
    find: Callable[[Path], dict[str, Any]]
    load: Callable[[str, Any, Asked], Dataset]
    name: Callable[[Any], tuple[str, ...] | None]
    shaped: bool = False


def _npz_file(path: Path) -> dict[str, Path]:
    return {"train": path} if path.suffix == ".npz" and path.is_file() else {}


def _folder(path: Path) -> dict[str, Path]:
    return {"train": path} if path.is_dir() else {}


def _unnamed(_: object) -> None:
    """Its classes are numbers."""


def _records(name: str, parts: dict[str, Records], asked: Asked) -> Dataset:
    return load_records(name, parts, skip_bad=asked.skip_bad, reading=asked.reading, classes=asked.classes)


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "an .npz file of x_train, y_train, x_test, y_test",
        _npz_file,
        lambda name, found, asked: load_npz(found["train"], name, asked.classes),
        _unnamed,
    ),
    Layout(
        "a pair of .npy files, x_train.npy and y_train.npy",
        find_pairs,
        lambda name, found, asked: load_pairs(name, found, asked.classes),
        _unnamed,
    ),
    Layout(
        "a .csv with a column for each pixel",
        find_pixel_tables,
        lambda name, found, asked: load_pixels(name, found, shape=asked.shape, classes=asked.classes),
        name_pixel_classes,
        shaped=True,
    ),
    Layout(
        "a .csv with all pixels of an image in a column pixels",
        find_spaced_tables,
        lambda name, found, asked: load_spaced(name, found, shape=asked.shape, classes=asked.classes),
        _unnamed,
        shaped=True,
    ),
    Layout(
        "a .parquet file with the bytes of images",
        find_parquet,
        lambda name, found, asked: _records(name, read_parquet_parts(found), asked),
        lambda found: name_records(read_parquet_parts(found)),
    ),
    Layout(
        "a folder of .tfrecord files of TensorFlow Datasets",
        find_tfrecords,
        lambda name, found, asked: _records(name, read_tfrecord_parts(found), asked),
        lambda found: name_records(read_tfrecord_parts(found)),
    ),
    Layout(
        "a .csv of path and label or labels",
        find_files,
        lambda name, found, asked: load_labelled(
            name, found, skip_bad=asked.skip_bad, reading=asked.reading, labels=asked.classes
        ),
        read_label_names,
    ),
    Layout(
        "a folder with one subfolder of images per class",
        _folder,
        lambda _, found, asked: load_folder(
            found["train"], skip_bad=asked.skip_bad, reading=asked.reading, classes=asked.classes
        ),
        lambda found: list_classes(find_training_part(found["train"])),
    ),
)


def find_layout(path: Path) -> tuple[Layout, dict[str, Any]] | None:
    """The form of what lies at a path, and what is there of it by part; None for none of them."""
    try:
        if not (path.is_dir() or path.is_file()):
            return None
        for layout in LAYOUTS:
            if found := layout.find(path):
                return layout, found
    except OSError as error:
        raise DataError(f"{path}: can't be looked at ({error.strerror}); mend its permissions") from error
    return None


def read_class_names(path: Path) -> tuple[str, ...] | None:
    """The names that the classes at a path have by default; None where they are numbers, or where nothing is there."""
    there = find_layout(path)
    return there[0].name(there[1]) if there else None
