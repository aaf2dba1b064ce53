"""Which folders are the parts of a data set, which are its classes, and in what order the classes count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgedigits.data.sources.files.left_out import BESIDE, LeftOut
from edgedigits.data.sources.files.walking import list_subfolders, walk_files
from edgedigits.errors import DataError

PARTS = {
    "train": ("train", "training", "trainset", "train_set"),
    "val": ("val", "valid", "validation", "dev", "val_set", "validation_set"),
    "test": ("test", "testing", "testset", "test_set"),
}
"""What the parts are called, in any case."""


def find_parts(root: Path, left: LeftOut) -> dict[str, Path]:
    """The folders of the parts "train", "val" and "test" that are there; {"train": root} where the classes lie in it.

    They are parts only where there is a training part and each has class folders itself: a class may be called "train".
    """
    names = {name: part for part, known in PARTS.items() for name in known}
    folders = list_subfolders(root)
    parts: dict[str, Path] = {}
    for folder in folders:
        part = names.get(folder.name.lower())
        if part is None or not list_subfolders(folder):
            continue
        if part in parts:
            raise DataError(f"{root}: {parts[part].name} and {folder.name} are both the {part} part; keep one of them")
        parts[part] = folder
    if "train" not in parts or (len(parts) == 1 and len(folders) > 1):
        return {"train": root}
    list_subfolders(root, left)
    for folder in folders:
        if folder not in parts.values():
            for file in walk_files(folder):
                left.add(BESIDE, file)
    return parts


def find_training_part(root: Path) -> Path:
    """Where the class folders of a data set are to be found."""
    return find_parts(root, LeftOut())["train"]


def list_classes(part: Path) -> tuple[str, ...]:
    """The class folders, by name; names that are all numbers, by number. Raises DataError for fewer than two."""
    names = [folder.name for folder in list_subfolders(part)]
    if len(names) < 2:
        raise DataError(
            f"{part}: holds {len(names)} class folders; wanted one subfolder of images per class, at least two"
        )
    numbers = all(name.isascii() and name.isdigit() and len(name) < 20 for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name)) if numbers else sorted(names))


def order_classes(where: str, found: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The classes in the order of `--classes`; DataError unless these are the same."""
    if len(set(wanted)) != len(wanted):
        raise DataError(f"--classes: {next(name for name in wanted if wanted.count(name) > 1)} stands there twice")
    if missing := [name for name in wanted if name not in found]:
        raise DataError(f"--classes: {where} has no class {missing[0]!r}; there are {', '.join(found)}")
    if more := [name for name in found if name not in wanted]:
        raise DataError(f"--classes: {more[0]} is missing, which {where} has; name all classes in the model's order")
    return tuple(wanted)
