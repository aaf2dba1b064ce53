"""A Dataset of Hugging Face as a part of a data set: its images as the files they came from, which aren't decoded by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgedigits.data.reading import Reading
from edgedigits.data.sources.files.held import Picture
from edgedigits.data.sources.records.arrow_columns import find_columns, read_cells
from edgedigits.data.sources.records.record_data import Records
from edgedigits.errors import DataError

_ROWS = 512


def is_hub_dataset(data: Any) -> bool:
    return hasattr(data, "features") and hasattr(data, "with_format")


def read_hub_dataset(data: Any, where: str, _: Reading) -> Records:
    """Every row that it has, in its order. Raises DataError for one without images or labels."""
    features = dict(data.features or {})
    pictures: list[Picture] = []
    labels: list[Any] = []
    columns = None
    for table in data.with_format("arrow").iter(batch_size=_ROWS):
        columns = columns or find_columns(where, table.schema, features)
        more = read_cells(where, columns, table, len(labels), Path())
        pictures += more[0]
        labels += more[1]
    if columns is None:
        raise DataError(f"{where}: holds no image")
    return Records(where, tuple(pictures), tuple(labels), columns.names)
