"""An environment of the lock for one Python, and the project's own wheel in it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import find_uv
from benchmarks.pythons.interpreters import ROOT, Interpreter

LOCK = ROOT / "requirements.lock"
TOLD = (
    "tensorflow",
    "keras",
    "tf-keras",
    "numpy",
    "ai-edge-litert",
    "pandas",
    "scipy",
    "h5py",
    "opencv-python-headless",
)
"""Packages whose versions are told; all others are in the lock."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """Where it stands, and what making it took."""

    interpreter: Interpreter
    home: Path
    facts: dict[str, Any]

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"


def build_wheel(folder: Path) -> Path:
    """The project's wheel, made by the Python that runs this."""
    Interpreter(Path(sys.executable)).told([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder])
    (wheel,) = folder.glob("*.whl")
    return wheel


def make(interpreter: Interpreter, home: Path, wheel: Path, say: Say) -> Environment:
    """Everything of the lock by its hashes, then the wheel without asking for more; kept for the next run with that lock."""
    uv, began = find_uv(say), time.perf_counter()
    mark = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    written = home / "made.json"
    quiet = [uv, "pip", "install", "--quiet", "--python", home / "bin" / "python"]
    if not written.exists() or json.loads(written.read_text())["lock"] != mark:
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        interpreter.told([uv, "venv", "--quiet", "--python", interpreter.path, home])
        # in the folder above: in the checkout uv would take the constraints of pyproject.toml
        interpreter.told([*quiet, "--require-hashes", "--requirements", LOCK], home.parent)
        seconds = round(time.perf_counter() - began, 1)
        written.write_text(
            json.dumps({"lock": mark, "installed": "requirements.lock, by its hashes", "seconds": seconds})
        )
    interpreter.told([*quiet, "--no-deps", "--reinstall", wheel], home.parent)
    return Environment(interpreter, home, json.loads(written.read_text()))


def packages(environment: Environment, say: Say) -> dict[str, str]:
    """Versions of the packages that matter."""
    command = [find_uv(say), "pip", "list", "--format", "json", "--python", environment.python]
    listed = json.loads(environment.interpreter.told(command, environment.home))
    versions = {one["name"].replace("_", "-").lower(): one["version"] for one in listed}
    return {name: versions[name] for name in TOLD if name in versions} | {"all": str(len(versions))}
