"""Letters as pictures: drawn with a font, or read from a folder of images or an .npz file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from string import ascii_letters
from typing import TYPE_CHECKING, Final

import numpy as np
from edgedigits_runner.clean_settings import Clean
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.picture_kinds import SUFFIXES
from edgedigits_runner.pictures import decode
from numpy.typing import NDArray

from edgedigits.errors import InputError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Pixels = NDArray[np.uint8]

DEFAULT: Final = "DejaVuSans"
"""A font that matplotlib brings along, so it is there where no font is installed."""
SIDE: Final = 56
BOX: Final = 40
"""Of the glyphs' square; the longer side of what is drawn."""
_DRAWN = 64  # pixels of a font's height
_ARRAYS = ("x_clean", "x", "images", "x_train")


@lru_cache(maxsize=4)
def read_glyphs(letters: str) -> Pixels:
    """White on black, uint8 [n, SIDE, SIDE], each as large as BOX allows and its centre of mass in the middle.

    `letters` is a font's file or name, a folder of images, or an .npz file of images. Raises InputError for what can't be read
    or shows nothing.
    """
    path = Path(letters)
    if path.is_dir():
        pictures = _read_folder(path)
    elif path.suffix == ".npz":
        pictures = _read_npz(path)
    else:
        pictures = _draw(letters)
    from edgedigits_runner.cleaning import cleaned_all

    sizes = {one.shape for one in pictures}
    parts = [
        cleaned_all(np.stack([one for one in pictures if one.shape == size]), (SIDE, SIDE, 1), Clean(lines=False))
        for size in sorted(sizes)
    ]
    found = np.concatenate([np.empty((0, SIDE, SIDE), np.uint8), *(glyphs[inked, ..., 0] for glyphs, inked in parts)])
    if not len(found):
        raise InputError(
            f"noise: letters: {letters}: shows no letter; give a font, a folder of images or an .npz file of them"
        )
    return found


def _draw(letters: str) -> list[Pixels]:
    from PIL import Image, ImageDraw

    font = _open_font(letters)
    found = []
    for letter in ascii_letters:
        image = Image.new("L", (3 * _DRAWN, 3 * _DRAWN))
        ImageDraw.Draw(image).text((_DRAWN, _DRAWN), letter, fill=255, font=font)
        found.append(np.asarray(image)[..., None])
    return found


def _open_font(name: str) -> FreeTypeFont:
    from matplotlib import get_data_path
    from PIL import ImageFont

    own = Path(get_data_path(), "fonts", "ttf", f"{name}.ttf")
    try:
        return ImageFont.truetype(str(own) if own.is_file() else name, _DRAWN)
    except (OSError, ValueError) as error:
        why = "no such file or installed font" if not Path(name).exists() else "can't be read as a font"
        raise InputError(
            f"noise: letters: {name}: {why}; give a .ttf or .otf file, the name of an installed font, a folder of images or an "
            f".npz file, or leave it out for {DEFAULT}"
        ) from error


def _read_folder(path: Path) -> list[Pixels]:
    files = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
    found = []
    for one in files:
        try:
            found.append(decode(one.read_bytes()))
        except (OSError, RunnerError) as error:
            raise InputError(f"noise: letters: {one}: can't be read ({error}); mend it or take it away") from error
    return found


def _read_npz(path: Path) -> list[Pixels]:
    try:
        with np.load(path, allow_pickle=False) as file:
            name = next((one for one in _ARRAYS if one in file.files), None)
            images = file[name] if name else None
    except (OSError, ValueError) as error:
        raise InputError(f"noise: letters: {path}: can't be read as an .npz file ({error})") from error
    if images is None or images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
        raise InputError(
            f"noise: letters: {path}: holds no uint8 images [n, height, width] named {' or '.join(_ARRAYS)}"
        )
    images = images[..., None] if images.ndim == 3 else images
    if images.shape[3] not in (1, 3):
        raise InputError(f"noise: letters: {path}: images are {images.shape[1:]}; wanted 1 or 3 channels")
    return list(images)
