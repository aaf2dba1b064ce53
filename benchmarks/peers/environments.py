"""An environment for each peer, made once by uv from its requirements and kept in the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edgedigits.ground.atomic import whole_folder
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.measure.runtimes.environments import clean_environment

HERE = Path(__file__).parent
UV = "uv==0.13.8"

Say = Callable[[str], None]


class PeerError(Exception):
    """A peer that can't be installed or run; the message is its row's reason."""


def python_of(peer: str, say: Say) -> Path:
    """The Python of the peer's environment, made now if there is none of these very requirements. PeerError if it can't be."""
    requirements = HERE / peer / "requirements.txt"
    mark = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = find_cache_dir().resolve() / "peers" / f"{peer}-{mark}"
    python = home / "env" / "bin" / "python"
    if not python.exists():
        say(f"{peer}: making its environment once, in {home}")
        with whole_folder(home) as folder:
            beside = folder / "env"
            uv = str(find_uv(say))
            run([uv, "venv", "--quiet", "--python", sys.executable, str(beside)])
            install = [uv, "pip", "install", "--quiet", "--python", str(beside / "bin" / "python")]
            run([*install, "--require-hashes", "--requirements", str(requirements)])
    return python


def find_uv(say: Say) -> Path:
    """uv from PATH, else from an environment of its own."""
    if found := shutil.which("uv"):
        return Path(found)
    home = find_cache_dir().resolve() / "peers" / UV.replace("==", "-")
    uv = home / "bin" / "uv"
    if not uv.exists():
        say(f"uv is not on PATH: installing {UV} once, in {home}")
        with whole_folder(home) as folder:
            run([sys.executable, "-m", "venv", str(folder)])
            python = str(folder / "bin" / "python")
            run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])
    return uv


def run(command: Sequence[str], path: Path | None = None) -> str:
    """Standard output of a command that must succeed, `path` its PYTHONPATH. PeerError with its last words.

    It runs in a neutral folder: in this checkout uv would take the constraints of our own pyproject.toml for the peer's.
    """
    environment = clean_environment() | {"TF_CPP_MIN_LOG_LEVEL": "3"} | ({"PYTHONPATH": str(path)} if path else {})
    try:
        done = subprocess.run(
            list(command), cwd=HERE.anchor, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise PeerError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        words = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        name = " ".join(Path(word).name for word in command[:2])  # no folder of this machine gets into the results
        raise PeerError(f"{name} ended with {done.returncode}: {(words or ['no reason given'])[-1]}")
    return done.stdout
