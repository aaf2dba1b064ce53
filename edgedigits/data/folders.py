"""Folders of images, one subfolder per class, read from disk as they are needed.

A folder that holds exactly `train` and `test`, each with the class subfolders, brings its own test part; from any other a
stratified one is cut with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset, fingerprint, reshape
from edgedigits.data.images import Labels, Pixels
from edgedigits.data.splits import train_test_cut
from edgedigits.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


@dataclass(frozen=True)
class FolderImages:
    """Images on disk; `read` decodes the ones asked for, and none is kept."""

    paths: tuple[Path, ...]
    labels: Labels
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: np.ndarray) -> Pixels:
        return np.stack([_of_shape(self.paths[index], self.shape) for index in indices])

    def subset(self, indices: np.ndarray) -> FolderImages:
        return FolderImages(tuple(self.paths[index] for index in indices), self.labels[indices], self.shape)


def decode(path: Path) -> Pixels | None:
    """The image in a file, uint8 [h, w, 1] or RGB [h, w, 3]; None when it can't be decoded. Transparency is dropped."""
    import cv2

    try:
        raw = np.fromfile(path, np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if raw.size else None
    except (OSError, cv2.error):
        return None
    if image is None:
        return None
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        return None
    if image.ndim == 2:
        return np.asarray(image[..., None])
    code = cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)


def _of_shape(path: Path, shape: tuple[int, int, int]) -> Pixels:
    image = decode(path)
    if image is None:
        raise DataError(f"{path}: became unreadable while it was in use; run again")
    return reshape(image, shape[:2], shape[2])


def load_folder(root: Path, *, skip_bad: bool = False, size: tuple[int, int] | None = None) -> Dataset:
    """A data set from `root`; colour when any image is. Every file is decoded once here, so that later reads can't fail.

    Images are resized to `size` (height, width) if given. Raises DataError for an empty class folder, images of different sizes
    without `size`, and files that can't be decoded, which are named and counted, and left out only with `skip_bad`.
    """
    own_test = {entry.name for entry in root.iterdir() if entry.is_dir()} == {"train", "test"}
    parts = [root / "train", root / "test"] if own_test else [root]
    classes = _class_names(parts[0])
    listed = [_list_images(part, classes) for part in parts]
    shape, bad = _survey([path for paths, _ in listed for path in paths], size)
    if bad and not skip_bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise DataError(f"{bad[0]}{more}: can't be decoded as an image; mend them, or pass --skip-bad to use the rest")
    images = [_without(paths, labels, set(bad), shape) for paths, labels in listed]
    for part, kept in zip(parts, images, strict=True):
        if absent := sorted(set(range(len(classes))) - set(np.unique(kept.labels).tolist())):
            raise DataError(f"{part / classes[absent[0]]}: no image can be used; every class folder needs some")
    if not own_test:
        train, test = train_test_cut(images[0].labels)
        images = [images[0].subset(train), images[0].subset(test)]
    notes = (f"{len(bad)} unreadable images left out, the first: {bad[0]}",) if bad else ()
    return Dataset(root.name, classes, images[0], images[1], fingerprint(_identity(root, images, shape)), notes)


def _class_names(part: Path) -> tuple[str, ...]:
    names = tuple(sorted(entry.name for entry in part.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    if len(names) < 2:
        raise DataError(
            f"{part}: holds {len(names)} class folders; wanted one subfolder of images per class, at least two"
        )
    return names


def _list_images(part: Path, classes: Sequence[str]) -> tuple[list[Path], Labels]:
    paths: list[Path] = []
    labels: list[int] = []
    names = {entry.name for entry in part.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    if names != set(classes):
        odd = sorted(names ^ set(classes))[0]
        raise DataError(f"{part}: class folder {odd} stands in only one of train and test; both need the same classes")
    for label, name in enumerate(classes):
        found = sorted(path for path in (part / name).iterdir() if path.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(
                f"{part / name}: no images in this class folder; add some ({', '.join(SUFFIXES)}) or remove it"
            )
        paths += found
        labels += [label] * len(found)
    return paths, np.array(labels, np.int32)


def _survey(paths: list[Path], size: tuple[int, int] | None) -> tuple[tuple[int, int, int], list[Path]]:
    """(shape, undecodable files); raises DataError when sizes differ and none is wished for."""
    with ThreadPoolExecutor() as pool:
        shapes = list(pool.map(_shape_of, paths))
    bad = [path for path, shape in zip(paths, shapes, strict=True) if shape is None]
    known = [(path, shape) for path, shape in zip(paths, shapes, strict=True) if shape is not None]
    if not known:
        raise DataError(f"{paths[0].parent.parent}: none of the {len(paths)} images can be decoded")
    first_path, first = known[0]
    for path, shape in known:
        if size is None and shape[:2] != first[:2]:
            raise DataError(
                f"{path}: is {shape[0]}x{shape[1]}, but {first_path.name} is {first[0]}x{first[1]}; "
                f"pass --resize HxW to bring all images to one size"
            )
    return (*(size or first[:2]), max(shape[2] for _, shape in known)), bad


def _shape_of(path: Path) -> tuple[int, int, int] | None:
    image = decode(path)
    return None if image is None else (image.shape[0], image.shape[1], image.shape[2])


def _without(paths: list[Path], labels: Labels, bad: set[Path], shape: tuple[int, int, int]) -> FolderImages:
    keep = [index for index, path in enumerate(paths) if path not in bad]
    return FolderImages(tuple(paths[index] for index in keep), labels[keep], shape)


def _identity(root: Path, parts: list[FolderImages], shape: tuple[int, int, int]) -> Iterator[bytes]:
    """What identifies a folder without reading it again: relative names, sizes and times of change."""
    yield f"{shape}\n".encode()
    for part in parts:
        for path in part.paths:
            status = path.stat()
            yield f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode()
