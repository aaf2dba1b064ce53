"""An arm64 Debian userland, made by mmdebstrap without running arm64 code, kept as one archive and unpacked once.

64-bit Raspberry Pi OS is made of these very packages: bookworm has Python 3.11, trixie 3.13.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from edgedigits.errors import InputError
from edgedigits.ground.atomic import whole_file
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import Say
from edgedigits.measure.qemu import fixups
from edgedigits.measure.qemu.commands import run

Suite = Literal["bookworm", "trixie"]
SUITES: tuple[Suite, ...] = get_args(Suite)
PYTHON: dict[Suite, tuple[int, int]] = {"bookworm": (3, 11), "trixie": (3, 13)}

BUILD_SECONDS = 600
_PACKAGES = (
    *("base-files", "base-passwd", "passwd", "bash", "dash", "coreutils", "libc-bin", "sed", "grep", "gzip", "tar"),
    *("findutils", "hostname", "procps", "python3", "python3-venv", "openssh-server"),
    *("libstdc++6", "libgcc-s1"),  # numpy's wheel needs them
)
_MORE: dict[Suite, tuple[str, ...]] = {"bookworm": (), "trixie": ("rsync",)}
"""One of the two has rsync, so that both ways of sending files are met."""


def find_home() -> Path:
    """Where userlands and packages are kept: `EDGEDIGITS_EMULATED` if set, else a folder of the cache."""
    return Path(os.environ.get("EDGEDIGITS_EMULATED") or find_cache_dir() / "emulated")


def build_rootfs(suite: Suite, say: Say) -> Path:
    """The userland as a folder that only root or its maker should read from; never written to again.

    From nothing about half a minute and 60 MB of downloads, from its archive two seconds, then nothing.
    Raises InputError when it can't be made, saying why.
    """
    packages = _packages(suite)
    recipe = json.dumps([suite, packages]).encode() + Path(fixups.__file__).read_bytes()
    name = f"{suite}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    tree = find_home() / name
    with alone(name):
        if not tree.exists():
            archive = tree.with_name(f"{name}.tar.zst")
            if not archive.exists():
                say(f"building an arm64 {suite} once, in {archive}")
                _build(suite, packages, archive)
            _unpack(archive, tree)
    return tree


def _packages(suite: Suite) -> tuple[str, ...]:
    if suite not in SUITES:
        raise InputError(f"suite {suite}: unknown; choose from {', '.join(SUITES)}")
    return (*_PACKAGES, *_MORE[suite])


def _build(suite: Suite, packages: tuple[str, ...], archive: Path) -> None:
    with scratch() as folder:
        extracted, root = folder / "extracted.tar", folder / "root"
        mode = "root" if os.geteuid() == 0 else "chrootless"  # nothing is run, so no rights are needed
        settings = [f"--mode={mode}", "--arch=arm64", "--variant=extract", "--format=tar", "--quiet"]
        settings.append(f"--include={','.join(packages)}")
        command = ["mmdebstrap", *settings, "--aptopt=Apt::Install-Recommends false", suite, extracted]
        run(command, f"the arm64 {suite} can't be built", BUILD_SECONDS)
        root.mkdir()
        run(["tar", "-xf", extracted, "-C", root, "--no-same-owner", "--exclude=./dev/*"], "tar", BUILD_SECONDS)
        extracted.unlink()
        fixups.mend(root)
        major, minor = PYTHON[suite]
        compile_modules(suite, root, root / f"usr/lib/python{major}.{minor}", root, "/")
        with whole_file(archive) as part:
            owner = ["--owner=0", "--group=0", "--numeric-owner"]
            run(["tar", "-I", "zstd -9 -T0", *owner, "-cf", part, "-C", root, "."], "tar", BUILD_SECONDS)


def compile_modules(suite: Suite, root: Path, folder: Path, top: Path, seen_as: str, without: str = "^$") -> None:
    """Byte-compiles a folder below `top`, which guests see as `seen_as`, with the guest's own Python; else every start there
    would, for a second or two. Files that match `without` are left. Raises InputError where it fails.
    """
    settings = ["-q", "--invalidation-mode", "unchecked-hash", "-x", without, "-s", str(top), "-p", seen_as]
    run(
        make_guest_command(suite, root, ["-m", "compileall", *settings, str(folder)]),
        "the guest's Python",
        BUILD_SECONDS,
    )


def make_guest_command(suite: Suite, root: Path, arguments: list[str], cpu: str = "cortex-a72") -> list[str | Path]:
    """A command that runs the userland's Python here, without a chroot and without root's rights."""
    major, minor = PYTHON[suite]
    emulator = shutil.which("qemu-aarch64") or "qemu-aarch64-static"
    settings: list[str | Path] = ["-cpu", cpu, "-L", root, "-E", f"PYTHONHOME={root}/usr"]
    return [emulator, *settings, root / f"usr/bin/python{major}.{minor}", "-s", *arguments]


def _unpack(archive: Path, tree: Path) -> None:
    with scratch() as folder:
        root = folder / "root"
        root.mkdir()
        run(
            ["tar", "-I", "zstd", "-xpf", archive, "-C", root], f"{archive} can't be unpacked; delete it", BUILD_SECONDS
        )
        root.rename(tree)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder beside what is kept, so that renaming from it is atomic; removed at the end."""
    find_home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=find_home()) as name:
        yield Path(name)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Holds a lock of that name: a second process waits here instead of making the same thing twice."""
    import fcntl  # not on Windows, where importing this module must still work

    try:
        find_home().mkdir(parents=True, exist_ok=True)
        lock = (find_home() / f".{name}.lock").open("w")
    except OSError as error:
        raise InputError(
            f"{find_home()}: can't be written ({error}); set EDGEDIGITS_CACHE to a folder that can"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
