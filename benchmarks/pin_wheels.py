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

TARGET = Path(__file__).parents[1] / "edgedigits" / "measure" / "runtimes" / "wheels.json"
NEWEST_GLIBC = 39
MACHINES = ("aarch64", "x86_64", "armv7l")
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
STRENUM = "backports-strenum<1.3"  # 1.3 refuses Python 3.11 and later, 1.2 takes every one
OPENCV = "opencv-python-headless>=4.10"


@dataclass(frozen=True)
class Place:
    """What wheels are looked for."""

    runtime: str
    python: str
    machine: str

    @property
    def wanted(self) -> list[str]:
        if self.runtime == "tflite-runtime":
            return ["tflite-runtime==2.14.0", "numpy<2"]  # the last release, built against NumPy 1
        return ["ai-edge-litert==2.1.0" if self.python == "3.9" else "ai-edge-litert==2.3.0", STRENUM]


def places() -> list[Place]:
    """Where each runtime has wheels; LiteRT has none for 32 bits."""
    litert = [Place("litert", python, machine) for machine in MACHINES[:2] for python in PYTHONS]
    return litert + [Place("tflite-runtime", python, machine) for machine in MACHINES for python in PYTHONS[:3]]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Any] = {}
        sets = [_set(place, Path(folder), files) for place in places()]
        pip = _download(["pip"], Place("pip", PYTHONS[0], "any"), Path(folder), files)  # the oldest Python decides
    made = {"schema": 1, "pip": pip[0], "sets": sets, "files": dict(sorted(files.items()))}
    TARGET.write_text(json.dumps(made, indent=1) + "\n")


def _set(place: Place, folder: Path, files: dict[str, Any]) -> dict[str, Any]:
    print(place, flush=True)
    if place.machine == "armv7l":  # no NumPy wheel there: the device's own is used
        return _entry(place, _download(["tflite-runtime==2.14.0"], place, folder, files), [])
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
