"""A file really loaded in a runtime that is installed here, and run once: in a process of its own, which may die of it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits_runner.runtimes import KNOWN

from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runs_on import loading_alone
from edgedigits.measure.runtimes.environments import clean_environment, find_ready_python
from edgedigits.measure.runtimes.operator_versions import Release
from edgedigits.tflite.litert import choose_patience_s

_START_S: Final = 60.0
_LOGGED: Final = ("INFO:", "WARNING:", "I0", "W0")


@dataclass(frozen=True)
class Loading:
    """Whether it was loaded and run once, and why not."""

    fine: bool
    why_not: str = ""

    def as_json(self) -> JsonObject:
        return {"fine": self.fine, "why_not": self.why_not}


def try_loading(flat: bytes, release: Release) -> Loading | None:
    """None where that release is not installed here. Raises EdgeDigitsError where its Python can't be started."""
    python = find_ready_python(release.runtime, release.version)
    return None if python is None else load_with(python, KNOWN[release.runtime].module, flat)


def load_with(python: Path, module: str, flat: bytes) -> Loading:
    """The same with the interpreter in a module of some Python. Raises EdgeDigitsError where that can't be started."""
    limit_s = _START_S + choose_patience_s(flat)
    with tempfile.TemporaryDirectory(prefix="edgedigits-loading-") as folder:
        (Path(folder) / "model.tflite").write_bytes(flat)
        command = [str(python), loading_alone.__file__, module, "model.tflite"]
        try:
            done = subprocess.run(
                command, cwd=folder, env=clean_environment(), capture_output=True, check=False, timeout=limit_s
            )
        except subprocess.TimeoutExpired:
            return Loading(False, f"it gave no answer within {limit_s:.0f} s")
        except OSError as error:
            raise EdgeDigitsError(f"{python}: can't be started ({error})") from error
    return Loading(not done.returncode, _tell(done) if done.returncode else "")


def _tell(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return f"it was ended by {_name(-done.returncode)}"
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(_LOGGED)]
    start = max((at for at, line in enumerate(said) if line.startswith(("RuntimeError:", "ValueError:"))), default=-1)
    return " ".join(said[start:])[:300] if said else "it ended without a word"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
