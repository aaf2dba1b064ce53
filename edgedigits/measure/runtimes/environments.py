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

from edgedigits_runner.runtimes import KNOWN

from edgedigits.errors import InputError
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import Say
from edgedigits.measure.runtimes.asked import AUTO, Asked, parse_asked
from edgedigits.measure.runtimes.operator_versions import find_installed, list_pythons, spell
from edgedigits.measure.runtimes.pins import PINS

RuntimeName = str
"""One of `RUNTIMES`: "auto", or a row of the runner's table; or NAME==VERSION."""

# Settings of the calling program that would change what is measured, or bring its packages into another environment.
_FOREIGN = ("PYTHON", "TF_", "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "VIRTUAL_ENV")


def clean_environment() -> dict[str, str]:
    """The variables of this process without those that steer Python, TensorFlow or threads."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}


def find_python_for(runtime: RuntimeName, progress: Say) -> Path:
    """The Python that `runtime` runs in: this one, or that of an environment of its own, made now if need be.

    InputError where no Python or no package for it can be had.
    """
    asked = spell(parse_asked(runtime))
    if asked.name == AUTO or _is_own(asked):
        return Path(sys.executable)
    packages = _list_packages(asked)
    base, version = find_python(runtime)
    home = _find_home(packages, version)
    python = home / "bin" / "python"
    if not python.exists():  # also where it points to a Python that was removed since
        _make(asked.name, packages, base, home, progress)
    return python


def find_ready_python(runtime: str, version: str) -> Path | None:
    """The Python that has that release of a runtime already: this one, or that of an environment made earlier."""
    asked = Asked(runtime, version)
    if version == find_installed(runtime):
        return Path(sys.executable)
    homes = (_find_home(_list_packages(asked), python) for python in _list_pythons(asked))
    return next((home / "bin" / "python" for home in homes if (home / "bin" / "python").exists()), None)


def _is_own(asked: Asked) -> bool:
    """Whether this program's Python is the one: where that version is installed, or where any will do and there is no other."""
    if asked.version:
        return asked.version == find_installed(asked.name)
    return not PINS[asked.name].own


def _list_packages(asked: Asked) -> tuple[str, ...]:
    """What its environment holds, itself first."""
    row, named = PINS[asked.name], f"{KNOWN[asked.name].distribution}=={asked.version}"
    return row.own if not asked.version or row.own[:1] == (named,) else (named, *row.list_beside(asked.version))


def _list_pythons(asked: Asked) -> tuple[tuple[int, int], ...]:
    """Newest first, those that there are packages for; this one alone where that is not known."""
    if not asked.version:
        return PINS[asked.name].pythons
    return list_pythons(asked) or (sys.version_info[:2],)


def _find_home(packages: Sequence[str], python: tuple[int, int]) -> Path:
    name = f"{packages[0].replace('==', '-')}-py{python[0]}.{python[1]}-{platform.machine()}"
    return find_cache_dir() / "runtimes" / name


def find_python(runtime: RuntimeName) -> tuple[Path, tuple[int, int]]:
    """A Python that `runtime` has wheels for: this one, else the newest on PATH that truly runs.

    InputError where there is none.
    """
    asked = spell(parse_asked(runtime))
    pythons = _list_pythons(asked)
    if sys.version_info[:2] in pythons:
        return Path(sys.executable), (sys.version_info[0], sys.version_info[1])
    for version in pythons:
        for candidate in find_pythons(version):
            return candidate, version
    oldest, newest = (f"{major}.{minor}" for major, minor in (pythons[-1], pythons[0]))
    raise InputError(
        f"{_list_packages(asked)[0].replace('==', ' ')} has packages for Python {oldest} to {newest} only, and this is "
        f"{platform.python_version()}; put a python{newest} on PATH, or use --runtime litert"
    )


def find_pythons(version: tuple[int, int]) -> Iterator[Path]:
    """Those of that version on PATH that truly run."""
    return (path for path in _on_path(f"python{version[0]}.{version[1]}") if _runs(path, version))


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


def _make(runtime: RuntimeName, packages: Sequence[str], base: Path, home: Path, progress: Say) -> None:
    """Makes the environment beside its place, tries it, then renames it: there is never half of one."""
    progress(f"making the environment for {', '.join(packages)} once, in {home}")
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
            install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
            _run(
                runtime,
                [*install, "--only-binary=:all:", *packages],
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
