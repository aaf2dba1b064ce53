"""From what a user says to a benchmark: which two files, which images, how pixels are scaled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits import artifact
from edgedigits.bench import Contestant, Settings, bench
from edgedigits.bench_report import Report
from edgedigits.data.images import Images
from edgedigits.data.scale import SCALES, Scale
from edgedigits.data.sources import load_data
from edgedigits.errors import InputError
from edgedigits.runtimes import RuntimeName

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """The options of `edgedigits bench`, as given. `tflite` is a file, alone or in an artifact folder, or such a folder."""

    tflite: Path
    baseline: Path | None = None
    data: str | None = None
    scale: Scale | None = None
    resize: tuple[int, int] | None = None
    grey: bool = False
    skip_bad: bool = False
    threads: tuple[int, ...] = (1,)
    runtime: RuntimeName = "auto"
    windows: int = 5
    window: float = 0.5


def run(wish: Wish, say: Say) -> Report:
    """Measure. Raises InputError's kinds when something given can't be used."""
    file = wish.tflite / "model.tflite" if wish.tflite.is_dir() else wish.tflite
    made = artifact.read(file.parent) if (file.parent / "manifest.json").is_file() else None
    scale = _scale(wish, made)
    baseline = wish.baseline
    if baseline is None and made and file.name == "model.tflite":
        baseline = made.path / "float.tflite"
    name = made.manifest["recipe"]["name"] if made else file.stem
    compressed = Contestant(name, file, scale, wish.resize)
    against = (
        Contestant("float" if wish.baseline is None else baseline.stem, baseline, scale, wish.resize)
        if baseline
        else None
    )
    settings = Settings(wish.threads, wish.runtime, wish.windows, wish.window)
    return bench(compressed, against, _images(wish, made), settings, say)


def _scale(wish: Wish, made: Any) -> Scale:
    scale: Scale | None = wish.scale or (made.manifest["input"]["scale"] if made else None)
    if scale is None:
        raise InputError(
            f"--scale is missing: {wish.tflite} is not in an artifact folder, "
            f"so say what it was trained on, one of {', '.join(SCALES)}"
        )
    return scale


def _images(wish: Wish, made: Any) -> Path | Images:
    """The artifact's own test images, or the test part of the data that was named."""
    if made and wish.data is None and (made.path / "eval.npz").is_file():
        return Path(made.path / "eval.npz")
    if made and wish.data is None:
        raise InputError(
            f"--data is missing: {made.path} holds only a pointer to its test images, {made.manifest['data']['name']}"
        )
    folder = (
        wish.data is not None and Path(wish.data).is_dir()
    )  # of images that may differ in size: made alike while reading
    size = wish.resize if folder else None
    return load_data(wish.data or "mnist", skip_bad=wish.skip_bad, size=size, grey=wish.grey).test
