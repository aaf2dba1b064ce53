"""The interpreters' arm64 packages, unpacked into a folder beside the userland; nothing is installed into it.

They are the very wheels that a deploy would choose for such a board.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.errors import InputError
from edgedigits.ground.facts import Say
from edgedigits.measure.qemu.rootfs import alone, build_rootfs, compile_modules, find_home, scratch
from edgedigits.measure.runtimes.device_facts import DeviceFacts
from edgedigits.measure.runtimes.wheelhouse import collect
from edgedigits.measure.runtimes.wheels import DeviceRuntime, Packages, choose

NEVER_RUN = "/tests?/|/f2py/|/distutils/"
"""Modules that no guest imports, half of NumPy's: they are not compiled."""
BOOKWORM = DeviceFacts("linux", (3, 11, 2), machine="aarch64", libc="glibc", libc_version=(2, 36))


def find_packages(runtime: DeviceRuntime, say: Say) -> Path:
    """The folder to put on bookworm's PYTHONPATH; made once, byte-compiled as the guest's /packages.

    Raises InputError when it can't be, saying why.
    """
    if runtime not in ON_DEVICES:
        raise InputError(f"--runtime {runtime}: unknown; choose from {', '.join(ON_DEVICES)}")
    chosen = choose(BOOKWORM, runtime)
    folder = find_home() / f"compiled-{runtime}-{chosen.hash}"
    with alone(folder.name):
        if not folder.exists():
            _unpack(chosen, folder, say)
    return folder


def _unpack(chosen: Packages, folder: Path, say: Say) -> None:
    wheels = collect(chosen.wheels, chosen.python, say)
    with scratch() as beside:
        for wheel in wheels.values():
            with zipfile.ZipFile(wheel) as file:
                file.extractall(beside / "packages")
        made = beside / "packages"
        compile_modules("bookworm", build_rootfs("bookworm", say), made, made, "/packages", NEVER_RUN)
        made.rename(folder)
