"""Which Python runs which interpreter: this one, or that of an environment of its own (`Pins.own`), made once in the cache."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgedigits_runner.runtimes import KNOWN, RUNTIMES

from edgedigits.errors import InputError
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import Say
from edgedigits.measure.runtimes.pins import PINS

RuntimeName = str
"""One of `RUNTIMES`: "auto", or a row of the runner's table."""

# Settings of the calling program that would change what is measured, or bring its packages into another environment.
_FOREIGN = ("PYTHON", "TF_", "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "VIRTUAL_ENV")


def clean_environment() -> dict[str, str]:
    """The variables of this process without those that steer Python, TensorFlow or threads."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}


def find_python_for(runtime: RuntimeName, progress: Say) -> Path:
    """The Python that `runtime` runs in: this one, or that of an environment of its own, made now if need be.

    InputError where no Python or no package for it can be had.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"--runtime {runtime}: unknown; choose from {', '.join(RUNTIMES)}")
    own = runtime in PINS and PINS[runtime].own
    return _own_python(runtime, progress) if own else Path(sys.executable)


def _own_python(runtime: RuntimeName, progress: Say) -> Path:
    base, version = find_python(runtime)
    name = f"{PINS[runtime].own[0].replace('==', '-')}-py{version[0]}.{version[1]}-{platform.machine()}"
    home = find_cache_dir() / "runtimes" / name
    python = home / "bin" / "python"
    if not python.exists():  # also where it points to a Python that was removed since
        _make(runtime, base, home, progress)
    return python


def find_python(runtime: RuntimeName) -> tuple[Path, tuple[int, int]]:
    """A Python that `runtime` has wheels for: this one, else the newest on PATH that truly runs.

    InputError where there is none.
    """
    pythons = PINS[runtime].pythons
    if sys.version_info[:2] in pythons:
        return Path(sys.executable), (sys.version_info[0], sys.version_info[1])
    for version in pythons:
        for candidate in _on_path(f"python{version[0]}.{version[1]}"):
            if _runs(candidate, version):
                return candidate, version
    oldest, newest = (f"{major}.{minor}" for major, minor in (pythons[-1], pythons[0]))
    raise InputError(
        f"{PINS[runtime].own[0].replace('==', ' ')} has packages for Python {oldest} to {newest} only, and this is "
        f"{platform.python_version()}; put a python{newest} on PATH, or use --runtime litert"
    )


def _on_path(name: str) -> Iterator[Path]:
    """Every file of that name on PATH, not only the first: version managers put stand-ins there that may not run."""
    return (Path(folder) / name for folder in os.get_exec_path() if (Path(folder) / name).is_file())


def _runs(python: Path, version: tuple[int, int]) -> bool:
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {version!r})"
    try:
        done = subprocess.run(
            [python, "-c", code], env=clean_environment(), capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _make(runtime: RuntimeName, base: Path, home: Path, progress: Say) -> None:
    """Makes the environment beside its place, tries it, then renames it: there is never half of one."""
    progress(f"making the environment for {', '.join(PINS[runtime].own)} once, in {home}")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=home.parent) as folder:
            beside = Path(folder) / "env"
            _run(
                runtime,
                [base, "-m", "venv", beside],
                "python3-venv may be missing: install it, or use --runtime litert",
            )
            python = beside / "bin" / "python"
            install = [
                str(python),
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--quiet",
                "--only-binary=:all:",
            ]
            _run(
                runtime,
                [*install, *PINS[runtime].own],
                "see that the package index can be reached, or use --runtime litert",
            )
            _run(runtime, [python, "-c", f"import {KNOWN[runtime].module}"], "use --runtime litert")
            _put(beside, home)
    except OSError as error:
        raise InputError(f"{home}: can't be made ({error}); set EDGEDIGITS_CACHE to a folder that can") from error
    progress(f"made {home}")


def _put(beside: Path, home: Path) -> None:
    """Renames; where another process was first with a working one, that one stays."""
    if home.exists() and not (home / "bin" / "python").exists():
        shutil.rmtree(home)
    try:
        beside.rename(home)
    except OSError:
        if not (home / "bin" / "python").exists():
            raise


def _run(runtime: RuntimeName, command: Sequence[str | Path], advice: str) -> None:
    done = subprocess.run(
        [str(part) for part in command], env=clean_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).strip().splitlines() if line.strip()]
        reason = said[-1].strip() if said else f"exit code {done.returncode}"
        raise InputError(f"the {runtime} environment can't be made: {reason}; {advice}")
