"""The checkout of an earlier commit beside this one: the bytes that recipes give in both, the seconds that their tests take."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RECIPES = {"prune80_int8": "lenet5", "shrink50_int8": "lenet5", "ptq_int8": "nano"}
"""The net that each is tried on, with the bundled digits and seed 0."""
TESTS = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


@contextmanager
def checked_out(root: Path, revision: str) -> Iterator[Path]:
    """A folder with the files of that commit. It is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-before-") as name:
        folder = Path(name) / "checkout"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(folder), revision], cwd=root, check=True)
        try:
            yield folder
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(folder)], cwd=root, check=True)


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of the bytes that each recipe gives in the checkout at `root`, made with nothing kept before."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-bytes-") as name:
        return {recipe: _hash(root, recipe, net, Path(name)) for recipe, net in RECIPES.items()}


def _hash(root: Path, recipe: str, net: str, folder: Path) -> str:
    place = re.search(
        r'^edgedigits = "([\w.]+):(\w+)"', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert place, "the command has a place in pyproject.toml"
    code = f"import sys; from {place[1]} import {place[2]} as main; sys.exit(main())"
    words = ["compress", "--recipe", recipe, "--zoo", net, "--data", "digits", "--seed", "0", "--fresh"]
    command = [sys.executable, "-c", code, *words, "--out", str(folder / recipe)]
    subprocess.run(command, cwd=root, env=_environment(root, folder), check=True, stdout=subprocess.DEVNULL)
    (flat,) = (folder / recipe).glob("*/model.tflite")
    return hashlib.sha256(flat.read_bytes()).hexdigest()


def seconds_of_tests(root: Path) -> tuple[float, bool]:
    """(Seconds of `make test` without the linters, whether all passed) in the checkout at `root`."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-tests-") as name:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, *TESTS],
            cwd=root,
            env=_environment(root, Path(name)),
            check=False,
            stdout=subprocess.DEVNULL,
        )
        return time.monotonic() - began, done.returncode == 0


def _environment(root: Path, folder: Path) -> dict[str, str]:
    """The packages of that checkout come before those that are installed; its cache is empty."""
    path = os.pathsep.join([str(root), str(root / "device")])
    kept = {key: value for key, value in os.environ.items() if key != "EDGEDIGITS_DATA"}
    return {**kept, "PYTHONPATH": path, "EDGEDIGITS_CACHE": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
