"""Images of no class, to choose by from where on nothing is answered: a folder of images, or an array of an .npz or .npy file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import numpy as np
from edgedigits_runner.cleaning import cleaned_all
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.pictures import decode, fitted_all

from edgedigits.data.dataset import Dataset, hash_parts
from edgedigits.data.images import Pixels
from edgedigits.data.sources.arrays.npz_files import read_arrays
from edgedigits.data.sources.files.held import read_picture
from edgedigits.data.sources.files.left_out import LeftOut
from edgedigits.data.sources.files.walking import list_images
from edgedigits.errors import DataError

MOST: Final = 5000
"""So many are drawn where there are more."""
LEAST: Final = 20
_WAYS: Final = "give a folder of images, or FILE.npz, or FILE.npz:ARRAY"


def read_outliers(spec: str, dataset: Dataset, seed: int = 0) -> tuple[Pixels, str]:
    """(images, SHA-256 over them): uint8 of the shape that the images of `dataset` have, read as they are, and cleaned where they
    are; at most 5,000, drawn by seed. Raises DataError where there are none, or fewer than 20."""
    file, _, array = spec.rpartition(":") if ".npz:" in spec else (spec, "", "")
    path = Path(file)
    if path.is_dir():
        found = _of_folder(path, dataset, seed)
    elif path.suffix == ".npz" and path.is_file():
        found = _fit_all(_drawn(_of_file(path, array), seed), dataset)
    else:
        raise DataError(f"--outliers {spec}: no folder and no .npz file; {_WAYS}")
    if len(found) < LEAST:
        raise DataError(f"--outliers {spec}: holds {len(found)} images, too few to choose by; give at least {LEAST}")
    return found, hash_parts([found])


def _of_folder(path: Path, dataset: Dataset, seed: int) -> Pixels:
    paths = np.array(list_images(path, LeftOut()), dtype=object)
    if not len(paths):
        raise DataError(f"--outliers {path}: holds no images; {_WAYS}")
    reading, images = dataset.reading, []
    for one in _drawn(paths, seed):
        try:
            image = decode(read_picture(one), reading.background, reading.bits)
        except (OSError, RunnerError) as error:
            raise DataError(f"--outliers {one}: {error}; mend it, or take it out") from error
        images.append(_fit_all(image[None], dataset))
    return np.concatenate(images)


def _fit_all(images: Pixels, dataset: Dataset) -> Pixels:
    """In the shape of the data set, and cleaned where it is; a page without ink, which no runner answers, is left out."""
    if dataset.reading.clean is None:
        return fitted_all(images, dataset.shape, dataset.reading.resizing)
    found, inked = cleaned_all(images, dataset.shape, dataset.reading.clean)
    return found[inked]


def _drawn(given: np.ndarray, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).permutation(len(given))[:MOST]
    drawn: np.ndarray = given[np.sort(rows)]
    return drawn


def _of_file(path: Path, array: str) -> Pixels:
    names = _list_arrays(path)
    wanted = [array] if array else [name for name in names if name.startswith("x_")] or names[:1]
    if not array and len(wanted) > 1 and set(wanted) != {"x_train", "x_test"}:
        raise DataError(f"--outliers {path}: holds {', '.join(wanted)}; name one, as {path.name}:{wanted[0]}")
    parts = [_checked(path, name, values) for name, values in read_arrays(path, wanted, ", ".join(names)).items()]
    return np.concatenate(parts)


def _list_arrays(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"--outliers {path}: not a readable .npz file ({error}); {_WAYS}") from error


def _checked(path: Path, name: str, values: np.ndarray) -> Pixels:
    values = values[..., None] if values.ndim == 3 else values
    if values.ndim != 4 or values.shape[3] not in (1, 3) or values.dtype != np.uint8:
        raise DataError(
            f"--outliers {path}: {name} is {values.dtype} {list(values.shape)}; wanted uint8 [n, height, width] or "
            "[n, height, width, 1 or 3]"
        )
    return values
