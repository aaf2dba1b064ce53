"""Images named by a table beside them, with one label or several each: one table for all, or one for each part of the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset, hash_parts
from edgedigits.data.images import Labels
from edgedigits.data.reading import PLAIN, Reading
from edgedigits.data.sources.files.class_folders import PARTS
from edgedigits.data.sources.files.class_numbers import number_classes
from edgedigits.data.sources.files.folders import FolderImages, drop_bad, list_warnings, refuse_bad, train_and_test
from edgedigits.data.sources.files.held import mark_picture
from edgedigits.data.sources.files.label_table import Table, build_matrix, is_label_table, list_names, read_table
from edgedigits.data.sources.files.left_out import LeftOut
from edgedigits.data.sources.files.part_files import find_part_files, refuse_several
from edgedigits.data.sources.files.survey import survey
from edgedigits.data.sources.files.walking import list_subfolders
from edgedigits.errors import DataError

INDEX = "labels.csv"
"""The name of the table of a folder."""


def find_tables(root: Path) -> dict[str, Path]:
    """The tables of the parts "train", "val" and "test" that are in a folder; {} where it has none.

    `labels.csv` is for all; else `train.csv` and the like, by any name that parts have, or `labels.csv` in a folder for each.
    """
    no_classes = len(list_subfolders(root)) < 2  # then a table that is none is better said to be none
    if is_label_table(root / INDEX) or (no_classes and (root / INDEX).is_file()):
        return {"train": root / INDEX}
    found: dict[str, Path] = {}
    for part, names in PARTS.items():
        for file in (file for name in names for file in (root / f"{name}.csv", root / name / INDEX)):
            if is_label_table(file):
                if part in found:
                    raise DataError(f"{file}: {found[part].relative_to(root)} is the table of that part, too; keep one")
                found[part] = file
    return found if "train" in found else {}


def find_files(path: Path) -> dict[str, Path]:
    """The tables of a folder, or the one that `path` is itself; {} where it is neither."""
    if path.is_dir():
        return find_tables(path)
    if path.suffix != ".csv" or not path.is_file():
        return {}
    beside = refuse_several(find_part_files(path, r"\.csv", is_label_table))
    return beside or {"train": path}


def read_label_names(files: dict[str, Path]) -> tuple[str, ...]:
    """The labels in the tables of the parts, as `load_labelled` has them by default. Raises DataError."""
    return _number([read_table(file) for file in files.values()], None)[0]


def load_labelled(
    name: str,
    files: dict[str, Path],
    *,
    skip_bad: bool = False,
    reading: Reading = PLAIN,
    labels: Sequence[str] | None = None,
) -> Dataset:
    """A data set from the tables of its parts, multilabel unless they name one label per image; `labels`: their order, by
    default that of the names.

    Raises DataError for a table that is none, an image that is missing or named twice, and what `load_folder` does for images.
    """
    tables = {part: read_table(file) for part, file in files.items()}
    names, numbers = _number(list(tables.values()), labels)
    paths = {part: _paths(table) for part, table in tables.items()}
    _check_once(tables, paths)
    left = LeftOut()
    seen = survey(files["train"].parent, [path for each in paths.values() for path in each], reading)
    refuse_bad(seen, skip_bad, left)
    reading = replace(reading, bits=seen.bits)
    images = {part: drop_bad(paths[part], values, seen, reading) for part, values in zip(tables, numbers, strict=True)}
    train, test = train_and_test(images)
    one = train.labels.ndim == 1
    seen_labels = (np.bincount(train.labels, minlength=len(names)) if one else train.labels.sum(axis=0)).tolist()
    if lost := [name for name, count in zip(names, seen_labels, strict=True) if not count]:
        raise DataError(f"{files['train']}: no training image that can be read has the label {lost[0]!r}; add some")
    said = list_warnings(seen)
    what = f"in {len(names)} classes" if one else f"with {len(names)} labels"
    notes = (*said, f"{len(train) + len(test)} images {what} read, {left}")
    mark = hash_parts(_identity(tables, images, names, seen.shape, reading))
    return Dataset(name, names, train, test, mark, notes, said, reading)


def _paths(table: Table) -> list[Path]:
    found = []
    for name, line in zip(table.paths, table.lines, strict=True):
        path = table.file.parent / name
        try:
            there = path.is_file()
        except (OSError, ValueError):  # too long a name, or one with a zero byte
            there = False
        if not there:
            raise DataError(
                f"{table.file}: line {line} names {name[:120]!r}, and there is no such file; mend the line, or leave it out"
            )
        found.append(path)
    return found


def _check_once(tables: dict[str, Table], paths: dict[str, list[Path]]) -> None:
    """An image in two parts would be judged by what it was trained on."""
    first: dict[Path, str] = {}
    for part, table in tables.items():
        for path, line in zip(paths[part], table.lines, strict=True):
            where = f"{table.file.name} line {line}"
            if (key := path.resolve()) in first:
                raise DataError(f"{table.file}: {path.name} is named twice, by {first[key]} and {where}; keep one")
            first[key] = where


def _number(tables: Sequence[Table], wanted: Sequence[str] | None) -> tuple[tuple[str, ...], list[Labels]]:
    """(names of the labels, the labels of the images of each table), as classes where the tables have one per image."""
    if not all(table.one for table in tables):
        names = list_names(tables, wanted)
        return names, [build_matrix(table, names) for table in tables]
    texts = {str(table.file): np.array([next(iter(one)) for one in table.labels]) for table in tables}
    parts = {("train" if place == 0 else str(place)): text for place, text in enumerate(texts.values())}
    classes, numbers = number_classes(parts, dict(zip(parts, texts, strict=True)), wanted)
    return classes, [np.asarray(values, np.int32) for values in numbers.values()]


def _identity(
    tables: dict[str, Table],
    images: dict[str, FolderImages],
    names: Sequence[str],
    shape: tuple[int, int, int],
    reading: Reading,
) -> Iterator[bytes | np.ndarray]:
    """What identifies the set without reading it again: paths as written, sizes, times of change, labels, how it is read."""
    yield f"{shape} {list(names)} {reading.as_dict()}\n".encode()
    for part, table in tables.items():
        yield f"{part} {list(table.paths)}\n".encode()
        for path in images[part].paths:
            yield f"{mark_picture(path)}\n".encode()
        yield images[part].labels
