"""Which files beside one another are the parts of one data set: `train.csv` and `test.csv`, shards, `sign_mnist_train.csv`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from edgedigits_runner.picture_kinds import SUFFIXES

from edgedigits.data.sources.files.class_folders import PARTS, find_training_part
from edgedigits.data.sources.files.walking import is_ignored, list_subfolders, walk_files
from edgedigits.errors import DataError

Parts = dict[str, tuple[Path, ...]]
"""The files of "train", and of "val" and "test" where there are some."""
_PART = {name.replace("_", ""): part for part, names in PARTS.items() for name in names}


def find_part_files(path: Path, ending: str, accepts: Callable[[Path], bool] = lambda _: True) -> Parts:
    """The files of the parts at `path`, a folder or one of the files themselves; {} where none is of that form.

    A file that names the training part, or a shard, brings those beside it that differ from it in the part or the number alone.
    Of a folder its own files count, else those of its folders. `ending` is a pattern of the names' ends, `accepts`
    tells the form by content.
    """
    if path.is_file():
        if not _fits(path, ending) or not accepts(path):
            return {}
        mine = _rest(path)
        beside = [one for one in _files(path.parent, ending) if _rest(one) == mine and accepts(one)]
        return _parts(beside, path.parent) if name_part(path, path.parent) == "train" else {"train": (path,)}
    if _holds_class_folders(path):
        return {}  # what lies beside them is about them
    own = [one for one in _files(path, ending) if accepts(one)]
    below = own or [
        one
        for folder in sorted(path.iterdir())
        if folder.is_dir() and not is_ignored(folder.name)
        for one in _files(folder, ending)
        if accepts(one)
    ]
    return _parts(below, path)


def name_part(path: Path, root: Path) -> str | None:
    """The part that a file's name says, else its folder, where that lies in `root` and is called so; None where neither does."""
    for word in reversed(split_words(path.name)):
        if word in _PART:
            return _PART[word]
    return None if path.parent == root else _PART.get("".join(split_words(path.parent.name)))


def refuse_several(parts: Parts) -> dict[str, Path]:
    """The one file of each part. Raises DataError for more: they are not shards of one."""
    for files in parts.values():
        if len(files) > 1:
            raise DataError(
                f"{files[0].parent}: holds {files[0].name} and {files[1].name}, both the same part; name the one to use, or call "
                "the parts train and test"
            )
    return {part: files[0] for part, files in parts.items()}


def _parts(files: Iterable[Path], root: Path) -> Parts:
    """Sorted by name; files that say no part are for training, unless others say that they are."""
    found: dict[str | None, list[Path]] = {}
    for file in sorted(files):
        found.setdefault(name_part(file, root), []).append(file)
    if "train" not in found:
        found["train"] = found.pop(None, [])
    named = {part: tuple(found[part]) for part in PARTS if found.get(part)}
    return named if "train" in named else {}


def _files(folder: Path, ending: str) -> list[Path]:
    return sorted(one for one in folder.iterdir() if _fits(one, ending) and one.is_file() and not is_ignored(one.name))


def _holds_class_folders(root: Path) -> bool:
    """Whether at least two folders there, or in the training part, hold images by their names."""
    holding = (
        folder
        for folder in list_subfolders(find_training_part(root))
        if any(file.suffix.lower() in SUFFIXES for file in walk_files(folder))
    )
    return len(list(islice(holding, 2))) == 2


def _fits(file: Path, ending: str) -> bool:
    return re.search(f"{ending}$", file.name.lower()) is not None


def split_words(name: str) -> list[str]:
    """The words of a name in small letters."""
    return re.split(r"[^a-z0-9]+", name.lower().replace("_set", "set"))


def _rest(file: Path) -> tuple[str, ...]:
    """What a name says beside the part and the number of a shard."""
    return tuple(word for word in split_words(file.name) if word not in _PART and not word.isdigit())
