"""Labels as people write them, names or numbers, to class numbers: the same classes in every part, or a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgedigits.data.arrays import name_classes
from edgedigits.data.sources.files.class_folders import order_classes
from edgedigits.errors import DataError

_FEW = 20


def sort_names(names: Sequence[str]) -> tuple[str, ...]:
    """Numbers by number where all are, else by name."""
    numbers = are_numbers(names)
    return tuple(sorted(names, key=lambda name: (int(name), name)) if numbers else sorted(names))


def are_numbers(names: Sequence[str]) -> bool:
    return all(name.isascii() and name.isdigit() and len(name) < 20 for name in names)


def number_classes(
    labels: dict[str, np.ndarray], where: dict[str, str], wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """(classes, of each part the class number of every image, int32 [n]) of labels as text [n].

    The classes are those of the training part; `wanted` is their order, or their names where they are numbers. `where` begins
    what is said of a part. Raises DataError for a label that training doesn't have, and for what is no label.
    """
    labels = {part: _plain(values) for part, values in labels.items()}
    found = sort_names(np.unique(labels["train"]).tolist())
    count = len(labels["train"])
    if len(found) < 2:
        raise DataError(f"{where['train']}: every image has the label {found[0]!r}; wanted at least two classes")
    if count >= _FEW and len(found) > count // 2:
        raise DataError(
            f"{where['train']}: holds {len(found)} different labels for {count} images, such as {found[0][:40]!r}; "
            "are these labels?"
        )
    for part, values in labels.items():
        _check_known(values, found, where[part], where["train"])
    names = choose_names(where["train"], found, wanted)
    number = {one: names.index(one) if set(names) == set(found) else place for place, one in enumerate(found)}
    known = sorted(found)
    places = np.array([number[one] for one in known], np.int32)
    return names, {part: places[np.searchsorted(np.array(known), values)] for part, values in labels.items()}


def choose_names(where: str, found: tuple[str, ...], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The classes as `wanted` has them: in that order where they are the same, called so where they are numbers."""
    if not wanted:
        return found
    if set(wanted) != set(found) and are_numbers(found):
        return name_classes(where, len(found), wanted)
    return order_classes(where, found, wanted)


def _plain(values: np.ndarray) -> np.ndarray:
    """Without blanks around them, and 3.0 as 3 where all are such numbers."""
    found = np.char.strip(values.astype(str))
    kinds = np.unique(found)
    if all(kind.endswith(".0") and kind[:-2].isdigit() for kind in kinds.tolist()):
        return np.char.replace(found, ".0", "")
    return found


def _check_known(values: np.ndarray, found: Sequence[str], where: str, train: str) -> None:
    odd = ~np.isin(values, np.array(found))
    if not odd.any():
        return
    first = str(values[int(np.flatnonzero(odd)[0])])
    if are_numbers(found) != are_numbers([first]):
        kinds = ("numbers", "names") if are_numbers(found) else ("names", "numbers")
        raise DataError(
            f"{where}: labels are {kinds[1]} here, as {first[:40]!r}, and {kinds[0]} in {train}, as {found[0][:40]!r}; "
            "write both parts alike"
        )
    raise DataError(
        f"{where}: {int(odd.sum())} images have a label that no image of {train} has, the first: {first[:40]!r}; "
        "mend the label, or leave them out"
    )
