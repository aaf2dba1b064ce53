"""The folder of releases on the device: its lock, what is in it, which release is current, and what may go.

releases/<hash>/       one release; its `venv` points to the environment it runs in
current, previous      which of them is in use, and which was before: relative links, replaced by rename
venvs/<hash>/          environments, one per set of packages
wheels/, bench/        only while they are needed
.lock                  held by the session that writes
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from .frames import Message, Refusal

_HASH = re.compile(r"[0-9a-f]{12}")
_OURS = re.compile(r"[0-9a-f]{12}|\.(incoming|making|gone)-[0-9a-f]{12}")


class Folder:
    """`root` and everything below; every change needs the lock first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: int | None = None

    def inside(self, relative: str) -> Path:
        """A path below the root. The host checks too; nothing here may leave the folder."""
        path = Path(relative)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise Refusal(f"{relative!r}: not a path inside {self.root}")
        return self.root / path

    def lock(self, wait_s: float, tell: Callable[[str], None]) -> None:
        """Takes the lock, waiting for another session as long as told."""
        if self._lock is not None:
            return
        self.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end, told = time.monotonic() + wait_s, False
        while not _locked(handle):
            if time.monotonic() > end:
                raise Refusal(f"{self.root}: another deploy or bench is at work there; try again when it has ended")
            if not told:
                tell(f"another deploy or bench is at work there: waiting up to {wait_s:.0f} s")
            told = True
            time.sleep(0.2)
        self._lock = handle

    def state(self) -> Message:
        """Which releases and environments are there, and whether the current one is as it was sent."""
        current = self._link("current")
        return {
            "current": current,
            "previous": self._link("previous"),
            "releases": _names(self.root / "releases"),
            "venvs": [name for name in _names(self.root / "venvs") if runs(self.root / "venvs" / name)],
            "intact": current is not None and _intact(self.root / "releases" / current),
        }

    def switch(self, name: str) -> None:
        """Makes `name` the current release, at once and wholly; the one before becomes `previous`."""
        if not (self.root / "releases" / name / "release.json").is_file():
            raise Refusal(f"{self.root}/releases/{name}: not a release")
        before = self._link("current")
        if before not in (None, name):
            self._point("previous", f"releases/{before}")
        self._point("current", f"releases/{name}")

    def unset(self) -> None:
        """No release is current any more: how the first one is taken back."""
        (self.root / "current").unlink(missing_ok=True)

    def prune(self) -> list[str]:
        """Removes all but the current and the previous release and what they need. Touches only names made here."""
        kept = {name for name in (self._link("current"), self._link("previous")) if name}
        venvs = {(self.root / "releases" / name / "venv").readlink().name for name in kept}
        gone = [item for item in _made(self.root / "releases") if item.name not in kept]
        gone += [item for item in _made(self.root / "venvs") if item.name not in venvs]
        gone += [item for item in (self.root / "wheels", self.root / "bench") if item.is_dir()]
        for item in gone:
            remove(item)
        return [str(item.relative_to(self.root)) for item in gone]

    def _link(self, name: str) -> str | None:
        """The release that `current` or `previous` points to, if it is there."""
        link = self.root / name
        if link.exists() and not link.is_symlink():
            raise Refusal(f"{link}: not a link made by edgedigits; choose another --dir, or move it away")
        if not link.is_symlink():
            return None
        target = link.readlink()
        whole = target.parts[:1] == ("releases",) and (self.root / target / "release.json").is_file()
        return target.name if whole else None

    def _point(self, name: str, target: str) -> None:
        beside = self.root / f".{name}.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(target)
        beside.replace(self.root / name)
        sync_folder(self.root)


def runs(venv: Path) -> bool:
    """Whether an environment's Python is still there: an upgrade of the system may have taken it away."""
    return (venv / "bin" / "python").exists() and (venv / "made.json").exists()


def remove(path: Path) -> None:
    """Removes a folder or a file. A folder is renamed first, so that half of one is never taken for a whole one."""
    if path.is_dir() and not path.is_symlink():
        gone = path.with_name(f".gone-{path.name}" if _HASH.fullmatch(path.name) else path.name)
        shutil.rmtree(gone, ignore_errors=True) if gone != path else None
        path.replace(gone)
        shutil.rmtree(gone)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _names(folder: Path) -> list[str]:
    return sorted(item.name for item in _made(folder) if _HASH.fullmatch(item.name))


def _made(folder: Path) -> list[Path]:
    return [item for item in folder.iterdir() if _OURS.fullmatch(item.name)] if folder.is_dir() else []


def _intact(release: Path) -> bool:
    try:
        files = dict(json.loads((release / "release.json").read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return all((release / name).is_file() and sha256(release / name) == wanted for name, wanted in files.items())
