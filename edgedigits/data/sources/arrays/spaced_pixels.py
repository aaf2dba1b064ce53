"""A table whose column `pixels` holds all pixels of an image, spaces between them, as Kaggle's table of faces does:
`emotion,pixels,Usage`, where the last column may say the part."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from edgedigits_runner.files import open_regular

from edgedigits.data.arrays import warn_of_blanks
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages
from edgedigits.data.sources.arrays.parts_of_arrays import join_parts
from edgedigits.data.sources.arrays.pixel_columns import IDS, LABELS
from edgedigits.data.sources.arrays.pixel_data import shape_rows
from edgedigits.data.sources.files.class_numbers import number_classes
from edgedigits.data.sources.files.part_files import Parts, find_part_files, refuse_several
from edgedigits.errors import DataError

_PIXELS = "pixels"
_PARTS = {"training": "train", "publictest": "val", "privatetest": "test"}
_Rows = list[tuple[np.ndarray, str]]


def find_spaced_tables(path: Path) -> Parts:
    """The tables of that form at a path; {} where there are none."""
    return find_part_files(path, r"\.csv", lambda file: _PIXELS in _read_header(file))


def load_spaced(
    name: str, parts: Parts, *, shape: Sequence[int] | None = None, classes: Sequence[str] | None = None
) -> Dataset:
    """Images as `load_pixels` has them. Raises DataError saying which line holds what."""
    files = refuse_several(parts)
    found: dict[str, _Rows] = {}
    for part, file in files.items():
        for own, rows in _read(file, part, found).items():
            found.setdefault(own, []).extend(rows)
    where = {part: str(files.get(part, files["train"])) for part in found}
    if "train" not in found:
        raise DataError(f"{files['train']}: holds no image for training")
    names, numbers = number_classes(
        {part: np.array([one for _, one in rows]) for part, rows in found.items()}, where, classes
    )
    images = {
        part: ArrayImages(shape_rows(Path(where[part]), np.stack([one for one, _ in rows]), shape), numbers[part])
        for part, rows in found.items()
    }
    said = warn_of_blanks(where["train"], *(one.pixels for one in images.values()))
    joined = join_parts(name, names, images)
    return replace(joined, warnings=said, notes=(*said, *joined.notes))


def _read_header(file: Path) -> list[str]:
    try:
        with open_regular(file) as opened:
            line = opened.readline(2**16).decode("utf-8-sig", "replace")
    except OSError:
        return []
    return [cell.strip().strip('"').lower() for cell in line.split(",")]


def _read(file: Path, part: str, known: dict[str, _Rows]) -> dict[str, _Rows]:
    header = _read_header(file)
    at = header.index(_PIXELS)
    label = next((place for place, name in enumerate(header) if name in LABELS), None)
    left = [place for place, name in enumerate(header) if place != at and name not in IDS]
    label = left[0] if label is None and len(left) == 1 else label
    if label is None:
        raise DataError(f"{file}: no column is the label among {', '.join(header)[:80]}; call it label")
    usage = header.index("usage") if "usage" in header else None
    found: dict[str, _Rows] = {}
    length = next((len(rows[0][0]) for rows in known.values()), None)
    try:
        with open_regular(file) as opened:
            reader = csv.reader((line.decode("utf-8-sig", "replace") for line in opened), strict=True)
            next(reader)
            for row in filter(None, reader):
                where = f"{file}: line {reader.line_num}"
                if len(row) != len(header) or not row[label].strip():
                    raise DataError(
                        f"{where} holds {len(row)} values, the header {len(header)}, and needs its label; mend it"
                    )
                pixels = _parse(row[at], where)
                if len(pixels) != (length := length or len(pixels)):
                    raise DataError(
                        f"{where} holds {len(pixels)} pixels, the lines before {length}; mend it, or leave it out"
                    )
                own = _PARTS.get(row[usage].strip().lower(), part) if usage is not None else part
                found.setdefault(own, []).append((pixels, row[label].strip()))
    except (OSError, csv.Error) as error:
        raise DataError(f"{file}: not a readable CSV file ({error})") from error
    return found


def _parse(text: str, where: str) -> np.ndarray:
    try:
        return np.array(text.split(), np.uint8)
    except (ValueError, OverflowError) as error:
        odd = next((one for one in text.split() if not (one.isdigit() and int(one) < 256)), text)
        raise DataError(
            f"{where}, column {_PIXELS} holds {odd[:40]!r}, which is no pixel; wanted whole numbers 0..255"
        ) from error
