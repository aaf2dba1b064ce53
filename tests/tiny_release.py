"""A small int8 artifact with the runner in it, made once per session, and ways to start that runner."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.kept import sealed

from edgedigits.devices.runner_archive import NAME, write_runner
from tests.shared import once


def made(shapes: Path) -> Path:
    """The artifact of a net that knows the shapes: grey 12x12 images, three classes. Made once for all tests of a run."""

    def make(folder: Path) -> None:
        from edgedigits.pipeline import loop, prepare
        from edgedigits.pipeline.prepare import Wish
        from edgedigits.pipeline.recipe import parse
        from tests import nets

        folder.mkdir()
        nets.trained(shapes).model.save(folder / "tiny.keras")
        recipe = parse({"stages": [], "export": {"int8": {"calibration_images": 10}}}, "test", "tiny_int8")
        wish = Wish(model=folder / "tiny.keras", data=str(shapes), scale="0..1")
        loop.run(prepare.prepare_job(recipe, wish, lambda _: None), folder, lambda _: None)

    (found,) = once(shapes.parent / "tiny", make).glob("*/manifest.json")
    return found.parent


def copied(shapes: Path, folder: Path) -> Path:
    """A copy to play with, as a device holds it: edgedigits-runner.pyz lies in the folder."""
    release = folder / "a release"
    shutil.copytree(made(shapes), release)
    write_runner(release / NAME)
    return release


def environment() -> dict[str, str]:
    """Without what would let the runner find more than a device has."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run(
    release: Path, *arguments: Any, python: tuple[str, ...] = (sys.executable,)
) -> subprocess.CompletedProcess[str]:
    """`python edgedigits-runner.pyz ...` somewhere else than in the folder."""
    command = [*python, str(release / NAME), *map(str, arguments)]
    return subprocess.run(
        command, cwd=release.parent, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )


def images(release: Path) -> tuple[np.ndarray, np.ndarray]:
    """The test images and labels."""
    with np.load(release / "eval.npz") as file:
        return file["images"], file["labels"]


def write_pgm(path: Path, image: np.ndarray) -> Path:
    """One grey or RGB image as a binary .pgm or .ppm file."""
    height, width, channels = image.shape
    path.write_bytes(b"P%d\n%d %d\n255\n" % (5 if channels == 1 else 6, width, height) + image.tobytes())
    return path


def rewrite(release: Path, name: str, **arrays: np.ndarray) -> None:
    """An .npz file of the release with other arrays, and the manifest brought in line, as if it were made so."""
    with np.load(release / name) as file:
        np.savez_compressed(release / name, **{**file, **arrays})
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256((release / name).read_bytes()).hexdigest()
    (release / "manifest.json").write_text(json.dumps(sealed(manifest)))
