"""A data set from tables with a column for each pixel, as Kaggle has them: one table, or one for each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgedigits.data.arrays import warn_of_blanks
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages, Pixels
from edgedigits.data.sources.arrays.parts_of_arrays import join_parts
from edgedigits.data.sources.arrays.pixel_columns import Columns, guess_shape, read_columns
from edgedigits.data.sources.arrays.pixel_table import PixelTable, read_pixel_table
from edgedigits.data.sources.files.class_numbers import number_classes, sort_names
from edgedigits.data.sources.files.part_files import Parts, find_part_files, refuse_several
from edgedigits.errors import DataError


def find_pixel_tables(path: Path) -> Parts:
    """The tables of pixels at a path; {} where there are none."""
    return find_part_files(path, r"\.csv", lambda file: read_columns(file) is not None)


def load_pixels(
    name: str, parts: Parts, *, shape: Sequence[int] | None = None, classes: Sequence[str] | None = None
) -> Dataset:
    """Images as uint8 of the shape that so many columns have, or of `shape`; classes by name, numbers by number.

    A test part without labels, as Kaggle's is, is left out and said so; one is cut from the training images then. Raises
    DataError for what is no such table, and for parts that differ.
    """
    files = refuse_several(parts)
    columns = {part: _columns(file) for part, file in files.items()}
    if columns["train"].label is None:
        raise DataError(
            f"{files['train']}: holds {len(columns['train'].pixels)} columns of pixels and none of labels; add a column label"
        )
    _check_alike(files, columns)
    unlabelled = [part for part, one in columns.items() if one.label is None]
    tables = {part: read_pixel_table(file, columns[part]) for part, file in files.items() if part not in unlabelled}
    return _gather(name, tables, [files[part] for part in unlabelled], shape, classes)


def name_pixel_classes(parts: Parts) -> tuple[str, ...] | None:
    """The classes by the names that `load_pixels` gives them; None where it has none."""
    file = refuse_several(parts)["train"]
    columns = _columns(file)
    labels = None if columns.label is None else read_pixel_table(file, columns).labels
    return None if labels is None else sort_names(np.unique(labels).tolist())


def _gather(
    name: str,
    tables: dict[str, PixelTable],
    unlabelled: Sequence[Path],
    shape: Sequence[int] | None,
    classes: Sequence[str] | None,
) -> Dataset:
    where = {part: str(table.file) for part, table in tables.items()}
    labels = {part: table.labels for part, table in tables.items() if table.labels is not None}
    names, numbers = number_classes(labels, where, classes)
    images = {
        part: ArrayImages(shape_rows(table.file, table.pixels, shape), numbers[part]) for part, table in tables.items()
    }
    said = warn_of_blanks(where["train"], *(one.pixels for one in images.values()))
    told = [f"{file.name} has no column of labels and is left out" for file in unlabelled]
    found = join_parts(name, names, images)
    return replace(found, warnings=said, notes=(*said, *told, *found.notes))


def shape_rows(file: Path, rows: Pixels, shape: Sequence[int] | None) -> Pixels:
    """Rows [n, pixels] as images [n, height, width, channels]."""
    height, width, channels, whole = guess_shape(file, rows.shape[1], shape)
    if whole:
        return np.ascontiguousarray(rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1))
    return rows.reshape(-1, height, width, channels)


def _columns(file: Path) -> Columns:
    found = read_columns(file)
    if found is None:
        raise DataError(f"{file}: is no table of pixels any more; run again")
    return found


def _check_alike(files: dict[str, Path], columns: dict[str, Columns]) -> None:
    train = columns["train"]
    wanted = [train.names[place] for place in train.pixels]
    for part, one in columns.items():
        if (found := [one.names[place] for place in one.pixels]) != wanted and one.headed and train.headed:
            odd = sorted(set(found) ^ set(wanted)) or ["the order"]
            raise DataError(f"{files[part]}: its columns are not those of {files['train'].name}, the first: {odd[0]}")
        if len(found) != len(wanted):
            raise DataError(
                f"{files[part]}: holds {len(found)} columns of pixels, {files['train'].name} {len(wanted)}; they must match"
            )
