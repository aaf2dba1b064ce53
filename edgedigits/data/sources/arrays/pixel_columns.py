"""Which columns of a table are the pixels, which is the label, and what shape so many pixels have.

As Kaggle's tables are: `label,pixel0,...,pixel783`, columns of other names and in another order, an id beside them, no header.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

from edgedigits_runner.files import open_regular

from edgedigits.data.sources.files.label_table import FIRST
from edgedigits.errors import DataError

LABELS: Final = (
    *("label", "labels", "class", "classid", "class_id", "class_label", "classlabel", "class_name"),
    *("target", "category", "y", "digit", "letter", "answer"),
)
"""What the column of the label may be called, in any case; another name does where it is the only column left."""
IDS: Final = (
    "",
    "id",
    "index",
    "idx",
    "imageid",
    "image_id",
    "row_id",
    "rowid",
    "filename",
    "file",
    "path",
    "usage",
    "split",
)
WANTED: Final = (
    "wanted a header of label,pixel0,pixel1,... and whole numbers 0..255, the label first, last or called label"
)
_PIXEL_STEMS = ("p", "#", "x", "v")
_LEAST_PIXELS = 9
_HEAD_BYTES, _HEAD_ROWS = 2**22, 200


@dataclass(frozen=True)
class Columns:
    """The columns of a table: how many, whether a header names them, the places of the pixels in order and of the label."""

    names: tuple[str, ...]
    headed: bool
    pixels: tuple[int, ...]
    label: int | None


def read_columns(file: Path) -> Columns | None:
    """What the first line says; None where it is no table of pixels. Raises DataError where one column of it is missing."""
    try:
        with open_regular(file) as opened:
            head = opened.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
        first, *rows = [*islice(csv.reader(io.StringIO(head, newline="")), _HEAD_ROWS)] or [[]]
    except (OSError, csv.Error):
        return None
    names = tuple(name.strip() for name in first)
    if len(names) < _LEAST_PIXELS:
        return None
    if all(map(_is_number, names)) and names[1:] != tuple(map(str, range(len(names) - 1))):
        return _unheaded(names)
    pixels = _find_pixels(names)
    if pixels is None:
        return None
    _check_gaps(file, names, pixels)
    return Columns(names, True, pixels, _find_label(file, names, pixels, rows))


def guess_shape(file: Path, count: int, shape: Sequence[int] | None) -> tuple[int, int, int, bool]:
    """(height, width, channels, whether each channel stands whole behind the other) of so many pixels.

    `shape` is (height, width), (height, width, channels) or (3, height, width); where it isn't given the image is square, and
    colours stand beside each other. Raises DataError where that can't be.
    """
    if shape is not None:
        whole = len(shape) == 3 and shape[0] == 3 and shape[2] not in (1, 3)
        height, width, channels = (*shape[1:], 3) if whole else (*shape, 1)[:3]
        if math.prod(shape) != count or channels not in (1, 3):
            said = "x".join(map(str, shape))
            raise DataError(f"{file}: holds {count} columns of pixels, --shape {said} says {math.prod(shape)}")
        return height, width, channels, whole
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side * side * channels == count:
            return side, side, channels, False
    raise DataError(
        f"{file}: holds {count} columns of pixels, which are no square image, grey or colour; say --shape HxW or HxWx3, or see "
        "whether a column is missing"
    )


def _unheaded(first: Sequence[str]) -> Columns | None:
    """A line of numbers alone: the label is in front, as everywhere where there is no header, or last."""
    count = len(first)
    names = tuple(f"column {number}" for number in range(1, count + 1))
    if not _is_image(count - 1):
        return Columns(names, False, tuple(range(count)), None) if _is_image(count) else None
    return Columns(names, False, tuple(range(1, count)), 0)


def _is_image(count: int) -> bool:
    return any(math.isqrt(count // channels) ** 2 * channels == count for channels in (1, 3))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", text) is not None


def _find_pixels(names: Sequence[str]) -> tuple[int, ...] | None:
    """The columns whose names differ in their numbers alone, if most columns do: by that number where there is one number."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        kinds[re.sub("[0-9]+", "#", name.lower())].append(place)
    stem, places = max(kinds.items(), key=lambda one: len(one[1]))
    if "#" not in stem or len(places) < max(_LEAST_PIXELS, len(names) // 2):
        return None
    if names[0].lower() in FIRST and not stem.startswith(_PIXEL_STEMS):
        return None  # marks of many labels behind the path of an image
    if stem.count("#") == 1:
        places.sort(key=lambda place: _number(names[place]))
    return tuple(places)


def _number(name: str) -> int:
    return int(re.findall("[0-9]+", name)[0])


def _check_gaps(file: Path, names: Sequence[str], pixels: Sequence[int]) -> None:
    """Numbers that leave one out, or bring one twice."""
    known = set()
    for place in pixels:
        if names[place] in known:
            raise DataError(f"{file}: has two columns {names[place]}; mend its header")
        known.add(names[place])
    if len(re.findall("[0-9]+", names[pixels[0]])) != 1:
        return
    for before, after in pairwise(pixels):
        if _number(names[after]) != _number(names[before]) + 1:
            missing = re.sub("[0-9]+", str(_number(names[before]) + 1), names[before])
            raise DataError(
                f"{file}: has no column {missing} between {names[before]} and {names[after]}; every image needs all of its pixels"
            )


def _find_label(file: Path, names: Sequence[str], pixels: Sequence[int], rows: Sequence[Sequence[str]]) -> int | None:
    """The column of that name, else the only one that is no id, by its name or as no value of it comes twice; None for none."""
    taken = set(pixels)
    rest = [place for place in range(len(names)) if place not in taken]
    called = [place for place in rest if names[place].lower() in LABELS]
    left = [place for place in rest if names[place].lower() not in IDS]
    values = {place: [row[place] for row in rows if len(row) == len(names)] for place in left}
    repeated = [place for place, cells in values.items() if len(set(cells)) < len(cells)]
    for found in (called, left, repeated):
        if len(found) == 1:
            return found[0]
    if not called and not left:
        return None
    some = ", ".join(names[place] for place in (called or left)[:4])
    raise DataError(
        f"{file}: which column is the label? it could be {some}; call the right one label, or drop the others"
    )
