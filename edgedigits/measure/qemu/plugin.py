"""Counting plugins: each compiled once from its C source, for the QEMU that is here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from edgedigits.errors import InputError
from edgedigits.measure.qemu.commands import run
from edgedigits.measure.qemu.rootfs import alone, find_home, scratch

_FOLDER = Path(__file__).with_name("plugins")
INSTRUCTIONS, BLOCKS = _FOLDER / "insncount.c", _FOLDER / "blockcount.c"
SHARED = _FOLDER / "counting.h"
"""What every plugin includes."""
_INTERFACES = ((9, 1), 3), ((9, 0), 2), ((0, 0), 1)
"""From which QEMU on a plugin is compiled for which version of its interface."""


def read_qemu_version() -> str:
    """As `7.2.22`. Raises InputError when there is no qemu-aarch64, or one that can't take plugins."""
    said = run(["qemu-aarch64", "--version"], "instructions are counted by QEMU: install qemu-user", 30)
    found = re.search(r"version (\d+\.\d+\.\d+)", said)
    if found is None:
        raise InputError(
            f"qemu-aarch64 says it is {said.strip()[:80]!r}, which is no version; install qemu-user 7.2 or later"
        )
    if "-plugin" not in run(["qemu-aarch64", "-h"], "qemu-aarch64", 30):
        raise InputError(
            f"qemu-aarch64 {found[1]} was built without plugins, as Debian 13's is, and a plugin counts the instructions; "
            "install one that has them, as Debian 12's qemu-user 7.2 does"
        )
    return found[1]


def build_plugin(version: str, source: Path = INSTRUCTIONS) -> Path:
    """The shared library for that QEMU. Raises InputError when it can't be compiled or QEMU won't load it."""
    major, minor = (int(part) for part in version.split(".")[:2])
    api = next(number for since, number in _INTERFACES if (major, minor) >= since)
    text = source.read_bytes() + SHARED.read_bytes()
    made = find_home() / f"{source.stem}-{api}-{hashlib.sha256(text).hexdigest()[:12]}.so"
    with alone(made.name):
        if not made.exists():
            with scratch() as folder:
                compiled = folder / made.name
                settings = ["-shared", "-fPIC", "-O2", f"-DAPI={api}"]
                trouble = "the counting plugin can't be compiled (gcc and libc6-dev are needed)"
                run(["gcc", *settings, "-o", compiled, source], trouble, 60)
                compiled.rename(made)
    return made
