"""The Pythons that are tried: where each comes from, and how a command is run with it.

One that needs a newer system than this stands in that system's root folder, written `ROOT:PATH`. A command then changes into the
root, in a mount namespace of its own, with this checkout and the folders of the benchmark at their places; that needs root.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits.measure.runtimes.environments import clean_environment

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"

_ENTER = """
root=$1 folder=$2; shift 2
while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; shift; done
shift; exec chroot "$root" env --chdir="$folder" "$@"
"""
_FACTS = """
import json, platform, sys
print(json.dumps({"version": platform.python_version(), "base": sys.base_prefix}))
"""


class PythonError(Exception):
    """A Python that can't be tried; the message is its row's reason."""


@dataclass(frozen=True)
class Interpreter:
    """A Python, and the folders that its commands need beside their own root's."""

    path: Path
    root: Path | None = None
    shared: tuple[Path, ...] = ()

    @classmethod
    def read(cls, text: str, *shared: Path) -> Interpreter:
        """`PATH`, or `ROOT:PATH` with the path as it is inside of the root."""
        root, _, path = text.rpartition(":")
        return cls(Path(path), Path(root) if root else None, shared)

    def run(self, command: Sequence[object], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of this Python's system in `folder`, with `more` in a clean environment; whatever it ends with."""
        words = [str(word) for word in command]
        if self.root:
            places = [str(place) for place in (Path("/dev"), Path("/proc"), *self.shared)]
            words = ["sh", "-c", _ENTER, "sh", str(self.root), str(folder), *places, "--", *words]
            words = ["unshare", "--mount", *words]
        environment = clean_environment() | more
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    def told(self, command: Sequence[object], folder: Path = ROOT) -> str:
        """Standard output of a command that must succeed. PythonError with its last words."""
        try:
            done = self.run(command, folder)
        except OSError as error:
            raise PythonError(f"{command[0]}: {error.strerror}") from error
        if done.returncode:
            raise PythonError(f"{Path(str(command[0])).name} ended with {done.returncode}: {last_words(done)}")
        return done.stdout

    def facts(self) -> dict[str, Any]:
        """Its version and where it comes from. PythonError where it does not run."""
        found = json.loads(self.told([self.path, "-c", _FACTS]))
        release = (self.root or Path("/")) / "etc" / "os-release"
        system = dict(re.findall(r'^(\w+)="?([^"\n]*)', release.read_text(), re.MULTILINE)) if release.exists() else {}
        origin = came_from(found.pop("base"), system.get("PRETTY_NAME", "this system"))
        return {"python": found["version"], "from": origin}


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a command said, errors last."""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return (lines or ["no reason given"])[-1][:300]


def came_from(base: str, system: str) -> str:
    """Who made a Python, told by the folder it stands in."""
    if "/.pyenv/" in base:
        return "pyenv"
    if re.search(r"/uv/python/", base):
        return "uv"
    return system if base == "/usr" else "a build by hand"


def declared(text: str | None = None) -> tuple[tuple[int, int], ...]:
    """The Pythons that `requires-python` takes, oldest first."""
    found = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', text or PROJECT.read_text(), re.MULTILINE)
    if not found:
        raise PythonError('pyproject.toml: requires-python is not of the form ">=3.A,<3.B"')
    return tuple((3, minor) for minor in range(int(found[1]), int(found[2])))


def series(version: str) -> tuple[int, int]:
    """(3, 12) of "3.12.1"."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def on_path(environment: Mapping[str, str]) -> list[str]:
    """A Python of each series that the package takes, where PATH or pyenv has one that runs."""
    folders = [Path(folder) for folder in environment.get("PATH", "").split(":")]
    folders += sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"), reverse=True)
    found = []
    for major, minor in declared():
        named = [folder / f"python{major}.{minor}" for folder in folders]
        found += [str(path) for path in named if path.is_file() and _runs(path)][:1]
    return found


def _runs(path: Path) -> bool:
    try:
        Interpreter(path).facts()
    except PythonError:
        return False
    return True
