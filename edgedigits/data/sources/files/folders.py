"""Folders of images, one subfolder per class, read from disk as they are needed.

A folder that holds `train` and `test` (by these and other usual names), each with the class subfolders, brings its own test
part; from any other a stratified one is cut with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.picture_kinds import SUFFIXES
from edgedigits_runner.pictures import decode

from edgedigits.data.cleaned import fit_picture
from edgedigits.data.dataset import Dataset, hash_parts
from edgedigits.data.images import Labels, Pixels
from edgedigits.data.reading import PLAIN, Reading
from edgedigits.data.sources.files.class_folders import find_parts, list_classes, order_classes
from edgedigits.data.sources.files.held import Picture, mark_picture, read_picture
from edgedigits.data.sources.files.left_out import UNDECODABLE, LeftOut
from edgedigits.data.sources.files.survey import Survey, survey
from edgedigits.data.sources.files.walking import list_images, list_subfolders
from edgedigits.data.splits import train_test_cut
from edgedigits.errors import DataError


@dataclass(frozen=True)
class FolderImages:
    """Images on disk; `read` decodes the ones asked for, and none is kept."""

    paths: tuple[Picture, ...]
    labels: Labels
    shape: tuple[int, int, int]
    reading: Reading = PLAIN

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: np.ndarray) -> Pixels:
        return np.stack([self._read(self.paths[index]) for index in indices])

    def subset(self, indices: np.ndarray) -> FolderImages:
        return replace(self, paths=tuple(self.paths[index] for index in indices), labels=self.labels[indices])

    def _read(self, path: Picture) -> Pixels:
        try:
            image = decode(read_picture(path), self.reading.background, self.reading.bits)
            return fit_picture(image, self.shape, self.reading)
        except (OSError, RunnerError) as error:
            raise DataError(f"{path}: became unreadable while it was in use ({error}); run again") from error


def load_folder(
    root: Path, *, skip_bad: bool = False, reading: Reading = PLAIN, classes: Sequence[str] | None = None
) -> Dataset:
    """A data set from `root`; colour when any image is. Every file is decoded once here, so that later reads can't fail.

    `classes`: their order; by default that of their names. Raises DataError for an empty class folder, images of different
    sizes without a size in `reading`, and files that can't be decoded, which are named and counted, and left out only with
    `skip_bad`. What is left out is counted by reason in the notes.
    """
    left = LeftOut()
    parts = find_parts(root, left)
    found = list_classes(parts["train"])
    names = order_classes(str(parts["train"]), found, classes) if classes else found
    listed = {part: _list_images(folder, names, left) for part, folder in parts.items()}
    seen = survey(root, [path for paths, _ in listed.values() for path in paths], reading)
    refuse_bad(seen, skip_bad, left)
    reading = replace(reading, bits=seen.bits)
    images = {part: _good(parts[part], names, *listed[part], seen, reading) for part in parts}
    train, test = train_and_test(images)
    warnings = list_warnings(seen)
    notes = (
        *warnings,
        f"{len(train) + len(test)} images in {len(names)} classes read, {left}",
        *_told(parts, names, bool(classes)),
    )
    mark = hash_parts(_identity(root, [train, test], names, seen.shape))
    return Dataset(root.name, names, train, test, mark, notes, warnings, reading)


def _list_images(part: Path, names: Sequence[str], left: LeftOut) -> tuple[list[Path], Labels]:
    paths: list[Path] = []
    labels: list[int] = []
    if odd := sorted({folder.name for folder in list_subfolders(part, left)} ^ set(names)):
        raise DataError(f"{part}: class folder {odd[0]} stands in only one of the parts; all need the same classes")
    for label, name in enumerate(names):
        found = list_images(part / name, left)
        if not found:
            raise DataError(
                f"{part / name}: no images in this class folder; add some ({', '.join(SUFFIXES)}) or remove it ({left})"
            )
        paths += found
        labels += [label] * len(found)
    return paths, np.array(labels, np.int32)


def refuse_bad(seen: Survey, skip_bad: bool, left: LeftOut) -> None:
    """Raises DataError for files that can't be decoded, unless they are to be left out, and counted."""
    if seen.bad and not skip_bad:
        path, wrong = next(iter(seen.bad.items()))
        more = f" and {len(seen.bad) - 1} more" if len(seen.bad) > 1 else ""
        raise DataError(f"{path}{more}: {wrong}; mend them, or pass --skip-bad to use the rest")
    for path in seen.bad:
        left.add(UNDECODABLE, path)


def _good(
    part: Path, names: Sequence[str], paths: Sequence[Path], labels: Labels, seen: Survey, reading: Reading
) -> FolderImages:
    """What of a part can be used; every class must have some."""
    good = drop_bad(paths, labels, seen, reading)
    if absent := sorted(set(range(len(names))) - set(good.labels.tolist())):
        raise DataError(f"{part / names[absent[0]]}: no image can be used; every class folder needs some")
    return good


def drop_bad(pictures: Sequence[Picture], labels: Labels, seen: Survey, reading: Reading) -> FolderImages:
    """The images less those that the survey found bad, with their labels."""
    keep = [index for index, picture in enumerate(pictures) if picture not in seen.bad]
    return FolderImages(tuple(pictures[index] for index in keep), labels[keep], seen.shape, reading)


def train_and_test(images: dict[str, FolderImages]) -> tuple[FolderImages, FolderImages]:
    """Validation images are cut from the training ones, so a part of their own joins those, if it isn't all there is to test."""
    train, test = images["train"], images.get("test")
    if test is None and "val" in images:
        return train, images["val"]
    if test is None:
        rest, cut = train_test_cut(train.labels)
        return train.subset(rest), train.subset(cut)
    if "val" in images:
        more = images["val"]
        train = replace(train, paths=train.paths + more.paths, labels=np.concatenate([train.labels, more.labels]))
    return train, test


def _told(parts: dict[str, Path], names: Sequence[str], given: bool) -> Iterator[str]:
    if "val" in parts and "test" in parts:
        yield f"{parts['val'].name} joins {parts['train'].name}: validation images are cut from both together, stratified"
    elif "val" in parts:
        yield f"no test part: the images of {parts['val'].name} are the test images; validation is cut from the rest"
    if not given and list(names) != sorted(names):
        shown = ", ".join(names[:4])
        yield f"class folders are all numbers and count as such: {shown}, ...; --classes sets another order"


def list_warnings(seen: Survey) -> tuple[str, ...]:
    """What is used, and may spoil the work."""
    bad = (f"{len(seen.bad)} unreadable images left out, the first: {next(iter(seen.bad))}",) if seen.bad else ()
    if not seen.blank:
        return bad
    return (*bad, f"blank images (one value everywhere): {len(seen.blank)}, the first: {seen.blank[0]}")


def _identity(
    root: Path, parts: list[FolderImages], names: Sequence[str], shape: tuple[int, int, int]
) -> Iterator[bytes]:
    """What identifies a folder without reading it again: relative names, sizes and times of change, and how it is read."""
    yield f"{shape} {list(names)} {parts[0].reading.as_dict()}\n".encode()
    for part in parts:
        for path in part.paths:
            named = path.relative_to(root) if isinstance(path, Path) else path
            yield f"{named} {mark_picture(path)}\n".encode()
