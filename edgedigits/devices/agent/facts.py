"""What this machine is. Nothing is changed by asking."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import pwd
import shutil
import struct
import sys
from pathlib import Path

from .frames import Message


def facts(root: Path) -> Message:
    """JSON-safe; None for what can't be told."""
    libc, version = _libc()
    return {
        "system": sys.platform,
        "python": list(sys.version_info[:3]),
        "machine": machine(platform.machine(), struct.calcsize("P") * 8),
        "libc": libc,
        "libc_version": version,
        "board": _board(),
        "os": _os_name(),
        "uid": os.getuid(),
        "user": _user(),
        "home": str(Path.home()),
        "root": str(root),
        "free_bytes": _free(root),
        "numpy": _system_numpy(),
        "systemd_user": Path(runtime_dir(), "systemd", "private").exists() and shutil.which("systemctl") is not None,
        "user_namespaces": _user_namespaces(),
        "memory_limits": "memory" in _controllers(),
    }


def machine(kernel: str, bits: int) -> str:
    """The architecture programs are made for here: a 64-bit kernel may carry a 32-bit system."""
    if bits == 32:
        return {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}.get(kernel, kernel)
    return kernel


def runtime_dir() -> str:
    """Where the user's systemd listens; an ssh session without PAM has no variable that says it."""
    return os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a login that no file of this machine names
        return str(os.getuid())


def _libc() -> tuple[str, list[int]]:
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        return name, [int(part) for part in version.split(".")[:2]]
    except (ValueError, OSError):
        return ("musl" if list(Path("/lib").glob("ld-musl-*")) else "unknown"), []


def _board() -> str | None:
    """The model of a Raspberry Pi; an emulated one has no device tree."""
    try:
        return Path("/proc/device-tree/model").read_text(errors="replace").strip("\0\n ") or None
    except OSError:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("Model")), None)


def _os_name() -> str | None:
    try:
        lines = Path("/etc/os-release").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split("=", 1)[1].strip("\"'") for line in lines if line.startswith("PRETTY_NAME=")), None)


def _free(root: Path) -> int:
    """Bytes this user may still write where `root` is or will be."""
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    return shutil.disk_usage(there).free


def _system_numpy() -> str | None:
    try:
        return importlib.metadata.version("numpy")
    except importlib.metadata.PackageNotFoundError:
        return None


def _user_namespaces() -> bool:
    """Whether an ordinary user may have namespaces of its own, which a user service's read-only view of the disk needs."""
    switches = {"/proc/sys/kernel/unprivileged_userns_clone": "0", "/proc/sys/user/max_user_namespaces": "0"}
    switches["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1"
    return Path("/proc/self/ns/user").exists() and all(_read(file) != off for file, off in switches.items())


def _controllers() -> list[str]:
    """What cgroups can limit for this user; Raspberry Pi OS starts without memory."""
    return _read(f"/sys/fs/cgroup/user.slice/user-{os.getuid()}.slice/cgroup.controllers").split()


def _read(file: str) -> str:
    try:
        return Path(file).read_text(errors="replace").strip()
    except OSError:
        return ""
