"""Which columns of an Arrow table are the image and the label, and what its classes are called: as the Hugging Face hub has it.

An image is a struct of `bytes` and `path`, or plain bytes; the names of the classes stand in the metadata of the schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits.data.sources.files.held import Held, Picture
from edgedigits.errors import DataError

_IMAGES = ("image", "img", "picture", "photo", "bytes")
_LABELS = ("label", "labels", "class", "target", "fine_label", "category", "class_label")
_WANTED = (
    "wanted a column of images, each a struct of bytes and path or bytes alone, and one of labels, as the Hugging Face "
    "hub has it"
)


@dataclass(frozen=True)
class ArrowColumns:
    """The names of the two columns, and of the classes that the labels number, None where they number none."""

    image: str
    label: str | None
    names: tuple[str, ...] | None


def find_columns(where: str, schema: Any, features: Mapping[str, Any] | None = None) -> ArrowColumns:
    """The columns of a pyarrow.Schema; `features` are as `datasets` has them, by default those in its metadata."""
    told = {name: _names_of(one) for name, one in (features or _features(schema)).items()}
    kinds = {field.name: field.type for field in schema}
    images = [name for name, kind in kinds.items() if _is_image(kind)]
    image = _choose(images, _IMAGES)
    if image is None:
        raise DataError(f"{where}: no column of images among {_shown(kinds)}; {_WANTED}")
    numbered = [name for name, names in told.items() if names and name in kinds]
    plain = [name for name, kind in kinds.items() if str(kind).startswith(("int", "uint", "string", "large_string"))]
    label = _choose(numbered, _LABELS) or next((name for name in _LABELS if name in plain), None)
    if label is None and len(plain) == 1:
        label = plain[0]
    return ArrowColumns(image, label, told.get(label or "") or None)


def read_cells(
    where: str, columns: ArrowColumns, table: Any, start: int, folder: Path
) -> tuple[list[Picture], list[Any]]:
    """The images and the labels of a pyarrow.Table whose first row is number `start`; DataError for a cell that is empty."""
    pictures: list[Picture] = []
    for number, cell in enumerate(table.column(columns.image).to_pylist(), start):
        data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
        if data is None and not path:
            raise DataError(f"{where}: row {number}, column {columns.image} is empty; every row needs its image")
        pictures.append(folder / str(path) if data is None else Held(f"{where} row {number}", data))
    if columns.label is None:
        return pictures, [-1] * len(pictures)
    labels = table.column(columns.label).to_pylist()
    if None in labels:
        row = start + labels.index(None)
        raise DataError(f"{where}: row {row}, column {columns.label} is empty; every image needs its label")
    return pictures, labels


def _features(schema: Any) -> dict[str, Any]:
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        found = told["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _names_of(feature: Any) -> tuple[str, ...] | None:
    """Of a ClassLabel, as JSON or as an object of `datasets`."""
    names = feature.get("names") if isinstance(feature, dict) else getattr(feature, "names", None)
    return tuple(map(str, names)) if isinstance(names, (list, tuple)) else None


def _is_image(kind: Any) -> bool:
    text = str(kind)
    return text in ("binary", "large_binary") or (text.startswith("struct<") and "bytes: " in text)


def _choose(there: list[str], known: tuple[str, ...]) -> str | None:
    return next((name for name in known if name in there), there[0] if there else None)


def _shown(kinds: Mapping[str, object]) -> str:
    return ", ".join(f"{name} ({str(kind)[:30]})" for name, kind in list(kinds.items())[:6])
