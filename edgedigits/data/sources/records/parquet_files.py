"""Parquet files with the bytes of image files, as the Hugging Face hub stores data sets; read with pyarrow, an extra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgedigits.data.sources.files.held import Picture
from edgedigits.data.sources.files.part_files import Parts, find_part_files
from edgedigits.data.sources.records.arrow_columns import find_columns, read_cells
from edgedigits.data.sources.records.record_data import Records
from edgedigits.errors import DataError, InputError

_ROWS = 512


def find_parquet(path: Path) -> Parts:
    """The files of the parts: train-00000-of-00002.parquet, or train/0000.parquet, there or in a folder below."""
    return find_part_files(path, r"\.parquet")


def read_parquet_parts(parts: Parts) -> dict[str, Records]:
    """Every part. Raises DataError for what is no such file, InputError where pyarrow is missing."""
    return {part: _read_part(files) for part, files in parts.items()}


def _read_part(files: Sequence[Path]) -> Records:
    found = [_read(file) for file in files]
    if odd := next((one for one in found if one.names != found[0].names), None):
        raise DataError(f"{odd.where}: its classes are not those of {files[0].name}, in that order; all need the same")
    return Records(
        found[0].where,
        tuple(picture for one in found for picture in one.pictures),
        tuple(label for one in found for label in one.labels),
        found[0].names,
    )


def _read(file: Path) -> Records:
    arrow, parquet = import_arrow(str(file))
    pictures: list[Picture] = []
    labels: list[Any] = []
    try:
        with parquet.ParquetFile(file) as opened:
            columns = find_columns(str(file), opened.schema_arrow)
            wanted = [columns.image, *([columns.label] if columns.label else [])]
            for batch in opened.iter_batches(batch_size=_ROWS, columns=wanted):
                more = read_cells(str(file), columns, arrow.Table.from_batches([batch]), len(labels), file.parent)
                pictures += more[0]
                labels += more[1]
    except (arrow.ArrowException, OSError, ValueError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        said = " ".join(str(error).split())[:160] or type(error).__name__
        raise DataError(f"{file}: not a readable Parquet file ({said})") from error
    return Records(str(file), tuple(pictures), tuple(labels), columns.names)


def import_arrow(where: str) -> tuple[Any, Any]:
    """(pyarrow, pyarrow.parquet). Raises InputError where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{where}: needs pyarrow, which is not installed here; pip install 'edgedigits[parquet]'"
        ) from error
    return pyarrow, pyarrow.parquet
