"""Writes edgedigits/measure/runtimes/wheels.json: which wheels a device gets, by runtime, Python and architecture.

`python -m benchmarks.pin_wheels` asks the package index through uv (it resolves for a foreign platform) and pip (it downloads);
nothing in the file is typed by hand, and it names no index.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits.measure.runtimes.pins import PINS

TARGET = Path(__file__).parents[1] / "edgedigits" / "measure" / "runtimes" / "wheels.json"
NEWEST_GLIBC = 39
OPENCV = "opencv-python-headless>=4.10"


@dataclass(frozen=True)
class Place:
    """What wheels are looked for."""

    runtime: str
    python: str
    machine: str

    @property
    def wanted(self) -> list[str]:
        return list(PINS[self.runtime].device[self.python])


def places() -> list[Place]:
    """Where each runtime has wheels."""
    return [
        Place(runtime, python, machine)
        for runtime, pins in PINS.items()
        for machine in pins.machines
        for python in pins.device
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Any] = {}
        sets = [_set(place, Path(folder), files) for place in places()]
        oldest = ".".join(map(str, min(pins.pythons[-1] for pins in PINS.values() if pins.pythons)))
        pip = _download(["pip"], Place("pip", oldest, "any"), Path(folder), files)  # the oldest Python decides
    made = {"schema": 1, "pip": pip[0], "sets": sets, "files": dict(sorted(files.items()))}
    TARGET.write_text(json.dumps(made, indent=1) + "\n")


def _set(place: Place, folder: Path, files: dict[str, Any]) -> dict[str, Any]:
    print(place, flush=True)
    if place.machine == "armv7l":  # no NumPy wheel there: the device's own is used
        itself = [pin for pin in place.wanted if not pin.startswith("numpy")]
        return _entry(place, _download(itself, place, folder, files), [])
    pins = _resolve(place.wanted, place)
    more = [pin for pin in _resolve([*pins, OPENCV], place) if pin not in pins]
    return _entry(place, _download(pins, place, folder, files), _download(more, place, folder, files))


def _entry(place: Place, names: list[str], opencv: list[str]) -> dict[str, Any]:
    return {
        "runtime": place.runtime,
        "python": place.python,
        "machine": place.machine,
        "files": names,
        "opencv": opencv,
    }


def _resolve(wanted: list[str], place: Place) -> list[str]:
    """Exact versions of `wanted` and all they need there."""
    platform = f"{place.machine}-manylinux_2_{NEWEST_GLIBC}"
    command = ["uv", "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    command += ["--python-platform", platform, "--python-version", place.python]
    done = subprocess.run(command, input="\n".join(wanted), capture_output=True, text=True, check=True)
    return done.stdout.split()


def _download(pins: list[str], place: Place, folder: Path, files: dict[str, Any]) -> list[str]:
    """Fetches the wheels, notes hash and size of each in `files`, and gives their names."""
    names: list[str] = []
    for pin in pins:
        with tempfile.TemporaryDirectory(dir=folder) as into:
            tags = [f"manylinux_2_{minor}_{place.machine}" for minor in range(17, NEWEST_GLIBC + 1)]
            tags = [f"manylinux2014_{place.machine}", *tags]  # pip takes the first that fits: the oldest glibc
            platforms = [] if place.machine == "any" else [part for tag in tags for part in ("--platform", tag)]
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*command, "--python-version", place.python, *platforms, "--dest", into, pin], check=True)
            (wheel,) = Path(into).iterdir()
            content = wheel.read_bytes()
        files[wheel.name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        names.append(wheel.name)
    return names


if __name__ == "__main__":
    main()
