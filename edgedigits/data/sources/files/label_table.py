"""A CSV of images and their labels, read without believing what it says.

One label per image: a column of paths and one called label, class or the like, whatever stands beside them. Several labels:
either `path,labels`, the labels of an image separated by `;`, or by spaces where no `;` is in use, none for an image without any;
or `path` and one column for each label, 0 or 1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from edgedigits_runner.files import read_whole

from edgedigits.data.sources.files.class_folders import order_classes
from edgedigits.errors import DataError

FIRST: Final = (
    *("path", "file", "filename", "image", "filepath", "file_path", "file_name"),
    *("image_path", "image_name", "image_id", "img"),
)
"""What the column of the images may be called, in any case."""
ONE: Final = ("label", "class", "classid", "class_id", "class_name", "target", "category", "y")
"""What the column may be called that holds the one label of an image, in any case."""
WANTED: Final = (
    "wanted a header of path,label; or of path,labels and the labels of each image separated by ; or spaces, or of path and one "
    "column of 0 and 1 for each label; paths count from the folder of the file"
)
_MOST_BYTES: Final = 2**28
_MOST_CELLS: Final = 2**30


@dataclass(frozen=True)
class Table:
    """What stands in a file: for each image its path as written, the line it is on, and the names of its labels.

    `columns` are the names of all labels where each has a column, None where they are only what the images have. `one`: whether
    an image has one label, which is its class.
    """

    file: Path
    paths: tuple[str, ...]
    lines: tuple[int, ...]
    labels: tuple[frozenset[str], ...]
    columns: tuple[str, ...] | None
    one: bool = False


def is_label_table(file: Path) -> bool:
    """Whether a file begins as one, so that another table beside class folders is no index of theirs."""
    try:
        head = read_whole(file, _MOST_BYTES)[:4096].decode("utf-8-sig", "replace").partition("\n")[0]
    except OSError:
        return False
    names = [name.strip().strip('"').lower() for name in head.split(",")]
    return len(names) > 1 and (names[0] in FIRST or _find_one(names) is not None)


def read_table(file: Path) -> Table:
    """The checked table. Raises DataError saying which line holds what."""
    header, rows = _cells(file)
    pair = _find_one(header)
    known = pair is not None or (len(header) > 1 and header[0].lower() in FIRST)
    if not known or not all(map(_is_name, header)) or len(set(header)) != len(header):
        raise DataError(f"{file}: its header is {','.join(header)[:80]!r}; {WANTED}")
    if not rows:
        raise DataError(f"{file}: names no image; {WANTED}")
    place = pair[0] if pair else 0
    for line, row in rows:
        if len(row) != len(header) or not row[place]:
            raise DataError(f"{file}: line {line} holds {len(row)} values, the header {len(header)}; {WANTED}")
    lines, paths = tuple(line for line, _ in rows), tuple(row[place] for _, row in rows)
    if pair is not None and not _are_marks(header, rows):
        return Table(file, paths, lines, _single(file, header[pair[1]], pair[1], rows), None, one=True)
    if [name.lower() for name in header[1:]] == ["labels"]:
        return Table(file, paths, lines, _listed(file, rows), None)
    return Table(file, paths, lines, _marked(file, header, rows), tuple(header[1:]))


def _find_one(header: Sequence[str]) -> tuple[int, int] | None:
    """The places of the path and of the one label of an image; None where no two columns are called so."""
    names = [name.lower() for name in header]
    path = next((place for place, name in enumerate(names) if name in FIRST), None)
    label = next((place for place, name in enumerate(names) if name in ONE), None)
    return None if path is None or label is None else (path, label)


def _are_marks(header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> bool:
    """Whether each of several columns behind the path holds 0 and 1: then one of them may be called y."""
    plain = len(header) > 2 and header[0].lower() in FIRST
    return plain and all(cell in ("0", "1") for _, row in rows for cell in row[1:])


def _single(file: Path, name: str, place: int, rows: Sequence[tuple[int, list[str]]]) -> tuple[frozenset[str], ...]:
    for line, row in rows:
        if not row[place] or not row[place].isprintable():
            raise DataError(
                f"{file}: line {line}, column {name} holds {row[place][:40]!r}; every image needs its label"
            )
    return tuple(frozenset((row[place],)) for _, row in rows)


def _cells(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """(the header, each line that isn't empty with its number), all stripped."""
    try:
        reader = csv.reader(io.StringIO(read_whole(file, _MOST_BYTES).decode("utf-8-sig"), newline=""), strict=True)
        found = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error, MemoryError) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{file}: not a readable CSV file in UTF-8 ({said}); {WANTED}") from error
    if not found:
        raise DataError(f"{file}: is empty; {WANTED}")
    return found[0][1], found[1:]


def _is_name(text: str) -> bool:
    return text != "" and text.isprintable()


def _listed(file: Path, rows: Sequence[tuple[int, list[str]]]) -> tuple[frozenset[str], ...]:
    apart = ";" if any(";" in row[1] for _, row in rows) else None
    found = []
    for line, row in rows:
        names = [name.strip() for name in row[1].split(apart) if name.strip()]
        if odd := next((name for name in names if "," in name or not name.isprintable()), None):
            raise DataError(
                f"{file}: line {line} holds the label {odd[:60]!r}; labels are plain text, apart by ; or spaces, not commas"
            )
        found.append(frozenset(names))
    return tuple(found)


def _marked(file: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> tuple[frozenset[str], ...]:
    for line, row in rows:
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell not in ("0", "1"):
                raise DataError(
                    f"{file}: line {line}, column {name} holds {cell[:40]!r}, which is not 0 or 1; {WANTED}"
                )
    return tuple(
        frozenset(name for name, cell in zip(header[1:], row[1:], strict=True) if cell == "1") for _, row in rows
    )


def list_names(tables: Sequence[Table], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """All labels: in the order of the columns, else by name, numbers by number; in the order of `wanted` where given.

    Raises DataError where the tables of a set differ, and for labels that no training image has (the first table's).
    """
    columns = {(table.columns, table.one) for table in tables}
    if len(columns) > 1:
        raise DataError(
            f"{tables[1].file}: its header is not that of {tables[0].file.name}; all parts need the same labels"
        )
    known = tables[0].columns
    if known is None:
        there = {name for table in tables for one in table.labels for name in one}
        numbers = all(name.isascii() and name.isdigit() and len(name) < 20 for name in there)
        known = tuple(sorted(there, key=lambda name: (int(name), name)) if numbers else sorted(there))
    if not known:
        raise DataError(f"{tables[0].file}: no image has a label; {WANTED}")
    names = order_classes(str(tables[0].file), known, wanted) if wanted else known
    seen = frozenset().union(*tables[0].labels)
    if never := [name for name in names if name not in seen]:
        raise DataError(f"{tables[0].file}: no training image has the label {never[0]!r}; add some, or leave it out")
    return names


def build_matrix(table: Table, names: Sequence[str]) -> np.ndarray:
    """The labels as uint8 [n, labels] of 0 and 1. Raises DataError for more of them than images can tell apart."""
    if len(names) > max(100, len(table.paths)) or len(names) * len(table.paths) > _MOST_CELLS:
        raise DataError(
            f"{table.file}: holds {len(names)} different labels for {len(table.paths)} images, such as {names[0][:40]!r}; are "
            f"these labels? {WANTED}"
        )
    number = {name: place for place, name in enumerate(names)}
    found = np.zeros((len(table.paths), len(names)), np.uint8)
    for row, labels in enumerate(table.labels):
        found[row, [number[name] for name in labels]] = 1
    return found
