"""What this machine must have for an emulated Pi, and a plain reason where it hasn't.

Counting instructions needs less: see `lacking_for_counting`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from edgedigits.errors import InputError
from edgedigits.measure.qemu.commands import run
from edgedigits.measure.qemu.plugin import read_qemu_version

_BUILD = {"mmdebstrap": "mmdebstrap", "tar": "tar", "zstd": "zstd"}
_COUNT = {"qemu-aarch64": "qemu-user", "gcc": "gcc"}
_BOOT = {
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_RULE = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
_ANSWER = 42
# An arm64 program of three instructions that ends with exit code 42: mov x0, 42; mov x8, 93; svc 0.
_PROGRAM = bytes.fromhex(
    "7f454c460201010000000000000000000200b700010000007800400000000000400000000000000000000000000000000000"
    "0000400038000100000000000000010000000500000000000000000000000000400000000000000040000000000084000000"
    "0000000084000000000000000010000000000000400580d2a80b80d2010000d4"
)


def explain_lack() -> str | None:
    """Why an emulated Pi can't be booted here, in one sentence; None where it can.

    Registers QEMU with the kernel for arm64 programs if nothing is registered yet, and leaves it so.
    """
    if reason := _not_linux() or _missing({**_BUILD, **_BOOT}):
        return reason
    if os.geteuid() != 0:
        return "an emulated Pi mounts file systems and makes a network of its own: run it as root"
    try:
        run(["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "true"], "no namespaces here", 20)
        _register()
        return _emulation()
    except InputError as error:
        return f"{error}; an emulated Pi needs a machine, or a container started with --privileged, that allows it"


def explain_lack_for_counting() -> str | None:
    """Why arm64 instructions can't be counted here, in one sentence; None where they can. Root's rights are not needed."""
    if reason := _not_linux() or _missing({**_BUILD, **_COUNT}):
        return reason
    try:
        read_qemu_version()
    except InputError as error:
        return str(error)
    return None


def _not_linux() -> str | None:
    return None if sys.platform == "linux" else f"emulating a Pi needs Linux, and this is {sys.platform}"


def _missing(commands: dict[str, str]) -> str | None:
    missing = [command for command in commands if shutil.which(command) is None]
    if not missing:
        return None
    names = _sorted(commands[command] for command in missing)
    return f"{', '.join(missing)}: not found; apt-get install --no-install-recommends {names}"


def _sorted(names: Iterable[str]) -> str:
    return " ".join(sorted(set(names)))


def _register() -> None:
    """Has the kernel start QEMU for arm64 programs; another's registration is left as it is."""
    if not (_BINFMT / "register").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], "binfmt_misc can't be mounted", 20)
    if (_BINFMT / "qemu-aarch64").exists():
        return
    if not _RULE.is_file():
        raise InputError(f"{_RULE}: not found; apt-get install --no-install-recommends qemu-user-static")
    try:
        (_BINFMT / "register").write_bytes(_RULE.read_bytes())
    except OSError as error:
        raise InputError(f"QEMU can't be registered for arm64 programs ({error})") from error


def _emulation() -> str | None:
    """None when an arm64 program runs here."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        program.write_bytes(_PROGRAM)
        program.chmod(0o755)
        try:
            code = subprocess.run([program], timeout=20, check=False).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"an arm64 program does not start here ({error}), although QEMU is registered for it"
    return None if code == _ANSWER else f"an arm64 program answers {code} instead of {_ANSWER} under emulation"
