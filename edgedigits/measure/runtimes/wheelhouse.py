"""Wheels for another machine, downloaded once by this machine's pip and kept in the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from edgedigits.errors import InputError
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.measure.runtimes.wheels import Wheel


def collect(wheels: Sequence[Wheel], python: str, progress: Callable[[str], None]) -> dict[str, Path]:
    """File name -> path of each wheel, its hash checked. `python` like "3.11". InputError when one can't be had."""
    home = find_cache_dir() / "wheels"
    missing = [wheel for wheel in wheels if not _kept(home / wheel.file, wheel)]
    if missing:
        size = sum(wheel.size for wheel in missing) / 1e6
        progress(f"downloading {len(missing)} packages for the device ({size:.1f} MB), once, to {home}")
        _download(missing, python, home)
    return {wheel.file: home / wheel.file for wheel in wheels}


def _kept(path: Path, wheel: Wheel) -> bool:
    return path.is_file() and path.stat().st_size == wheel.size and _sha256(path) == wheel.sha256


def _download(wheels: Sequence[Wheel], python: str, home: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise InputError("pip is missing in this environment, and it fetches the device's packages: install pip here")
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".getting-", dir=home) as folder:
            _pip(wheels, python, Path(folder))
            for wheel in wheels:
                if not _kept(Path(folder) / wheel.file, wheel):
                    raise InputError(f"{wheel.file}: pip got another file; see what index pip is set to use")
                (Path(folder) / wheel.file).replace(home / wheel.file)
    except OSError as error:
        raise InputError(f"{home}: can't be written ({error}); make room, or set EDGEDIGITS_CACHE") from error


def _pip(wheels: Sequence[Wheel], python: str, folder: Path) -> None:
    lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in wheels]
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n")
    tags = sorted({tag for wheel in wheels for tag in wheel.platforms if tag != "any"})
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--python-version", python]
    command += [part for tag in tags for part in ("--platform", tag)]
    command += ["--dest", str(folder), "-r", str(folder / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        reason = said[-1] if said else f"pip ended with exit code {done.returncode}"
        raise InputError(
            f"the device's packages can't be downloaded here: {reason}; see that the package index can be reached"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
