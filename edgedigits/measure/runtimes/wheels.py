"""Which packages a device gets: a choice from `wheels.json` by what the device is.

wheels.json is written by `python -m benchmarks.pin_wheels`: per runtime, Python and architecture the wheels of a whole set,
with SHA-256 and size. What glibc a wheel needs stands in its name (PEP 600).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.errors import DeviceError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runtimes.device_facts import DeviceFacts

DeviceRuntime = str
"""One of `ON_DEVICES`."""
DeviceRuntimeWish = str
"""The same, or "auto"."""

_LEGACY = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
_NAMES = {"aarch64": "64-bit ARM", "armv7l": "32-bit ARM", "x86_64": "64-bit x86"}
_NEWER_OS = "update it to Raspberry Pi OS bookworm or later"


@dataclass(frozen=True)
class Wheel:
    """One file of the package index; size in bytes."""

    file: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        return self.file.split("-")[0].replace("_", "-")

    @property
    def version(self) -> str:
        return self.file.split("-")[1]

    @property
    def platforms(self) -> tuple[str, ...]:
        return tuple(self.file.removesuffix(".whl").split("-")[-1].split("."))

    @property
    def glibc(self) -> int:
        """The oldest 2.x it runs with; 0 for pure Python."""
        return min((_glibc(tag) for tag in self.platforms), default=0)


@dataclass(frozen=True)
class Packages:
    """A set that works together. `system_numpy`: NumPy is the device's own, no wheel of it exists there."""

    runtime: DeviceRuntime
    python: str
    machine: str
    wheels: tuple[Wheel, ...]
    system_numpy: bool = False

    @property
    def hash(self) -> str:
        """12 hex digits that name the environment."""
        parts = [self.python, self.machine, str(self.system_numpy), *sorted(wheel.sha256 for wheel in self.wheels)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def size(self) -> int:
        return sum(wheel.size for wheel in self.wheels)

    @property
    def versions(self) -> dict[str, str]:
        return {wheel.name: wheel.version for wheel in self.wheels}


def find_pip_wheel() -> Wheel:
    """The pip that installs on every device."""
    return _wheel(_table()["pip"])


def choose(facts: DeviceFacts, wish: DeviceRuntimeWish = "auto", *, opencv: bool = False) -> Packages:
    """The first of `ON_DEVICES` that fits, or the one that is wished. DeviceError, one sentence, where none fits."""
    _check_machine(facts)
    names: tuple[DeviceRuntime, ...] = ON_DEVICES if wish == "auto" else (wish,)
    reasons = []
    for runtime in names:
        found = _find(runtime, facts)
        if isinstance(found, str):
            reasons.append(found)
        else:
            return _with_numpy(found, facts, opencv)
    raise DeviceError(reasons[-1] if facts.machine == "armv7l" else reasons[0])


def list_pythons(runtime: DeviceRuntime | None = None, machine: str | None = None) -> list[str]:
    """Python versions that a runtime, or any, has wheels for, oldest first."""
    sets = (
        item for item in _table()["sets"] if runtime in (None, item["runtime"]) and machine in (None, item["machine"])
    )
    return sorted({item["python"] for item in sets}, key=lambda version: int(version.split(".")[1]))


def _check_machine(facts: DeviceFacts) -> None:
    """What rules out every runtime."""
    lowest, *_, highest = list_pythons()
    version = f"it has Python {'.'.join(map(str, facts.python))}"
    if facts.python < (3, int(lowest.split(".")[1])):
        raise DeviceError(
            f"{version}, and no runtime has wheels below {lowest}: {_NEWER_OS}, or install Python {highest} there"
        )
    if facts.python[:2] > (3, int(highest.split(".")[1])):
        raise DeviceError(
            f"{version}, and no runtime has wheels above {highest} yet: install Python {highest} there as python3"
        )
    if facts.system != "linux":
        raise DeviceError(
            f"it runs {facts.system}; devices are Linux machines: give a Raspberry Pi or another Linux host"
        )
    if facts.machine not in _NAMES:
        board = " (Raspberry Pi 1 or Zero)" if facts.machine == "armv6l" else ""
        raise DeviceError(
            f"its architecture is {facts.machine}{board}, and no runtime has wheels for it: use a machine with {_either()}"
        )
    if facts.libc != "glibc":
        raise DeviceError(f"its C library is {facts.libc}, and the wheels need glibc: use Debian or Raspberry Pi OS")


def _find(runtime: DeviceRuntime, facts: DeviceFacts) -> JsonObject | str:
    """The entry of the table, or why there is none."""
    sets = [item for item in _table()["sets"] if item["runtime"] == runtime and item["machine"] == facts.machine]
    if not sets:
        return f"{runtime} has no wheels for {_NAMES[facts.machine]}: install the 64-bit system, or use --runtime tflite-runtime"
    fitting = [item for item in sets if item["python"] == facts.python_minor]
    if not fitting:
        span = f"{sets[0]['python']} to {sets[-1]['python']}"
        other = "use --runtime litert" if facts.machine != "armv7l" else "install the 64-bit system"
        return f"{runtime} has wheels for Python {span} on {_NAMES[facts.machine]}, and it has {facts.python_minor}: {other}"
    needed = max(_wheel(name).glibc for name in fitting[0]["files"])
    if facts.libc_version < (2, needed):
        has = ".".join(map(str, facts.libc_version)) or "an unknown one"
        return (
            f"{runtime}'s wheels for Python {facts.python_minor} need glibc 2.{needed}, and it has {has}: {_NEWER_OS}"
        )
    return dict(fitting[0])


def _with_numpy(entry: JsonObject, facts: DeviceFacts, opencv: bool) -> Packages:
    files = [*entry["files"], *(entry["opencv"] if opencv else [])]
    packages = Packages(entry["runtime"], entry["python"], entry["machine"], tuple(_wheel(name) for name in files))
    if "numpy" in packages.versions:
        return packages
    if opencv:
        raise DeviceError(
            "--opencv: there are no 32-bit wheels of it: install the 64-bit system, or leave --opencv out"
        )
    if facts.numpy is None:
        raise DeviceError(
            f"{packages.runtime} needs NumPy, which has no 32-bit wheels: run `sudo apt install python3-numpy` there, or "
            "install the 64-bit system"
        )
    if not facts.numpy.startswith("1."):
        raise DeviceError(
            f"{packages.runtime} needs NumPy 1, and it has {facts.numpy} of its own: install the 64-bit system"
        )
    return Packages(packages.runtime, packages.python, packages.machine, packages.wheels, system_numpy=True)


def _either() -> str:
    words: Iterable[str] = _NAMES.values()
    *first, last = words
    return f"{', '.join(first)} or {last}"


def _glibc(tag: str) -> int:
    found = re.match(r"manylinux_2_(\d+)_", tag)
    return int(found[1]) if found else _LEGACY.get(tag.split("_")[0], 0)


def _wheel(file: str) -> Wheel:
    about = _table()["files"][file]
    return Wheel(file, about["sha256"], about["size"])


@cache
def _table() -> JsonObject:
    text = (resources.files("edgedigits.measure.runtimes") / "wheels.json").read_text(encoding="utf-8")
    found: JsonObject = json.loads(text)
    return found
