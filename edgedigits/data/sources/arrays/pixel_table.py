"""A table with a column for each pixel, read a part at a time into bytes; what is wrong in it is found by line and column."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from edgedigits_runner.files import open_regular

from edgedigits.data.images import Pixels
from edgedigits.data.sources.arrays.pixel_columns import WANTED, Columns
from edgedigits.errors import DataError

_ROWS = 4096
_NUMBERS: Final = "whole numbers 0..255, or floats 0..1"


@dataclass(frozen=True)
class PixelTable:
    """What a file holds: uint8 [n, pixels], and of each image the label as text, [n], None where there is no such column."""

    file: Path
    pixels: Pixels
    labels: np.ndarray | None


def read_pixel_table(file: Path, columns: Columns) -> PixelTable:
    """Every row of it. Raises DataError saying which line and which column holds what."""
    try:
        pixels, labels = _read(file, columns, np.uint8)
    except ValueError as error:  # pandas' own kinds are all of it
        _refuse_fault(file, columns)
        pixels, labels = _of_floats(file, columns, error)
    if not len(pixels):
        raise DataError(f"{file}: holds no image; {WANTED}")
    if labels is not None and (empty := np.flatnonzero(labels == "")).size:
        name = columns.names[columns.label or 0]
        raise DataError(
            f"{file}: line {_line(file, columns, int(empty[0]))}, column {name} is empty; every image needs its label"
        )
    return PixelTable(file, pixels, labels)


def _read(file: Path, columns: Columns, kind: type[np.generic]) -> tuple[np.ndarray, np.ndarray | None]:
    import pandas as pd

    used = [*columns.pixels, *([] if columns.label is None else [columns.label])]
    kinds: dict[Any, Any] = dict.fromkeys(range(len(columns.names)), str)
    kinds.update(dict.fromkeys(columns.pixels, kind))
    images, labels = [], []
    with _as_value_errors(file), open_regular(file) as opened:
        rows = pd.read_csv(
            opened,
            header=None,
            names=range(len(columns.names)),
            index_col=False,
            skiprows=int(columns.headed),
            dtype=kinds,
            na_filter=False,
            engine="c",
            chunksize=_ROWS,
            encoding="utf-8-sig",
        )
        for part in rows:
            images.append(part[used[: len(columns.pixels)]].to_numpy(kind))
            if columns.label is not None:
                labels.append(part[columns.label].to_numpy(str))
    if not images:
        return np.zeros((0, len(columns.pixels)), kind), None
    return np.concatenate(images), np.char.strip(np.concatenate(labels)) if labels else None


@contextmanager
def _as_value_errors(file: Path) -> Iterator[None]:
    """What pandas raises, and what it only warns of: rows that are longer than the header."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.EmptyDataError:
        return
    except (pd.errors.ParserWarning, OverflowError) as error:
        raise ValueError(str(error)) from error
    except (OSError, MemoryError) as error:
        raise DataError(
            f"{file}: can't be read ({getattr(error, 'strerror', None) or 'more than memory holds'})"
        ) from error


def _of_floats(file: Path, columns: Columns, error: ValueError) -> tuple[Pixels, np.ndarray | None]:
    """Floats in 0..1 are taken as pixel/255, as everywhere; others could mean anything."""
    try:
        values, labels = _read(file, columns, np.float32)
    except ValueError:
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{file}: not a readable CSV file of numbers ({said}); {WANTED}") from error
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise DataError(f"{file}: pixels are fractions in {low:.4g}..{high:.4g}; wanted {_NUMBERS}")
    return np.round(values * 255).astype(np.uint8), labels


def _refuse_fault(file: Path, columns: Columns) -> None:
    """Raises DataError for the first row that is too short or long, or holds what is no number or out of range."""
    pixels = set(columns.pixels)
    for line, row in _rows(file, columns):
        if len(row) != len(columns.names):
            raise DataError(
                f"{file}: line {line} holds {len(row)} values, {_first(columns)} {len(columns.names)}; "
                "mend the line, or leave it out"
            )
        for place, cell in enumerate(row):
            if place in pixels and not _may_be_pixel(cell):
                raise DataError(
                    f"{file}: line {line}, column {columns.names[place]} holds {cell[:40]!r}, which is no pixel; "
                    f"wanted {_NUMBERS}"
                )


def _first(columns: Columns) -> str:
    return "the header" if columns.headed else "line 1"


def _may_be_pixel(cell: str) -> bool:
    try:
        value = float(cell)
    except ValueError:
        return False
    return 0 <= value <= 255


def _rows(file: Path, columns: Columns) -> Iterator[tuple[int, list[str]]]:
    try:
        with open_regular(file) as opened:
            reader = csv.reader((line.decode("utf-8-sig", "replace") for line in opened), strict=True)
            for number, row in enumerate(reader):
                if row and (number or not columns.headed):
                    yield reader.line_num, row
    except (OSError, csv.Error) as error:
        raise DataError(f"{file}: not a readable CSV file ({error}); {WANTED}") from error


def _line(file: Path, columns: Columns, index: int) -> int:
    return next((line for place, (line, _) in enumerate(_rows(file, columns)) if place == index), 0)
