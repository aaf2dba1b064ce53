"""Every image of a folder decoded once before it is used: what they have in common, and which of them can't be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgedigits_runner.picture_errors import PictureError
from edgedigits_runner.pictures import opened, pixels_of, used_bits

from edgedigits.data.cleaned import fit_picture
from edgedigits.data.reading import Reading
from edgedigits.data.sources.files.held import Picture, read_picture
from edgedigits.errors import DataError

THREADS = 8


@dataclass(frozen=True)
class Look:
    """One image: its shape, the bits it uses if it has 16, whether it has one value everywhere; or why it can't be read."""

    shape: tuple[int, int, int] = (0, 0, 0)
    bits: int | None = None
    blank: bool = False
    wrong: str | None = None


@dataclass(frozen=True)
class Survey:
    """What was found; `bad` are files with reasons."""

    shape: tuple[int, int, int]
    bits: int | None
    blank: tuple[Picture, ...]
    bad: dict[Picture, str]


def survey(root: Path | str, paths: Sequence[Picture], reading: Reading) -> Survey:
    """Colour when any image is. Raises DataError when none can be read, or when sizes differ and none is wished for."""
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        looks = dict(zip(paths, pool.map(lambda path: look(path, reading), paths), strict=True))
    bad = {path: one.wrong for path, one in looks.items() if one.wrong is not None}
    good = {path: one for path, one in looks.items() if one.wrong is None}
    if not good:
        first, wrong = next(iter(bad.items()))
        raise DataError(f"{root}: none of its {len(paths)} images can be read; {first}: {wrong}")
    path, first_look = next(iter(good.items()))
    height, width, _ = first_look.shape
    if reading.size is None:
        for other, one in good.items():
            if one.shape[:2] != (height, width):
                raise DataError(
                    f"{other}: is {one.shape[0]}x{one.shape[1]}, but {path.name} is {height}x{width}; "
                    f"pass --resize HxW to bring all images to one size"
                )
    return Survey(
        shape=(*(reading.size or (height, width)), max(one.shape[2] for one in good.values())),
        bits=reading.bits or max((one.bits for one in good.values() if one.bits), default=None),
        blank=tuple(path for path, one in good.items() if one.blank),
        bad=bad,
    )


def look(path: Picture, reading: Reading) -> Look:
    """One file, decoded and let go again."""
    try:
        with opened(read_picture(path)) as image:
            bits = used_bits(image)
            pixels = pixels_of(image, reading.background, reading.bits or bits)
            height, width, channels = pixels.shape
            if reading.clean:  # an empty page is found here
                channels = 1
                fit_picture(pixels, (*(reading.size or (height, width)), channels), reading)
            return Look((height, width, channels), bits, bool((pixels == pixels[:1, :1]).all()))
    except PictureError as error:
        return Look(wrong=error.message)
    except OSError as error:
        return Look(wrong=f"can't be read ({error.strerror})")
    except MemoryError:
        return Look(wrong="takes more memory than there is")
