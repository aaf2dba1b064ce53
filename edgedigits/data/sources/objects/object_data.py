"""A data set from what Python has in hand, told apart without importing the libraries it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgedigits.data.arrays import warn_of_blanks
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import ArrayImages
from edgedigits.data.reading import PLAIN, Reading
from edgedigits.data.sources.arrays.parts_of_arrays import join_parts
from edgedigits.data.sources.files.class_folders import PARTS
from edgedigits.data.sources.objects.array_objects import ArrayPart, check_parts, is_arrays, read_arrays
from edgedigits.data.sources.objects.hub_objects import is_hub_dataset, read_hub_dataset
from edgedigits.data.sources.objects.tf_objects import is_tf_dataset, read_tf_dataset
from edgedigits.data.sources.records.record_data import Records, load_records
from edgedigits.errors import DataError

WANTED = (
    "wanted a Dataset (Dataset.from_arrays, load_data), mnist, digits or a path; or arrays (images, labels), a tf.data.Dataset "
    'or a Dataset of Hugging Face, each also as a pair of train and test or as {"train": ..., "test": ...}'
)


@dataclass(frozen=True)
class Kind:
    """`fits` says whether an object is of this kind, `read` gives what is in it; its second argument begins every complaint."""

    fits: Callable[[Any], bool]
    read: Callable[[Any, str, Reading], ArrayPart | Records]


KINDS = (
    Kind(is_arrays, read_arrays),
    Kind(is_tf_dataset, read_tf_dataset),
    Kind(is_hub_dataset, read_hub_dataset),
)


def load_objects(
    data: Any,
    *,
    skip_bad: bool = False,
    reading: Reading = PLAIN,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """A data set from one of `KINDS`, or from a mapping or a pair of them; a test part is cut where there is none.

    Raises DataError for anything else, and for parts of different kinds.
    """
    found = {part: _read(one, f"data, {part} part", reading) for part, one in _name_parts(data).items()}
    records = {part: one for part, one in found.items() if isinstance(one, Records)}
    arrays = {part: one for part, one in found.items() if isinstance(one, ArrayPart)}
    if records and arrays:
        raise DataError("data: its parts are of different kinds; give all in one kind")
    if records:
        return load_records("given", records, skip_bad=skip_bad, reading=reading, classes=classes)
    names, images = check_parts(arrays, classes)
    cleaned = all(one.cleaned for one in arrays.values())
    return _of_arrays(names, images, reading if cleaned else replace(reading, clean=None))


def _of_arrays(names: tuple[str, ...], images: dict[str, ArrayImages], reading: Reading) -> Dataset:
    said = warn_of_blanks("data", *(one.pixels for one in images.values()))
    found = join_parts("arrays", names, images)
    return replace(found, warnings=said, notes=(*said, *found.notes), reading=reading)


def _name_parts(data: Any) -> dict[str, Any]:
    known = {name: part for part, names in PARTS.items() for name in names}
    if isinstance(data, Mapping):
        parts = {known[key]: one for key, one in data.items() if key in known}
        if "train" not in parts:
            raise DataError(f"data: has no part train among {', '.join(map(str, list(data)[:6]))}; {WANTED}")
        return parts
    if isinstance(data, (tuple, list)) and len(data) == 2 and not is_arrays(data):
        return {"train": data[0], "test": data[1]}
    return {"train": data}


def _read(data: Any, where: str, reading: Reading) -> ArrayPart | Records:
    for kind in KINDS:
        if kind.fits(data):
            return kind.read(data, where, reading)
    raise DataError(f"data: found {type(data).__name__}; {WANTED}")
