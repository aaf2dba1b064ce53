"""An environment of the lock for one Python, and the project's own wheel in it."""

from __future__ import annotations

import email
import hashlib
import json
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import find_uv
from benchmarks.pythons.interpreters import ROOT, Interpreter, declared, series

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

NEXT = "tensorflow>=2.22.0rc0"
"""What is tried with a Python that the package does not take yet."""

TOOLS = ("pytest", "hypothesis", "hatchling", "editables", "tensorflow-model-optimization", "setuptools<81")
"""What the tests need beside the package."""

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
    """Everything of the lock by its hashes, then the wheel without asking for more; kept for the next run with that lock.

    For a Python that the package does not take yet: the newest of what the wheel asks for, and of TensorFlow the coming release.
    """
    uv, began = find_uv(say), time.perf_counter()
    taken = series(interpreter.facts()["python"]) in declared()
    wanted = ["--require-hashes", "--requirements", str(LOCK)] if taken else _ahead(wheel, home.parent)
    mark = hashlib.sha256(LOCK.read_bytes() if taken else json.dumps(wanted).encode()).hexdigest()
    written = home / "made.json"
    quiet = [uv, "pip", "install", "--quiet", "--python", home / "bin" / "python"]
    if not written.exists() or json.loads(written.read_text()).get("of") != mark:
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        interpreter.told([uv, "venv", "--quiet", "--python", interpreter.path, home], home.parent)
        # in the folder above: in the checkout uv would take the constraints of pyproject.toml
        interpreter.told([*quiet, *wanted], home.parent)
        installed = "requirements.lock, by its hashes" if taken else f"what the wheel asks for, with {NEXT}"
        facts = {"of": mark, "installed": installed, "seconds": round(time.perf_counter() - began, 1)}
        written.write_text(json.dumps(facts))
    pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]
    interpreter.told([*pip, *([] if taken else ["--ignore-requires-python"]), wheel], home.parent)
    return Environment(interpreter, home, json.loads(written.read_text()))


def _ahead(wheel: Path, folder: Path) -> list[str]:
    """What is installed for a Python that the package does not take yet.

    A coming TensorFlow asks for nightly builds of Keras, which would lie over Keras: they are left out.
    """
    left_out = folder / "left_out.txt"
    left_out.write_text("keras-nightly; python_version < '3'\n")
    name = next(one for one in zipfile.ZipFile(wheel).namelist() if one.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    asked = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    others = [one for one in asked if not re.match(r"tensorflow|tf-keras", one)]
    return ["--override", str(left_out), NEXT, *others, *TOOLS]


def packages(environment: Environment, say: Say) -> dict[str, str]:
    """Versions of the packages that matter."""
    command = [find_uv(say), "pip", "list", "--format", "json", "--python", environment.python]
    listed = json.loads(environment.interpreter.told(command, environment.home))
    versions = {one["name"].replace("_", "-").lower(): one["version"] for one in listed}
    return {name: versions[name] for name in TOLD if name in versions} | {"all": str(len(versions))}
