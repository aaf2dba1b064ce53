"""A file's outputs, bit by bit, as one runtime or one kind of kernels computes them; each in a process of its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from edgedigits_runner.runtimes import KNOWN

from edgedigits.errors import EdgeDigitsError, InputError, TfliteError
from edgedigits.ground.facts import Say
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.measure.runtimes.environments import clean_environment, find_python_for
from edgedigits.measure.verify import standing_alone
from edgedigits.tflite.litert import choose_patience_s

REFERENCE: Final = "reference"
"""LiteRT's plain kernels, which define what its operators compute."""
SIDES: Final = (REFERENCE, *KNOWN)
_MOST_BYTES, _MOST_TIMES = 1024 * MIB, 20


def run_side(side: str, flat: bytes, name: str, inputs: np.ndarray, say: Say) -> list[np.ndarray]:
    """Every output of the file, [images, ...] in the type it is stored in, for inputs in the file's own type.

    `side` is one of SIDES. Raises InputError where that runtime can't be had, TfliteError where it can't run the file or
    dies of it.
    """
    if side not in SIDES:
        raise InputError(f"--against: found {side!r}; choose from {', '.join(SIDES)}")
    if side not in (REFERENCE, "litert"):
        return _run_elsewhere(side, flat, name, inputs, say)
    kernels = "LiteRT's reference kernels" if side == REFERENCE else "LiteRT"
    errand = Errand(
        function="tflite.layers.tracing:outputs",
        doing=f"{name}: {kernels}, at work on the file,",
        advice="it may be damaged, or hold what they can't run",
        error=TfliteError,
        most_s=choose_patience_s(flat),
        most_bytes=_MOST_BYTES + _MOST_TIMES * len(flat),
    )
    try:
        found: list[np.ndarray] = ask(errand, flat=flat, inputs=inputs, reference=side == REFERENCE)
    except TfliteError as error:
        raise TfliteError(str(error) if str(error).startswith(name) else f"{name}: {kernels}: {error}") from error
    return found


def _run_elsewhere(side: str, flat: bytes, name: str, inputs: np.ndarray, say: Say) -> list[np.ndarray]:
    python = find_python_for(side, say)
    with tempfile.TemporaryDirectory(prefix="edgedigits-verify-") as folder:
        place = Path(folder)
        (place / "model.tflite").write_bytes(flat)
        np.save(place / "inputs.npy", inputs)
        words = [str(python), standing_alone.__file__, KNOWN[side].module, "model.tflite", "inputs.npy", "outputs.npz"]
        limit_s = 60 + len(inputs) * choose_patience_s(flat)
        try:
            done = subprocess.run(
                words, cwd=place, env=clean_environment(), capture_output=True, text=True, check=False, timeout=limit_s
            )
        except subprocess.TimeoutExpired as error:
            raise TfliteError(
                f"{name}: {side} gave no answer within {limit_s:.0f} s; choose another runtime"
            ) from error
        except OSError as error:
            raise EdgeDigitsError(f"{python}: can't be started ({error})") from error
        if done.returncode:
            raise TfliteError(f"{name}: {side} {_how(done)}; choose another runtime, or another export")
        with np.load(place / "outputs.npz") as kept:
            return [kept[f"o{number}"] for number in range(len(kept.files))]


def _how(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"was ended by signal {-done.returncode}"
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return f"can't run it ({said[-1][:200] if said else 'it said nothing'})"
