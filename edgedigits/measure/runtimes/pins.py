"""Which packages make a runtime, here and on devices: a row for each of `edgedigits_runner.runtimes`.

`python -m benchmarks.pin_wheels` writes from it which wheels a device gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_STRENUM: Final = "backports-strenum<1.3"  # 1.3 refuses Python 3.11 and later, 1.2 takes every one
_LITERT: Final = ("ai-edge-litert==2.3.0", _STRENUM)


@dataclass(frozen=True)
class Pins:
    """What is installed for a runtime.

    device: by Python, oldest first, what a device gets; its dependencies are resolved. machines: where there are wheels of it.
    own: exactly what its own environment on this machine holds, itself first; () where it runs in this program's Python.
    beside: what a release is installed with, by the release from which on: of those that don't say themselves what they can't
    bear, as the extension modules made for NumPy 1.
    """

    device: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    machines: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def pythons(self) -> tuple[tuple[int, int], ...]:
        """Those that there are wheels for, newest first."""
        versions = [name.split(".") for name in self.device]
        return tuple((int(major), int(minor)) for major, minor in reversed(versions))

    @property
    def release(self) -> str:
        """The version of its own environment, else of the newest Python's device; "" where nothing is pinned."""
        packages = self.own or (list(self.device.values()) or [("",)])[-1]
        return packages[0].partition("==")[2]

    def list_beside(self, version: str) -> tuple[str, ...]:
        """What that release is installed with."""
        fitting = [packages for first, packages in self.beside.items() if count_up(first) <= count_up(version)]
        return fitting[-1] if fitting else ()


def count_up(version: str) -> tuple[int, ...]:
    """A version as numbers, to be put in order."""
    return tuple(int(part) for part in version.split("."))


PINS: Final[Mapping[str, Pins]] = {
    "litert": Pins(
        device={
            "3.9": ("ai-edge-litert==2.1.0", _STRENUM),
            "3.10": _LITERT,
            "3.11": _LITERT,
            "3.12": _LITERT,
            "3.13": _LITERT,
            "3.14": _LITERT,
        },
        machines=("aarch64", "x86_64"),
        beside={"1.0.0": (_STRENUM, "numpy<2"), "1.1.0": (_STRENUM,)},
    ),
    # 2.14.0 is the last release, built against NumPy 1.
    "tflite-runtime": Pins(
        device=dict.fromkeys(("3.9", "3.10", "3.11"), ("tflite-runtime==2.14.0", "numpy<2")),
        machines=("aarch64", "x86_64", "armv7l"),
        own=("tflite-runtime==2.14.0", "numpy==1.26.4"),
        beside={"2.7.0": ("numpy<2",)},
    ),
    "tensorflow": Pins(beside={"2.8.0": ("numpy<2", "protobuf<3.21"), "2.12.0": ("numpy<2",), "2.18.0": ()}),
}
